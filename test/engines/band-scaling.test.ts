/** Scaling in soft frequency bands on every engine against the float64 oracle. */
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createCpuEngine } from '../../src/cpu-fallback/index.ts';
import type { BandScalingJob, Engine, ScaledBand } from '../../src/engine/engine.ts';
import { bandScaling, bandSettings, bandVolumes } from '../../src/engine/jobs.ts';
import { type Shape, voxelCount } from '../../src/math/grid.ts';
import { decayProfile } from '../../src/math/soft-scaling/profile.ts';
import { relativeL2 } from '../support/compare.ts';
import { type DirectBandInput, directBandScaling } from '../support/direct-band-scaling.ts';
import { describeEngines } from '../support/engines.ts';
import { blobMask, mapLikeVolume, noiseVolume } from '../support/random-volume.ts';
import { referenceFft3d, signedIndex } from '../support/reference-fft.ts';

type Voxels = readonly [number, number, number];
type MapName = 'half1' | 'half2' | 'reference' | 'differenceMask' | 'mask';
type Input = Omit<DirectBandInput, MapName> & { readonly half1: Float32Array } & {
  readonly [name in MapName]?: Float32Array;
};

const PROFILE = decayProfile(40);
const BY_PROFILE = { kind: 'profile', profile: PROFILE } as const;
const BY_REFERENCE = { kind: 'reference' } as const;

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

const BLUR = 80;
const VOXEL = 1.4;

/** A particle that is the reference, and the same with B = 80 A^2 in all of it and once more in its second half. */
function blurredAtOneEnd(shape: Shape): Input & { readonly reference: Float32Array } {
  const edge = shape[2];
  const reference = filtered(noiseVolume(shape, 5), shape, (f) => Math.exp((-20 * f * f) / 4));
  const blurred = [1, 2].map((times) =>
    filtered(reference, shape, (f) => Math.exp((-BLUR * times * f * f) / 4)),
  );
  const map = reference.map((_, i) => {
    const share = 1 / (1 + Math.exp(-(((i % edge) - edge / 2) * VOXEL) / 4));
    return (1 - share) * blurred[0][i] + share * blurred[1][i];
  });
  const voxelSize = [VOXEL, VOXEL, VOXEL] as const;
  return { shape, voxelSize, half1: map, half2: map, reference, target: BY_REFERENCE };
}

/** RMS between 0.25 1/A and the Nyquist frequency where `where` is 1. */
function highAmplitude(map: ArrayLike<number>, where: Float32Array, shape: Shape): number {
  const high = filtered(map, shape, (f) => (f > 0.25 && f < 0.5 / VOXEL ? 1 : 0));
  return Math.sqrt(high.reduce((sum, v, i) => sum + where[i] * v * v, 0));
}

function filtered(map: ArrayLike<number>, shape: Shape, gain: (f: number) => number): Float32Array {
  const { re, im } = referenceFft3d(map, undefined, shape);
  const [nz, ny, nx] = shape;
  const at = (i: number): number =>
    Math.hypot(
      signedIndex(Math.floor(i / (ny * nx)), nz) / nz,
      signedIndex(Math.floor(i / nx) % ny, ny) / ny,
      signedIndex(i % nx, nx) / nx,
    ) / VOXEL;
  const by = (values: Float64Array) => values.map((v, i) => (v * gain(at(i))) / (nz * ny * nx));
  return Float32Array.from(referenceFft3d(by(re), by(im), shape, true).re);
}

/** Every kind of target, with the maps that it takes. */
function targetsOf(
  { reference, differenceMask }: { reference: Float32Array; differenceMask: Float32Array },
  locality?: number,
): Pick<Input, 'target' | 'reference' | 'differenceMask'>[] {
  const profile = { profile: PROFILE, locality };
  return [
    { target: { kind: 'profile', ...profile } },
    { target: { kind: 'reference' }, reference },
    { target: { kind: 'geometric-mean', ...profile }, reference },
    { target: { kind: 'hybrid', ...profile }, reference, differenceMask },
  ];
}

