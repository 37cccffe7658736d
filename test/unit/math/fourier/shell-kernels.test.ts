/** The kernels K_r whose sum is the delta function, and the long sliding DFT. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { cutWindow, makeWindowTransform, windowProfile } from '../../../../src/bench/window-oracle.ts';
import { Kernels } from '../../../../src/cpu-fallback/kernels/kernels.ts';
import { gatherTile, gatherTileMask, makeTileShape } from '../../../../src/cpu-fallback/tile.ts';
import { WindowProfiler } from '../../../../src/cpu-fallback/window-profiles.ts';
import { shellInterpolation, shellKernels } from '../../../../src/math/fourier/shell-kernels.ts';
import type { Shape } from '../../../../src/math/grid.ts';
import { relativeL2 } from '../../../support/compare.ts';
import { mapLikeVolume } from '../../../support/random-volume.ts';

describe('shell kernels', () => {
  it.each([4, 6, 18, 22])('sum to the delta function, window %i', (w) => {
    const kernels = shellKernels(w);
    expect(kernels).toHaveLength(w / 2 + 1);
    const sum = kernels[0].map((_, i) => kernels.reduce((total, kernel) => total + kernel[i], 0));
    expect(Math.abs(sum[0] - 1)).toBeLessThan(1e-12);
    expect(Math.max(...sum.subarray(1).map(Math.abs))).toBeLessThan(1e-13);
  });

  it('are the transforms of the hat functions (window 6, by definition)', () => {
    const w = 6;
    const h = 3;
    const kernels = shellKernels(w);
    const signed = Array.from({ length: w }, (_, i) => i - h);
    for (const d of [
      [0, 0, 0],
      [1, 0, 2],
      [3, 3, 3],
      [2, 1, 3],
    ]) {
      const sums = new Float64Array(h + 1);
      for (const a of signed)
        for (const b of signed)
          for (const c of signed) {
            const cosine = Math.cos((2 * Math.PI * (a * d[0] + b * d[1] + c * d[2])) / w) / w ** 3;
            const { lower, t } = shellInterpolation(Math.hypot(a, b, c), h);
            sums[lower] += (1 - t) * cosine;
            if (t > 0) sums[lower + 1] += t * cosine;
          }
      sums.forEach((value, r) => {
        expect(Math.abs(kernels[r][(d[0] * 4 + d[1]) * 4 + d[2]] - value)).toBeLessThan(1e-14);
      });
    }
  });
});

describe('sliding DFT', () => {
  it.each(['octant', 'sphere'] as const)('equals the direct DFT after 1000 steps (%s, 1e-6)', (kind) => {
    const w = 8;
    const shape: Shape = [1016, 24, 24];
    const map = mapLikeVolume(shape, 31);
    const mask = new Float32Array(map.length);
    // One column of 1000 voxels along z: a single recursion, started once.
    for (let z = 8; z < 1008; z++) mask[(z * 24 + 12) * 24 + 12] = 1;
    const url = new URL('../../../../src/cpu-fallback/kernels/kernels.wasm', import.meta.url);
    const kernels = new Kernels(new WebAssembly.Module(readFileSync(url)));
    const tile = makeTileShape(w, [1000, 8, 8], [1024, 16, 16]);
    const profiler = new WindowProfiler(kernels, tile, kind);
    const input = kernels.allocate(4 * tile.inputFloats);
    const lanes = kernels.allocate(1000 * 8);
    const out = kernels.allocate(4 * 5 * 1000);
    const start: Shape = [8, 8, 8];
    gatherTile(kernels, tile, map, shape, start, 0, input);
    const tileMask = gatherTileMask(kernels, tile, mask, shape, start, lanes);
    profiler.run(input, tileMask, out);
    const profiles = kernels.floats(out, 5000);
    const transform = makeWindowTransform(w);
    for (const i of [0, 1, 500, 997, 998, 999]) {
      const direct = windowProfile(transform(cutWindow(map, shape, tileMask.voxels[i], w, 0)), w, kind);
      expect(relativeL2(profiles.subarray(5 * i, 5 * i + 5), direct)).toBeLessThan(1e-6);
    }
  });
});
