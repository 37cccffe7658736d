/**
 * Local resolution of two half maps (math/scaling/local-resolution.ts), and their mean, low-passed at each
 * voxel's resolution; as part of a scaling run or alone.
 */

import type { OpenedResolution, Volume } from '../engine/engine.ts';
import { LocScaleError, named } from '../errors.ts';
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
import type { LocScaleContext } from './context.ts';
import { resolveMap } from './fsc.ts';
import type { FscCurve } from './half-maps.ts';
import type { LocScaleJob } from './job.ts';
import type { MaskOrigin } from './mask.ts';
import { prepareMask } from './mask.ts';
import { meanOutside } from './mean-outside.ts';
import type { LocScaleNumbers } from './numbers.ts';
import type { LocScaleParameters } from './parameters.ts';
import { completeParameters } from './parameters.ts';
import type { PlannedLocalResolution } from './plan.ts';
import { type InputMaps, readMaps } from './read-maps.ts';
import { usableResolutions } from './resolutions.ts';
import { type Run, withRun } from './run.ts';

/** Both on the grid of the run. */
type HalfMaps = readonly [Volume, Volume];

/** How local resolution is measured; omitted settings follow from the data. */
export interface LocalResolutionSettings {
  /**
   * Edge of the window, A; the nearest even number of voxels is taken. Default: as far as the windows of
   * local scaling weigh, which is 50 A (26 A without weights), and more for data coarser than 6 A.
   */
  readonly windowAngstrom?: number;
  readonly weights: WindowWeights;
  /** FSC at which the resolution is read. */
  readonly threshold: number;
}

/** Settings with the window determined. */
interface WindowedSettings extends LocalResolutionSettings {
  readonly windowAngstrom: number;
  readonly windowVoxels: number;
}

/** Hann weights and the threshold of the whole map. */
export const defaultLocalResolution: LocalResolutionSettings = {
  weights: 'hann',
  threshold: 0.143,
};

/** Volumes live on the engine until downloaded or released. */
export interface LocalResolutionMaps {
  /** Angstrom, 0 outside the mask. */
  readonly resolution: Volume;
  /** Mean of the half maps, low-passed at each voxel's resolution; 0 outside the mask. */
  readonly filtered: Volume;
  readonly numbers: LocalResolutionNumbers;
}

/** Distribution of local resolutions over the mask (A), and how they were measured. */
export interface LocalResolutionNumbers extends ResolutionSummary, LocalResolutionSettings {
  readonly windowAngstrom: number;
  readonly windowVoxels: number;
  /** Standard deviation of the FSC of windows of noise, per shell r; its frequency is r / windowAngstrom. */
  readonly noise: readonly number[];
}

/**
 * Edge over that of the windows of local scaling: a Hann window of 50 A is as wide at half its height as a
 * window of 25 A, and holds as many independent coefficients as a box of 26 A.
 */
const EDGE_OVER_SCALING = { hann: 2, box: 1.04 } as const;

/** Throws 'usage' if local resolution is requested for a single map. */
export function checkHalfMaps(
  input: LocScaleJob['input']['kind'],
  settings: LocalResolutionSettings | undefined,
): void {
  if (settings === undefined || input === 'half-maps') return;
  throw new LocScaleError('usage', `The local resolution (${named('localResolution')}) needs half maps.`, {
    parameter: 'localResolution',
    hint: `Give the half maps with ${named('input', 'half-maps')}.`,
  });
}

/** Reason why nothing can be measured, one sentence; undefined if it can. */
export function withoutCommonSignal(fsc: FscCurve | undefined): string | undefined {
  if (fsc?.verdict.end !== 'no signal') return undefined;
  return 'The half maps have no signal in common: there is no local resolution to measure.';
}