async function scale(engine: Engine, input: Input) {
  const { shape, half1, half2, reference, differenceMask, mask, ...rest } = input;
  const upload = (data: Float32Array) => engine.upload(data.slice(), shape);
  const job: BandScalingJob = {
    ...rest,
    half1: await upload(half1),
    half2: half2 && (await upload(half2)),
    reference: reference && (await upload(reference)),
    differenceMask: differenceMask && (await upload(differenceMask)),
    mask: mask && (await upload(mask)),
  };
  const maps = [job.half1, job.half2, job.reference, job.differenceMask, job.mask];
  try {
    const result = await bandScaling(engine, job);
    const voxels = Float32Array.from(await engine.download(result.scaled));
    engine.release(...bandVolumes(result));
    return { voxels, bands: result.bands };
  } finally {
    engine.release(...maps.filter((volume) => volume !== undefined));
  }
}

/**
 * Shapes and voxel sizes: blocks of 3, 2 and 1 voxels, other factors on every axis, primes, one plane of
 * blocks. Here and below few different lengths: each has kernels of its own, and a software GPU takes a
 * second to compile them.
 */
const GRIDS: readonly (readonly [Shape, Voxels])[] = [
  [
    [24, 24, 24],
    [1, 1, 1],
  ],
  [
    [30, 20, 24],
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
    [3, 30, 16],
    [1.2, 1.2, 1.2],
  ],
  [
    [12, 10, 8],
    [12, 12, 12],
  ],
];

/** The oracle's result, computed once for all engines. */
const expectedOf = ((): ((input: Input) => ReturnType<typeof directBandScaling>) => {
  const known = new Map<string, ReturnType<typeof directBandScaling>>();
  return (input) => {
    const digest = createHash('sha256');
    for (const [name, value] of Object.entries(input))
      digest.update(name).update(value instanceof Float32Array ? value : (JSON.stringify(value) ?? ''));
    const key = digest.digest('hex');
    const result = known.get(key) ?? directBandScaling(input);
    known.set(key, result);
    return result;
  };
})();

/** wgpu compiles slowly: half of the lengths, and one locality, under Deno. */
const inDeno = 'Deno' in globalThis;
const GRIDS_HERE = inDeno ? GRIDS.filter((_, i) => i % 2 === 0) : GRIDS;
/** A third map goes through the same transforms and windows: half of them. */
const GRIDS_OF_REFERENCES = GRIDS_HERE.filter((_, i) => i % 2 === 0);
const LOCALITIES = [0, 0.3, 1];
const LOCALITIES_HERE = inDeno ? [0.3] : LOCALITIES;

