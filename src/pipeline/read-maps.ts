/**
 * The maps of a run must lie on one grid and hold usable numbers (method 1).
 *
 * Tolerances. Voxel size: 0.1 %; headers carry it rounded to 3-4 digits, and over 500 voxels 0.1 % is half a
 * voxel. Origin: half a voxel; beyond that voxel (0, 0, 0) of one map is another voxel of the other. Many
 * programs, LocScale among them, write maps with the origin dropped: of a zero origin and another one the
 * other counts, whichever map has it. With `matchGrid` maps on other grids are put on the first one's.
 */

import type { Volume, VolumeStatistics } from '../engine/engine.ts';
import { LocScaleError, named } from '../errors.ts';
import type { MapImage } from '../formats/map-image.ts';
import type { MrcHeader } from '../formats/mrc-header.ts';
import { describeShape, type Grid, isotropicVoxelSize, sameShape, voxelCount } from '../math/grid.ts';
import { VOXEL_SIZE_TOLERANCE, WHOLE_VOXEL_TOLERANCE } from '../math/grids/match-grid.ts';
import { type Blocks, meanBlocks, type Overview } from '../math/inputs/contrast.ts';
import { maskedMapWarning } from '../math/inputs/input-checks.ts';
import type { LocScaleContext } from './context.ts';
import { checkContrast } from './contrast.ts';
import type { LocScaleJob } from './job.ts';
import { type MapInput, overviewAt } from './map-input.ts';
import { type MatchRole, matchOf } from './match-grids.ts';
import type { Run } from './run.ts';

/** Origins that differ by less are the same: headers round. */
const ORIGIN_TOLERANCE_VOXELS = 0.5;
const NO_ORIGIN_VOXELS = 0.01;
/** Voxel sizes along x, y, z may differ by this; the method is isotropic. */
const ANISOTROPY_TOLERANCE = 1e-2;
/** Single-particle maps lie between 0.2 and 10 A; outside this the header is not in angstrom. */
const SENSIBLE_VOXEL_SIZE = { min: 0.05, max: 50 } as const;

/** The maps to be scaled, on the engine and checked. */
export interface InputMaps {
  readonly grid: Grid;
  readonly header: MrcHeader;
  /** Angstrom. */
  readonly voxelSize: number;
  /** Share of voxels that are exactly 0 in all of them. */
  readonly zeroShare: number;
  /** Density seems to be dark; already warned about. */
  readonly inverted: boolean;
  /** Of the map, or of the mean of the half maps. */
  readonly blocks: Blocks;
  /** One map, or two half maps. */
  readonly volumes: readonly [Volume] | readonly [Volume, Volume];
  /** Of those, as the user knows them. */
  readonly names: readonly string[];
}

/** The way out where maps lie on different grids. */
const MATCH_HINT = `Put one map on the grid of the other with ${named('matchGrid')}`;

/**
 * `mayBeMasked`: no noise is estimated from the maps, so that nothing is wrong with zeros around the
 * molecule.
 */
type MapsToRead = Pick<LocScaleJob, 'input' | 'mask'> & { readonly mayBeMasked?: boolean };

/** Maps that must lie on the grid of the input: those of the reference, and masks. */
type OtherMaps = { readonly maps?: readonly MapInput[]; readonly masks?: readonly MapInput[] };

/** The step. */
export function readMaps(job: MapsToRead, run: Run, further: OtherMaps = {}): Promise<InputMaps> {
  const inputName = job.input.kind === 'map' ? 'map' : 'half maps';
  return run.step('read', `Checking the ${inputName}`, () => uploadInputs(job, run, further));
}

/** Checks that all maps of the job agree, and hands the input map or half maps to the engine. */
export async function uploadInputs(
  { input, mask, mayBeMasked }: MapsToRead,
  run: Run,
  further: OtherMaps = {},
): Promise<InputMaps> {
  const inputs = mapsOf(input);
  const all = mapsToFit({ input, mask }, further);
  run.countUntilUploaded(all);
  const { grid, header } = decideGrid(all, run, matcherOf({ input, mask }, run, further));
  if (input.kind === 'half-maps') checkHalfMapsDiffer(input.half1, input.half2);

  const volumes: Volume[] = [];
  const overviews: Overview[] = [];
  let zeroShare = 1;
  for (const image of inputs) {
    // Of the host's voxels: those of a GPU would have to be read back.
    const volume = await run.upload(image, (read) => {
      overviews.push(overviewAt(isotropicVoxelSize(grid), read));
    });
    const statistics = await run.engine.statistics(volume);
    checkValues(image.name, statistics);
    zeroShare = Math.min(zeroShare, statistics.zeros / statistics.count);
    const masked = maskedMapWarning(statistics.zeros, statistics.count);
    if (masked !== undefined && mayBeMasked !== true) run.warn(`${image.name}: ${masked}`);
    volumes.push(volume);
  }
  const names = inputs.map(({ name }) => name);
  return {
    grid,
    header,
    voxelSize: isotropicVoxelSize(grid),
    zeroShare,
    inverted: checkContrast(
      names,
      overviews.map(({ contrast }) => contrast),
      run,
    ),
    blocks: meanBlocks(overviews.map(({ blocks }) => blocks)),
    volumes: volumes as unknown as InputMaps['volumes'],
    names: inputs.map(({ name }) => name),
  };
}

