/** Translation by Fourier phases: against the float64 definition, and on whole voxels. */
import { expect, it } from 'vitest';
import type { Shape } from '../../src/math/grid.ts';
import { relativeL2 } from '../support/compare.ts';
import { translateDirectly } from '../support/direct-translation.ts';
import { describeEngines } from '../support/engines.ts';
import { noiseVolume } from '../support/random-volume.ts';

/** Even, odd and mixed boxes; parts of a voxel and more than one, back and forth. */
const CASES: readonly (readonly [Shape, readonly [number, number, number]])[] = [
  [
    [16, 16, 16],
    [0.5, -0.25, 0.1],
  ],
  [
    [15, 16, 17],
    [0.3, 0.5, -0.5],
  ],
  [
    [20, 9, 12],
    [-2.4, 0, 3.75],
  ],
];

describeEngines('translate', (engine) => {
  // White noise, so that the planes at Nyquist count; float32 transforms there and back.
  it.each(CASES)('%s by %s equals the float64 definition (1e-6)', async (shape, shift) => {
    const on = await engine();
    const data = noiseVolume(shape, 1);
    const volume = await on.upload(data.slice(), shape);
    const moved = await on.translate(volume, shift);
    expect(relativeL2(await on.download(moved), translateDirectly(data, shape, shift))).toBeLessThan(1e-6);
    expect(await on.download(volume)).toEqual(data);
    on.release(volume, moved);
  });

  it('by whole voxels every value moves along its axis (1e-6)', async () => {
    const on = await engine();
    const shape: Shape = [15, 16, 17];
    const data = noiseVolume(shape, 2);
    const volume = await on.upload(data.slice(), shape);
    const moved = await on.translate(volume, [0, 2, -3]);
    const [, ny, nx] = shape;
    const expected = data.map((_, i) => {
      const [z, y, x] = [Math.floor(i / (ny * nx)), Math.floor(i / nx) % ny, i % nx];
      return data[(z * ny + ((y - 2 + ny) % ny)) * nx + ((x + 3) % nx)];
    });
    expect(relativeL2(await on.download(moved), expected)).toBeLessThan(1e-6);
    on.release(volume, moved);
  });
});
