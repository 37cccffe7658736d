/**
 * Local resolution: curves and crossings of every engine against a float64 transform per voxel, and what must
 * hold.
 */
import { describe, expect, it } from 'vitest';
import { createCpuEngine } from '../../src/cpu-fallback/index.ts';
import type { Engine } from '../../src/engine/engine.ts';
import { localResolution } from '../../src/engine/jobs.ts';
import { filterBins } from '../../src/math/fourier/local-filter.ts';
import type { Shape } from '../../src/math/grid.ts';
import { createRandom } from '../../src/math/statistics/random.ts';
import { maxDifference } from '../support/compare.ts';
import { directLocalResolution } from '../support/direct-local-resolution.ts';
import { describeEngines } from '../support/engines.ts';
import { memoise } from '../support/memoise.ts';
import { blobMask, mapLikeVolume, noiseVolume } from '../support/random-volume.ts';
import { referenceFft3d, signedIndex } from '../support/reference-fft.ts';

interface Case {
  readonly shape: Shape;
  readonly half1: Float32Array;
  readonly half2: Float32Array;
  readonly mask: Float32Array;
  readonly windowVoxels: number;
  readonly weights: 'hann' | 'box';
  readonly threshold: number;
  readonly padValues?: readonly [number, number];
}

const VOXEL_SIZE = 1.3;

/** A common signal that fades along x, and noise of its own in each half map. */
function halfMaps(shape: Shape, seed: number): [Float32Array, Float32Array] {
  const signal = mapLikeVolume(shape, seed);
  return [1, 2].map((k) => {
    const noise = noiseVolume(shape, seed + k);
    return signal.map((v, i) => v * (1.5 - (i % shape[2]) / shape[2]) + 0.6 * noise[i]);
  }) as [Float32Array, Float32Array];
}

async function resolve(engine: Engine, test: Case) {
  const { shape, windowVoxels, weights, threshold } = test;
  const upload = (data: Float32Array) => engine.upload(data.slice(), shape);
  const [half1, half2, mask] = [await upload(test.half1), await upload(test.half2), await upload(test.mask)];
  const shells = Array.from({ length: windowVoxels / 2 + 1 }, (_, r) => r);
  const result = await localResolution(engine, {
    half1,
    half2,
    mask,
    windowVoxels,
    weights,
    voxelSize: VOXEL_SIZE,
    threshold,
    padValues: test.padValues ?? [0, 0],
    correlationShells: shells,
  });
  const resolution = Float32Array.from(await engine.download(result.resolution));
  const correlations: Float32Array[] = [];
  for (const volume of result.correlations)
    correlations.push(Float32Array.from(await engine.download(volume)));
  engine.release(half1, half2, mask, result.resolution, ...result.correlations);
  return { resolution, correlations };
}

/** Some mask voxels, the first and the last among them. */
function sample(mask: Float32Array, count: number): number[] {
  const all = Array.from(mask.keys()).filter((i) => mask[i] > 0.5);
  const random = createRandom(9);
  const some = Array.from({ length: count }, () => all[Math.floor(random.uniform() * all.length)]);
  return [all[0], all[all.length - 1], ...some];
}

/** In the half maps of seed 31, at voxels of the mask. */
const directly = memoise(
  ({ shape, ...settings }: Pick<Case, 'shape' | 'windowVoxels' | 'weights' | 'threshold' | 'padValues'>) => {
    const [half1, half2] = halfMaps(shape, 31);
    const padValues = settings.padValues ?? [0, 0];
    const all = { ...settings, shape, half1, half2, padValues, voxelSize: VOXEL_SIZE };
    return sample(blobMask(shape, 0.9), 40).map((index) => directLocalResolution(all, index));
  },
);

