/** Copies of a symmetry as shaders/symmetrise.wgsl reads them. */
import type { Copy } from '../math/symmetry/rotation-plan.ts';

/** Coarse parts, multiples of 2^-12, and the remainders; four floats per vector (z, y, x, 0). */
export function packCopies(copies: readonly Copy[]): Float32Array {
  const packed = new Float32Array(32 * copies.length);
  copies.forEach(({ start, byZ, byY, byX }, i) => {
    [start, byZ, byY, byX].forEach((vector, v) => {
      vector.forEach((value, axis) => {
        const coarse = Math.round(value * 4096) / 4096;
        packed[32 * i + 4 * v + axis] = coarse;
        packed[32 * i + 16 + 4 * v + axis] = value - coarse;
      });
    });
  });
  return packed;
}
