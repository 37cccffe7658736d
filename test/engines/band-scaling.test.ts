/** Scaling in soft frequency bands on every engine against the float64 oracle. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { BandScalingJob, Engine } from '../../src/engine/engine.ts';
import { type Shape, voxelCount } from '../../src/math/grid.ts';
import { decayProfile } from '../../src/math/soft-scaling/profile.ts';
import { relativeL2 } from '../support/compare.ts';
import { type DirectBandInput, directBandScaling } from '../support/direct-band-scaling.ts';
import { describeEngines } from '../support/engines.ts';
import { blobMask, mapLikeVolume, noiseVolume } from '../support/random-volume.ts';

type Voxels = readonly [number, number, number];
type Input = Omit<DirectBandInput, 'half1' | 'half2' | 'reference' | 'mask'> & {
  readonly half1: Float32Array;
  readonly half2?: Float32Array;
  readonly reference?: Float32Array;
  readonly mask?: Float32Array;
};

const PROFILE = decayProfile(40);

/** Half maps: a particle with a falling spectrum and independent noise. */
function halfMaps(shape: Shape, noise = 0.1, seed = 1): { half1: Float32Array; half2: Float32Array } {
  const particle = mapLikeVolume(shape, seed);
  const where = blobMask(shape, 0.8);
  const [a, b] = [noiseVolume(shape, seed + 100), noiseVolume(shape, seed + 200)];
  return {
    half1: particle.map((v, i) => v * where[i] + noise * a[i]),
    half2: particle.map((v, i) => v * where[i] + noise * b[i]),
  };
}

async function scale(engine: Engine, input: Input) {
  const { shape, half1, half2, reference, mask, ...rest } = input;
  const upload = (data: Float32Array) => engine.upload(data.slice(), shape);
  const job: BandScalingJob = {
    ...rest,
    half1: await upload(half1),
    ...(half2 && { half2: await upload(half2) }),
    ...(reference && { reference: await upload(reference) }),
    ...(mask && { mask: await upload(mask) }),
  };
  const { scaled, bands } = await engine.bandScaling(job);
  const voxels = Float32Array.from(await engine.download(scaled));
  for (const volume of [scaled, job.half1, job.half2, job.reference, job.mask])
    if (volume) engine.release(volume);
  return { voxels, bands };
}

/** Shapes and voxel sizes: blocks of 3, 2 and 1 voxels, other factors on every axis, primes, one plane of blocks. */
const GRIDS: readonly (readonly [Shape, Voxels])[] = [
  [
    [32, 32, 32],
    [1, 1, 1],
  ],
  [
    [30, 26, 36],
    [1.4, 1.4, 1.4],
  ],
  [
    [17, 23, 29],
    [3, 3, 3],
  ],
  [
    [20, 24, 31],
    [1.1, 1.6, 3.5],
  ],
  [
    [3, 40, 16],
    [1.2, 1.2, 1.2],
  ],
  [
    [12, 10, 8],
    [12, 12, 12],
  ],
];

