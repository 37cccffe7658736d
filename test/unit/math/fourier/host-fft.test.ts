import { describe, expect, it } from 'vitest';
import { filterPair, transformVolume } from '../../../../src/math/fourier/host-fft.ts';
import type { Shape } from '../../../../src/math/grid.ts';
import { createRandom } from '../../../../src/math/statistics/random.ts';

describe('the float64 transform of the data generator', () => {
  it.each([[[1, 1, 16]], [[1, 1, 11]], [[6, 10, 7]], [[9, 1, 13]], [[5, 8, 12]]] as [Shape][])(
    'equals the defining sum for %j',
    (shape) => {
      const [nz, ny, nx] = shape;
      const n = nz * ny * nx;
      const random = createRandom(n);
      const re = Float64Array.from({ length: n }, () => random.gaussian());
      const im = Float64Array.from({ length: n }, () => random.gaussian());
      const fr = re.slice();
      const fi = im.slice();
      transformVolume(fr, fi, shape);
      for (const [kz, ky, kx] of [
        [0, 0, 0],
        [nz - 1, ny >> 1, 1],
        [nz >> 1, 0, nx - 1],
        [0, ny - 1, nx >> 1],
      ] as const) {
        let sumRe = 0;
        let sumIm = 0;
        for (let z = 0, i = 0; z < nz; z++) {
          for (let y = 0; y < ny; y++) {
            for (let x = 0; x < nx; x++, i++) {
              const phase = -2 * Math.PI * ((z * kz) / nz + (y * ky) / ny + (x * kx) / nx);
              sumRe += re[i]! * Math.cos(phase) - im[i]! * Math.sin(phase);
              sumIm += re[i]! * Math.sin(phase) + im[i]! * Math.cos(phase);
            }
          }
        }
        const at = (kz * ny + ky) * nx + (kx % nx);
        // Sums of at most 500 terms of order 1 in float64.
        expect(Math.hypot(fr[at]! - sumRe, fi[at]! - sumIm)).toBeLessThan(1e-11);
      }
      transformVolume(fr, fi, shape, true);
      expect(Math.max(...re.map((v, i) => Math.abs(v - fr[i]!)))).toBeLessThan(1e-13);
      expect(Math.max(...im.map((v, i) => Math.abs(v - fi[i]!)))).toBeLessThan(1e-13);
    },
  );

  it('filters two real volumes at once without mixing them', () => {
    const grid = { shape: [8, 8, 8] as Shape, voxelSize: [1, 1, 1] as const, origin: [0, 0, 0] as const };
    const wave = (k: number): Float64Array =>
      Float64Array.from({ length: 512 }, (_, i) => Math.cos((2 * Math.PI * k * (i % 8)) / 8));
    const [a, b] = [wave(1), wave(3)];
    filterPair(a, b, grid, (f) => (f > 0.2 ? 0.5 : 2));
    expect(Math.max(...a.map((v, i) => Math.abs(v - 2 * wave(1)[i]!)))).toBeLessThan(1e-14);
    expect(Math.max(...b.map((v, i) => Math.abs(v - 0.5 * wave(3)[i]!)))).toBeLessThan(1e-14);
  });
});
