/**
 * `locscale-gpu demo`: simulates two half maps of a generated structure, scales them with the defaults, and
 * compares the result with the known truth and with LocScale's scheme. Otherwise it is a run of the command
 * `scale` (run-command.ts), with a report.
 */
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Engine } from '../engine/engine.ts';
import { isLocScaleError, LocScaleError, stopIfAborted } from '../errors.ts';
import { checkOutputs } from '../files/check-outputs.ts';
import { fileExists } from '../files/read-files.ts';
import { makeFolder, StagedFiles } from '../files/staged-files.ts';
import { writeMrc } from '../formats/mrc.ts';
import type { LocScaleContext, LocScaleJob, LocScaleParameters } from '../index.ts';
import { completeParameters, planLocScale, runLocScale } from '../index.ts';
import { describeShape } from '../math/grid.ts';
import { correlationInside } from '../math/statistics/statistics.ts';
import type { ReferencePredictor } from '../network/graph/model.ts';
import type { NetworkFiles } from '../network/run/network-graph.ts';
import { openBundled } from '../network/store/index.ts';
import { networkRecordOf } from '../report/run-record.ts';
import { scalingToShow } from '../report/run-to-show.ts';
import { boxAround, renderSlices, type SliceColumn } from '../report/slices.ts';
import {
  DEMO_DEFAULTS,
  type DemoData,
  type DemoDataOptions,
  describeDemoData,
  generateDemoData,
  middleOfFirstChain,
} from '../synthetic/half-maps.ts';
import { refusePositionals } from './job-options.ts';
import { DEMO_FILES, type DemoResult, demoOutputs } from './output-tables.ts';
import { type MapRun, runMapCommand } from './run-command.ts';
import { scalingLines, scalingRecord } from './scaling-run.ts';
import type { Session } from './session.ts';
import { packageVersion } from './version.ts';

/** Folder of the demo's files, in the working directory, unless -o names another. */
const DEFAULT_FOLDER = 'demo-output';

/** The picture is cropped to where the noise-free map exceeds this fraction of its maximum, plus a margin. */
const PARTICLE_LEVEL = 0.1;
const PICTURE_MARGIN = 3;

/** For tests: smaller data, another network or none. */
export interface DemoSettings {
  readonly generation?: Partial<DemoDataOptions>;
  /**
   * Predicts the reference of LocScale's scheme; without it that comparison is omitted. Default: the bundled
   * network even if others are imported, so that the demo gives the same map everywhere.
   */
  readonly network?: (() => Promise<NetworkFiles>) | undefined;
}

/** The generated data, already written to `folder`. Timings in seconds. */
interface DemoInputs {
  readonly folder: string;
  readonly data: DemoData;
  readonly generation: DemoDataOptions;
  readonly timings: Readonly<Record<string, number>>;
}

/** `generation` overrides the size of the structure and the grid, for quick tests. */
export async function runDemo(
  session: Session,
  { generation, network }: DemoSettings = { network: openBundled },
): Promise<void> {
  const { values, positionals } = session.parsed;
  refusePositionals(positionals, 0, 'The demo makes its own maps; its folder is chosen with -o FOLDER.');
  const folder = values.outfile ?? DEFAULT_FOLDER;
  const outfile = join(folder, DEMO_FILES.scaled);
  await claimFolder(folder);
  const inputs = await makeInputs(session, folder, {
    ...DEMO_DEFAULTS,
    seed: values.seed ?? DEMO_DEFAULTS.seed,
    ...generation,
  });
  const asRun = { ...values, outfile, printReport: true, reportFilename: DEMO_FILES.report } as const;
  const scaling: Session = { ...session, parsed: { ...session.parsed, values: asRun } };
  try {
    await runMapCommand(scaling, demoRun(scaling, inputs, network));
  } catch (error) {
    // Without onnxruntime the rest of the program can still be demonstrated.
    if (!isLocScaleError(error) || error.parameter !== 'provider' || values.provider !== undefined)
      throw error;
    session.logger.warn(error.message);
    await runMapCommand(scaling, demoRun(scaling, inputs, undefined));
  }
}

/** A scaling job, and the network for the second run; undefined if LocScale's scheme is left out. */
type Job = LocScaleJob & { readonly predictor: ReferencePredictor | undefined };

/**
 * A `scale` run of the generated half maps, whose record and report also contain the comparison with the
 * truth.
 */
