/** The main command: scales a map locally, on the grid of the input. */

import { readInput } from '../files/read-files.ts';
import { parseProfile } from '../formats/amplitude-profile.ts';
import type {
  ComparisonResult,
  LocScaleJob,
  LocScaleParameters,
  LocScaleResult,
  UnexplainedBlob,
  UnexplainedDensity,
} from '../index.ts';
import type { ReferenceFiles } from '../options/effects.ts';
import { referenceTraitsOf } from '../pipeline/references/index.ts';
import { planLocScale, runLocScale } from '../pipeline/run-locscale.ts';
import { networkRecordOf } from '../report/run-record.ts';
import { scalingToShow } from '../report/run-to-show.ts';
import { chooseScaling } from './choose-scaling.ts';
import {
  checkCombinations,
  chooseInput,
  chooseOutfile,
  ineffectiveOptions,
  maskShapeOf,
  parametersOf,
  refusePositionals,
} from './job-options.ts';
import { scaleOutputs } from './output-tables.ts';
import { type MapRun, runMapCommand } from './run-command.ts';
import { dropUnsuited, openReference, referencePaths } from './scale-reference.ts';
import { scalingLines, scalingRecord } from './scaling-run.ts';
import type { Session } from './session.ts';

/** Entry of the main command. */
export async function runScale(session: Session): Promise<void> {
  await runMapCommand(session, await scaleRun(session));
}

/**
 * The run as data for run-command.ts. Voxels much coarser than a network's replace an implied network by no
 * reference.
 */
export async function scaleRun(session: Session): Promise<MapRun<LocScaleJob, LocScaleResult>> {
  const { values, positionals } = session.parsed;
  refusePositionals(positionals, 0);
  const input = chooseInput(values);
  checkCombinations(values, input);
  const { reference: requested, scaling, because, warning } = await chooseScaling(session, input);
  if (warning !== undefined) session.logger.warn(warning);
  if (because !== undefined) session.logger.line(because);
  const { theoreticalProfile: profilePath } = values;
  // Set by `readSmallFiles`, `settle` and `open`, which run in that order before `summarise`.
  let theoreticalProfile: LocScaleParameters['theoreticalProfile'];
  let reference: ReferenceFiles = requested;
  let parameters: LocScaleParameters;
  return {
    outputs: scaleOutputs,
    outfile: chooseOutfile(values, 'scale'),
    input,
    moreInputs: [...referencePaths(requested), ...(profilePath === undefined ? [] : [profilePath])],
    reference: requested.kind,
    scaling,
    notes: ineffectiveOptions(values, requested, { scaling }),
    async readSmallFiles() {
      if (profilePath === undefined) return;
      theoreticalProfile = parseProfile((await readInput(profilePath)).toString(), profilePath);
    },
    network: !referenceTraitsOf(requested.kind).usesNetwork
      ? undefined
      : {
          monteCarlo: false,
          enhanced: false,
          choose: async () => (await import('./network.ts')).chooseNetwork(session),
          settle(network, maps) {
            const suited = dropUnsuited(session, network, maps);
            if (suited === undefined) reference = { kind: 'none' };
            return suited;
          },
        },
    async open(opened) {
      const smoothsMask = referenceTraitsOf(reference.kind).usesNetwork || scaling === 'soft';
      const maskShape = maskShapeOf(values);
      parameters = { ...parametersOf(values, smoothsMask), maskShape, theoreticalProfile, scaling };
      // Set only if requested: records of LocScale's own windows have no such field.
      if (values.windowTaper === 'hann') parameters.windowTaper = values.windowTaper;
      if (scaling === 'soft' || values.also === 'soft') parameters.soft = { locality: values.locality };
      return {
        input: opened.input,
        mask: opened.mask,
        reference: await openReference(session, reference, opened),
        symmetry: opened.symmetry,
        symmetriseOutput: values.symmetriseOutput,
        parameters,
      };
    },
    comparesHalves: input.kind === 'half-maps',
    plan: planLocScale,
    run: runLocScale,
    summarise: (result, { engine, plan, predictor }) => ({
      record: {
        ...scalingRecord(session, result, parameters, plan),
        network: predictor && result.prediction && networkRecordOf(predictor, result.prediction),
      },
      report: { kind: 'scale', run: scalingToShow(engine, scaleOutputs, result, parameters.profileKind) },
      lines: [
        ...scalingLines(result, `Scaled ${result.numbers.maskVoxels} voxels`),
        ...(result.also === undefined ? [] : [describeComparison(result.also)]),
        ...(result.unexplained === undefined ? [] : unexplainedLines(result.unexplained)),
      ],
    }),
  };
}

/** Blobs that are printed, the largest; the record has all. */
const MOST_LINES = 10;

/**
 * The blobs as printed lines, the largest first: volume in A^3, position (x, y, z) in A in the frame of the
 * map.
 */
function unexplainedLines({ blobs, lowPass }: UnexplainedDensity): string[] {
  if (blobs.length === 0)
    return [`The reference explains all density that stands out from the noise at ${lowPass.toFixed(1)} A.`];
  const shown = blobs.slice(0, MOST_LINES);
  const more = blobs.length - shown.length;
  return [
    `Density that the reference does not explain: ${blobs.length === 1 ? '1 blob' : `${blobs.length} blobs`}`,
    ...shown.map((blob, i) => `  ${i + 1}: ${describeBlob(blob)}`),
    ...(more === 0 ? [] : [`  and ${more} more, in the record`]),
  ];
}

/** The evidence is the mean local FSC of half maps, or the signal-to-noise ratio of a single map. */
function describeBlob({ position, volume, meanFsc, signalToNoise, nearest }: UnexplainedBlob): string {
  const quality =
    meanFsc !== undefined
      ? `, local FSC ${meanFsc.toFixed(2)}`
      : signalToNoise === undefined
        ? ''
        : `, signal to noise ${signalToNoise.toFixed(1)}`;
  const near =
    nearest === undefined
      ? ''
      : `, ${nearest.distance.toFixed(1)} A from ${nearest.residueName} ${nearest.residueNumber} of ` +
        `chain ${nearest.chain}`;
  return `${Math.round(volume)} A^3 at (${position.map((v) => v.toFixed(1)).join(', ')}) A${quality}${near}`;
}

/** The second map of --also, for the printed lines. */
function describeComparison({ scheme, global }: ComparisonResult): string {
  const ways = {
    locscale: "by LocScale's scheme",
    soft: 'in soft bands',
    global: 'by one B factor',
  } as const;
  const added =
    global === undefined
      ? ''
      : ` (${global.bFactor.toFixed(0)} A^2 added, up to ${global.resolution.toFixed(2)} A)`;
  return `For comparison the map was also scaled ${ways[scheme]}${added}.`;
}
