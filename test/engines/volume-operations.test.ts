/** Filter, shell spectra, statistics, masks and confidence maps against float64 reference code. */
import { expect, it } from 'vitest';
import type { Engine, Volume } from '../../src/engine/engine.ts';
import { tabulateTransfer, tanhLowPass } from '../../src/math/fourier/radial-transfer.ts';
import type { Shape } from '../../src/math/grid.ts';
import { voxelCount } from '../../src/math/grid.ts';
import { maxDifference, relativeL2 } from '../support/compare.ts';
import { describeEngines } from '../support/engines.ts';
import { mapLikeVolume, noiseVolume } from '../support/random-volume.ts';
import { createSimpleEngine } from '../support/simple-engine.ts';

const SHAPES: Shape[] = [
  [24, 24, 24],
  [5, 6, 7],
  [17, 23, 29], // primes, Bluestein
  [64, 3, 40],
  [2, 2, 2],
];

describeEngines('volume operations', (engine) => {
  it.each(SHAPES)('low-pass of %i x %i x %i equals the float64 one (1e-6)', async (...shape) => {
    const data = mapLikeVolume(shape, 1);
    const run = async (on: Engine): Promise<Float32Array> => {
      const volume = await on.upload(data.slice(), shape);
      return on.download(await on.radialFilter(volume, tanhLowPass(4, 1.3)));
    };
    expect(relativeL2(await run(await engine()), await run(createSimpleEngine()))).toBeLessThan(1e-6);
  });

  it.each(SHAPES)('a flat transfer gives %i x %i x %i back (1e-6)', async (...shape) => {
    const data = noiseVolume(shape, 2);
    const on = await engine();
    const out = await on.radialFilter(
      await on.upload(data.slice(), shape),
      tabulateTransfer(() => 1),
    );
    expect(relativeL2(await on.download(out), data)).toBeLessThan(1e-6);
  });

  it.each(SHAPES)('shell spectra of %i x %i x %i equal the float64 ones (1e-6)', async (...shape) => {
    const [a, b] = [mapLikeVolume(shape, 3), mapLikeVolume(shape, 4)];
    const run = async (on: Engine) =>
      on.shellSpectra(await on.upload(a.slice(), shape), await on.upload(b.slice(), shape));
    const [ours, expected] = [await run(await engine()), await run(createSimpleEngine())];
    expect([...ours.counts]).toEqual([...expected.counts]);
    expect(relativeL2(ours.powerA, expected.powerA)).toBeLessThan(1e-6);
    expect(relativeL2(ours.powerB, expected.powerB)).toBeLessThan(1e-6);
    // Cross terms of independent maps nearly cancel: their error is measured against the power.
    ours.cross.forEach((value, r) => {
      const power = Math.sqrt(expected.powerA[r] * expected.powerB[r]);
      expect(Math.abs(value - expected.cross[r])).toBeLessThan(1e-6 * power);
    });
  });

  it('the FSC of two maps does not change when both are scaled by the same shell factors (1e-6)', async () => {
    const shape: Shape = [24, 24, 24];
    const on = await engine();
    const halves = await Promise.all([5, 6].map((seed) => on.upload(mapLikeVolume(shape, seed), shape)));
    // Factors constant within a shell: steps just below whole multiples of 1/24 cycles per voxel, where
    // no Fourier coefficient of this box lies.
    const steps = tabulateTransfer((f) => 0.2 + ((Math.floor(24 * f + 0.01) * 7) % 5));
    const scaled = await Promise.all(halves.map((half) => on.radialFilter(half, steps)));
    const fsc = async ([a, b]: Volume[]): Promise<number[]> => {
      const { cross, powerA, powerB } = await on.shellSpectra(a, b);
      return Array.from(cross, (value, r) => value / Math.sqrt(powerA[r] * powerB[r]));
    };
    expect(maxDifference(await fsc(scaled), await fsc(halves))).toBeLessThan(1e-6);
  });

  it('statistics inside, outside and without a mask', async () => {
    const shape: Shape = [130, 95, 90]; // more than one task
    const on = await engine();
    const data = noiseVolume(shape, 7).map((v, i) => (i % 10 === 0 ? 0 : v + 100));
    const mask = data.map((_, i) => (i % 3 === 0 ? 1 : 0));
    const [volume, maskVolume] = [await on.upload(data.slice(), shape), await on.upload(mask.slice(), shape)];
    for (const inside of [undefined, true, false]) {
      const ours = await on.statistics(
        volume,
        inside === undefined ? undefined : { mask: maskVolume, inside },
      );
      const values = data.filter((_, i) => inside === undefined || mask[i] > 0.5 === inside);
      const mean = values.reduce((sum, v) => sum + v, 0) / values.length;
      const sd = Math.sqrt(values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / values.length);
      expect(ours.count).toBe(values.length);
      expect(ours.zeros).toBe(values.filter((v) => v === 0).length);
      expect(ours.nonFinite).toBe(0);
      // float32 sums of 4096 voxels about a pivot, merged in float64: 1e-9 of a mean 90 times the deviation.
      expect(Math.abs(ours.mean / mean - 1)).toBeLessThan(1e-9);
      expect(Math.abs(ours.sd / sd - 1)).toBeLessThan(1e-7);
      expect(ours.min).toBe(values.reduce((a, b) => Math.min(a, b)));
      expect(ours.max).toBe(values.reduce((a, b) => Math.max(a, b)));
    }
  });

  it('counts voxels that are not finite and leaves them out of the moments', async () => {
    const on = await engine();
    const data = Float32Array.from([1, Number.NaN, 3, Number.POSITIVE_INFINITY, 5, 0, 3, 4]);
    const statistics = await on.statistics(await on.upload(data, [2, 2, 2]));
    expect(statistics).toMatchObject({ count: 6, nonFinite: 2, zeros: 1, min: 0, max: 5 });
    expect(statistics.mean).toBeCloseTo(16 / 6, 12);
  });

  it('averages and binarises', async () => {
    const shape: Shape = [9, 10, 11];
    const on = await engine();
    const [a, b] = [noiseVolume(shape, 8), noiseVolume(shape, 9)];
    const [va, vb] = [await on.upload(a.slice(), shape), await on.upload(b.slice(), shape)];
    const mean = await on.download(await on.average(va, vb));
    expect(mean).toEqual(a.map((v, i) => Math.fround(v + b[i]) / 2));
    const { mask, voxels } = await on.binarise(va, a[17]);
    const expected = a.map((v) => (v >= a[17] ? 1 : 0));
    expect(await on.download(mask)).toEqual(expected);
    expect(voxels).toBe(expected.reduce((sum, v) => sum + v, 0));
  });

  it('noise statistics and confidence map equal the reference code', async () => {
    const shape: Shape = [40, 36, 38];
    const data = mapLikeVolume(shape, 10).map(
      (v, i) => v + (Math.hypot((i % 38) - 19, Math.floor(i / 1368) - 20) < 8 ? 3 : 0),
    );
    const boxes = [
      { start: [1, 16, 16] as const, size: 6 },
      { start: [30, 2, 16] as const, size: 6 },
    ];
    const run = async (on: Engine) => {
      const volume = await on.upload(data.slice(), shape);
      const noise = await on.noiseStatistics(volume, boxes);
      return { noise, confidence: await on.download(await on.confidenceMap(volume, noise)) };
    };
    const [ours, expected] = [await run(await engine()), await run(createSimpleEngine())];
    expect(ours.noise.mean).toBeCloseTo(expected.noise.mean, 6);
    expect(ours.noise.variance).toBeCloseTo(expected.noise.variance, 6);
    expect(ours.noise.perBox).toHaveLength(2);
    expect(maxDifference(ours.confidence, expected.confidence)).toBeLessThan(1e-5);
    expect(ours.confidence.filter((v) => v > 0.99).length).toBeGreaterThan(100);
    expect(ours.confidence.length).toBe(voxelCount(shape));
  });

  it('adopts host memory without a copy and hands it back', async () => {
    const on = await engine();
    const host = on.allocateHost(27);
    host.fill(2);
    const volume = await on.upload(host, [3, 3, 3]);
    const voxels = await on.download(volume);
    on.release(volume);
    await expect(on.statistics(volume)).rejects.toThrow(/released/);
    // What was handed out stays as it is; what was not may be used again, but never for two volumes.
    const others = await Promise.all([1, 2].map(() => on.upload(on.allocateHost(27).fill(3), [3, 3, 3])));
    on.release(others[0], others[0], others[1]);
    const [a, b] = await Promise.all(
      [5, 6].map((value) => on.upload(on.allocateHost(27).fill(value), [3, 3, 3])),
    );
    expect([...voxels]).toEqual(Array(27).fill(2));
    expect((await on.download(a))[0] + (await on.download(b))[26]).toBe(11);
  });
});