/** In the order of the job. */
function mapsOf(input: LocScaleJob['input']): readonly MapImage[] {
  return input.kind === 'map' ? [input.map] : [input.half1, input.half2];
}

/** All maps that must lie on one grid, those of the input first. */
function mapsToFit(
  { input, mask }: Pick<LocScaleJob, 'input' | 'mask'>,
  { maps = [], masks = [] }: OtherMaps,
): MapInput[] {
  return [...mapsOf(input), ...(mask === undefined ? [] : [mask]), ...maps, ...masks];
}

/** Grid and header of the results of a job, before its voxels are looked at. */
export function gridOf(
  { input, mask }: Pick<LocScaleJob, 'input' | 'mask'>,
  run: RunOfGrid,
  further: OtherMaps = {},
): Pick<InputMaps, 'grid' | 'header'> {
  const all = mapsToFit({ input, mask }, further);
  return decideGrid(all, run, matcherOf({ input, mask }, run, further));
}

/** What of a run decides the grid. */
export type RunOfGrid = Pick<Run, 'warn' | 'match'> & {
  readonly context: Pick<LocScaleContext, 'matchGrid'>;
};

/** Of a plan, which reads no voxels. */
export function runOfGrid(context: Pick<LocScaleContext, 'matchGrid' | 'onWarning' | 'onMatch'>): RunOfGrid {
  return {
    context,
    warn: (message) => context.onWarning?.(message),
    match: (_, match) => context.onMatch?.(match),
  };
}

/** Takes what is found of a map on another grid. */
export type Matcher = (map: MapInput, from: Grid, to: Grid, where: string) => void;

function matcherOf(
  { input, mask }: Pick<LocScaleJob, 'input' | 'mask'>,
  run: RunOfGrid,
  { masks = [] }: OtherMaps = {},
): Matcher | undefined {
  if (run.context.matchGrid !== true) return undefined;
  const as = (map: MapInput): MatchRole => {
    if (map === mask || masks.includes(map)) return 'mask';
    return mapsOf(input).includes(map as MapImage) ? 'map' : 'reference';
  };
  return (map, from, to, where) => run.match(map, matchOf(map.name, from, to, where, as(map)));
}

/** Voxel size must be positive, plausible and the same along x, y and z. */
function checkGrid(image: MapInput): void {
  const { voxelSize, shape } = image.grid;
  const smallest = Math.min(...voxelSize);
  const largest = Math.max(...voxelSize);
  const found = describeVoxelSize(image.grid);
  if (!(smallest >= SENSIBLE_VOXEL_SIZE.min && largest <= SENSIBLE_VOXEL_SIZE.max)) {
    throw new LocScaleError(
      'bad-input',
      `The voxel size of ${image.name} is ${found} A, which cannot be right.`,
      {
        where: image.name,
        found,
        expected: `${SENSIBLE_VOXEL_SIZE.min} to ${SENSIBLE_VOXEL_SIZE.max} A`,
        hint: `Give the voxel size with ${named('voxelSize')}.`,
      },
    );
  }
  if (largest / smallest - 1 > ANISOTROPY_TOLERANCE) {
    throw new LocScaleError('bad-input', `The voxels of ${image.name} are not cubic: ${found} A.`, {
      where: image.name,
      found,
      hint:
        `Resample the map to cubic voxels, or give the true voxel size with ${named('voxelSize')} if ` +
        'the header is wrong.',
    });
  }
  if ('data' in image && image.data.length !== voxelCount(shape)) {
    throw new LocScaleError(
      'bad-input',
      `${image.name} has ${image.data.length} voxels, its header states ${describeShape(shape)}.`,
      {
        where: image.name,
        expected: describeShape(shape),
        found: String(image.data.length),
      },
    );
  }
}

/**
 * The grid of the run and the header of its results: those of the first map, at the origin of the first of
 * its box that has one. Refuses maps on different grids, unless `match` takes them.
 */