describeEngines('local resolution', (engine) => {
  describe.each(['hann', 'box'] as const)('%s window', (weights) => {
    // Float32 recursions: errors of some 1e-7 of the window's power, shells down to 1e-3 of it. 1e-4 is the
    // bound.
    it.each([
      { shape: [20, 18, 23] as Shape, windowVoxels: 8, threshold: 0.143 },
      { shape: [14, 20, 17] as Shape, windowVoxels: 10, threshold: 0.5 },
      { shape: [16, 15, 16] as Shape, windowVoxels: 16, threshold: 0.143 },
      { shape: [9, 12, 10] as Shape, windowVoxels: 6, threshold: 0.143 },
    ])('agrees with a transform per voxel: $shape, window $windowVoxels', async (size) => {
      const { shape, threshold, windowVoxels } = size;
      const [half1, half2] = halfMaps(shape, 31);
      const mask = blobMask(shape, 0.9);
      const padValues = [0.3, -0.2] as const;
      const made = await resolve(await engine(), { ...size, half1, half2, mask, weights, padValues });
      const random = { worst: 0, moved: 0 };
      const oracle = { shape, windowVoxels, weights, threshold, padValues };
      for (const [i, index] of sample(mask, 40).entries()) {
        const direct = directly(oracle)[i];
        const curve = made.correlations.map((volume) => volume[index]);
        random.worst = Math.max(random.worst, maxDifference(curve, direct.curve));
        // A crossing is as sharp as the curve is steep; one at a touching point may differ, none did.
        random.moved = Math.max(random.moved, Math.abs(made.resolution[index] / direct.resolution - 1));
      }
      expect(random.worst).toBeLessThan(1e-5);
      expect(random.moved).toBeLessThan(1e-3);
    });
  });

  it('is 0 outside the mask and between Nyquist and the window inside', async () => {
    const shape: Shape = [16, 16, 16];
    const [half1, half2] = halfMaps(shape, 41);
    const mask = blobMask(shape, 0.7);
    const made = await resolve(await engine(), {
      shape,
      half1,
      half2,
      mask,
      windowVoxels: 8,
      weights: 'hann',
      threshold: 0.143,
    });
    mask.forEach((inside, i) => {
      if (inside > 0.5) {
        expect(made.resolution[i]).toBeGreaterThanOrEqual(2 * VOXEL_SIZE * (1 - 1e-6));
        expect(made.resolution[i]).toBeLessThanOrEqual(8 * VOXEL_SIZE * (1 + 1e-6));
      } else expect(made.resolution[i]).toBe(0);
    });
  });

  it('equal halves resolve to Nyquist, opposite ones to the window, an empty half too', async () => {
    const shape: Shape = [12, 12, 16];
    const half1 = mapLikeVolume(shape, 51);
    const mask = blobMask(shape, 0.8);
    const base = { shape, half1, mask, windowVoxels: 6, weights: 'hann', threshold: 0.143 } as const;
    const expectAll = async (half2: Float32Array, angstrom: number, fsc: number) => {
      const made = await resolve(await engine(), { ...base, half2 });
      for (const i of sample(mask, 100)) {
        expect(made.resolution[i]).toBeCloseTo(angstrom, 4);
        expect(made.correlations[2][i]).toBeCloseTo(fsc, 5);
      }
    };
    await expectAll(half1, 2 * VOXEL_SIZE, 1);
    await expectAll(
      half1.map((v) => -v),
      6 * VOXEL_SIZE,
      -1,
    );
    await expectAll(new Float32Array(half1.length), 6 * VOXEL_SIZE, 0);
  });

  it('does not depend on the scale of either half map', async () => {
    const shape: Shape = [12, 14, 16];
    const [half1, half2] = halfMaps(shape, 61);
    const mask = blobMask(shape, 0.8);
    const base = { shape, mask, windowVoxels: 8, weights: 'hann', threshold: 0.143 } as const;
    const one = await resolve(await engine(), { ...base, half1, half2 });
    // Powers of two: the same bits, unless products leave float32's range.
    const other = await resolve(await engine(), {
      ...base,
      half1: half1.map((v) => v * 2 ** -20),
      half2: half2.map((v) => v * 2 ** 12),
    });
    expect(maxDifference(one.resolution, other.resolution)).toBeLessThan(1e-4);
  });

  it('is estimated without being measured: every mask voxel counts, more of them take longer', async () => {
    const shape: Shape = [24, 24, 32];
    const [half1, half2] = halfMaps(shape, 65);
    const chosen = await engine();
    const estimate = async (fill: number, windowVoxels = 8) => {
      const mask = blobMask(shape, fill);
      const volumes = await Promise.all(
        [half1, half2, mask].map((data) => chosen.upload(data.slice(), shape)),
      );
      const [, , where] = volumes;
      const { estimate: made } = await chosen.openLocalResolution({
        mask: where,
        windowVoxels,
        weights: 'hann',
        voxelSize: VOXEL_SIZE,
        threshold: 0.143,
      });
      chosen.release(...volumes);
      return { ...made, voxels: mask.reduce((sum, v) => sum + (v > 0.5 ? 1 : 0), 0) };
    };
    const [small, large, wide] = [await estimate(0.3), await estimate(0.9), await estimate(0.9, 12)];
    expect(small.maskVoxels).toBe(small.voxels);
    expect(large.maskVoxels).toBe(large.voxels);
    expect(small.workingBytes).toBeGreaterThan(0);
    expect(small.seconds).toBeGreaterThan(0);
    expect(large.seconds).toBeGreaterThan(1.5 * small.seconds);
    expect(wide.seconds).toBeGreaterThan(1.5 * large.seconds);
    expect(await estimate(-1)).toMatchObject({ maskVoxels: 0, workingBytes: 0, seconds: 0 });
  });

  it('an empty mask gives an empty map', async () => {
    const shape: Shape = [8, 8, 8];
    const half = mapLikeVolume(shape, 71);
    const made = await resolve(await engine(), {
      shape,
      half1: half,
      half2: half,
      mask: new Float32Array(512),
      windowVoxels: 6,
      weights: 'box',
      threshold: 0.143,
    });
    expect(made.resolution.every((value) => value === 0)).toBe(true);
  });
});

