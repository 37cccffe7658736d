/** `locscale-gpu mask MAP`: makes a mask, and writes the FDR confidence map if it was used. */

import type { LocScaleJob, MaskResult, MaskSettings, MaskSource } from '../index.ts';
import { runMask } from '../index.ts';
import type { OptionValues } from '../options/index.ts';
import { measurementToShow } from '../report/run-to-show.ts';
import {
  chooseInput,
  chooseOutfile,
  ineffectiveOptions,
  parametersOf,
  refusePositionals,
} from './job-options.ts';
import { maskOutputs } from './output-tables.ts';
import { type MapRun, type Opened, runMapCommand } from './run-command.ts';
import type { Session } from './session.ts';
import { exclude } from './usage.ts';

/** What to make, from which map. */
interface Job {
  readonly input: LocScaleJob['input'];
  readonly making: MaskSettings;
}

/** How the record and the plan name each source. */
const modes: Readonly<Record<MaskSource['kind'], string>> = {
  FDR: 'FDR confidence mask',
  threshold: 'mask of a density',
  model: 'mask around an atomic model',
  'non-zero region': 'mask of the non-zero region',
};

/** Entry of the command; errors of options are thrown before any file is opened. */
export function runMaskCommand(session: Session): Promise<void> {
  return runMapCommand(session, maskRun(session));
}

/** The run as data for run-command.ts. The first positional argument may be the map. */
function maskRun(session: Session): MapRun<Job, MaskResult> {
  const { values, positionals } = session.parsed;
  const input = chooseInput(values, positionals[0]);
  refusePositionals(positionals, 1);
  const parameters = parametersOf(values);
  const mode = modes[chooseSource(values)];
  const { modelCoordinates, unite, intersect, subtract } = values;
  return {
    outputs: maskOutputs,
    outfile: chooseOutfile(values, 'mask'),
    input,
    moreInputs: [modelCoordinates, unite, intersect, subtract].filter((path) => path !== undefined),
    open: async (opened) => ({ input: opened.input, making: await openMaking(session, opened) }),
    plan: mode,
    run: ({ input: maps, making }, context) => runMask(maps, parameters, context, making),
    notes: ineffectiveOptions(values, { kind: 'none' }, { command: 'mask' }),
    summarise: (result, { engine }) => {
      const { maskVoxels, origin, molecule, noise, fsc, kiloDalton } = result;
      return {
        record: {
          mode,
          parameters: { ...parameters, ...shapingOf(values), unite, intersect, subtract },
          numbers: { maskVoxels, maskOrigin: origin, ...molecule, noise },
          fsc,
        },
        report: {
          kind: 'mask',
          run: measurementToShow(engine, maskOutputs, result, { fsc, noise }),
        },
        lines: [
          ...(noise === undefined
            ? []
            : [
                `Noise: mean ${noise.mean.toPrecision(4)}, sd ${Math.sqrt(noise.variance).toPrecision(4)} ` +
                  `from ${noise.boxes.length} boxes of ${noise.boxes[0].size} voxels`,
              ]),
          `Mask: ${maskVoxels} voxels, ${Math.round(molecule.molecularVolume)} A^3, about ` +
            `${molecule.atoms} atoms; Wilson cut-off ${molecule.wilsonCutoff.toFixed(2)} A`,
          massLine(kiloDalton, values.molecularWeight),
        ],
      };
    },
  };
}

/** Mass of protein in the mask, which a user can compare with the known mass. */
function massLine(kiloDalton: number, expected: number | undefined): string {
  const room = `Room for ${kiloDalton.toFixed(0)} kDa of protein (1.21 A^3 per dalton)`;
  return expected === undefined
    ? room
    : `${room}, ${(kiloDalton / expected).toFixed(2)} times the ${expected} kDa of -mw`;
}

/** The kind of source; exactly one may be given. */
function chooseSource({ threshold, nonZero, modelCoordinates }: OptionValues): MaskSource['kind'] {
  const given: [MaskSource['kind'], string][] = [];
  if (threshold !== undefined) given.push(['threshold', '--threshold']);
  if (nonZero === true) given.push(['non-zero region', '--non_zero']);
  if (modelCoordinates !== undefined) given.push(['model', '-mc']);
  const [first, second] = given;
  if (second !== undefined) throw exclude(`${first?.[1]}`, second[1]);
  return first?.[0] ?? 'FDR';
}

/** Options of shape, in the pipeline's names; their order of application is fixed there. */
function shapingOf({ fillHoles, keepPieces, extend, softEdge, invert }: OptionValues) {
  return { fillHoles, keepPieces, extendAngstrom: extend, softEdgeAngstrom: softEdge, invert };
}

/**
 * Opens what the options name: the model, or other masks. Those stay in their files until their step. An
 * empty mask is allowed: united with another or subtracted it makes sense.
 */
async function openMaking({ parsed: { values } }: Session, opened: Opened): Promise<MaskSettings> {
  const { threshold, lowPass, modelCoordinates, radius } = values;
  const open = async (path: string | undefined) =>
    path === undefined ? undefined : opened.openLater(path, 'mask', { kind: 'mask', allowAllZero: true });
  const source = async (): Promise<MaskSource> => {
    if (threshold !== undefined) return { kind: 'threshold', density: threshold, lowPass };
    if (values.nonZero === true) return { kind: 'non-zero region' };
    if (modelCoordinates === undefined) return { kind: 'FDR' };
    const structure = await opened.openModel(modelCoordinates);
    return { kind: 'model', structure, radiusAngstrom: radius };
  };
  return {
    ...shapingOf(values),
    source: await source(),
    unite: await open(values.unite),
    intersect: await open(values.intersect),
    subtract: await open(values.subtract),
  };
}
