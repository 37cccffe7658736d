/**
 * The demo: makes two half maps of a generated structure, sharpens them with the pipeline every other
 * run goes through, and compares the result with the truth, which is known here.
 */
import { access, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Engine, Volume } from '../engine/engine.ts';
import { LocScaleError, stopIfAborted } from '../errors.ts';
import { makeFolder, StagedFiles } from '../files/staged-files.ts';
import { writeMrc } from '../formats/mrc.ts';
import type { LocScaleParameters, LocScaleResult, MapImage, ReferenceChoice } from '../index.ts';
import { completeParameters, imageOf, readMapFile, runLocScale } from '../index.ts';
import { describeShape, type Shape } from '../math/grid.ts';
import { correlationInside } from '../math/statistics/statistics.ts';
import type { ReferencePredictor } from '../network/graph/model.ts';
import type { MapToShow } from '../report/collect.ts';
import { boxAround, renderSlices } from '../report/slices.ts';
import type { EngineChoice } from '../select-engine.ts';
import { DEMO_DEFAULTS, type DemoData, generateDemoData } from '../synthetic/half-maps.ts';
import { checkOutputs } from './check-outputs.ts';
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
  /** Predicts the reference, as in a run of the default mode; without it the truth is the reference. */
  readonly predictor?: ReferencePredictor;
  readonly print: (line: string) => void;
  readonly warn: (line: string) => void;
  readonly onProgress?: (label: string, done: number, total: number) => void;
  readonly signal?: AbortSignal;
  /** As typed, for the record. */
  readonly command?: readonly string[];
}

export interface DemoOptions extends DemoRunOptions, EngineChoice {}

export interface DemoOutcome {
  /** Correlation with the truth over the voxels of the mask. */
  readonly before: number;
  readonly after: number;
  /** Half-map FSC = 0.143, A. */
  readonly resolution: number | undefined;
  readonly outputs: readonly string[];
}

const FILES = {
  half1: 'half_map_1.mrc',
  half2: 'half_map_2.mrc',
  reference: 'reference.mrc',
  scaled: 'locscale_output.mrc',
  slices: 'slices.png',
  scene: 'locscale_output.cxc',
  report: 'report.html',
  record: 'demo.json',
} as const;
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
  clock.lap('write inputs', `wrote ${FILES.half1}, ${FILES.half2}, ${FILES.reference}`);

  const { predictor } = options;
  const parameters = completeParameters({}, predictor !== undefined);
  const { job, files } = await readJob(engine, outputFolder, parameters, options);
  clock.lap('read', 'read them back');
  let mode = '';
  const result = await runLocScale(job, {
    engine,
    consumeInputs: true,
    keepReference: true,
    onStep: (_step, message) => print(message),
    onProgress: (step, done, total) => options.onProgress?.(step, done, total),
    onWarning: options.warn,
    onPlan: (plan) => {
      mode = plan.mode;
    },
    signal: options.signal,
  });
  for (const [step, seconds] of Object.entries(result.timings)) clock.record(step, step, seconds);
  clock.restart();

  const scaled = await imageOf(engine, result.scaled, FILES.scaled, result);
  const mask = await engine.download(result.mask);
  const before = data.half1.data.map((v, i) => (v + data.half2.data[i]) / 2);
  const correlation = {
    before: correlationInside(before, data.reference.data, mask),
    after: correlationInside(scaled.data, data.reference.data, mask),
  };
  const picture = drawPicture(before, scaled.data, data);
  clock.lap('compare', 'compared with the truth, drew the sections');

  const findings = await findForReport({
    ...scalingToShow(engine, scaleOutputs, result, parameters),
    maps: [
      { role: 'input', label: 'half-map average', load: async () => before },
      ...(result.reference === undefined ? [] : [referenceToShow(engine, result.reference, predictor)]),
      { role: 'result', label: 'locally scaled', load: async () => scaled.data },
    ],
  });
  clock.lap('report', 'looked through the maps for the report');

  const outputs = [FILES.scaled, FILES.scene, FILES.slices, FILES.report, FILES.record].map((name) =>
    join(outputFolder, name),
  );
  const fields: ManifestFields = {
    version: packageVersion(),
    command: options.command ?? ['locscale-gpu', 'demo'],
    started: started.toISOString(),
    mode,
    engine: engine.description,
    ...networkRecordOf(predictor, result.prediction),
    inputs: files,
    parameters: {
      ...parameters,
      windowVoxels: result.numbers.windowVoxels,
      resolution: result.numbers.fscCutoff,
    },
    numbers: result.numbers,
    fsc: result.fsc,
    secondsPerStep: clock.seconds(),
    outputs,
    warnings: result.warnings.map(inOptions),
  };
  const { html } = await drawPage(findings, manifestOf(fields), { title: FILES.scaled, kind: 'scale' });
  const demo = { ...describeData(data), ...generation, correlationWithTruth: correlation };
  const texts = {
    scene: await sceneOfScaling(engine, result, { scaled: join(outputFolder, FILES.scaled) }),
    report: html,
    record: addDemo(encodeManifest(fields), demo),
  };
  await writeResults(outputFolder, scaled, picture, texts, options.signal);
  engine.release(result.scaled, result.mask, ...(result.reference === undefined ? [] : [result.reference]));
  clock.lap('write', `wrote ${FILES.scaled}, ${FILES.slices}, ${FILES.report}, ${FILES.record}`);
  report(options, result, correlation, clock.total());
  return { ...correlation, resolution: result.fsc?.resolution, outputs };
}

