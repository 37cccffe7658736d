/**
 * Local resolution of two half maps (math/scaling/local-resolution.ts), and their mean low-passed at every voxel's own
 * resolution: beside the main run, or by itself.
 */
import type { OpenedResolution, Volume } from '../engine/engine.ts';
import { LocScaleError, stopIfAborted } from '../errors.ts';
import type { MrcHeader } from '../formats/mrc-header.ts';
import { filterBins } from '../math/fourier/local-filter.ts';
import { describeShape, type Grid, voxelCount } from '../math/grid.ts';
import { windowAngstromFor } from '../math/scaling/follow-resolution.ts';
import {
  correlationNoise,
  resolutionWindowVoxels,
  SMALLEST_RESOLUTION_WINDOW,
  type WindowWeights,
} from '../math/scaling/local-resolution.ts';
import { type ResolutionSummary, summariseResolution } from '../math/scaling/resolution-summary.ts';
import { readMaps } from './1-read-maps.ts';
import { resolveMap } from './2-fsc.ts';
import { prepareMask } from './3-mask.ts';
import { meanOutside } from './5-local-scaling.ts';
import { completeParameters } from './parameters.ts';
import { usableResolutions } from './resolutions.ts';
import { type Run, startRun } from './run.ts';
import type {
  FscCurve,
  LocScaleContext,
  LocScaleJob,
  LocScaleNumbers,
  LocScaleParameters,
  MaskOrigin,
  PlannedLocalResolution,
} from './types.ts';

export interface LocalResolutionSettings {
  /**
   * Edge of the window, A; the nearest even number of voxels is taken. Default: as far as the windows of local scaling
   * weigh, which is 50 A (26 A without weights), and more for data coarser than 6 A.
   */
  readonly windowAngstrom?: number;
  readonly weights: WindowWeights;
  /** FSC at which the resolution is read. */
  readonly threshold: number;
}

/** Settings whose window is known. */
interface WindowedSettings extends LocalResolutionSettings {
  readonly windowAngstrom: number;
}

export const defaultLocalResolution: LocalResolutionSettings = {
  weights: 'hann',
  threshold: 0.143,
};

export interface LocalResolutionMaps {
  /** Angstrom, 0 outside the mask. */
  readonly resolution: Volume;
  /** Mean of the half maps, every voxel low-passed at its resolution; 0 outside the mask. */
  readonly filtered: Volume;
  readonly numbers: LocalResolutionNumbers;
}

export interface LocalResolutionNumbers extends ResolutionSummary, LocalResolutionSettings {
  readonly windowAngstrom: number;
  readonly windowVoxels: number;
  /** Standard deviation of the FSC of windows of noise, per shell r; its frequency is r / windowAngstrom. */
  readonly noise: readonly number[];
}

/**
 * Edge over that of the windows of local scaling: a Hann window of 50 A is as wide at half its height as a window of
 * 25 A, and holds as many independent coefficients as a box of 26 A.
 */
const EDGE_OVER_SCALING = { hann: 2, box: 1.04 } as const;

/** The user's window, or what suits data of this resolution (A) in a box of this shape. */
export function suitedWindow(
  settings: LocalResolutionSettings,
  resolution: number,
  { shape }: Pick<Volume, 'shape'>,
  voxelSize: number,
): WindowedSettings {
  const { windowAngstrom, weights } = settings;
  if (windowAngstrom !== undefined) return { ...settings, windowAngstrom };
  const suited = (d: number): number => EDGE_OVER_SCALING[weights] * windowAngstromFor(d);
  // Only what is wider than usual ends at the box: boxes smaller than that are refused.
  const box = voxelSize * 2 * Math.floor(Math.min(...shape) / 2);
  const wanted = suited(Math.max(resolution, 2 * voxelSize));
  return { ...settings, windowAngstrom: Math.max(suited(0), Math.min(wanted, box)) };
}

/** A measurement as the engine has planned it. */
export interface PreparedLocalResolution {
  readonly halves: readonly [Volume, Volume];
  readonly mask: Volume;
  readonly voxelSize: number;
  readonly settings: LocalResolutionSettings;
  readonly opened: OpenedResolution;
  readonly plan: PlannedLocalResolution;
}

/** Plans the measurement beside the volumes that the run holds now. */
export async function prepareLocalResolution(
  halves: readonly [Volume, Volume],
  mask: Volume,
  voxelSize: number,
  settings: WindowedSettings,
  run: Run,
): Promise<PreparedLocalResolution> {
  const { weights, threshold } = settings;
  const windowVoxels = chooseResolutionWindow(settings, mask, voxelSize);
  const opened = await run.engine.openLocalResolution({ mask, windowVoxels, weights, voxelSize, threshold });
  const { seconds, workingBytes } = opened.estimate;
  const { shape } = mask;
  const bytesPerVolume = 4 * voxelCount(shape);
  // The filter works on the mean, which has taken the place of the half maps.
  const filtering = run.engine.bytesOf.localFilter(shape) - bytesPerVolume;
  const averaging = run.engine.bytesOf.average(shape);
  const plan = {
    windowVoxels,
    windowAngstrom: windowVoxels * voxelSize,
    // The resolution of the voxels is a volume of its own.
    peakBytes: run.volumeBytes() + bytesPerVolume + Math.max(workingBytes, averaging, filtering),
    seconds,
  };
  return { halves, mask, voxelSize, settings, opened, plan };
}

