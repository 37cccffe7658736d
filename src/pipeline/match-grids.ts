/**
 * Maps that lie on another grid than the input are put on its grid, at the positions given by their headers
 * (`matchGrid`). Masks are interpolated linearly, so that they stay between 0 and 1; other maps are resampled
 * and moved by their Fourier transform; whole voxels are copied, whatever the map is.
 */
import type { Engine, VerbBytes, Volume } from '../engine/engine.ts';
import { LocScaleError } from '../errors.ts';
import type { MapImage } from '../formats/map-image.ts';
import { describeShape, type Grid, isotropicVoxelSize, sameShape, voxelCount } from '../math/grid.ts';
import { copiesVoxels, type GridMatch, planGridMatch, shareOutside } from '../math/grids/match-grid.ts';
import { interpolateVoxels, meanOfFaces, padVoxels, placeVoxels } from '../math/grids/place-voxels.ts';

/** What a map is: how it is interpolated, and what stands where it does not reach. */
export type MatchRole =
  /** 0. */
  | 'mask'
  /** 0. */
  | 'reference'
  /** The mean over the faces of its box. */
  | 'map';

/** A map that is put on another grid. */
export interface MapMatch {
  readonly name: string;
  readonly as: MatchRole;
  readonly plan: GridMatch;
  /** What is done. */
  readonly sentence: string;
}

/** `where`: "the grid of map.mrc". Refuses maps without a voxel in common. */
export function matchOf(name: string, from: Grid, to: Grid, where: string, as: MatchRole): MapMatch {
  const plan = planGridMatch(from, to);
  const outside = shareOutside(plan);
  if (outside >= 1)
    throw new LocScaleError('bad-input', `${name} has no voxel on ${where}.`, {
      where: name,
      expected: describeBox(to),
      found: describeBox(from),
      hint: 'Correct ORIGIN or NSTART in the header that is wrong.',
    });
  return { name, as, plan, sentence: sentenceOf(name, where, plan, outside, as) };
}

/**
 * What is done to a map, a sentence for log and record. `outside`: share of the map that the grid of the run
 * does not hold.
 */
function sentenceOf(name: string, where: string, plan: GridMatch, outside: number, as: MatchRole): string {
  const { from, to, padded, resampled, translation, start } = plan;
  const done: string[] = [];
  if (!sameShape(padded, resampled)) {
    const [a, b] = [from, to].map((grid) => Number(isotropicVoxelSize(grid).toFixed(5)));
    done.push(`${as === 'mask' ? 'interpolated' : 'resampled'} from voxels of ${a} A to ${b} A`);
  }
  const shift = start.map((at, axis) => at + translation[axis]);
  if (shift.some((by) => by !== 0)) {
    const [z, y, x] = shift.map((by) => Number(by.toFixed(3)));
    done.push(`moved by (${x}, ${y}, ${z}) voxels`);
  }
  if (!sameShape(resampled, to.shape))
    done.push(`${describeShape(resampled)} voxels cropped or padded to ${describeShape(to.shape)}`);
  const value = as === 'map' ? 'the mean over its faces' : '0';
  const rest =
    outside > 0.0005
      ? `; it does not reach ${(100 * outside).toFixed(1)} % of the box, which are ${value}`
      : '';
  return `${name} is put on ${where}: ${done.length === 0 ? 'nothing changes' : done.join(', ')}${rest}.`;
}

/** Extent along the axes, A. */
function describeBox({ shape, voxelSize, origin }: Grid): string {
  const [z, y, x] = shape.map((n, axis) => {
    const end = origin[axis] + n * voxelSize[axis];
    return `${Number(origin[axis].toFixed(1))} to ${Number(end.toFixed(1))}`;
  });
  return `x ${x}, y ${y}, z ${z} A`;
}

/** The verbs that matching needs. */
type Tools = Pick<
  Engine,
  'allocateHost' | 'freeHost' | 'upload' | 'inspect' | 'resample' | 'translate' | 'release'
>;

/** The map on the other grid, in host memory; the voxels given are not changed. */
export async function putOnGrid(
  { data, name, header }: MapImage,
  { plan, as }: Pick<MapMatch, 'plan' | 'as'>,
  engine: Tools,
): Promise<MapImage> {
  const { from, to } = plan;
  const out = engine.allocateHost(voxelCount(to.shape));
  const image = { name, header, grid: to, data: out };
  const outside = as === 'map' ? meanOfFaces(data, from.shape) : 0;
  if (copiesVoxels(plan)) placeVoxels(data, from.shape, out, to.shape, { ...plan, outside });
  else if (as === 'mask')
    interpolateVoxels(data, from.shape, out, to.shape, {
      scale: axes((axis) => to.voxelSize[axis] / from.voxelSize[axis]),
      start: axes((axis) => (to.origin[axis] - from.origin[axis]) / from.voxelSize[axis]),
    });
  else {
    const volume = await resampled(data, plan, outside, engine);
    await engine.inspect(volume, (voxels) =>
      placeVoxels(voxels, plan.resampled, out, to.shape, { ...plan, outside }),
    );
    engine.release(volume);
  }
  return image;
}

/** A value per axis, (z, y, x). */
function axes(of: (axis: 0 | 1 | 2) => number): [number, number, number] {
  return [of(0), of(1), of(2)];
}

/** On the voxels of the other grid, but in its own box. */
async function resampled(
  data: Float32Array,
  { from, padded, resampled: shape, translation }: GridMatch,
  outside: number,
  engine: Tools,
): Promise<Volume> {
  const allocate = (voxels: number): Float32Array => engine.allocateHost(voxels);
  const box = await engine.upload(padVoxels(data, from.shape, padded, outside, allocate), padded);
  const change = async (volume: Volume, by: () => Promise<Volume>): Promise<Volume> => {
    const changed = await by();
    engine.release(volume);
    return changed;
  };
  const on = sameShape(padded, shape) ? box : await change(box, () => engine.resample(box, shape));
  return translation.every((by) => by === 0) ? on : change(on, () => engine.translate(on, translation));
}

/** Most bytes that this takes, the map given and the result among them. */
export function bytesToMatch({ plan, as }: Pick<MapMatch, 'plan' | 'as'>, bytesOf: VerbBytes): number {
  const { from, to, padded, resampled: shape, translation } = plan;
  const [given, box, on, result] = [from.shape, padded, shape, to.shape].map((of) => 4 * voxelCount(of));
  if (copiesVoxels(plan) || as === 'mask') return given + result;
  const resampling = sameShape(padded, shape) ? 0 : bytesOf.resample(padded, shape);
  const moving = translation.every((by) => by === 0) ? on : on + bytesOf.translate(shape);
  return given + result + Math.max(box + resampling, moving);
}
