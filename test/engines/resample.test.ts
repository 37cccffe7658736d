/** Fourier resampling: against the float64 definition, and what it does to a point source. */
import { expect, it } from 'vitest';
import type { Engine } from '../../src/engine/engine.ts';
import { type Shape, voxelCount } from '../../src/math/grid.ts';
import { createRandom } from '../../src/math/statistics/random.ts';
import { maxDifference, relativeL2 } from '../support/compare.ts';
import { resampleDirectly } from '../support/direct-resample.ts';
import { describeEngines } from '../support/engines.ts';
import { memoise } from '../support/memoise.ts';
import { noiseVolume } from '../support/random-volume.ts';

/** Odd and even, up and down, both at once, primes, single voxels, more than one task. */
const CASES: readonly (readonly [from: Shape, to: Shape])[] = [
  [
    [24, 24, 24],
    [34, 34, 34],
  ],
  [
    [24, 24, 24],
    [16, 16, 16],
  ],
  [
    [24, 25, 26],
    [25, 24, 27],
  ],
  [
    [15, 16, 17],
    [16, 15, 12],
  ],
  [
    [16, 20, 30],
    [17, 30, 20],
  ],
  [
    [20, 9, 12],
    [8, 18, 12],
  ],
  [
    [17, 23, 29],
    [31, 19, 37],
  ],
  [
    [9, 10, 11],
    [9, 10, 22],
  ],
  [
    [12, 11, 10],
    [6, 11, 10],
  ],
  [
    [4, 3, 2],
    [5, 1, 4],
  ],
  [
    [1, 2, 3],
    [7, 2, 1],
  ],
  [
    [40, 6, 50],
    [3, 44, 41],
  ],
];

/** White noise, so that the planes at Nyquist count as much as any other. */
async function resampled(engine: Engine, data: Float32Array, from: Shape, to: Shape): Promise<Float32Array> {
  const volume = await engine.upload(data.slice(), from);
  const result = await engine.resample(volume, to);
  expect(result.shape).toEqual(to);
  const out = Float32Array.from(await engine.download(result));
  expect(await engine.download(volume)).toEqual(data);
  engine.release(volume, result);
  return out;
}

const resampledDirectly = memoise((from: Shape, to: Shape) =>
  resampleDirectly(noiseVolume(from, 1), from, to),
);

