/**
 * Local resolution where something else is known about it: maps filtered to a known resolution, noise alone,
 * and RELION's own map of beta-galactosidase.
 */
import { readFileSync } from 'node:fs';
import { afterAll, describe, expect, it } from 'vitest';
import { createCpuEngine } from '../../src/cpu-fallback/index.ts';
import type { Engine } from '../../src/engine/engine.ts';
import { localResolution } from '../../src/engine/jobs.ts';
import { firstCrossing } from '../../src/math/fourier/fsc.ts';
import { tabulateTransfer } from '../../src/math/fourier/radial-transfer.ts';
import type { Shape } from '../../src/math/grid.ts';
import {
  correlationNoise,
  correlationShellCount,
  type WindowWeights,
} from '../../src/math/scaling/local-resolution.ts';
import { createRandom } from '../../src/math/statistics/random.ts';
import { pearson } from '../support/pearson.ts';
import { referenceFft3d, signedIndex } from '../support/reference-fft.ts';
import { describeWithSharedData, sharedPath } from '../support/shared-data.ts';

let started: Promise<Engine> | undefined;
const engine = (): Promise<Engine> => {
  started ??= createCpuEngine({ threads: 2 });
  return started;
};
afterAll(async () => (await started)?.dispose());

interface Job {
  readonly shape: Shape;
  readonly halves: readonly [Float32Array, Float32Array];
  readonly mask: Float32Array;
  readonly windowVoxels: number;
  readonly weights: WindowWeights;
  readonly voxelSize: number;
}

async function resolve(
  { shape, halves, mask, windowVoxels, weights, voxelSize }: Job,
  shells: number[] = [],
) {
  const e = await engine();
  const [half1, half2, where] = await Promise.all(
    [...halves, mask].map((data) => e.upload(data.slice(), shape)),
  );
  const result = await localResolution(e, {
    half1,
    half2,
    mask: where,
    windowVoxels,
    weights,
    voxelSize,
    threshold: 0.143,
    padValues: [0, 0],
    correlationShells: shells,
  });
  const download = async (volume: typeof half1) => Float32Array.from(await e.download(volume));
  const resolution = await download(result.resolution);
  const correlations: Float32Array[] = [];
  for (const volume of result.correlations) correlations.push(await download(volume));
  e.release(half1, half2, where, result.resolution, ...result.correlations);
  return { resolution, correlations };
}

function white(voxels: number, seed: number): Float32Array {
  const random = createRandom(seed);
  return Float32Array.from({ length: voxels }, () => random.gaussian());
}

function medianOf(values: ArrayLike<number>): number {
  return Float64Array.from(values).sort()[Math.floor(values.length / 2)];
}

describe('local resolution of what is known', () => {
  const n = 64;
  const shape: Shape = [n, n, n];
  const xOf = (i: number): number => i % n;
  /** Away from the faces and from the plane between the two sides by half a window and more. */
  const side = (i: number, left: boolean): boolean => {
    const x = xOf(i);
    const [y, z] = [Math.floor(i / n) % n, Math.floor(i / n ** 2)];
    const inner = [y, z].every((k) => k >= 24 && k < 40);
    return inner && (left ? x >= 12 && x < 20 : x >= 44 && x < 52);
  };

  it('finds the resolution that each side of a map was filtered to (one shell of the window)', async () => {
    const e = await engine();
    const signal = white(n ** 3, 1);
    const volume = await e.upload(signal, shape);
    const cut = async (cycles: number): Promise<Float32Array> => {
      const filtered = await e.radialFilter(
        volume,
        tabulateTransfer((f) => (f <= cycles ? 1 : 0)),
      );
      const data = Float32Array.from(await e.download(filtered));
      e.release(filtered);
      return data;
    };
    const [coarse, fine] = [await cut(1 / 6), await cut(1 / 3)];
    e.release(volume);
    const halves = [2, 3].map((seed) => {
      const noise = white(n ** 3, seed);
      return fine.map((v, i) => (xOf(i) < n / 2 ? coarse[i] : v) + noise[i]);
    }) as [Float32Array, Float32Array];
    const mask = halves[0].map((_, i) => (side(i, true) || side(i, false) ? 1 : 0));
    const job = { shape, halves, mask, windowVoxels: 24, weights: 'hann', voxelSize: 1 } as const;
    const { resolution } = await resolve(job);
    const values = (left: boolean) => resolution.filter((_, i) => side(i, left));
    // The filter's edge is sharp and a Hann window blurs it by a shell: more is resolved, never less.
    for (const [left, angstrom] of [
      [true, 6],
      [false, 3],
    ] as const) {
      const beyond = 24 / medianOf(values(left)) - 24 / angstrom;
      expect(beyond).toBeGreaterThan(-0.2);
      expect(beyond).toBeLessThan(1);
    }
  });

  it.each([
    ['hann', 24],
    ['box', 12],
  ] as const)(
    'noise alone scatters as expected: %s window of %i voxels (15 %)',
    async (weights, windowVoxels) => {
      const halves = [white(n ** 3, 4), white(n ** 3, 5)] as const;
      // Windows apart from each other by half an edge or more.
      const step = windowVoxels / 2;
      const mask = halves[0].map((_, i) => {
        const inside = [xOf(i), Math.floor(i / n) % n, Math.floor(i / n ** 2)];
        return inside.every((k) => k % step === 0 && k >= step && k <= n - step) ? 1 : 0;
      });
      const shells = Array.from({ length: correlationShellCount(windowVoxels) - 2 }, (_, r) => r + 2);
      const { correlations } = await resolve(
        { shape, halves, mask, windowVoxels, weights, voxelSize: 1 },
        shells,
      );
      const expected = correlationNoise(windowVoxels, weights);
      const ratios = shells.map((r, k) => {
        const values = correlations[k].filter((_, i) => mask[i] > 0.5);
        return Math.sqrt(values.reduce((sum, v) => sum + v * v, 0) / values.length) / expected[r];
      });
      // Over all shells: a single one has too few independent windows.
      const mean = ratios.reduce((sum, ratio) => sum + ratio, 0) / ratios.length;
      expect(mean).toBeGreaterThan(0.85);
      expect(mean).toBeLessThan(1.15);
    },
  );
});