/** Resolves the half maps inside the mask, and releases them. The volumes are held by the run. */
export async function measureLocalResolution(
  prepared: PreparedLocalResolution,
  run: Run,
): Promise<LocalResolutionMaps> {
  const { halves, mask, voxelSize, settings, opened, plan } = prepared;
  const { engine, context } = run;
  const { windowVoxels, windowAngstrom } = plan;
  const { weights, threshold } = settings;
  const [half1, half2] = halves;
  return run.step(
    'local-resolution',
    `Measuring the local resolution in windows of ${windowVoxels} voxels`,
    async () => {
      const padValues = [
        await meanOutside(engine, half1, mask),
        await meanOutside(engine, half2, mask),
      ] as const;
      const { resolution } = await opened.run(
        { half1, half2, padValues },
        {
          onProgress: (done, total) => context.onProgress?.('local-resolution', done, total),
          ...(context.signal === undefined ? {} : { signal: context.signal }),
        },
      );
      const mean = await engine.average(half1, half2);
      run.release(half1, half2);
      try {
        const angstrom = await engine.download(resolution);
        const filtered = await engine.localFilter(mean, resolution, filterBins(angstrom, voxelSize));
        const summary = summariseResolution(angstrom, 2 * voxelSize, windowAngstrom);
        const noise = Array.from(correlationNoise(windowVoxels, weights));
        return {
          resolution,
          filtered,
          numbers: { ...summary, windowVoxels, windowAngstrom, weights, threshold, noise },
        };
      } finally {
        engine.release(mean);
      }
    },
  );
}

/** A window of the user can be judged before anything is computed. */
export function checkGivenWindow(
  { windowAngstrom, ...rest }: LocalResolutionSettings,
  volume: Pick<Volume, 'shape'>,
  voxelSize: number,
): void {
  if (windowAngstrom !== undefined) chooseResolutionWindow({ ...rest, windowAngstrom }, volume, voxelSize);
}

/** Even number of voxels nearest to the requested length; must fit the map. */
export function chooseResolutionWindow(
  { windowAngstrom }: WindowedSettings,
  { shape }: Pick<Volume, 'shape'>,
  voxelSize: number,
): number {
  const windowVoxels = resolutionWindowVoxels(windowAngstrom, voxelSize);
  const most = Math.min(...shape);
  if (windowVoxels >= SMALLEST_RESOLUTION_WINDOW && windowVoxels <= most) return windowVoxels;
  const small = windowVoxels < SMALLEST_RESOLUTION_WINDOW;
  throw new LocScaleError(
    'bad-input',
    `The window of the local resolution (${windowVoxels} voxels, ${(windowVoxels * voxelSize).toFixed(1)} A) is ${
      small ? 'too small' : `larger than the map (${describeShape(shape)})`
    }.`,
    {
      where: '--locres_window',
      expected: small ? `at least ${SMALLEST_RESOLUTION_WINDOW} voxels` : `at most ${most} voxels`,
      found: String(windowVoxels),
      hint: 'Choose another length with --locres_window.',
    },
  );
}

export interface LocalResolutionResult extends LocalResolutionMaps {
  readonly grid: Grid;
  readonly header: MrcHeader;
  readonly mask: Volume;
  readonly maskVoxels: number;
  readonly maskOrigin: MaskOrigin;
  readonly noiseBoxes: LocScaleNumbers['noise'];
  readonly voxelSize: number;
  readonly fsc: FscCurve;
  readonly timings: Readonly<Record<string, number>>;
  readonly warnings: readonly string[];
}

/** Steps 1 to 3, then the local resolution. The volumes stay on the engine: release them. */
export async function runLocalResolution(
  job: Pick<LocScaleJob, 'mask'> & {
    readonly input: Extract<LocScaleJob['input'], { kind: 'half-maps' }>;
    /** What is left out has the default of runs of a network. */
    readonly parameters?: Partial<LocScaleParameters>;
    readonly settings: LocalResolutionSettings;
  },
  context: LocScaleContext,
): Promise<LocalResolutionResult> {
  const run = startRun(context);
  const { settings } = job;
  try {
    const whole: LocScaleJob = { ...job, reference: { kind: 'none' } };
    const maps = await run.step('read', 'Checking the half maps', () => readMaps(whole, run));
    const { voxelSize, grid, header } = maps;
    const parameters = usableResolutions(completeParameters(job.parameters ?? {}, true), grid, run);
    // Before the FSC is measured for nothing.
    checkGivenWindow(settings, grid, voxelSize);
    const resolved = await run.step('fsc', 'Measuring the FSC', () =>
      resolveMap(maps, parameters, run, true),
    );
    const suited = suitedWindow(settings, resolved.cutoff.cutoff, grid, voxelSize);
    chooseResolutionWindow(suited, grid, voxelSize);
    const message =
      job.mask === undefined ? 'Making the FDR confidence mask' : `Preparing the mask ${job.mask.name}`;
    const made = await run.step('mask', message, () =>
      prepareMask({ userMask: job.mask, map: resolved.map, maps, parameters }, run),
    );
    run.release(resolved.map);
    const halves = resolved.halves as readonly [Volume, Volume];
    const prepared = await prepareLocalResolution(halves, made.mask, voxelSize, suited, run);
    const found = await measureLocalResolution(prepared, run);
    stopIfAborted(context.signal);
    run.releaseAllBut(found.resolution, found.filtered, made.mask);
    return {
      ...found,
      grid,
      header,
      voxelSize,
      mask: made.mask,
      maskVoxels: made.maskVoxels,
      maskOrigin: made.origin,
      noiseBoxes: made.noise,
      fsc: resolved.fsc as FscCurve,
      timings: run.timings,
      warnings: run.warnings,
    };
  } catch (error) {
    run.releaseAllBut();
    throw error;
  }
}

/** The numbers of a run with those of its local resolution. */
export function numbersWith(
  numbers: LocScaleNumbers,
  found: LocalResolutionMaps | undefined,
): LocScaleNumbers {
  return found === undefined ? numbers : { ...numbers, localResolution: found.numbers };
}