describeEngines('resample', (engine) => {
  // Float32 transforms there and back: 2e-7 here, three times that for Bluestein's lengths.
  it.each(CASES)('%s to %s equals the float64 definition (2e-6)', async (from, to) => {
    const ours = await resampled(await engine(), noiseVolume(from, 1), from, to);
    expect(relativeL2(ours, resampledDirectly(from, to))).toBeLessThan(2e-6);
  });

  it.each(CASES)('%s to %s keeps the values of a constant map (1e-6)', async (from, to) => {
    const ours = await resampled(await engine(), new Float32Array(voxelCount(from)).fill(3), from, to);
    expect(maxDifference(ours, new Float32Array(ours.length).fill(3))).toBeLessThan(3e-6);
  });

  it.each(CASES)('up and back again from the smaller of %s and %s is the identity (2e-6)', async (a, b) => {
    const small: Shape = [Math.min(a[0], b[0]), Math.min(a[1], b[1]), Math.min(a[2], b[2])];
    const large: Shape = [Math.max(a[0], b[0]), Math.max(a[1], b[1]), Math.max(a[2], b[2])];
    const data = noiseVolume(small, 2);
    const on = await engine();
    const back = await resampled(on, await resampled(on, data, small, large), large, small);
    expect(relativeL2(back, data)).toBeLessThan(2e-6);
  });

  it('down and back again is the identity for a map without the frequencies that are cut (2e-6)', async () => {
    const [large, small]: [Shape, Shape] = [
      [30, 27, 32],
      [20, 17, 22],
    ];
    const on = await engine();
    // Odd sizes have no plane at Nyquist: frequencies below 9, 8 and 10 of a small box.
    const smooth = await resampled(on, noiseVolume([19, 17, 21], 3), [19, 17, 21], large);
    const back = await resampled(on, await resampled(on, smooth, large, small), small, large);
    expect(relativeL2(back, smooth)).toBeLessThan(2e-6);
  });

  it('to the same shape is a copy, bit for bit', async () => {
    const data = noiseVolume([5, 6, 7], 4);
    expect(await resampled(await engine(), data, [5, 6, 7], [5, 6, 7])).toEqual(data);
  });

  it('a point source stays where it is, for any voxel size, parity and shape (0.01 voxel)', async () => {
    const on = await engine();
    const random = createRandom(5);
    // Every length is a set of shaders to compile: few of them, mixed over the axes, finer and coarser at
    // once.
    const draw = (lengths: Shape): number => lengths[random.integer(0, 2)];
    for (let i = 0; i < 10; i++) {
      const from: Shape = [draw(FROM), draw(FROM), draw(FROM)];
      const to: Shape = [draw(TO), draw(TO), draw(TO)];
      const centre = from.map((n) => n * (0.35 + 0.3 * random.uniform()));
      // Band-limited on both grids: at their Nyquist frequencies its transform is below e^-12 of its peak.
      const sd = 1.6 * Math.max(1, ...from.map((n, axis) => n / to[axis]));
      const ours = await resampled(on, gaussian(from, centre, sd), from, to);
      const found = centroid(ours, to);
      found.forEach((position, axis) => {
        const expected = (centre[axis] * to[axis]) / from[axis];
        expect(Math.abs(position - expected)).toBeLessThan(0.01);
      });
    }
  });

  it('refuses shapes that are none', async () => {
    const on = await engine();
    const volume = await on.upload(new Float32Array(8), [2, 2, 2]);
    await expect(on.resample(volume, [2, 0, 2])).rejects.toThrow(/cannot be made/);
    await expect(on.resample(volume, [2, 2.5, 2])).rejects.toThrow(/cannot be made/);
    on.release(volume);
    await expect(on.resample(volume, [3, 3, 3])).rejects.toThrow(/released/);
  });
});

const FROM: Shape = [30, 37, 41];
const TO: Shape = [20, 45, 91];

/** exp(-|r - centre|^2 / 2 sd^2) over the nearest periodic image; lengths in voxels. */
function gaussian(shape: Shape, centre: readonly number[], sd: number): Float32Array {
  const factors = shape.map((n, axis) =>
    Float64Array.from({ length: n }, (_, i) => {
      const d = i - centre[axis] - n * Math.round((i - centre[axis]) / n);
      return Math.exp((-d * d) / (2 * sd * sd));
    }),
  );
  const [, ny, nx] = shape;
  return Float32Array.from({ length: voxelCount(shape) }, (_, i) => {
    const [z, y, x] = [Math.floor(i / (ny * nx)), Math.floor(i / nx) % ny, i % nx];
    return factors[0][z] * factors[1][y] * factors[2][x];
  });
}

/**
 * Position from the phases of the lowest frequency along each axis: the centroid of a periodic map, voxels.
 */
function centroid(data: Float32Array, shape: Shape): number[] {
  const [, ny, nx] = shape;
  const phase = shape.map(() => ({ re: 0, im: 0 }));
  data.forEach((value, i) => {
    [Math.floor(i / (ny * nx)), Math.floor(i / nx) % ny, i % nx].forEach((index, axis) => {
      const angle = (2 * Math.PI * index) / shape[axis];
      phase[axis].re += value * Math.cos(angle);
      phase[axis].im += value * Math.sin(angle);
    });
  });
  return phase.map(({ re, im }, axis) => {
    const turns = Math.atan2(im, re) / (2 * Math.PI);
    return shape[axis] * (turns < 0 ? turns + 1 : turns);
  });
}
