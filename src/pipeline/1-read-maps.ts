/**
 * Step 1: the maps of a run must lie on one grid and hold usable numbers (method 1).
 *
 * Tolerances. Voxel size: 0.1 %; headers carry it rounded to 3-4 digits, and over 500 voxels 0.1 % is
 * half a voxel. Origin: half a voxel; beyond that voxel (0, 0, 0) of one map is another voxel of the
 * other. An origin of exactly 0 against another one is only warned about: many programs, LocScale
 * among them, write masks and reference maps with the origin dropped.
 */
import type { Volume, VolumeStatistics } from '../engine.ts';
import { LocScaleError } from '../errors.ts';
import type { MrcHeader } from '../formats/mrc-header.ts';
import { describeShape, type Grid, isotropicVoxelSize, sameShape, voxelCount } from '../math/grid.ts';
import { maskedMapWarning } from '../math/input-checks.ts';
import type { Run } from './run.ts';
import type { LocScaleJob, MapImage, MapInput } from './types.ts';

const VOXEL_SIZE_TOLERANCE = 1e-3;
const ORIGIN_TOLERANCE_VOXELS = 0.5;
/** Voxel sizes along x, y, z may differ by this; the method is isotropic. */
const ANISOTROPY_TOLERANCE = 1e-2;
/** Single-particle maps lie between 0.2 and 10 A; outside this the header is not in angstrom. */
const SENSIBLE_VOXEL_SIZE = { min: 0.05, max: 50 } as const;

export interface InputMaps {
  readonly grid: Grid;
  readonly header: MrcHeader;
  /** Angstrom. */
  readonly voxelSize: number;
  /** One map, or two half maps. */
  readonly volumes: readonly [Volume] | readonly [Volume, Volume];
}

/** Checks that all maps of the job agree, and hands the input map or half maps to the engine. */
export async function readMaps(job: LocScaleJob, run: Run): Promise<InputMaps> {
  const inputs = job.input.kind === 'map' ? [job.input.map] : [job.input.half1, job.input.half2];
  run.countUntilUploaded([...inputs, ...furtherMaps(job)]);
  const first = inputs[0];
  checkGrid(first);
  for (const other of [...inputs.slice(1), ...furtherMaps(job)]) checkSameGrid(first, other, run);
  if (job.input.kind === 'half-maps') checkHalfMapsDiffer(job.input.half1, job.input.half2);

  const { grid, header } = first;
  const volumes: Volume[] = [];
  for (const image of inputs) {
    const volume = await run.upload(image);
    const statistics = await run.engine.statistics(volume);
    checkValues(image.name, statistics);
    const masked = maskedMapWarning(statistics.zeros, statistics.count);
    if (masked !== undefined) run.warn(`${image.name}: ${masked}`);
    volumes.push(volume);
  }
  return {
    grid,
    header,
    voxelSize: isotropicVoxelSize(grid),
    volumes: volumes as unknown as InputMaps['volumes'],
  };
}

/** Mask and reference maps of a job. */
function furtherMaps(job: LocScaleJob): MapInput[] {
  const { reference } = job;
  return [
    ...(job.mask === undefined ? [] : [job.mask]),
    ...('map' in reference ? [reference.map] : []),
    ...(reference.kind === 'hybrid-map' ? [reference.differenceMask] : []),
  ];
}

/** Voxel size must be positive, plausible and the same along x, y and z. */
export function checkGrid(image: MapInput): void {
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
        hint: 'Give the voxel size with -p.',
      },
    );
  }
  if (largest / smallest - 1 > ANISOTROPY_TOLERANCE) {
    throw new LocScaleError('bad-input', `The voxels of ${image.name} are not cubic: ${found} A.`, {
      where: image.name,
      found,
      hint: 'Resample the map to cubic voxels, or give the true voxel size with -p if the header is wrong.',
    });
  }
  if ('data' in image && image.data.length !== voxelCount(shape)) {
    throw new LocScaleError(
      'bad-input',
      `${image.name} has ${image.data.length} voxels, its header says ${describeShape(shape)}.`,
      {
        where: image.name,
        expected: describeShape(shape),
        found: String(image.data.length),
      },
    );
  }
}

/** Names the first difference in shape, voxel size or origin, with both values and both files. */
export function checkSameGrid(first: MapInput, other: MapInput, run: Pick<Run, 'warn'>): void {
  if (!sameShape(first.grid.shape, other.grid.shape)) {
    throw differs(
      'box',
      first,
      describeShape(first.grid.shape),
      other,
      describeShape(other.grid.shape),
      'Resample or pad one map onto the box of the other.',
    );
  }
  checkGrid(other);
  const voxelSizes = first.grid.voxelSize.map((size, axis) =>
    Math.abs(other.grid.voxelSize[axis] / size - 1),
  );
  if (Math.max(...voxelSizes) > VOXEL_SIZE_TOLERANCE) {
    throw differs(
      'voxel size',
      first,
      `${describeVoxelSize(first.grid)} A`,
      other,
      `${describeVoxelSize(other.grid)} A`,
      'If only a header is wrong, give the true voxel size with -p.',
    );
  }
  const shift = Math.max(
    ...first.grid.origin.map((start, axis) => Math.abs(other.grid.origin[axis] - start)),
  );
  if (shift <= ORIGIN_TOLERANCE_VOXELS * isotropicVoxelSize(first.grid)) return;
  const texts = [describeOrigin(first.grid), describeOrigin(other.grid)] as const;
  if ([first, other].some((image) => image.grid.origin.every((value) => value === 0))) {
    run.warn(
      `The origins differ (${first.name}: ${texts[0]} A, ${other.name}: ${texts[1]} A); the zero one is taken as dropped and voxels are matched by index.`,
    );
    return;
  }
  throw differs(
    'origin',
    first,
    `${texts[0]} A`,
    other,
    `${texts[1]} A`,
    'Shift one map onto the other, or correct ORIGIN or NSTART in its header.',
  );
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
    hint: 'Give the two independent half maps, or one map with -em.',
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
      found: `${statistics.nonFinite} of ${statistics.count}`,
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

function describeOrigin(grid: Grid): string {
  const [z, y, x] = grid.origin.map((start) => Number(start.toFixed(3)));
  return `(${x}, ${y}, ${z})`;
}
