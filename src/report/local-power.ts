/**
 * Mean square of a map over the voxels of the mask in a cube around each voxel of a section. Planes of the
 * cube are summed first, then rows and columns by running sums, so that the cost does not depend on the edge.
 */
import type { Shape } from '../math/grid.ts';
import { type Axis, PLANE_AXES, type Section } from './section.ts';

/** NaN outside the mask. */
export function localPower(
  data: ArrayLike<number>,
  mask: ArrayLike<number>,
  shape: Shape,
  axis: Axis,
  at: number,
  edge: number,
): Section {
  const [rowAxis, columnAxis] = PLANE_AXES[axis];
  const strides = [shape[1] * shape[2], shape[2], 1] as const;
  const [height, width] = [shape[rowAxis], shape[columnAxis]];
  const squares = new Float64Array(width * height);
  const counts = new Float64Array(width * height);
  const half = edge / 2;
  const first = Math.max(0, at - half);
  const last = Math.min(shape[axis], at + half);
  for (let depth = first; depth < last; depth++) {
    for (let row = 0; row < height; row++) {
      let index = depth * strides[axis] + row * strides[rowAxis];
      for (let i = row * width; i < (row + 1) * width; i++, index += strides[columnAxis]) {
        if (!(mask[index] > 0.5)) continue;
        squares[i] += data[index] ** 2;
        counts[i]++;
      }
    }
  }
  for (const sums of [squares, counts]) {
    for (let row = 0; row < height; row++) slide(sums, row * width, 1, width, half);
    for (let column = 0; column < width; column++) slide(sums, column, width, height, half);
  }
  const values = new Float32Array(width * height);
  for (let row = 0; row < height; row++) {
    // A section's first row has the highest y or z.
    const target = (height - 1 - row) * width;
    const start = at * strides[axis] + row * strides[rowAxis];
    for (let column = 0; column < width; column++) {
      const inside = mask[start + column * strides[columnAxis]] > 0.5;
      const i = row * width + column;
      values[target + column] = inside ? squares[i] / counts[i] : Number.NaN;
    }
  }
  return { axis, at, width, height, values };
}

/** Replaces each value of a line by the sum over [i - half, i + half). */
function slide(values: Float64Array, start: number, stride: number, length: number, half: number): void {
  const line = new Float64Array(length + 1);
  for (let i = 0; i < length; i++) line[i + 1] = line[i] + values[start + i * stride];
  for (let i = 0; i < length; i++)
    values[start + i * stride] = line[Math.min(length, i + half)] - line[Math.max(0, i - half)];
}
