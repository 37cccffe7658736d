/**
 * What the bands of a soft scaling say about every place: B factor, resolution, signal, against known
 * answers.
 */
import { afterAll, describe, expect, it } from 'vitest';
import { createCpuEngine } from '../../src/cpu-fallback/index.ts';
import type { Engine } from '../../src/engine/engine.ts';
import { bandScaling, bandVolumes, localResolution } from '../../src/engine/jobs.ts';
import { tabulateTransfer } from '../../src/math/fourier/radial-transfer.ts';
import type { Shape } from '../../src/math/grid.ts';
import { profileAmplitude, proteinProfile } from '../../src/math/soft-scaling/profile.ts';
import { correlationOf } from '../../src/math/statistics/correlation.ts';
import { relativeL2 } from '../support/compare.ts';
import { describeEngines } from '../support/engines.ts';
import { mapLikeVolume, noiseVolume } from '../support/random-volume.ts';

const SHAPE: Shape = [32, 32, 96];
const WINDOW = 20;
const VOXEL = 1.3;
const BY_PROFILE = { kind: 'profile', profile: proteinProfile() } as const;
const SHARP = proteinProfile(0);
const B_FACTORS = [60, 110] as const;

/** Noise with the amplitudes of proteins and a B factor. */
async function protein(engine: Engine, bFactor: number): Promise<Float32Array> {
  const white = await engine.upload(noiseVolume(SHAPE, 1), SHAPE);
  const filtered = await engine.radialFilter(
    white,
    tabulateTransfer((cycles) => {
      const f = cycles / VOXEL;
      // No mountain at frequency 0: in a box full of protein nothing falls off to a solvent.
      return Math.min(profileAmplitude(SHARP, f), 10) * Math.exp((-bFactor * f * f) / 4);
    }),
  );
  const voxels = Float32Array.from(await engine.download(filtered));
  engine.release(white, filtered);
  return voxels;
}

/** The same protein with one B factor on the left and another on the right. */
async function uneven(engine: Engine, [left, right]: readonly number[]): Promise<Float32Array> {
  const [sharp, blurred] = [await protein(engine, left), await protein(engine, right)];
  return sharp.map((v, i) => (i % SHAPE[2] < SHAPE[2] / 2 ? v : blurred[i]));
}

const median = (values: number[]): number => values.sort((a, b) => a - b)[Math.floor(values.length / 2)];
/** Windows that reach beyond the box see less of the map. */
function windowFits(i: number): boolean {
  const [z, y] = [Math.floor(i / SHAPE[1] / SHAPE[2]), Math.floor(i / SHAPE[2]) % SHAPE[1]];
  return Math.min(z, y) >= WINDOW / 2 && Math.max(z, y) < SHAPE[1] - WINDOW / 2;
}

/** Voxels at least two windows from both borders between left and right (the box is periodic). */
const sideOf = (values: Float32Array, side: 0 | 1): number[] =>
  Array.from(values).filter((_, i) => {
    const x = (i % SHAPE[2]) - (side * SHAPE[2]) / 2;
    return x >= 16 && x < 32 && windowFits(i);
  });