export function decideGrid(
  maps: readonly MapInput[],
  run: Pick<Run, 'warn'>,
  match?: Matcher,
): Pick<InputMaps, 'grid' | 'header'> {
  const first = maps[0] as MapInput;
  checkGrid(first);
  for (const other of maps.slice(1)) {
    if (match === undefined) checkSameSampling(first, other);
    else checkGrid(other);
  }
  const placed = maps.find((map) => hasOrigin(map) && sharesBox(first.grid, map.grid)) ?? first;
  const foreign = match === undefined ? [] : maps.filter((map) => isForeign(map, first, placed));
  warnOfDropped(
    maps.filter((map) => sharesBox(first.grid, map.grid) && !(foreign.includes(map) && hasOrigin(map))),
    placed,
    run,
  );
  const found = placed === first ? first : placedAs(first, placed);
  for (const map of foreign)
    match?.(map, placeOf(map, first, placed), found.grid, `the grid of ${first.name}`);
  return { grid: found.grid, header: found.header };
}

/** Of maps of one box those without an origin have that of `placed`; others must lie where it lies. */
function warnOfDropped(maps: readonly MapInput[], placed: MapInput, run: Pick<Run, 'warn'>): void {
  const tolerance = ORIGIN_TOLERANCE_VOXELS * isotropicVoxelSize(placed.grid);
  const dropped: string[] = [];
  for (const map of maps) {
    if (apart(map.grid, placed.grid) <= tolerance) continue;
    if (!hasOrigin(map)) dropped.push(map.name);
    else
      throw differs(
        'origin',
        placed,
        `${describeOrigin(placed.grid)} A`,
        map,
        `${describeOrigin(map.grid)} A`,
        `${MATCH_HINT}, or correct ORIGIN or NSTART in its header.`,
      );
  }
  if (dropped.length === 0) return;
  const names = new Intl.ListFormat('en').format([...new Set(dropped)]);
  run.warn(
    `${names} ${dropped.length === 1 ? 'has' : 'have'} no origin; that of ${placed.name}, ` +
      `${describeOrigin(placed.grid)} A, is used for all maps.`,
  );
}

/** Largest distance of the origins along an axis, A. */
function apart(one: Grid, other: Grid): number {
  return Math.max(...one.origin.map((start, axis) => Math.abs(other.origin[axis] - start)));
}

/** Sampled alike, to what headers round. */
function isSampledAlike(one: Grid, other: Grid): boolean {
  return (
    sameShape(one.shape, other.shape) &&
    one.voxelSize.every((size, axis) => Math.abs(other.voxelSize[axis] / size - 1) <= VOXEL_SIZE_TOLERANCE)
  );
}

/** The same box, to a voxel, on whatever voxels: maps that were binned may have lost a part of one. */
function sharesBox(one: Grid, other: Grid): boolean {
  if (isSampledAlike(one, other)) return true;
  const edge = ({ shape, voxelSize }: Grid, axis: number): number => shape[axis] * voxelSize[axis];
  return [0, 1, 2].every(
    (axis) =>
      Math.abs(edge(one, axis) - edge(other, axis)) <= Math.max(one.voxelSize[axis], other.voxelSize[axis]),
  );
}

/** On another grid than the first map's, which lies where `placed` lies. */
function isForeign(map: MapInput, first: MapInput, placed: MapInput): boolean {
  if (!isSampledAlike(first.grid, map.grid)) return true;
  if (!hasOrigin(map)) return false;
  return apart(map.grid, placed.grid) > WHOLE_VOXEL_TOLERANCE * isotropicVoxelSize(first.grid);
}

/**
 * The grid of a map of another box, at the position given by its header. Without an origin it lies where maps
 * of the same box lie; of two other boxes without an origin nobody knows.
 */
function placeOf(map: MapInput, first: MapInput, placed: MapInput): Grid {
  const { grid } = map;
  if (hasOrigin(map) && hasOrigin(placed)) return grid;
  if (sharesBox(first.grid, grid)) return { ...grid, origin: placed.grid.origin };
  if (hasOrigin(map) || hasOrigin(placed)) return grid;
  const [one, two] = [placed.grid, grid].map(
    (of) => `${describeShape(of.shape)} voxels of ${describeVoxelSize(of)} A`,
  );
  throw new LocScaleError(
    'bad-input',
    `The headers do not say where ${map.name} lies in ${first.name}: both have their origin at ` +
      '0, and their boxes differ.',
    {
      where: map.name,
      expected: one,
      found: two,
      hint:
        'Set ORIGIN in the header of the map that was cropped or padded, or crop and pad both alike ' +
        'with "locscale-gpu resample".',
    },
  );
}

/** An origin of 0 is none; conversions between units and float32 leave a little of it. */
function hasOrigin({ grid }: MapInput): boolean {
  return Math.max(...grid.origin.map(Math.abs)) > NO_ORIGIN_VOXELS * isotropicVoxelSize(grid);
}

