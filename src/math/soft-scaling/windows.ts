/**
 * Fields of one value per block on the host: windows over them, and back to voxels (bands.ts has the
 * definition).
 */
import { type Shape, voxelCount } from '../grid.ts';
import { type BandPlan, planInterpolation, type WindowPlan, windowWeights } from './bands.ts';

/**
 * Fraction of the window around each block inside a mask (values above 0.5), relative to its part in the box.
 */
export function windowShare(plan: BandPlan, mask: ArrayLike<number>): Float32Array {
  const { windows } = plan;
  const inside = smooth(
    countInBlocks(plan, (i) => mask[i] > 0.5),
    windows,
  );
  const box = smooth(
    countInBlocks(plan, () => true),
    windows,
  );
  return Float32Array.from(inside, (sum, i) => Math.min(1, sum / box[i]));
}

function countInBlocks({ shape, windows }: BandPlan, counts: (voxel: number) => boolean): Float64Array {
  const [nz, ny, nx] = shape;
  const [kz, ky, kx] = windows.factor;
  const [, by, bx] = windows.blocks;
  const blocks = new Float64Array(voxelCount(windows.blocks));
  let voxel = 0;
  for (let z = 0; z < nz; z++)
    for (let y = 0; y < ny; y++) {
      const row = (Math.floor(z / kz) * by + Math.floor(y / ky)) * bx;
      for (let x = 0; x < nx; x++, voxel++) if (counts(voxel)) blocks[row + Math.floor(x / kx)]++;
    }
  return blocks;
}

function smooth(field: Float64Array, windows: WindowPlan): Float64Array {
  const [bz, by, bx] = windows.blocks;
  const axes: readonly (readonly [axis: 0 | 1 | 2, stride: number])[] = [
    [2, 1],
    [1, bx],
    [0, by * bx],
  ];
  let from = field;
  for (const [axis, stride] of axes) {
    const weights = windowWeights(windows, axis);
    const reach = (weights.length - 1) / 2;
    const length = [bz, by, bx][axis];
    const source = from;
    from = source.map((_, i) => {
      const at = Math.floor(i / stride) % length;
      const [first, last] = [Math.max(at - reach, 0), Math.min(at + reach, length - 1)];
      let sum = 0;
      for (let t = first; t <= last; t++) sum += weights[t + reach - at] * source[i + (t - at) * stride];
      return sum;
    });
  }
  return from;
}

/** Voxels of a field of blocks: linear between their centres. 0 where the mask, if any, is not above 0.5. */
export function spreadBlocks(
  plan: BandPlan,
  field: ArrayLike<number>,
  out: Float32Array,
  mask?: ArrayLike<number>,
): Float32Array {
  const [nz, ny, nx]: Shape = plan.shape;
  const [bz, by, bx] = plan.windows.blocks;
  const [alongZ, alongY, alongX] = ([0, 1, 2] as const).map((axis) => planInterpolation(plan, axis));
  const row = new Float64Array(bx);
  let voxel = 0;
  for (let z = 0; z < nz; z++) {
    const [z0, z1] = neighbours(alongZ.lower[z], bz);
    for (let y = 0; y < ny; y++) {
      const [y0, y1] = neighbours(alongY.lower[y], by);
      const corners = [z0 * by + y0, z0 * by + y1, z1 * by + y0, z1 * by + y1].map((r) => r * bx);
      const [sz, sy] = [alongZ.share[z], alongY.share[y]];
      for (let x = 0; x < bx; x++) {
        const near = field[corners[0] + x] * (1 - sy) + field[corners[1] + x] * sy;
        const far = field[corners[2] + x] * (1 - sy) + field[corners[3] + x] * sy;
        row[x] = near * (1 - sz) + far * sz;
      }
      for (let x = 0; x < nx; x++, voxel++) {
        if (mask && !(mask[voxel] > 0.5)) {
          out[voxel] = 0;
          continue;
        }
        const [x0, x1] = neighbours(alongX.lower[x], bx);
        out[voxel] = row[x0] * (1 - alongX.share[x]) + row[x1] * alongX.share[x];
      }
    }
  }
  return out;
}

function neighbours(lower: number, blocks: number): readonly [number, number] {
  return [lower, Math.min(lower + 1, blocks - 1)];
}