/**
 * Makes the folder, or takes one that holds an earlier demo. Files of the same names that no demo
 * wrote are left alone.
 */
async function claimFolder(folder: string): Promise<void> {
  await makeFolder(folder, '-o');
  const paths = Object.values(FILES).map((name) => join(folder, name));
  await checkOutputs(paths, []);
  if (await isDemoRecord(join(folder, FILES.record))) return;
  for (const path of paths) {
    if (!(await exists(path))) continue;
    throw new LocScaleError('bad-output', `${path} exists and was not written by the demo.`, {
      where: path,
      hint: 'Choose another folder with -o, or move the file away.',
    });
  }
}

async function isDemoRecord(path: string): Promise<boolean> {
  try {
    const record = JSON.parse(await readFile(path, 'utf8')) as { program?: unknown; demo?: unknown } | null;
    return record?.program === 'locscale-gpu' && typeof record.demo === 'object';
  } catch {
    return false;
  }
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

/** The record is staged last to be in place first, so that a run that is stopped half-way leaves files the next one may replace. */
async function writeInputs(folder: string, data: DemoData, demo: object): Promise<void> {
  const label = `locscale-gpu ${packageVersion()}: generated by the demo`;
  const staged = new StagedFiles('-o');
  try {
    await staged.stage(join(folder, FILES.half1), writeMrc(data.half1, { label }));
    await staged.stage(join(folder, FILES.half2), writeMrc(data.half2, { label }));
    await staged.stage(join(folder, FILES.reference), writeMrc(data.reference, { label }));
    await staged.stage(
      join(folder, FILES.record),
      addDemo(JSON.stringify({ program: 'locscale-gpu' }), demo),
    );
    await staged.commit();
  } finally {
    staged.discard();
  }
}

async function writeResults(
  folder: string,
  scaled: MapImage,
  picture: Uint8Array,
  texts: Readonly<Record<'scene' | 'report' | 'record', string>>,
  signal: AbortSignal | undefined,
): Promise<void> {
  const staged = new StagedFiles('-o');
  try {
    const label = `locscale-gpu ${packageVersion()}: local scaling, demo`;
    await staged.stage(join(folder, FILES.scaled), writeMrc(scaled, { label }));
    await staged.stage(join(folder, FILES.slices), [picture]);
    for (const name of ['scene', 'report', 'record'] as const)
      await staged.stage(join(folder, FILES[name]), texts[name]);
    stopIfAborted(signal);
    await staged.commit();
  } finally {
    staged.discard();
  }
}

async function readJob(
  engine: Engine,
  folder: string,
  parameters: LocScaleParameters,
  options: DemoRunOptions,
) {
  const files: InputFile[] = [];
  const open = (name: string, role: string): Promise<MapImage> =>
    readMapFile(join(folder, name), {
      engine,
      onWarning: options.warn,
      onRead: (file) => files.push({ role, ...file }),
      signal: options.signal,
    });
  const half1 = await open(FILES.half1, 'half map 1');
  const half2 = await open(FILES.half2, 'half map 2');
  const { predictor } = options;
  const reference: ReferenceChoice =
    predictor === undefined
      ? { kind: 'model-map', map: await open(FILES.reference, 'reference map') }
      : { kind: 'network', predictor };
  return { job: { input: { kind: 'half-maps', half1, half2 }, reference, parameters } as const, files };
}

/** Sections through the centre (z, y) and through the middle of the first chain (x). */
function drawPicture(before: Float32Array, after: Float32Array, data: DemoData): Uint8Array {
  const { shape, voxelSize } = data.reference.grid;
  const first = data.atoms.filter((a) => a.chain === data.atoms[0].chain);
  const x = first.reduce((sum, a) => sum + a.x, 0) / first.length / voxelSize[2];
  const highest = data.truth.data.reduce((max, v) => Math.max(max, v), 0);
  const crop = boxAround(data.truth.data, shape, PARTICLE_LEVEL * highest, PICTURE_MARGIN);
  return renderSlices(
    [
      { label: 'before: half-map average', data: before },
      { label: 'after: locally scaled', data: after },
      { label: 'truth: ideal map', data: data.reference.data },
    ],
    {
      shape,
      voxelSize: voxelSize[2],
      sections: [Math.floor(shape[0] / 2), Math.floor(shape[1] / 2), Math.round(x)],
      crop,
    },
  );
}

/** What the amplitudes came from: the network, or the truth where there is none. */
function referenceToShow(
  engine: Engine,
  reference: Volume,
  predictor: ReferencePredictor | undefined,
): MapToShow {
  const label = predictor === undefined ? 'reference' : 'predicted reference';
  return { role: 'reference', label, load: () => engine.download(reference) };
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

function addDemo(record: string, demo: object): string {
  return `${JSON.stringify({ ...(JSON.parse(record) as object), demo }, null, 2)}\n`;
}

function report(
  { print, outputFolder }: DemoRunOptions,
  result: LocScaleResult,
  correlation: { before: number; after: number },
  seconds: number,
): void {
  const { numbers, fsc } = result;
  if (fsc?.resolution !== undefined)
    print(`Resolution at half-map FSC 0.143: ${fsc.resolution.toFixed(2)} A`);
  print(`Scaled ${numbers.maskVoxels} voxels in windows of ${numbers.windowVoxels} voxels`);
  print(
    `Correlation with the truth inside the mask: ${correlation.before.toFixed(4)} before, ${correlation.after.toFixed(4)} after`,
  );
  print(`Done in ${formatSeconds(seconds)}; look at ${join(outputFolder, FILES.report)} in a browser`);
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
