/**
 * The demo: makes two half maps of a generated structure, sharpens them as the program does by default, and
 * compares the result with the truth, which is known here, and with LocScale's scheme.
 */
import { join } from 'node:path';
import type { Engine } from '../engine/engine.ts';
import { stopIfAborted } from '../errors.ts';
import type { LocScaleJob, LocScaleParameters, LocScaleResult, MapImage } from '../index.ts';
import { completeParameters, imageOf, readMapFile, runLocScale } from '../index.ts';
import { describeShape, type Shape } from '../math/grid.ts';
import { correlationInside } from '../math/statistics/statistics.ts';
import type { ReferencePredictor } from '../network/graph/model.ts';
import { boxAround, renderSlices, type SliceColumn } from '../report/slices.ts';
import type { EngineChoice } from '../select-engine.ts';
import { DEMO_DEFAULTS, type DemoData, generateDemoData } from '../synthetic/half-maps.ts';
import { addDemo, claimFolder, DEMO_FILES, writeInputs, writeResults } from './demo-files.ts';
import { encodeManifest, type InputFile, type ManifestFields, manifestOf } from './manifest.ts';
import { networkRecordOf } from './network.ts';
import { scaleOutputs } from './output-tables.ts';
import { formatSeconds } from './progress.ts';
import { drawPage, findForReport } from './report.ts';
import { scalingToShow } from './scaling-run.ts';
import { sceneOfScaling } from './scene.ts';
import { inOptions } from './spellings.ts';
import { packageVersion } from './version.ts';

export const DEFAULT_DEMO_FOLDER = 'demo-output';

export interface DemoRunOptions {
  readonly outputFolder: string;
  readonly seed: number;
  /** Box of the generated maps; 108^3 voxels of 1.2 A by default. */
  readonly shape?: Shape;
  readonly voxelSize?: number;
  readonly symmetry?: string;
  /** Predicts the reference of LocScale's scheme; without it that comparison is left out. */
  readonly predictor?: ReferencePredictor;
  readonly print: (line: string) => void;
  readonly warn: (line: string) => void;
  readonly onProgress?: (label: string, done: number, total: number) => void;
  readonly signal?: AbortSignal;
  /** As typed, for the record. */
  readonly command?: readonly string[];
}

export interface DemoOptions extends DemoRunOptions, EngineChoice {}

/** Correlation with the truth over the voxels of the mask. */
export interface DemoCorrelations {
  /** Of the mean of the half maps. */
  readonly before: number;
  /** Of LocScale's scheme with the bundled network. */
  readonly locscaleScheme?: number;
  /** Of soft scaling to an average protein. */
  readonly soft: number;
}

export interface DemoOutcome extends DemoCorrelations {
  /** Half-map FSC = 0.143, A. */
  readonly resolution: number | undefined;
  readonly outputs: readonly string[];
}

/** The picture shows the box in which the noise-free map exceeds this share of its maximum, and some voxels more. */
const PARTICLE_LEVEL = 0.1;
const PICTURE_MARGIN = 3;

/** Runs the demo on the engine asked for, and stops that engine afterwards. */
export async function runDemo(options: DemoOptions): Promise<DemoOutcome> {
  await claimFolder(options.outputFolder);
  const { selectEngine } = await import('../select-engine.ts');
  const { engine, reason } = await selectEngine(options);
  try {
    options.print(`Engine: ${engine.description} (${reason})`);
    return await runDemoOn(engine, options);
  } finally {
    await engine.dispose();
  }
}