/** Early checks before anything is computed: rejects a single map, and a user's window that does not fit. */
export function checkLocalResolution(
  settings: LocalResolutionSettings | undefined,
  { grid, voxelSize, volumes }: InputMaps,
): void {
  if (settings === undefined) return;
  checkHalfMaps(volumes.length === 1 ? 'map' : 'half-maps', settings);
  const { windowAngstrom } = settings;
  if (windowAngstrom !== undefined) windowVoxelsOf(windowAngstrom, grid, voxelSize);
}

/** The settings with the user's window, or with one for data of this resolution (A), limited to the box. */
export function withWindow(
  settings: LocalResolutionSettings,
  resolution: number,
  { grid, voxelSize }: Pick<InputMaps, 'grid' | 'voxelSize'>,
): WindowedSettings {
  const { windowAngstrom = suitedWindow(settings.weights, resolution, grid, voxelSize) } = settings;
  return { ...settings, windowAngstrom, windowVoxels: windowVoxelsOf(windowAngstrom, grid, voxelSize) };
}

/** A */
export function suitedWindow(
  weights: WindowWeights,
  resolution: number,
  { shape }: Pick<Grid, 'shape'>,
  voxelSize: number,
): number {
  const suited = (d: number): number => EDGE_OVER_SCALING[weights] * windowAngstromFor(d);
  // Only windows wider than the default are limited to the box; smaller boxes are rejected.
  const box = voxelSize * 2 * Math.floor(Math.min(...shape) / 2);
  const wanted = suited(Math.max(resolution, 2 * voxelSize));
  return Math.max(suited(0), Math.min(wanted, box));
}

/** A measurement planned by the engine. */
export interface PlannedMeasurement {
  readonly plan: Omit<PlannedLocalResolution, 'peakBytes'>;
  /** Working memory of the engine, excluding the result volume. */
  readonly workingBytes: number;
  /** Peak bytes including the results, but excluding half maps and working memory. */
  readonly bytes: number;
  /** Bytes of its results. */
  readonly resultBytes: number;
  /** The step: measures the half maps inside the mask. The run owns the volumes. */
  run(): Promise<LocalResolutionMaps>;
}

/**
 * Plans the measurement in windows of `windowVoxels`. `keepHalves`: a later step needs the half maps;
 * otherwise they are released.
 */
export async function planLocalResolution(
  halves: HalfMaps,
  mask: Volume,
  voxelSize: number,
  settings: WindowedSettings,
  keepHalves: boolean,
  run: Run,
): Promise<PlannedMeasurement> {
  const { weights, threshold, windowVoxels } = settings;
  const { bytesOf } = run.engine;
  const opened = await run.engine.openLocalResolution({ mask, windowVoxels, weights, voxelSize, threshold });
  const { seconds, workingBytes } = opened.estimate;
  const { shape } = mask;
  const volumeBytes = 4 * voxelCount(shape);
  // The filter is applied to the mean, which replaces the half maps if they are no longer needed.
  const filtering = bytesOf.localFilter(shape) + (keepHalves ? volumeBytes : -volumeBytes);
  return {
    plan: { windowVoxels, windowAngstrom: windowVoxels * voxelSize, seconds },
    workingBytes,
    // The result volume.
    bytes: volumeBytes + Math.max(bytesOf.average(shape), filtering),
    resultBytes: 2 * volumeBytes,
    run: () => measureLocalResolution(halves, mask, voxelSize, settings, keepHalves, opened, run),
  };
}

