/** The grid of a box that is cut from a map, or larger than it. Lengths in A, along (z, y, x). */
import type { Grid, Shape } from '../grid.ts';

type Triple = readonly [z: number, y: number, x: number];

export interface BoxSettings {
  /** A; default that of the map. */
  readonly voxelSize?: number;
  /** Voxels along (z, y, x); default what holds the map, or the region. */
  readonly shape?: Shape;
  /** The middle voxel, floor(n / 2), is the voxel of the map nearest to here. */
  readonly centre?: Triple;
  /** Voxel (0, 0, 0), exactly. */
  readonly origin?: Triple;
}

/** Voxels of a map, from `first` up to and without `end`. */
export interface Region {
  readonly first: Triple;
  readonly end: Triple;
}

/** A box that ends within this part of a voxel ends at the voxel. */
const ROUNDING = 0.01;

/** Without `region` the whole map. */
export function newGrid(grid: Grid, box: BoxSettings, region?: Region): Grid {
  const { first, end } = region ?? { first: [0, 0, 0], end: grid.shape };
  const axes = ([0, 1, 2] as const).map((axis) => {
    const old = grid.voxelSize[axis];
    const size = box.voxelSize ?? old;
    const voxels = end[axis] - first[axis];
    const start = grid.origin[axis] + first[axis] * old;
    const fitting = size === old ? voxels : evenAs(Math.ceil((voxels * old) / size - ROUNDING), voxels);
    const n = box.shape?.[axis] ?? fitting;
    const given = box.centre?.[axis];
    const middle =
      given === undefined
        ? start + Math.floor(voxels / 2) * old
        : grid.origin[axis] + Math.round((given - grid.origin[axis]) / old) * old;
    const stays = box.shape === undefined && given === undefined;
    return { n, size, origin: box.origin?.[axis] ?? (stays ? start : middle - Math.floor(n / 2) * size) };
  });
  const along = (key: 'n' | 'size' | 'origin') => axes.map((axis) => axis[key]) as unknown as Triple;
  return { shape: along('n'), voxelSize: along('size'), origin: along('origin') };
}

/** Even boxes stay even. */
function evenAs(n: number, before: number): number {
  return before % 2 === 0 && n % 2 === 1 ? n + 1 : n;
}

/**
 * The smallest box around the voxels of at least 0.5, larger by `padding` voxels, within the map; of even
 * edges where there is room. Undefined where there is none.
 */
export function regionOfMask(mask: Float32Array, shape: Shape, padding: Triple): Region | undefined {
  const [nz, ny, nx] = shape;
  const first = [nz, ny, nx];
  const last = [-1, -1, -1];
  for (let z = 0; z < nz; z++)
    for (let y = 0; y < ny; y++) {
      const row = (z * ny + y) * nx;
      for (let x = 0; x < nx; x++) {
        if (mask[row + x] < 0.5) continue;
        [z, y, x].forEach((at, axis) => {
          if (at < first[axis]) first[axis] = at;
          if (at > last[axis]) last[axis] = at;
        });
      }
    }
  if (last[0] < 0) return undefined;
  const bounds = shape.map((n, axis) => {
    const from = Math.max(0, first[axis] - padding[axis]);
    const to = Math.min(n, last[axis] + 1 + padding[axis]);
    if ((to - from) % 2 === 0) return [from, to];
    return to < n ? [from, to + 1] : [Math.max(0, from - 1), to];
  });
  const along = (at: 0 | 1) => bounds.map((bound) => bound[at]) as unknown as Triple;
  return { first: along(0), end: along(1) };
}