/** The same on an engine that is running. */
export async function runDemoOn(engine: Engine, options: DemoRunOptions): Promise<DemoOutcome> {
  const started = new Date();
  const { outputFolder, print } = options;
  await claimFolder(outputFolder);
  const clock = createClock(print);

  const generation = { ...DEMO_DEFAULTS, ...pick(options, ['seed', 'shape', 'voxelSize', 'symmetry']) };
  print(
    `Generating data: seed ${generation.seed}, ${describeShape(generation.shape)} voxels of ${generation.voxelSize} A`,
  );
  const data = generateDemoData({ ...generation, onStep: (what) => clock.lap('generate', what) });
  stopIfAborted(options.signal);
  await writeInputs(outputFolder, data, { seed: generation.seed });
  clock.lap('write inputs', `wrote ${DEMO_FILES.half1}, ${DEMO_FILES.half2}, ${DEMO_FILES.reference}`);

  const { input, files } = await readHalfMaps(options);
  clock.lap('read', 'read the half maps back');
  const { result, mode, parameters } = await scaleByDefault(engine, input, options);
  for (const [step, seconds] of Object.entries(result.timings)) clock.record(step, step, seconds);
  clock.restart();
  const comparison = await scaleForComparison(engine, input, result.warnings, options);
  if (comparison !== undefined) clock.lap('comparison', "scaled by LocScale's scheme for comparison");

  const soft = await imageOf(engine, result.scaled, DEMO_FILES.soft, result);
  const mask = await engine.download(result.mask);
  const before = data.half1.data.map((v, i) => (v + data.half2.data[i]) / 2);
  const likeness = (map: Float32Array): number => correlationInside(map, data.reference.data, mask);
  const correlation: DemoCorrelations = {
    before: likeness(before),
    locscaleScheme: comparison && likeness(comparison.scaled.data),
    soft: likeness(soft.data),
  };
  const slices = drawPicture(data, [
    { label: 'half-map average', data: before },
    ...(comparison === undefined ? [] : [{ label: "LocScale's scheme", data: comparison.scaled.data }]),
    { label: 'soft scaling', data: soft.data },
    { label: 'truth: ideal map', data: data.reference.data },
  ]);
  clock.lap('compare', 'compared with the truth, drew the sections');

  const findings = await findForReport({
    ...scalingToShow(engine, scaleOutputs, result, parameters),
    maps: [
      { role: 'input', label: 'half-map average', load: async () => before },
      { role: 'result', label: 'softly scaled', load: async () => soft.data },
    ],
  });
  clock.lap('report', 'looked through the maps for the report');

  const names = namesOfResults(comparison);
  const fields: ManifestFields = {
    ...fieldsOf(result, parameters, comparison),
    command: options.command ?? ['locscale-gpu', 'demo'],
    started: started.toISOString(),
    mode,
    engine: engine.description,
    inputs: files,
    secondsPerStep: clock.seconds(),
    outputs: names.map((name) => join(outputFolder, name)),
  };
  const { html } = await drawPage(findings, manifestOf(fields), { title: DEMO_FILES.soft, kind: 'scale' });
  const demo = {
    ...describeData(data),
    ...generation,
    correlationWithTruth: correlation,
    comparison: comparison?.record,
  };
  const scene = await sceneOfScaling(engine, result, { scaled: join(outputFolder, DEMO_FILES.soft) });
  engine.release(result.scaled, result.mask);
  const record = addDemo(encodeManifest(fields), demo);
  const results = { soft, scheme: comparison?.scaled, slices, scene, report: html, record };
  await writeResults(outputFolder, results, options.signal);
  clock.lap('write', `wrote ${names.join(', ')}`);
  report(options, result, correlation, clock.total());
  return { ...correlation, resolution: result.fsc?.resolution, outputs: fields.outputs };
}

function namesOfResults(comparison: Comparison | undefined): string[] {
  const { soft, scheme, scene, slices, report, record } = DEMO_FILES;
  return [soft, ...(comparison === undefined ? [] : [scheme]), scene, slices, report, record];
}

/** What the record says of the scaling. */
function fieldsOf(
  { numbers, fsc, soft, warnings }: LocScaleResult,
  parameters: LocScaleParameters,
  comparison: Comparison | undefined,
) {
  return {
    version: packageVersion(),
    parameters: { ...parameters, windowVoxels: numbers.windowVoxels, resolution: numbers.fscCutoff },
    numbers,
    fsc,
    soft: soft && { bands: soft.bands, fadeResolution: soft.fadeResolution },
    warnings: [...warnings, ...(comparison?.warnings ?? [])].map(inOptions),
  };
}

type HalfMaps = Extract<LocScaleJob['input'], { kind: 'half-maps' }>;

/** Into memory of their own, which no engine takes over: two runs read them. */
async function readHalfMaps({
  outputFolder,
  warn,
  signal,
}: DemoRunOptions): Promise<{ input: HalfMaps; files: InputFile[] }> {
  const files: InputFile[] = [];
  const open = (name: string, role: string): Promise<MapImage> =>
    readMapFile(join(outputFolder, name), {
      onWarning: warn,
      onRead: (file) => files.push({ role, ...file }),
      signal,
    });
  const half1 = await open(DEMO_FILES.half1, 'half map 1');
  const half2 = await open(DEMO_FILES.half2, 'half map 2');
  return { input: { kind: 'half-maps', half1, half2 }, files };
}

/** What the program does with two half maps and no other option. */
async function scaleByDefault(
  engine: Engine,
  input: HalfMaps,
  { print, warn, onProgress, signal }: DemoRunOptions,
): Promise<{ result: LocScaleResult; mode: string; parameters: LocScaleParameters }> {
  const parameters: LocScaleParameters = { ...completeParameters({}, true), scaling: 'soft' };
  let mode = '';
  const result = await runLocScale(
    { input, reference: { kind: 'profile' }, parameters },
    {
      engine,
      onStep: (_step, message) => print(message),
      onProgress,
      onWarning: warn,
      onPlan: (plan) => {
        mode = plan.mode;
        print(`Mode: ${mode}`);
      },
      signal,
    },
  );
  return { result, mode, parameters };
}