describeEngines('scaling in soft bands', (engine) => {
  it.each(GRIDS_HERE)(
    '%o voxels of %o A equal the oracle with the profile (1e-5)',
    async (shape, voxelSize) => {
      const input: Input = {
        shape,
        voxelSize,
        ...halfMaps(shape),
        target: BY_PROFILE,
        mask: blobMask(shape, 0.9),
      };
      const { voxels, bands } = await scale(await engine(), input);
      const expected = expectedOf(input);
      expect(relativeL2(voxels, expected.scaled)).toBeLessThan(1e-5);
      expect(bands.map(({ used }) => used)).toEqual(expected.bands.map(({ used }) => used));
      bands.forEach(({ frequency, signal, power, wantedAmplitude, reachedAmplitude }, i) => {
        const band = expected.bands[i];
        expect(frequency).toBeCloseTo(band.frequency, 12);
        // Sums of float32 squares.
        expect(Math.abs(power - band.power)).toBeLessThan(1e-5 * band.power);
        expect(Math.abs(signal - band.signal)).toBeLessThan(1e-5 * band.power);
        expect(Math.abs(wantedAmplitude - band.wantedAmplitude)).toBeLessThan(
          1e-5 * band.wantedAmplitude + 1e-12,
        );
        expect(Math.abs(reachedAmplitude - band.reachedAmplitude)).toBeLessThan(
          1e-5 * band.reachedAmplitude + 1e-12,
        );
      });
    },
  );

  it.each(GRIDS_OF_REFERENCES)(
    '%o voxels of %o A equal the oracle with a reference (1e-5)',
    async (shape, voxelSize) => {
      const reference = mapLikeVolume(shape, 1).map((v) => 30 * v);
      const maps = halfMaps(shape);
      const base = { shape, voxelSize, reference, target: BY_REFERENCE };
      const on = await engine();
      // Half maps, whose bands are tilted; a single map; gains as first measured. On a GPU each on one grid: what
      // differs between them does not depend on the lengths.
      const inputs = [
        { ...base, ...maps },
        { ...base, half1: maps.half1, fadeResolution: 4 },
        { ...base, ...maps, unrefined: true },
      ];
      const at = GRIDS_OF_REFERENCES.findIndex(([other]) => other === shape);
      for (const [i, input] of inputs.entries()) {
        if (on.name !== 'cpu' && i % GRIDS_OF_REFERENCES.length !== at) continue;
        const { voxels, bands } = await scale(on, input);
        const expected = expectedOf(input);
        expect(relativeL2(voxels, expected.scaled)).toBeLessThan(1e-5);
        bands.forEach(({ wantedAmplitude, reachedAmplitude }, i) => {
          const band = expected.bands[i];
          expect(Math.abs(wantedAmplitude / band.wantedAmplitude - 1)).toBeLessThan(1e-5);
          expect(Math.abs(reachedAmplitude / band.reachedAmplitude - 1)).toBeLessThan(2e-5);
        });
      }
    },
  );

  // The tests of any grid below have 0.5, the default.
  it.each(LOCALITIES_HERE)('locality %f: the oracle (1e-5)', async (locality) => {
    const shape: Shape = [16, 20, 12];
    const base = {
      shape,
      voxelSize: [1.3, 1.3, 1.3] as const,
      ...halfMaps(shape),
    };
    const both = { reference: mapLikeVolume(shape, 9), differenceMask: blobMask(shape, 0.5) };
    const on = await engine();
    // On a GPU, where it is one number of the parameters, every other pair.
    const at = LOCALITIES.indexOf(locality);
    for (const [i, target] of targetsOf(both, locality).entries()) {
      if (on.name !== 'cpu' && !inDeno && (i + at) % 2 !== 0) continue;
      const input = { ...base, ...target };
      const { voxels } = await scale(on, input);
      expect(relativeL2(voxels, expectedOf(input).scaled), target.target.kind).toBeLessThan(1e-5);
    }
  });

  it('a single map fades at its resolution, and is 0 outside the mask if requested (1e-5)', async () => {
    const shape: Shape = [30, 24, 23];
    const input: Input = {
      shape,
      voxelSize: [1.2, 1.5, 1.2],
      half1: halfMaps(shape).half1,
      target: BY_PROFILE,
      mask: blobMask(shape, 0.7),
      zeroOutside: true,
      fadeResolution: 4,
    };
    const { voxels } = await scale(await engine(), input);
    expect(relativeL2(voxels, expectedOf(input).scaled)).toBeLessThan(1e-5);
    expect(voxels.every((v, i) => input.mask![i] > 0.5 || v === 0)).toBe(true);
  });

  it('the order of the half maps, an offset and the scale change nothing but the scale (1e-5)', async () => {
    const shape: Shape = [16, 12, 16];
    const { half1, half2 } = halfMaps(shape);
    const base = { shape, voxelSize: [1.4, 1.4, 1.4] as const, target: BY_PROFILE };
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
    const shape: Shape = [8, 10, 7];
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
    const masks = [undefined, new Float32Array(count), new Float32Array(count).fill(1, 277, 278)];
    // On a GPU every pair of maps, target and voxel size (with its mask); on the CPU every triple.
    for (const [m, [half1, half2]] of maps.entries()) {
      for (const [j, target] of targetsOf({ reference: half1, differenceMask: half2 }).entries()) {
        for (const [i, voxel] of [1, 9, 40].entries()) {
          if (on.name !== 'cpu' && i !== (m + j) % 3) continue;
          const factor = [1, 1e30, 1e-30][(i + j) % 3];
          const by = (half: Float32Array) => half.map((v) => factor * v);
          const input: Input = {
            shape,
            voxelSize: [voxel, voxel, voxel],
            half1: by(half1),
            half2: by(half2),
            ...target,
            mask: masks[i],
          };
          const { voxels, bands } = await scale(on, input);
          expect(voxels.every(Number.isFinite)).toBe(true);
          expect(bands.every((band) => Object.values(band).every((v) => Number.isFinite(Number(v))))).toBe(
            true,
          );
          if (on.name === 'cpu') expect(expectedOf(input).scaled.every(Number.isFinite)).toBe(true);
        }
      }
    }
    const constant = { shape, voxelSize: [1, 1, 1] as const, half1: maps[3][0], half2: maps[3][1] };
    const { voxels } = await scale(on, { ...constant, target: BY_PROFILE });
    // Only the window's normalisation is rounded.
    expect(voxels.every((v) => Math.abs(v - 3) < 1e-5)).toBe(true);
  });

  it('a profile adds nothing where the half maps disagree on the whole', async () => {
    const shape: Shape = [16, 16, 16];
    const half1 = noiseVolume(shape, 1);
    const half2 = half1.map((v) => -0.5 * v);
    const input: Input = { shape, voxelSize: [1.5, 1.5, 1.5], half1, half2, target: BY_PROFILE };
    const { voxels, bands } = await scale(await engine(), input);
    expect(bands.some(({ used }) => used)).toBe(false);
    expect(voxels.every((v) => v === 0)).toBe(true);
    expect(expectedOf(input).scaled.every((v) => v === 0)).toBe(true);
  });

  it('a window of 6 A (1e-5)', async () => {
    const shape: Shape = [24, 20, 23];
    const base = { shape, voxelSize: [1.2, 1.2, 1.2] as const, ...halfMaps(shape), target: BY_PROFILE };
    const input: Input = { ...base, windowSigma: 6 };
    const { voxels } = await scale(await engine(), input);
    expect(relativeL2(voxels, expectedOf(input).scaled)).toBeLessThan(1e-5);
    expect(relativeL2(voxels, expectedOf(base).scaled)).toBeGreaterThan(1e-3);
  });

  it('whatever the grid, the target and the region: the oracle (1e-5), and finite', async () => {
    const on = await engine();
    const edge = on.name === 'cpu' ? fc.integer({ min: 1, max: 20 }) : fc.constantFrom(1, 7, 16);
    await fc.assert(
      fc.asyncProperty(
        fc.tuple(edge, edge, edge),
        fc.tuple(...[0, 1, 2].map(() => fc.double({ min: 0.7, max: 8, noNaN: true }))),
        fc.constantFrom(0, 1, 2, 3),
        fc.constantFrom(undefined, 0.3, 0.8),
        fc.constantFrom(0.02, 0.3),
        fc.integer({ min: 1, max: 1000 }),
        fc.boolean(),
        async (shape, size, target, reach, noise, seed, unrefined) => {
          const input: Input = {
            shape,
            unrefined,
            voxelSize: size as unknown as Voxels,
            ...halfMaps(shape, noise, seed),
            ...targetsOf({
              reference: mapLikeVolume(shape, seed + 1),
              differenceMask: blobMask(shape, 0.4),
            })[target],
            mask: reach === undefined ? undefined : blobMask(shape, reach),
          };
          const { voxels } = await scale(on, input);
          expect(voxels.every(Number.isFinite)).toBe(true);
          const { scaled } = expectedOf(input);
          const difference = Math.hypot(...voxels.map((v, i) => v - scaled[i]));
          // Of a result that is nearly nothing, rounding is a share of what went in.
          const size0 = Math.max(Math.hypot(...scaled), 0.01 * Math.hypot(...input.half1));
          expect(difference).toBeLessThan(1e-5 * size0);
        },
      ),
      { seed: 18, numRuns: on.name === 'cpu' ? 60 : 15 },
    );
  });

  it('refuses what cannot be: no resolution, bad settings, an empty mask to clear by', async () => {
    const shape: Shape = [8, 8, 8];
    const half1 = noiseVolume(shape, 1);
    const base: Input = { shape, voxelSize: [1, 1, 1], half1, half2: half1, target: BY_PROFILE };
    const on = await engine();
    await expect(scale(on, { ...base, half2: undefined })).rejects.toThrow(/only up to a resolution/);
    const targets = [
      [{ ...BY_PROFILE, locality: 1.5 }, /locality must be from 0 to 1/],
      [{ ...BY_PROFILE, profile: { frequency: [0, 0], amplitude: [1, 1] } }, /not a table of amplitudes/],
      [BY_REFERENCE, /planned with a reference map/],
    ] as const;
    for (const [target, message] of targets)
      await expect(scale(on, { ...base, target })).rejects.toThrow(message);
    await expect(scale(on, { ...base, windowSigma: 0 })).rejects.toThrow(/window must be above 0 A/);
    const empty = { mask: new Float32Array(voxelCount(shape)), zeroOutside: true };
    await expect(scale(on, { ...base, ...empty })).rejects.toThrow(/mask is empty/);
  });

  it('bands scaled by several runs and added in order have the bits of one run', async () => {
    const shape: Shape = [12, 20, 16];
    const on = await engine();
    const maps = { ...halfMaps(shape), mask: blobMask(shape, 0.9) };
    const targets = targetsOf({ reference: mapLikeVolume(shape, 3), differenceMask: blobMask(shape, 0.5) });
    for (const { target, ...more } of targets) {
      // Hybrid has what profile and geometric mean have.
      if (on.name !== 'cpu' && target.kind !== 'reference' && target.kind !== 'hybrid') continue;
      const names = Object.entries({ ...maps, ...more });
      const entries = names.map(
        async ([name, data]) => [name, await on.upload(data.slice(), shape)] as const,
      );
      const job = {
        ...(Object.fromEntries(await Promise.all(entries)) as unknown as BandScalingJob),
        voxelSize: [1.2, 1.2, 1.4] as const,
        target,
        measureLocal: true,
        zeroOutside: true,
      };
      const whole = await bandScaling(on, job);
      const opened = await on.openBandScaling(bandSettings(job));
      const { bands } = opened.estimate;
      expect(bands).toBe(whole.bands.length);
      const scaled: ScaledBand[] = [];
      // Ranks: each has a run of its own, and takes every third band, the last ones first.
      for (const rank of [2, 1, 0]) {
        const run = await (await on.openBandScaling(bandSettings(job))).start(job);
        for (let band = bands - 1 - rank; band >= 0; band -= 3) scaled[band] = await run.scaleBand(band);
        await run.close();
      }
      const run = await opened.start(job);
      for (const band of scaled) await run.addBand(band);
      const joined = await run.finish();
      await run.close();
      expect(joined.bands).toEqual(whole.bands);
      const [one, other] = [bandVolumes(whole), bandVolumes(joined)];
      expect(one.length).toBe(4);
      for (const [i, volume] of one.entries())
        expect(await on.download(other[i])).toEqual(await on.download(volume));
      const given = [job.half1, job.half2, job.reference, job.differenceMask, job.mask];
      on.release(...one, ...other, ...given.filter((volume) => volume !== undefined));
    }
  });
});

// Of the method: engines are compared with the oracle above.
describe('scaling in soft bands to a reference', () => {
  it('without noise gives a map blurred more at one end the amplitudes of the reference at both', async () => {
    const on = await createCpuEngine({ threads: 2 });
    onTestFinished(() => on.dispose());
    const shape: Shape = [24, 24, 64];
    const input = blurredAtOneEnd(shape);
    // Away from the middle and from the sides of the box, which are neighbours.
    const ends = [8, 40].map((from) =>
      Float32Array.from(input.half1, (_, i) => (i % 64 >= from && i % 64 < from + 16 ? 1 : 0)),
    );
    const ratios = async (unrefined: boolean): Promise<number[]> => {
      const { voxels } = await scale(on, { ...input, unrefined });
      return ends.map(
        (where) => highAmplitude(voxels, where, shape) / highAmplitude(input.reference, where, shape),
      );
    };
    const [refined, unrefined] = [await ratios(false), await ratios(true)];
    expect(Math.min(...refined)).toBeGreaterThan(0.9);
    expect(Math.max(...refined)).toBeLessThan(1.1);
    // 0.64: most of what a window of 10 A sees there is from the other end.
    expect(Math.min(...unrefined)).toBeLessThan(0.75);
  });
});