function demoRun(
  session: Session,
  inputs: DemoInputs,
  network: DemoSettings['network'],
): MapRun<Job, DemoResult> {
  const { folder, data } = inputs;
  const at = (name: string): string => join(folder, name);
  const parameters: LocScaleParameters = { ...completeParameters({}, true), scaling: 'soft' };
  return {
    outputs: demoOutputs,
    outfile: at(DEMO_FILES.scaled),
    record: at(DEMO_FILES.record),
    input: { kind: 'half-maps', half1: at(DEMO_FILES.half1), half2: at(DEMO_FILES.half2) },
    reference: 'profile',
    scaling: 'soft',
    network: network && { monteCarlo: false, enhanced: false, choose: network },
    open: async ({ input, predictor }) => ({ input, reference: { kind: 'profile' }, parameters, predictor }),
    plan: planLocScale,
    run: (job, context) => scaleAndCompare(job, context, session, inputs),
    summarise: (result, { engine, plan }) => ({
      record: {
        ...scalingRecord(session, result, parameters, plan),
        demo: {
          ...describeDemoData(data),
          ...inputs.generation,
          correlationWithTruth: result.correlation,
          comparison: result.comparison,
        },
      },
      report: { kind: 'scale', run: scalingToShow(engine, demoOutputs, result, parameters.profileKind) },
      lines: [
        ...scalingLines(result, `Scaled ${result.soft?.bands.length} soft frequency bands`),
        ...correlationLines(result),
      ],
      advice: [`Look at ${at(DEMO_FILES.report)} in a browser.`],
    }),
  };
}

/**
 * Lines printed last: resolution, and correlations with the ideal map inside the mask, before and after
 * scaling.
 */
function correlationLines({ fsc, correlation: { before, locscaleScheme, soft } }: DemoResult): string[] {
  const scheme = locscaleScheme === undefined ? '' : ` ${locscaleScheme.toFixed(4)} LocScale's scheme,`;
  return [
    ...(fsc?.resolution === undefined
      ? []
      : [`Resolution at half-map FSC 0.143: ${fsc.resolution.toFixed(2)} A`]),
    `Correlation with the truth inside the mask: ${before.toFixed(4)} before,${scheme} ` +
      `${soft.toFixed(4)} soft scaling`,
  ];
}

/** Two runs: half maps with default options, then LocScale's scheme. */
async function scaleAndCompare(
  job: Job,
  context: LocScaleContext,
  { logger, signal }: Session,
  { data, timings: before, folder }: DemoInputs,
): Promise<DemoResult> {
  const { engine } = context;
  // Both runs use the half maps, so the first must not consume them.
  const shared = { ...context, consumeInputs: false };
  const result = await runLocScale(job, shared);
  const begun = performance.now();
  const compared = await scaleForComparison(job, shared, result.warnings, logger);
  const seconds = (performance.now() - begun) / 1000;
  // Removes the map of an earlier demo with a network, which belongs to other half maps.
  if (compared === undefined) await rm(join(folder, DEMO_FILES.scheme), { force: true });
  stopIfAborted(signal);
  return {
    ...result,
    ...compared,
    ...(await compareWithTruth(engine, { ...result, ...compared }, data)),
    warnings: [...result.warnings, ...(compared?.warnings ?? [])],
    timings: { ...before, ...result.timings, ...(compared && { comparison: seconds }) },
  };
}

/** The same half maps by LocScale's scheme, with a predicted reference; prints only what differs. */
async function scaleForComparison(
  { input, predictor }: Job,
  context: LocScaleContext,
  known: readonly string[],
  logger: Session['logger'],
): Promise<(Pick<DemoResult, 'comparison' | 'scheme'> & { warnings: string[] }) | undefined> {
  if (predictor === undefined) {
    logger.line("The comparison with LocScale's scheme is left out: no network predicts its reference.");
    return undefined;
  }
  logger.line("For comparison, LocScale's scheme with the bundled network");
  const warnings: string[] = [];
  let mode = '';
  const { scaled, mask, numbers, prediction } = await runLocScale(
    { input, reference: { kind: 'network', predictor } },
    {
      ...context,
      keepMap: false,
      keepReference: false,
      onStep: (step, message) => (step === 'reference' || step === 'scaling') && logger.line(message),
      onWarning: (message) => {
        if (known.includes(message)) return;
        warnings.push(message);
        logger.warn(message);
      },
      onPlan: (plan) => {
        mode = plan.mode;
      },
    },
  );
  context.engine.release(mask);
  const comparison = {
    mode,
    windowVoxels: numbers.windowVoxels,
    network: prediction && networkRecordOf(predictor, prediction),
  };
  return { scheme: scaled, comparison, warnings };
}

