/**
 * A map on another grid, as a run of its own: another voxel size, box or place, the grid of another map, or
 * the box around a mask. How voxels get there: match-grids.ts.
 */
import type { Engine, Volume } from '../engine/engine.ts';
import { LocScaleError, named } from '../errors.ts';
import type { MapImage } from '../formats/map-image.ts';
import { createMrcHeader, type MrcHeader } from '../formats/mrc-header.ts';
import { type Grid, isotropicVoxelSize } from '../math/grid.ts';
import { WHOLE_VOXEL_TOLERANCE } from '../math/grids/match-grid.ts';
import { type BoxSettings, newGrid, type Region, regionOfMask } from '../math/grids/new-box.ts';
import type { LocScaleContext } from './context.ts';
import type { MapInput } from './map-input.ts';
import { bytesToMatch, type MapMatch, type MatchRole, matchOf, putOnGrid } from './match-grids.ts';
import { DEFAULT_CROP_PADDING } from './parameters.ts';
import { decideGrid, gridOf } from './read-maps.ts';
import { type Run, withRun } from './run.ts';

/** Either `like`, or a box of its own. */
export interface ResampleSettings extends BoxSettings {
  /** Its grid. */
  readonly like?: MapInput;
  /** The box around its voxels of at least 0.5. */
  readonly cropToMask?: MapInput;
  /** A, around the mask; default 10. */
  readonly paddingAngstrom?: number;
  /**
   * The map is a mask: interpolated linearly and 0 outside. Other maps are resampled by their Fourier
   * transform, and what they do not reach is the mean over the faces of their box.
   */
  readonly isMask?: boolean;
}

export interface ResampleJob {
  readonly map: MapImage;
  readonly settings: ResampleSettings;
}

export interface ResamplePlan {
  readonly grid: Grid;
  /** What is done. */
  readonly sentence: string;
  /** Most bytes that it takes. */
  readonly peakBytes: number;
}

export interface ResampleResult extends ResamplePlan {
  readonly resampled: Volume;
  readonly header: MrcHeader;
  readonly timings: Readonly<Record<string, number>>;
  readonly warnings: readonly string[];
}

/** Puts a map on another grid. The volume stays on the engine: release it. */
export function runResample(job: ResampleJob, context: LocScaleContext): Promise<ResampleResult> {
  return withRun(context, async (run) => {
    const { match, header } = await run.step('read', 'Finding the new grid', () => planFor(job, run));
    const { to } = match.plan;
    const resampled = await run.step('resample', 'Putting the map on it', async () => {
      const { data } = await putOnGrid(job.map, match, run.engine);
      return run.engine.upload(data, to.shape);
    });
    run.keep(resampled);
    const { timings, warnings, engine } = run;
    return { resampled, ...planFrom(match, engine), header, timings, warnings };
  });
}

/** The new grid; reads the mask that a box is cut to, nothing else. */
export function planResample(job: ResampleJob, context: LocScaleContext): Promise<ResamplePlan> {
  return withRun(context, async (run) => planFrom((await planFor(job, run)).match, run.engine));
}

function planFrom(match: MapMatch, { bytesOf }: Pick<Engine, 'bytesOf'>): ResamplePlan {
  const { sentence, plan } = match;
  return { grid: plan.to, sentence, peakBytes: bytesToMatch(match, bytesOf) };
}

interface Found {
  readonly match: MapMatch;
  readonly header: MrcHeader;
}

async function planFor({ map, settings }: ResampleJob, run: Run): Promise<Found> {
  const as: MatchRole = settings.isMask === true ? 'mask' : 'map';
  const { like } = settings;
  if (like !== undefined) return matchLike(map, like, as, run);
  const { cropToMask } = settings;
  const { grid, header } = gridOf({ input: { kind: 'map', map }, mask: cropToMask }, run);
  const region = cropToMask && (await regionOf(cropToMask, grid, settings, run));
  const to = newGrid(grid, settings, region);
  const match = matchOf(map.name, grid, to, 'the new grid', as);
  return { match, header: headerOf(to, header) };
}

function matchLike(map: MapImage, like: MapInput, as: MatchRole, run: Run): Found {
  const where = `the grid of ${like.name}`;
  let match: MapMatch | undefined;
  const { grid, header } = decideGrid([like, map], run, (_, from, to) => {
    match = matchOf(map.name, from, to, where, as);
  });
  match ??= matchOf(map.name, grid, grid, where, as);
  return { match, header: headerOf(grid, header) };
}

async function regionOf(
  mask: MapInput,
  grid: Grid,
  { paddingAngstrom = DEFAULT_CROP_PADDING }: ResampleSettings,
  run: Run,
): Promise<Region> {
  const { data } = await run.load(mask);
  const padding = Math.ceil(paddingAngstrom / isotropicVoxelSize(grid));
  const region = regionOfMask(data, grid.shape, [padding, padding, padding]);
  if ('load' in mask) run.engine.freeHost(data);
  if (region !== undefined) return region;
  throw new LocScaleError('bad-input', `The mask ${mask.name} is empty: no voxel reaches 0.5.`, {
    where: mask.name,
    expected: 'voxels of at least 0.5',
    hint: `Check that this is the right file, or give the box with ${named('box')}.`,
  });
}

/** Of a new file; its place stands where it stood before, in NSTART or in ORIGIN. */
function headerOf(grid: Grid, before: MrcHeader): MrcHeader {
  const header = createMrcHeader(grid, before.labels);
  const { originX, originY, originZ, ncstart, nrstart, nsstart } = before;
  const counts = [originX, originY, originZ].every((at) => at === 0);
  const [z, y, x] = grid.origin.map((at, axis) => at / grid.voxelSize[axis]) as [number, number, number];
  const whole = [z, y, x].every((at) => Math.abs(at - Math.round(at)) <= WHOLE_VOXEL_TOLERANCE);
  if (!counts || !whole || (ncstart === 0 && nrstart === 0 && nsstart === 0)) return header;
  const start = { ncstart: Math.round(x), nrstart: Math.round(y), nsstart: Math.round(z) };
  return { ...header, ...start, originX: 0, originY: 0, originZ: 0 };
}