/** The fields are made on the host: known answers are asked of one engine, the same fields of all. */
describe('local measures of soft bands', () => {
  let started: Promise<Engine> | undefined;
  const engine = (): Promise<Engine> => {
    started ??= createCpuEngine({ threads: 2 });
    return started;
  };
  afterAll(async () => (await started)?.dispose());

  it('B factors of both sides (10 %), the signal, and nothing outside the mask', async () => {
    const on = await engine();
    const map = await uneven(on, B_FACTORS);
    const mask = new Float32Array(map.length).fill(1);
    mask.fill(0, 0, 5000);
    const [half1, inside] = [await on.upload(map, SHAPE), await on.upload(mask, SHAPE)];
    const result = await bandScaling(on, {
      half1,
      half2: half1,
      mask: inside,
      voxelSize: [VOXEL, VOXEL, VOXEL],
      target: BY_PROFILE,
      measureLocal: true,
    });
    const bFactor = Float32Array.from(await on.download(result.local!.bFactor!));
    for (const side of [0, 1] as const)
      expect(Math.abs(median(sideOf(bFactor, side)) / B_FACTORS[side] - 1)).toBeLessThan(0.1);
    expect(bFactor.subarray(0, 5000).every((v) => v === 0)).toBe(true);
    const signal = Float32Array.from(await on.download(result.local!.signal));
    expect(median(sideOf(signal, 0))).toBeGreaterThan(median(sideOf(signal, 1)));
    // No noise: to Nyquist everywhere.
    const resolution = (await on.download(result.local!.resolution!)).subarray(5000);
    expect(resolution.every((v) => Math.abs(v - 2 * VOXEL) < 1e-3)).toBe(true);
    on.release(half1, inside, ...bandVolumes(result));
  });

  it('B factors of both sides where a reference tilts the bands (10 %)', async () => {
    const on = await engine();
    const half1 = await on.upload(await uneven(on, B_FACTORS), SHAPE);
    const reference = await on.upload(await protein(on, 0), SHAPE);
    const result = await bandScaling(on, {
      half1,
      half2: half1,
      reference,
      voxelSize: [VOXEL, VOXEL, VOXEL],
      target: { kind: 'reference' },
      windowSigma: 10,
      measureLocal: true,
    });
    const bFactor = Float32Array.from(await on.download(result.local!.bFactor!));
    for (const side of [0, 1] as const) {
      expect(Math.abs(median(sideOf(bFactor, side)) / B_FACTORS[side] - 1)).toBeLessThan(0.1);
    }
    on.release(half1, reference, ...bandVolumes(result));
  });

  it('the resolution follows that of the local FSC (correlation 0.8, medians within 5 %)', async () => {
    const on = await engine();
    const map = await uneven(on, [40, 240]);
    const [first, second] = [2, 3].map((seed) =>
      noiseVolume(SHAPE, seed).map((v, i) => map[i] + 0.25 * (v - 0.2)),
    );
    const [half1, half2] = [await on.upload(first.slice(), SHAPE), await on.upload(second.slice(), SHAPE)];
    const result = await bandScaling(on, {
      half1,
      half2,
      voxelSize: [VOXEL, VOXEL, VOXEL],
      target: BY_PROFILE,
      measureLocal: true,
    });
    // Equal on all engines, and slow on a software GPU.
    const cpu = await createCpuEngine({ threads: 2 });
    const windows = await localResolution(cpu, {
      half1: await cpu.upload(first.slice(), SHAPE),
      half2: await cpu.upload(second.slice(), SHAPE),
      mask: await cpu.upload(new Float32Array(map.length).fill(1), SHAPE),
      windowVoxels: WINDOW,
      weights: 'hann',
      voxelSize: VOXEL,
      threshold: 0.143,
      padValues: [0, 0],
    });
    const bands = Float32Array.from(await on.download(result.local!.resolution!));
    const fsc = Float32Array.from(await cpu.download(windows.resolution));
    await cpu.dispose();
    const where = Float32Array.from(bands, (_, i) => (windowFits(i) ? 1 : 0));
    // 0.84 here: both are estimates from few terms, and windows of another shape blur the border differently.
    expect(correlationOf(bands, fsc, where)).toBeGreaterThan(0.8);
    for (const side of [0, 1] as const)
      expect(Math.abs(median(sideOf(bands, side)) / median(sideOf(fsc, side)) - 1)).toBeLessThan(0.05);
    on.release(half1, half2, ...bandVolumes(result));
  });
});

describeEngines('local measures of soft bands', (engine) => {
  it('are those of the CPU engine (1e-4)', async () => {
    const shape: Shape = [16, 16, 16];
    const measure = async (on: Engine): Promise<Float32Array[]> => {
      const noise = [1, 2].map((seed) => noiseVolume(shape, seed));
      const halves = [1, 2].map((seed) =>
        mapLikeVolume(shape, 3).map((v, i) => v + 0.3 * noise[seed - 1][i]),
      );
      const [half1, half2] = [await on.upload(halves[0], shape), await on.upload(halves[1], shape)];
      const job = {
        half1,
        half2,
        voxelSize: [1.5, 1.5, 1.5] as const,
        target: BY_PROFILE,
        measureLocal: true,
      };
      const result = await bandScaling(on, job);
      const maps = await Promise.all(bandVolumes(result).map(async (v) => (await on.download(v)).slice()));
      on.release(half1, half2, ...bandVolumes(result));
      return maps;
    };
    const cpu = await createCpuEngine({ threads: 1 });
    const expected = await measure(cpu);
    await cpu.dispose();
    const found = await measure(await engine());
    expect(found.length).toBe(4);
    // Fits and crossings magnify the rounding of the powers.
    for (const [i, map] of found.entries()) expect(relativeL2(map, expected[i])).toBeLessThan(1e-4);
  });

  it('voxels without two bands above 0.1 1/A have no B factor, a single map no resolution', async () => {
    const on = await engine();
    const shape: Shape = [12, 14, 10];
    const half1 = await on.upload(noiseVolume(shape, 1), shape);
    const result = await bandScaling(on, {
      half1,
      voxelSize: [4, 4, 4],
      target: BY_PROFILE,
      measureLocal: true,
      fadeResolution: 10,
    });
    expect(Object.keys(result.local!)).toEqual(['signal']);
    on.release(half1, ...bandVolumes(result));
  });
});