/**
 * Pearson correlations with the noise-free map over the voxels of the mask, and the picture of all maps. The
 * maps are (z, y, x), on one grid.
 */
async function compareWithTruth(
  engine: Engine,
  { scaled, scheme, mask }: Pick<DemoResult, 'scaled' | 'scheme' | 'mask'>,
  data: DemoData,
): Promise<Pick<DemoResult, 'correlation' | 'slices'>> {
  const before = data.half1.data.map((v, i) => (v + data.half2.data[i]) / 2);
  const truth = data.reference.data;
  const inside = await engine.download(mask);
  const soft = await engine.download(scaled);
  const locscale = scheme && (await engine.download(scheme));
  const likeness = (map: Float32Array): number => correlationInside(map, truth, inside);
  return {
    correlation: {
      before: likeness(before),
      locscaleScheme: locscale && likeness(locscale),
      soft: likeness(soft),
    },
    slices: drawPicture(data, [
      { label: 'half-map average', data: before },
      ...(locscale === undefined ? [] : [{ label: "LocScale's scheme", data: locscale }]),
      // The mask is a float map of 0 and 1, as engines store masks.
      { label: 'soft scaling', data: soft },
      { label: 'truth: ideal map', data: truth },
    ]),
  };
}

/** Sections through the centre (z, y) and through the middle of the first chain (x). */
function drawPicture(data: DemoData, columns: readonly SliceColumn[]): Uint8Array {
  const { shape, voxelSize } = data.reference.grid;
  const highest = data.truth.data.reduce((max, v) => Math.max(max, v), 0);
  return renderSlices(columns, {
    shape,
    voxelSize: voxelSize[2],
    sections: [Math.floor(shape[0] / 2), Math.floor(shape[1] / 2), middleOfFirstChain(data)[2]],
    crop: boxAround(data.truth.data, shape, PARTICLE_LEVEL * highest, PICTURE_MARGIN),
  });
}

/** Writes the half maps and the ideal map, with a record by which the next demo recognises the folder. */
async function makeInputs(
  { logger, signal }: Session,
  folder: string,
  generation: DemoDataOptions,
): Promise<DemoInputs> {
  const { seed, shape, voxelSize } = generation;
  logger.line(`Generating data: seed ${seed}, ${describeShape(shape)} voxels of ${voxelSize} A`);
  const begun = performance.now();
  const data = generateDemoData({ ...generation, onStep: (what) => logger.line(`  ${what}`) });
  stopIfAborted(signal);
  const generated = performance.now();
  const label = `locscale-gpu ${packageVersion()}: generated by the demo`;
  const staged = new StagedFiles('-o');
  try {
    for (const key of ['half1', 'half2', 'reference'] as const)
      await staged.stage(join(folder, DEMO_FILES[key]), writeMrc(data[key], { label }));
    const record = { program: 'locscale-gpu', demo: { seed } };
    // The record is staged last and hence renamed first, so that the next demo may replace the files of an
    // interrupted one.
    await staged.stage(join(folder, DEMO_FILES.record), `${JSON.stringify(record, null, 2)}\n`);
    await staged.commit();
  } finally {
    staged.discard();
  }
  const timings = {
    generate: (generated - begun) / 1000,
    'write inputs': (performance.now() - generated) / 1000,
  };
  return { folder, data, generation, timings };
}

/** Creates the folder or reuses that of an earlier demo; rejects existing files not written by a demo. */
async function claimFolder(folder: string): Promise<void> {
  await makeFolder(folder, '-o');
  const paths = Object.values(DEMO_FILES).map((name) => join(folder, name));
  await checkOutputs(paths, [], () => '-o');
  if (await isDemoRecord(join(folder, DEMO_FILES.record))) return;
  for (const path of paths) {
    if (!(await fileExists(path))) continue;
    throw new LocScaleError('bad-output', `${path} exists and was not written by the demo.`, {
      where: path,
      hint: 'Choose another folder with -o, or move the file away.',
    });
  }
}

/** An unreadable or foreign record means that the folder is not a demo's. */
async function isDemoRecord(path: string): Promise<boolean> {
  try {
    const record = JSON.parse(await readFile(path, 'utf8')) as { program?: unknown; demo?: unknown } | null;
    return record?.program === 'locscale-gpu' && typeof record.demo === 'object';
  } catch {
    return false;
  }
}