const BETA_GAL: Shape = [100, 100, 100];
const BETA_GAL_VOXEL = 3.54;

/**
 * What RELION does at one voxel: both half maps times a sphere of radius 12.5 A with a cosine edge of 25 A,
 * the FSC of the whole transforms, its first fall below 0.143. The box is cut to what the sphere reaches.
 */
function resolveAsRelion(halves: readonly Float32Array[], voxel: number): number {
  const edge = 40;
  const box: Shape = [edge, edge, edge];
  const [z0, y0, x0] = [Math.floor(voxel / 1e4), Math.floor(voxel / 100) % 100, voxel % 100];
  const [a, b] = halves.map((half) => {
    const cut = new Float64Array(edge ** 3);
    for (let i = 0; i < cut.length; i++) {
      const [dz, dy, dx] = [Math.floor(i / edge ** 2), Math.floor(i / edge) % edge, i % edge].map(
        (k) => k - edge / 2,
      );
      const d = BETA_GAL_VOXEL * Math.hypot(dz, dy, dx);
      if (d >= 37.5) continue;
      const weight = d <= 12.5 ? 1 : 0.5 + 0.5 * Math.cos((Math.PI * (d - 12.5)) / 25);
      cut[i] = weight * half[((z0 + dz) * 100 + y0 + dy) * 100 + x0 + dx];
    }
    return referenceFft3d(cut, undefined, box);
  });
  const sums = Array.from({ length: edge / 2 + 1 }, () => [0, 0, 0]);
  for (let i = 0; i < edge ** 3; i++) {
    const k = [Math.floor(i / edge ** 2), Math.floor(i / edge) % edge, i % edge].map((n) =>
      signedIndex(n, edge),
    );
    const shell = sums[Math.round(Math.hypot(...k))];
    if (shell === undefined) continue;
    shell[0] += a.re[i] * b.re[i] + a.im[i] * b.im[i];
    shell[1] += a.re[i] ** 2 + a.im[i] ** 2;
    shell[2] += b.re[i] ** 2 + b.im[i] ** 2;
  }
  const curve = sums.map(([cross, one, other]) => cross / Math.sqrt(one * other));
  const frequency = curve.map((_, r) => r / (edge * BETA_GAL_VOXEL));
  return firstCrossing(frequency, curve, 0.143) ?? 2 * BETA_GAL_VOXEL;
}

describeWithSharedData('local resolution compared with that of RELION', () => {
  const voxels = (name: string): Float32Array =>
    new Float32Array(
      Uint8Array.from(readFileSync(sharedPath('maps', 'relion_betagal', name)).subarray(1024)).buffer,
    );
  /** RELION's value where it measured nothing: the resolution of the whole map. */
  const WHOLE = 8.86367;
  /** The one free number: sd of the noise that stands for that of the half maps, which are not there. */
  const NOISE = 0.0155;

  it('has its median (0.7 A) and pattern (0.4), as far as simulated noise can show; its recipe on the same halves agrees (0.3 A, 0.9)', async () => {
    const [map, relion] = ['betaGal.mrc', 'localResolution.mrc'].map(voxels);
    const mask = relion.map((v, i) => (Math.abs(v - WHOLE) > 1e-3 && map[i] > 0.03 ? 1 : 0));
    const halves = [6, 7].map((seed) => {
      const noise = white(map.length, seed);
      return map.map((v, i) => v + NOISE * noise[i]);
    }) as [Float32Array, Float32Array];
    // RELION's window: flat to 12.5 A, then a cosine of 25 A; half its height at 25 A, as a Hann window of
    // 100 A.
    const shape = BETA_GAL;
    const job = {
      shape,
      halves,
      mask,
      windowVoxels: 28,
      weights: 'hann',
      voxelSize: BETA_GAL_VOXEL,
    } as const;
    const { resolution } = await resolve(job);
    const inside = (data: Float32Array): Float32Array => data.filter((_, i) => mask[i] > 0.5);
    const [own, theirs] = [inside(resolution), inside(relion)];
    expect(own.length).toBeGreaterThan(10_000);
    expect(Math.abs(medianOf(own) - medianOf(theirs))).toBeLessThan(0.7);
    const correlation = pearson(own, theirs);
    expect(correlation).toBeGreaterThan(0.4);
    // Mirrored, the map of a D2 complex keeps its outline only.
    const mirrored = relion.map((_, i) => relion[i - (i % 100) + ((100 - (i % 100)) % 100)]);
    expect(correlation).toBeGreaterThan(pearson(own, inside(mirrored)) + 0.1);

    // The same half maps resolved by RELION's recipe, at some voxels.
    const random = createRandom(8);
    const all = Array.from(mask.keys()).filter((i) => mask[i] > 0.5);
    const some = Array.from({ length: 60 }, () => all[random.integer(0, all.length - 1)]);
    const asRelion = some.map((i) => resolveAsRelion(halves, i));
    const here = some.map((i) => resolution[i]);
    const rms = Math.sqrt(here.reduce((sum, d, i) => sum + (d - asRelion[i]) ** 2, 0) / some.length);
    const recipe = pearson(here, asRelion);
    expect(rms).toBeLessThan(0.3);
    expect(recipe).toBeGreaterThan(0.9);
  });
});