/** Measures and filters. 0 outside the mask in both maps. */
async function measureLocalResolution(
  [half1, half2]: HalfMaps,
  mask: Volume,
  voxelSize: number,
  { weights, threshold, windowVoxels }: WindowedSettings,
  keepHalves: boolean,
  opened: OpenedResolution,
  run: Run,
): Promise<LocalResolutionMaps> {
  const { engine, context } = run;
  const windowAngstrom = windowVoxels * voxelSize;
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
          signal: context.signal,
        },
      );
      const mean = await engine.average(half1, half2);
      if (!keepHalves) run.release(half1, half2);
      try {
        const [bins, summary] = await engine.inspect(resolution, (angstrom) => [
          filterBins(angstrom, voxelSize),
          summariseResolution(angstrom, 2 * voxelSize, windowAngstrom),
        ]);
        const filtered = await engine.localFilter(mean, resolution, bins);
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

/** Even number of voxels nearest to the requested length; must fit the map. */
function windowVoxelsOf(windowAngstrom: number, { shape }: Pick<Grid, 'shape'>, voxelSize: number): number {
  const windowVoxels = resolutionWindowVoxels(windowAngstrom, voxelSize);
  const most = Math.min(...shape);
  if (windowVoxels >= SMALLEST_RESOLUTION_WINDOW && windowVoxels <= most) return windowVoxels;
  const small = windowVoxels < SMALLEST_RESOLUTION_WINDOW;
  throw new LocScaleError(
    'bad-input',
    `The window of the local resolution (${windowVoxels} voxels, ` +
      `${(windowVoxels * voxelSize).toFixed(1)} A) is ` +
      `${small ? 'too small' : `larger than the map (${describeShape(shape)})`}.`,
    {
      parameter: 'windowAngstrom',
      expected: small ? `at least ${SMALLEST_RESOLUTION_WINDOW} voxels` : `at most ${most} voxels`,
      found: String(windowVoxels),
      hint: `Choose another length with ${named('windowAngstrom')}.`,
    },
  );
}

/** What `runLocalResolution` returns. */
export interface LocalResolutionResult extends LocalResolutionMaps {
  readonly grid: Grid;
  readonly header: MrcHeader;
  readonly mask: Volume;
  /** Mean of the half maps, with `keepMap`. */
  readonly map?: Volume;
  readonly maskVoxels: number;
  readonly maskOrigin: MaskOrigin;
  readonly noiseBoxes: LocScaleNumbers['noise'];
  readonly voxelSize: number;
  readonly fsc: FscCurve;
  readonly timings: Readonly<Record<string, number>>;
  readonly warnings: readonly string[];
}

/** A run that only measures local resolution. The volumes stay on the engine: release them. */
export function runLocalResolution(
  job: Pick<LocScaleJob, 'mask'> & {
    readonly input: Extract<LocScaleJob['input'], { kind: 'half-maps' }>;
    /** Omitted parameters have the defaults of runs with a network. */
    readonly parameters?: Partial<LocScaleParameters>;
    readonly settings: LocalResolutionSettings;
  },
  context: LocScaleContext,
): Promise<LocalResolutionResult> {
  return withRun(context, async (run) => {
    const maps = await readMaps(job, run);
    const { voxelSize, grid, header } = maps;
    const parameters = usableResolutions(completeParameters(job.parameters ?? {}, true), grid, run);
    // Check before the FSC is measured.
    checkLocalResolution(job.settings, maps);
    const { map, fsc, cutoff, halves } = await resolveMap(maps, parameters, run, true);
    const problem = withoutCommonSignal(fsc);
    if (problem !== undefined)
      throw new LocScaleError('bad-input', problem, {
        where: maps.names[1],
        hint: 'Give the two half maps of one refinement, aligned as it leaves them.',
      });
    const settings = withWindow(job.settings, cutoff.cutoff, maps);
    const masked = await prepareMask({ userMask: job.mask, map, maps, parameters }, run);
    const kept = context.keepMap ? map : undefined;
    if (kept === undefined) run.release(map);
    const { mask } = masked;
    const planned = await planLocalResolution(halves as HalfMaps, mask, voxelSize, settings, false, run);
    const found = await planned.run();
    run.keep(found.resolution, found.filtered, mask, kept);
    return {
      ...found,
      grid,
      header,
      voxelSize,
      mask,
      map: kept,
      maskVoxels: masked.maskVoxels,
      maskOrigin: masked.origin,
      noiseBoxes: masked.noise,
      fsc: fsc as FscCurve,
      timings: run.timings,
      warnings: run.warnings,
    };
  });
}
