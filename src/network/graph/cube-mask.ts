/**
 * The mask that selects cubes (method 6): binarised, with a smoothed surface, on the network's grid. Masks
 * are bytes, 0 or 1.
 */

import { interpolateRows } from '../../math/fourier/trilinear.ts';
import type { Shape } from '../../math/grid.ts';

/**
 * Binarises at `threshold`, convolves with the cosine window of 3 voxels (1/2, 1, 1/2 along each axis, zero
 * outside the box), divides by the largest value and binarises at 1/2 again: this removes single voxels and
 * thin parts and fills notches. Computed with integers (1, 2, 1), so that exactly 1/2 counts as inside on
 * every machine; the original rounds such voxels either way, mostly outside.
 */
export function smoothMask(mask: Float32Array, shape: Shape, threshold = 0.5): Uint8Array {
  const [nz, ny, nx] = shape;
  // Like an engine's binarise, with the threshold rounded to float32.
  const limit = Math.fround(threshold);
  const smooth = new Uint8Array(mask.length);
  for (let i = 0; i < mask.length; i++) smooth[i] = mask[i] >= limit ? 1 : 0;
  for (let row = 0; row < smooth.length; row += nx) {
    let before = 0;
    for (let x = 0; x < nx; x++) {
      const here = smooth[row + x];
      smooth[row + x] = before + 2 * here + (x + 1 < nx ? smooth[row + x + 1] : 0);
      before = here;
    }
  }
  for (let z = 0; z < nz; z++) smoothLines(smooth, z * ny * nx, ny, nx);
  const largest = smoothLines(smooth, 0, nz, ny * nx);
  for (let i = 0; i < smooth.length; i++) smooth[i] = largest > 0 && 2 * smooth[i] >= largest ? 1 : 0;
  return smooth;
}

/** (1, 2, 1) across `count` neighbouring lines of `length` bytes, in place; returns the largest value. */
function smoothLines(bytes: Uint8Array, first: number, count: number, length: number): number {
  let before: Uint8Array = new Uint8Array(length);
  let here: Uint8Array = new Uint8Array(length);
  let largest = 0;
  for (let line = 0; line < count; line++) {
    const at = first + line * length;
    here.set(bytes.subarray(at, at + length));
    const next = line + 1 < count ? at + length : -1;
    for (let i = 0; i < length; i++) {
      const value = before[i] + 2 * here[i] + (next < 0 ? 0 : bytes[next + i]);
      bytes[at + i] = value;
      if (value > largest) largest = value;
    }
    [before, here] = [here, before];
  }
  return largest;
}

/**
 * Resamples the mask to another grid of the same box: trilinear, then binarised at 1/2. The original's zoom
 * instead maps the centres of the first and last voxels onto each other, which shifts positions.
 */
export function resampleMask(mask: Uint8Array, from: Shape, to: Shape): Uint8Array {
  if (from.every((n, axis) => n === to[axis])) return mask;
  const out = new Uint8Array(to[0] * to[1] * to[2]);
  // Exactly 1/2 counts as inside, despite rounding of the weights.
  const half = 0.5 - 1e-9;
  const take = (row: Float64Array, offset: number): void => {
    for (let x = 0; x < row.length; x++) if (row[x] >= half) out[offset + x] = 1;
  };
  // Skip empty rows: a molecule fills a small part of its box.
  const filled = Uint8Array.from({ length: from[0] * from[1] }, (_, row) =>
    mask.subarray(row * from[2], (row + 1) * from[2]).includes(1) ? 1 : 0,
  );
  interpolateRows(mask, from, to, take, filled);
  return out;
}