describeEngines('scaling in soft bands', (engine) => {
  it.each(GRIDS)('%o voxels of %o A equal the oracle with the profile (1e-5)', async (shape, voxelSize) => {
    const input: Input = {
      shape,
      voxelSize,
      ...halfMaps(shape),
      profile: PROFILE,
      mask: blobMask(shape, 0.9),
    };
    const { voxels, bands } = await scale(await engine(), input);
    const expected = directBandScaling(input);
    expect(relativeL2(voxels, expected.scaled)).toBeLessThan(1e-5);
    expect(bands.map(({ used }) => used)).toEqual(expected.bands.map(({ used }) => used));
    bands.forEach(({ frequency, signal, power }, i) => {
      const band = expected.bands[i];
      expect(frequency).toBeCloseTo(band.frequency, 12);
      // Sums of float32 squares.
      expect(Math.abs(power - band.power)).toBeLessThan(1e-5 * band.power);
      expect(Math.abs(signal - band.signal)).toBeLessThan(1e-5 * band.power);
    });
  });

  it.each(GRIDS)('%o voxels of %o A equal the oracle with a reference (1e-5)', async (shape, voxelSize) => {
    const reference = mapLikeVolume(shape, 1).map((v) => 30 * v);
    const input: Input = { shape, voxelSize, ...halfMaps(shape), reference };
    const { voxels } = await scale(await engine(), input);
    expect(relativeL2(voxels, directBandScaling(input).scaled)).toBeLessThan(1e-5);
  });

  it.each([0, 0.3, 0.5, 1])('locality %f, alone and with a reference (1e-5)', async (locality) => {
    const shape: Shape = [28, 32, 24];
    const base = {
      shape,
      voxelSize: [1.3, 1.3, 1.3] as const,
      ...halfMaps(shape),
      profile: PROFILE,
      locality,
    };
    for (const input of [base, { ...base, reference: mapLikeVolume(shape, 9) }]) {
      const { voxels } = await scale(await engine(), input);
      expect(relativeL2(voxels, directBandScaling(input).scaled)).toBeLessThan(1e-5);
    }
  });

  it('a single map fades at its resolution, and is 0 outside the mask if requested (1e-5)', async () => {
    const shape: Shape = [30, 24, 27];
    const input: Input = {
      shape,
      voxelSize: [1.2, 1.5, 1.2],
      half1: halfMaps(shape).half1,
      profile: PROFILE,
      mask: blobMask(shape, 0.7),
      zeroOutside: true,
      fadeResolution: 4,
    };
    const { voxels } = await scale(await engine(), input);
    expect(relativeL2(voxels, directBandScaling(input).scaled)).toBeLessThan(1e-5);
    expect(voxels.every((v, i) => input.mask![i] > 0.5 || v === 0)).toBe(true);
  });

  it('the order of the half maps, an offset and the scale change nothing but the scale (1e-5)', async () => {
    const shape: Shape = [28, 28, 28];
    const { half1, half2 } = halfMaps(shape);
    const base = { shape, voxelSize: [1.4, 1.4, 1.4] as const, profile: PROFILE };
    const on = await engine();
    const { voxels } = await scale(on, { ...base, half1, half2 });
    expect((await scale(on, { ...base, half1: half2, half2: half1 })).voxels).toEqual(voxels);
    for (const factor of [1e30, 1e-30, -1000]) {
      const by = (half: Float32Array) => half.map((v) => factor * v);
      const other = await scale(on, { ...base, half1: by(half1), half2: by(half2) });
      expect(
        relativeL2(
          other.voxels.map((v) => v / factor),
          voxels,
        ),
      ).toBeLessThan(1e-5);
    }
  });

  it('maps without signal, without anything, constant, and masks of no or one voxel: all finite', async () => {
    const shape: Shape = [12, 10, 14];
    const on = await engine();
    const count = voxelCount(shape);
    const maps: readonly (readonly [Float32Array, Float32Array])[] = [
      [noiseVolume(shape, 1), noiseVolume(shape, 2)],
      [noiseVolume(shape, 1), noiseVolume(shape, 1).map((v) => -v)],
      [new Float32Array(count), new Float32Array(count)],
      [new Float32Array(count).fill(3), new Float32Array(count).fill(3)],
      [new Float32Array(count).fill(2), new Float32Array(count).fill(-2)],
      [new Float32Array(count).fill(1, 5, 6), new Float32Array(count).fill(1, 5, 6)],
    ];
    const masks = [undefined, new Float32Array(count), new Float32Array(count).fill(1, 777, 778)];
    for (const [half1, half2] of maps) {
      for (const [i, voxel] of [1, 9, 40].entries()) {
        const mask = masks[i];
        const input: Input = {
          shape,
          voxelSize: [voxel, voxel, voxel],
          half1,
          half2,
          profile: PROFILE,
          ...(mask && { mask }),
        };
        const { voxels } = await scale(on, input);
        expect(voxels.every(Number.isFinite)).toBe(true);
        const withReference = await scale(on, { ...input, reference: half1 });
        expect(withReference.voxels.every(Number.isFinite)).toBe(true);
      }
    }
    const constant = await scale(on, {
      shape,
      voxelSize: [1, 1, 1],
      half1: maps[3][0],
      half2: maps[3][1],
      profile: PROFILE,
    });
    // Only the window's normalisation is rounded.
    expect(constant.voxels.every((v) => Math.abs(v - 3) < 1e-5)).toBe(true);
  });

  it('whatever the grid, the target and the region: the oracle (1e-5), and finite', async () => {
    const on = await engine();
    // Every length has its own kernels on a GPU, and a software GPU takes a second to compile them.
    const edge = on.name === 'cpu' ? fc.integer({ min: 1, max: 20 }) : fc.constantFrom(1, 7, 16);
    await fc.assert(
      fc.asyncProperty(
        fc.tuple(edge, edge, edge),
        fc.tuple(...[0, 1, 2].map(() => fc.double({ min: 0.7, max: 8, noNaN: true }))),
        fc.constantFrom('profile', 'reference', 'both'),
        fc.constantFrom(undefined, 0.3, 0.8),
        fc.constantFrom(0.02, 0.3),
        fc.integer({ min: 1, max: 1000 }),
        async (shape, size, target, reach, noise, seed) => {
          const input: Input = {
            shape,
            voxelSize: size as unknown as Voxels,
            ...halfMaps(shape, noise, seed),
            ...(target === 'reference' ? {} : { profile: PROFILE }),
            ...(target === 'profile' ? {} : { reference: mapLikeVolume(shape, seed + 1) }),
            ...(reach === undefined ? {} : { mask: blobMask(shape, reach) }),
          };
          const { voxels } = await scale(on, input);
          expect(voxels.every(Number.isFinite)).toBe(true);
          const { scaled } = directBandScaling(input);
          const difference = Math.hypot(...voxels.map((v, i) => v - scaled[i]));
          // Of a result that is nearly nothing, rounding is a share of what went in.
          const size0 = Math.max(Math.hypot(...scaled), 0.01 * Math.hypot(...input.half1));
          expect(difference).toBeLessThan(1e-5 * size0);
        },
      ),
      { seed: 18, numRuns: on.name === 'cpu' ? 60 : 15 },
    );
  });

  it('refuses what cannot be: no target, no resolution, an empty mask to clear by', async () => {
    const shape: Shape = [8, 8, 8];
    const half1 = noiseVolume(shape, 1);
    const base: Input = { shape, voxelSize: [1, 1, 1], half1, half2: half1, profile: PROFILE };
    const on = await engine();
    const { profile: _, ...withoutTarget } = base;
    await expect(scale(on, withoutTarget)).rejects.toThrow(/needs a reference map or a profile/);
    const { half2: __, ...single } = base;
    await expect(scale(on, single)).rejects.toThrow(/only up to a resolution/);
    await expect(scale(on, { ...base, locality: 1.5 })).rejects.toThrow(/locality must be from 0 to 1/);
    const empty = { mask: new Float32Array(voxelCount(shape)), zeroOutside: true };
    await expect(scale(on, { ...base, ...empty })).rejects.toThrow(/mask is empty/);
  });
});
