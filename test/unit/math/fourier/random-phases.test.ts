import { describe, expect, it } from 'vitest';
import { PHASES, phaseOf, phasorTable } from '../../../../src/math/fourier/random-phases.ts';
import type { Shape } from '../../../../src/math/grid.ts';

describe('random phases', () => {
  it.each([[[6, 8, 10]], [[5, 7, 9]], [[6, 5, 8]]] as [Shape][])(
    'of Friedel mates are opposite, of the coefficients that are their own 0 or pi: %o',
    (shape) => {
      const [nz, ny, nx] = shape;
      for (const kx of nx % 2 === 0 ? [0, nx / 2] : [0])
        for (let kz = 0; kz < nz; kz++)
          for (let ky = 0; ky < ny; ky++) {
            const one = phaseOf(kz, ky, kx, shape, 3);
            const mate = phaseOf((nz - kz) % nz, (ny - ky) % ny, kx, shape, 3);
            expect((one + mate) % PHASES).toBe(0);
          }
    },
  );

  it('depend on the seed, and fill the circle evenly', () => {
    const shape: Shape = [32, 32, 32];
    const all: number[] = [];
    let same = 0;
    for (let i = 0; i < 15 * 1024; i++) {
      const [kz, ky, kx] = [i % 32, Math.floor(i / 32) % 32, 1 + Math.floor(i / 1024)];
      const phase = phaseOf(kz, ky, kx, shape, 1);
      all.push(phase);
      if (phase === phaseOf(kz, ky, kx, shape, 2)) same++;
    }
    const table = phasorTable();
    const mean = (part: number) => all.reduce((sum, phase) => sum + table[2 * phase + part], 0) / all.length;
    // The mean of n random unit vectors is 1 / sqrt(n) long, here 0.008.
    expect(Math.hypot(mean(0), mean(1))).toBeLessThan(0.03);
    expect(new Set(all).size).toBe(PHASES);
    expect(same).toBeLessThan(50);
  });
});