describe('local resolution on threads', () => {
  it('gives the same bits with one thread and with three', async () => {
    const shape: Shape = [40, 36, 44];
    const [half1, half2] = halfMaps(shape, 81);
    const mask = blobMask(shape, 0.8);
    const made = [];
    for (const threads of [1, 3]) {
      const engine = await createCpuEngine({ threads });
      try {
        made.push(
          await resolve(engine, {
            shape,
            half1,
            half2,
            mask,
            windowVoxels: 8,
            weights: 'hann',
            threshold: 0.143,
          }),
        );
      } finally {
        await engine.dispose();
      }
    }
    expect(maxDifference(made[0].resolution, made[1].resolution)).toBe(0);
  });

  async function openJob(engine: Engine) {
    const shape: Shape = [40, 40, 40];
    const [half1, half2] = halfMaps(shape, 85);
    const [a, b, mask] = await Promise.all(
      [half1, half2, blobMask(shape, 0.9)].map((data) => engine.upload(data, shape)),
    );
    const fixed = {
      windowVoxels: 8,
      weights: 'hann',
      voxelSize: 1,
      threshold: 0.143,
      padValues: [0, 0],
    } as const;
    const { count } = await engine.statistics(mask, { mask, inside: true });
    return { job: { half1: a, half2: b, mask, ...fixed }, voxels: count };
  }

  it('counts every mask voxel once, and stops on request', async () => {
    const engine = await createCpuEngine({ threads: 2 });
    try {
      const { job, voxels } = await openJob(engine);
      const seen: number[][] = [];
      await localResolution(engine, job, { onProgress: (...counts) => seen.push(counts) });
      expect(seen.at(-1)).toEqual([voxels, voxels]);
      const stop = new AbortController();
      stop.abort();
      await expect(localResolution(engine, job, { signal: stop.signal })).rejects.toThrow(/abort/i);
    } finally {
      await engine.dispose();
    }
  });

  it('refuses what does not fit the memory limit, with an explanation', async () => {
    const engine = await createCpuEngine({ threads: 2, memoryLimitBytes: 2 * 2 ** 20 });
    try {
      const { job } = await openJob(engine);
      await expect(localResolution(engine, job)).rejects.toMatchObject({
        tag: 'out-of-memory',
        hint: expect.stringContaining('`windowAngstrom`'),
      });
    } finally {
      await engine.dispose();
    }
  });
});

describeEngines('local filter', (engine) => {
  it('gives every voxel the value of a low-pass at its own cut-off (3 % of the gain), 0 where there is none', async () => {
    const shape: Shape = [12, 16, 18];
    const map = mapLikeVolume(shape, 91);
    const cutoffs = map.map((_, i) => (i % 7 === 0 ? 0 : 3 + ((i * 37) % 100) / 10));
    const voxelSize = 1.3;
    const e = await engine();
    const [volume, at] = [await e.upload(map.slice(), shape), await e.upload(cutoffs.slice(), shape)];
    const out = await e.localFilter(volume, at, filterBins(cutoffs, voxelSize));
    const made = Float32Array.from(await e.download(out));
    e.release(volume, at, out);

    const [nz, ny, nx] = shape;
    const spectrum = referenceFft3d(map, undefined, shape);
    const gain = (f: number, fc: number): number =>
      0.5 * (Math.tanh((5 * Math.PI * (f + fc)) / fc) - Math.tanh((5 * Math.PI * (f - fc)) / fc));
    // Inverse transform at single voxels.
    const exact = (index: number): number => {
      const [z, y, x] = [Math.floor(index / (ny * nx)), Math.floor(index / nx) % ny, index % nx];
      let sum = 0;
      for (let i = 0; i < map.length; i++) {
        const [kz, ky, kx] = [Math.floor(i / (ny * nx)), Math.floor(i / nx) % ny, i % nx];
        const f = Math.hypot(signedIndex(kz, nz) / nz, signedIndex(ky, ny) / ny, signedIndex(kx, nx) / nx);
        const phase = 2 * Math.PI * ((kz * z) / nz + (ky * y) / ny + (kx * x) / nx);
        const g = gain(f / voxelSize, 1 / cutoffs[index]);
        sum += g * (spectrum.re[i] * Math.cos(phase) - spectrum.im[i] * Math.sin(phase));
      }
      return sum / map.length;
    };
    const inside = sample(
      cutoffs.map((d) => (d > 0 ? 1 : 0)),
      60,
    );
    const differences = inside.map((i) => made[i] - exact(i));
    const rms = (values: number[]): number => Math.hypot(...values) / Math.sqrt(values.length);
    // Interpolation between bins; the error is that of single coefficients and averages out over them.
    expect(rms(differences)).toBeLessThan(0.01 * rms(inside.map((i) => map[i])));
    expect(rms(inside.map((i) => map[i] - exact(i)))).toBeGreaterThan(0.03 * rms(inside.map((i) => map[i])));
    for (let i = 0; i < map.length; i += 7) expect(made[i]).toBe(0);
  });
});
