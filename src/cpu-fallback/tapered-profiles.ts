/**
 * Radial profiles of Hann-tapered windows around the mask voxels of a tile, of the map and the reference at
 * once.
 */
import type { Shape } from '../math/grid.ts';
import { HANN_MEAN_SQUARE, type RadialProfileKind, shellWeights } from '../math/scaling/windows.ts';
import type { Kernels } from './kernels/kernels.ts';
import {
  type ColumnList,
  type ListedPlane,
  listColumns,
  SlidingWindows,
  slidingBytes,
} from './sliding-windows.ts';
import { BLOCK, type TileMask } from './tile.ts';

/** The kernel's soft coefficients are 4 times the weighted ones along each axis. */
const KERNEL_FACTOR = 4 ** 3;

/** Profiles of windows with Hann weights, whose coefficients are sums over three neighbours per axis. */
export class TaperedProfiler {
  /** w / 2 + 1. */
  readonly shells: number;
  /** Of this thread. */
  private readonly kernels: Kernels;
  /** Voxels (z, y, x) of a tile. */
  private readonly size: Shape;
  /** Amplitudes of both maps at once. */
  private readonly windows: SlidingWindows;
  /** Per shell: factor of the sum of amplitudes. */
  private readonly norms: Float64Array;

  constructor(kernels: Kernels, windowVoxels: number, size: Shape, kind: RadialProfileKind) {
    this.kernels = kernels;
    this.size = size;
    const list = taperedColumns(windowVoxels, kind);
    this.windows = new SlidingWindows(kernels, { windowVoxels, size, list, soft: true, amplitudes: true });
    this.shells = this.windows.shells;
    // Normalised so that white noise has the same profile as in windows without weights.
    const unit = 1 / (KERNEL_FACTOR * Math.sqrt(HANN_MEAN_SQUARE) * windowVoxels ** 1.5);
    this.norms = shellWeights(windowVoxels, kind).counts.map((count) => unit / count);
  }

  /** Writes the profiles of the mask voxels (shells floats each, in order) to the two addresses. */
  run(
    start: Shape,
    shape: Shape,
    mask: TileMask,
    maps: readonly [Float32Array, Float32Array],
    padValues: readonly [number, number],
    out: readonly [number, number],
  ): void {
    const { shells, norms } = this;
    const [nz] = this.size;
    const profiles = out.map((address) => this.kernels.floats(address, shells * mask.count));
    let next = 0;
    this.windows.run(start, shape, mask, maps, padValues, (at, sums) => {
      for (let z = 0; z < nz; z++) {
        const bits = mask.lanes[at + z];
        for (let lane = 0; lane < BLOCK; lane++) {
          if ((bits & (1 << lane)) === 0) continue;
          for (let r = 0, i = z * shells * 24 + lane; r < shells; r++, i += 24, next++)
            for (let m = 0; m < 2; m++) profiles[m][next] = sums[i + 8 * m] * norms[r];
        }
      }
    });
  }
}

/** Kernel memory of a TaperedProfiler, bytes. */
export function taperedBytes(windowVoxels: number, size: Shape, kind: RadialProfileKind): number {
  return slidingBytes(windowVoxels, size, taperedColumns(windowVoxels, kind));
}

/**
 * All coefficients of a profile, of the octant or of the full sphere; in the latter the planes 0 < c < h also
 * represent -c, come first and count twice.
 */
function taperedColumns(w: number, kind: RadialProfileKind): ColumnList {
  const known = lists.get(`${kind} ${w}`);
  if (known !== undefined) return known;
  const h = w / 2;
  const sphere = kind === 'sphere';
  const inner = Array.from({ length: h - 1 }, (_, i) => i + 1);
  const order = sphere ? [...inner, 0, h] : [0, ...inner, h];
  const range = (square: number): number[] => {
    const deepest = Math.min(h, Math.ceil(Math.sqrt((h + 1) ** 2 - square)) - 1);
    const first = sphere ? Math.max(-deepest, 1 - h) : 0;
    return Array.from({ length: deepest - first + 1 }, (_, i) => first + i);
  };
  const planes = order.map(
    (c): ListedPlane => ({
      c,
      doubles: sphere && c === h - 1,
      columns: range(c * c).map((b) => {
        const along = range(b * b + c * c);
        const shells = along.map((a) => Math.floor(Math.sqrt(a * a + b * b + c * c)));
        return { b, firstA: along[0], shells };
      }),
    }),
  );
  const list = listColumns(w, planes, true);
  lists.set(`${kind} ${w}`, list);
  return list;
}

/** Cached: every tile size tried needs the same list. */
const lists = new Map<string, ColumnList>();