interface Comparison {
  readonly scaled: MapImage;
  readonly record: object;
  /** Those that the main run did not have. */
  readonly warnings: readonly string[];
}

/** The same half maps in LocScale's windows, to a reference of the network. */
async function scaleForComparison(
  engine: Engine,
  input: HalfMaps,
  known: readonly string[],
  { predictor, print, warn, onProgress, signal }: DemoRunOptions,
): Promise<Comparison | undefined> {
  if (predictor === undefined) {
    print("The comparison with LocScale's scheme is left out: there is no network to predict its reference.");
    return undefined;
  }
  print("For comparison, LocScale's scheme with the bundled network");
  const warnings: string[] = [];
  let mode = '';
  const result = await runLocScale(
    { input, reference: { kind: 'network', predictor } },
    {
      engine,
      // The steps before were those of the main run.
      onStep: (step, message) => (step === 'reference' || step === 'scaling') && print(message),
      onProgress,
      onWarning: (message) => {
        if (known.includes(message)) return;
        warnings.push(message);
        warn(message);
      },
      onPlan: (plan) => {
        mode = plan.mode;
      },
      signal,
    },
  );
  const scaled = await imageOf(engine, result.scaled, DEMO_FILES.scheme, result);
  engine.release(result.scaled, result.mask);
  const { windowVoxels } = result.numbers;
  const record = { mode, windowVoxels, ...networkRecordOf(predictor, result.prediction) };
  return { scaled, record, warnings };
}

/** Sections through the centre (z, y) and through the middle of the first chain (x). */
function drawPicture(data: DemoData, columns: readonly SliceColumn[]): Uint8Array {
  const { shape, voxelSize } = data.reference.grid;
  const first = data.atoms.filter((a) => a.chain === data.atoms[0].chain);
  const x = first.reduce((sum, a) => sum + a.x, 0) / first.length / voxelSize[2];
  const highest = data.truth.data.reduce((max, v) => Math.max(max, v), 0);
  return renderSlices(columns, {
    shape,
    voxelSize: voxelSize[2],
    sections: [Math.floor(shape[0] / 2), Math.floor(shape[1] / 2), Math.round(x)],
    crop: boxAround(data.truth.data, shape, PARTICLE_LEVEL * highest, PICTURE_MARGIN),
  });
}

function describeData(data: DemoData): Record<string, unknown> {
  const b = data.atoms.map((a) => a.bFactor);
  return {
    chains: data.structure.rotations.length,
    atoms: data.atoms.length,
    lowestBFactor: Math.min(...b),
    highestBFactor: Math.max(...b),
    referenceShift: data.referenceShift,
  };
}

function report(
  { print, outputFolder }: DemoRunOptions,
  { numbers, fsc, soft }: LocScaleResult,
  { before, locscaleScheme, soft: after }: DemoCorrelations,
  seconds: number,
): void {
  if (fsc?.resolution !== undefined)
    print(`Resolution at half-map FSC 0.143: ${fsc.resolution.toFixed(2)} A`);
  print(`Scaled ${soft?.bands.length} soft frequency bands; ${numbers.maskVoxels} voxels lie in the mask`);
  const scheme = locscaleScheme === undefined ? '' : ` ${locscaleScheme.toFixed(4)} LocScale's scheme,`;
  print(
    `Correlation with the truth inside the mask: ${before.toFixed(4)} before,${scheme} ${after.toFixed(4)} soft scaling`,
  );
  print(`Done in ${formatSeconds(seconds)}; look at ${join(outputFolder, DEMO_FILES.report)} in a browser`);
}

interface Clock {
  /** Prints what was done since the last lap, and how long it took; the time counts for `step`. */
  lap: (step: string, what: string) => void;
  /** The same for a step timed elsewhere. */
  record: (step: string, what: string, seconds: number) => void;
  restart: () => void;
  seconds: () => Record<string, number>;
  total: () => number;
}

function createClock(print: (line: string) => void): Clock {
  const begun = performance.now();
  const laps: Record<string, number> = {};
  let last = begun;
  const note = (step: string, what: string, seconds: number): void => {
    laps[step] = (laps[step] ?? 0) + seconds;
    print(`  ${formatSeconds(seconds).padStart(6)}  ${what}`);
  };
  return {
    lap: (step, what) => {
      const now = performance.now();
      note(step, what, (now - last) / 1000);
      last = now;
    },
    record: note,
    restart: () => {
      last = performance.now();
    },
    seconds: () => ({ ...laps }),
    total: () => (performance.now() - begun) / 1000,
  };
}

function pick<T extends object, K extends keyof T>(from: T, keys: readonly K[]): Partial<Pick<T, K>> {
  return Object.fromEntries(
    keys.filter((key) => from[key] !== undefined).map((key) => [key, from[key]]),
  ) as Partial<Pick<T, K>>;
}