/** Grid and header of a map with the origin of another, whose axes may be stored in another order. */
function placedAs({ grid, header }: MapInput, { grid: { shape, origin }, header: other }: MapInput) {
  const along = [0, 0, 0];
  // Counted in voxels: of other voxels only the length is known.
  const counts = sameShape(grid.shape, shape);
  along[other.mapc - 1] = counts ? other.ncstart : 0;
  along[other.mapr - 1] = counts ? other.nrstart : 0;
  along[other.maps - 1] = counts ? other.nsstart : 0;
  return {
    grid: { ...grid, origin },
    header: {
      ...header,
      ncstart: along[header.mapc - 1] as number,
      nrstart: along[header.mapr - 1] as number,
      nsstart: along[header.maps - 1] as number,
      originX: counts ? other.originX : origin[2],
      originY: counts ? other.originY : origin[1],
      originZ: counts ? other.originZ : origin[0],
    },
  };
}

/** Names the first difference in shape or voxel size, with both values and both files. */
function checkSameSampling(first: MapInput, other: MapInput): void {
  if (!sameShape(first.grid.shape, other.grid.shape)) {
    throw differs(
      'box',
      first,
      describeShape(first.grid.shape),
      other,
      describeShape(other.grid.shape),
      `${MATCH_HINT}, or resample one with "locscale-gpu resample".`,
    );
  }
  checkGrid(other);
  const voxelSizes = first.grid.voxelSize.map((size, axis) =>
    Math.abs(other.grid.voxelSize[axis] / size - 1),
  );
  if (Math.max(...voxelSizes) <= VOXEL_SIZE_TOLERANCE) return;
  throw differs(
    'voxel size',
    first,
    `${describeVoxelSize(first.grid)} A`,
    other,
    `${describeVoxelSize(other.grid)} A`,
    voxelSizeHint(first.grid, other.grid),
  );
}

/** 1 A is what programs write that do not know the voxel size; which one is right only the user can say. */
function voxelSizeHint(...grids: readonly [Grid, Grid]): string {
  const sizes = grids.map(describeVoxelSize);
  const known = sizes.find((size) => size !== '1');
  return sizes.includes('1') && known !== undefined
    ? `Programs that do not know the voxel size write 1 A: if ${known} A is right, give ` +
        `${named('voxelSize', known)}.`
    : `${MATCH_HINT}; if only a header is wrong, give the true voxel size with ${named('voxelSize')}.`;
}

function differs(
  what: string,
  first: MapInput,
  one: string,
  other: MapInput,
  two: string,
  hint: string,
): LocScaleError {
  return new LocScaleError(
    'bad-input',
    `The maps differ in ${what}: ${first.name} has ${one}, ${other.name} has ${two}.`,
    {
      where: other.name,
      expected: one,
      found: two,
      hint,
    },
  );
}

/** The same file given twice has FSC 1 everywhere, and a resolution that means nothing. */
function checkHalfMapsDiffer(half1: MapImage, half2: MapImage): void {
  const a = half1.data;
  const b = half2.data;
  // Independent reconstructions differ in their first voxels: this reads on only where they are equal.
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return;
  if (a.length === 0) return;
  throw new LocScaleError('bad-input', `The half maps ${half1.name} and ${half2.name} are identical.`, {
    where: half2.name,
    hint: `Give the two independent half maps, or one map with ${named('input', 'map')}.`,
  });
}

/** NaN and infinities spread over every window that touches them. */
export function checkFinite(name: string, statistics: VolumeStatistics): void {
  if (statistics.nonFinite === 0) return;
  throw new LocScaleError(
    'bad-input',
    `${name} holds ${statistics.nonFinite} voxels that are NaN or infinite.`,
    {
      where: name,
      found: `${statistics.nonFinite} of ${statistics.count} voxels`,
      hint: 'Repair the map, or write it again with the program that made it.',
    },
  );
}

/** A map of NaN, infinities or one single value cannot be scaled. */
export function checkValues(name: string, statistics: VolumeStatistics): void {
  checkFinite(name, statistics);
  if (!(statistics.max > statistics.min)) {
    const value = statistics.max === 0 ? 'zero' : `equal (${statistics.max})`;
    throw new LocScaleError('bad-input', `All voxels of ${name} are ${value}.`, {
      where: name,
      hint: 'Check that this is the right file.',
    });
  }
}

/** "1.35", or "1.35 x 1.35 x 1.4" in the order x, y, z where they differ. */
export function describeVoxelSize(grid: Grid): string {
  const [z, y, x] = grid.voxelSize.map((size) => Number(size.toFixed(5)));
  return x === y && y === z ? String(x) : `${x} x ${y} x ${z}`;
}

export function describeOrigin(grid: Grid): string {
  const [z, y, x] = grid.origin.map((start) => Number(start.toFixed(3)));
  return `(${x}, ${y}, ${z})`;
}
