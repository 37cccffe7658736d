/** Local scaling: every rule and shape against the float64 oracle, and the properties of the method. */
import { describe, expect, it } from 'vitest';
import { createCpuEngine } from '../../src/cpu-fallback/index.ts';
import type { Engine, LocalScalingJob } from '../../src/engine/engine.ts';
import { localScaling } from '../../src/engine/jobs.ts';
import type { Shape } from '../../src/math/grid.ts';
import type { ScalingRule } from '../../src/math/scaling/scaling-rules.ts';
import type { RadialProfileKind, WindowTaper } from '../../src/math/scaling/windows.ts';
import { createRandom } from '../../src/math/statistics/random.ts';
import { relativeL2 } from '../support/compare.ts';
import { directLocalScaling } from '../support/direct-local-scaling.ts';
import { describeEngines } from '../support/engines.ts';
import { blobMask, mapLikeVolume, noiseVolume } from '../support/random-volume.ts';

// Cut-offs between shells: which side a shell falls on must not hang on the last bit of its frequency.
const PLAIN: ScalingRule = { kind: 'reference-profile', voxelSize: 1.5, wilsonCutoff: 10.1, fscCutoff: 3.9 };
const NO_REFERENCE: ScalingRule = {
  kind: 'no-reference',
  voxelSize: 1.5,
  wilsonCutoff: 9,
  fscCutoff: 4,
  setLocalBFactor: 20,
};

function theoretical(windowVoxels: number): Extract<ScalingRule, { kind: 'theoretical-profile' }> {
  const shells = windowVoxels / 2 + 1;
  const theoreticalProfile = Array.from({ length: shells }, (_, r) => {
    const f = r / (2 * 1.5 * (shells - 1));
    return 5e4 * Math.exp(-40 * f * f) * (1 + 0.3 * Math.exp(-(((f - 0.21) / 0.04) ** 2)));
  });
  return {
    kind: 'theoretical-profile',
    voxelSize: 1.5,
    wilsonCutoff: 9,
    fscCutoff: 4,
    nyquistCutoff: 3.1,
    boost: 1.5,
    theoreticalProfile,
  };
}

interface Case {
  shape: Shape;
  windowVoxels: number;
  rule: ScalingRule;
  profileKind?: RadialProfileKind;
  windowTaper?: WindowTaper;
  mask?: Float32Array;
  map?: Float32Array;
  reference?: Float32Array;
  differenceMask?: Float32Array;
}

async function scale(engine: Engine, test: Case) {
  const { shape, windowVoxels, rule, profileKind = 'octant', windowTaper } = test;
  const map = test.map ?? mapLikeVolume(shape, 11);
  const reference = test.reference ?? mapLikeVolume(shape, 12);
  const mask = test.mask ?? blobMask(shape, 0.8);
  const padValues = { map: 0.7, reference: -0.3 };
  const usesReference = rule.kind !== 'no-reference';
  const job: LocalScalingJob = {
    map: await engine.upload(map.slice(), shape),
    mask: await engine.upload(mask.slice(), shape),
    ...(usesReference ? { reference: await engine.upload(reference.slice(), shape) } : {}),
    ...(test.differenceMask
      ? { differenceMask: await engine.upload(test.differenceMask.slice(), shape) }
      : {}),
    windowVoxels,
    profileKind,
    windowTaper,
    rule,
    padValues,
    measureBFactors: true,
  };
  const result = await localScaling(engine, job);
  const [scaled, bFactor, quality] = await Promise.all(
    [result.scaled, result.bFactor!, result.quality!].map((volume) => engine.download(volume)),
  );
  const direct = (voxels: number[]) =>
    directLocalScaling(
      {
        shape,
        map,
        windowVoxels,
        profileKind,
        windowTaper,
        rule,
        padValues,
        ...(usesReference ? { reference } : {}),
        ...(test.differenceMask ? { differenceMask: test.differenceMask } : {}),
      },
      voxels,
    );
  return { map, mask, scaled, bFactor, quality, direct };
}

/** Up to `count` mask voxels, those on the faces of the box first. */
function sampleVoxels(mask: Float32Array, [nz, ny, nx]: Shape, count: number): number[] {
  const random = createRandom(3);
  const inside = [...mask.keys()].filter((i) => mask[i] > 0.5);
  const onFace = (i: number): boolean => {
    const at = [Math.floor(i / (ny * nx)), Math.floor(i / nx) % ny, i % nx];
    return at.some((k, axis) => k === 0 || k === [nz, ny, nx][axis] - 1);
  };
  const faces = inside.filter(onFace).slice(0, Math.floor(count / 4));
  while (faces.length < Math.min(count, inside.length))
    faces.push(inside[random.integer(0, inside.length - 1)]);
  return faces;
}

const at = (data: Float32Array, voxels: number[]): number[] => voxels.map((i) => data[i]);

describeEngines('local scaling against the float64 oracle', (engine) => {
  const w10 = theoretical(10);
  const full = (shape: Shape): Float32Array => blobMask(shape, 2);
  // Small enough for a software GPU; few different windows, since each compiles shaders of its own.
  const cases: [string, Case][] = [
    ['model map', { shape: [24, 22, 20], windowVoxels: 8, rule: PLAIN }],
    ['theoretical profile', { shape: [20, 22, 18], windowVoxels: 10, rule: w10 }],
    ['no reference', { shape: [18, 22, 20], windowVoxels: 10, rule: NO_REFERENCE }],
    [
      'hybrid',
      {
        shape: [20, 20, 20],
        windowVoxels: 10,
        rule: { kind: 'hybrid', inside: w10, outside: PLAIN },
        differenceMask: Float32Array.from({ length: 20 ** 3 }, (_, i) => (i % 20 > 9 ? 1 : 0)),
      },
    ],
    ['odd, prime and non-cubic box', { shape: [17, 23, 19], windowVoxels: 8, rule: PLAIN }],
    ['Hann windows', { shape: [18, 22, 19], windowVoxels: 8, rule: PLAIN, windowTaper: 'hann' }],
    [
      'Hann windows, full sphere, no reference',
      {
        shape: [17, 18, 20],
        windowVoxels: 10,
        rule: NO_REFERENCE,
        profileKind: 'sphere',
        windowTaper: 'hann',
      },
    ],
    ['full-sphere profile', { shape: [18, 20, 16], windowVoxels: 8, rule: PLAIN, profileKind: 'sphere' }],
    [
      'mask up to the faces (windows reach outside)',
      { shape: [15, 16, 14], windowVoxels: 8, rule: PLAIN, mask: full([15, 16, 14]) },
    ],
    [
      'box smaller than two windows',
      { shape: [13, 14, 15], windowVoxels: 10, rule: PLAIN, mask: full([13, 14, 15]) },
    ],
    [
      'one voxel in a corner',
      {
        shape: [16, 16, 16],
        windowVoxels: 8,
        rule: PLAIN,
        mask: Float32Array.from({ length: 16 ** 3 }, (_, i) => (i === 0 ? 1 : 0)),
      },
    ],
    [
      'wide window (17 shells: half the lanes on a GPU)',
      { shape: [34, 34, 34], windowVoxels: 32, rule: PLAIN, mask: blobMask([34, 34, 34], 0.15) },
    ],
  ];
  // float32 transforms and sums against float64: 2e-7 on real maps; these random maps are as hard.
  it.each(cases)('%s: 1e-5', async (_, test) => expectOracle(await engine(), test));
});

async function expectOracle(engine: Engine, test: Case): Promise<void> {
  const { mask, scaled, bFactor, quality, direct } = await scale(engine, test);
  const voxels = sampleVoxels(mask, test.shape, test.windowVoxels > 20 ? 20 : 120);
  const expected = direct(voxels);
  expect(
    relativeL2(
      at(scaled, voxels),
      expected.map((v) => v.value),
    ),
  ).toBeLessThan(1e-5);
  expect(
    relativeL2(
      at(bFactor, voxels),
      expected.map((v) => v.bFactor),
    ),
  ).toBeLessThan(1e-5);
  expect(
    relativeL2(
      at(quality, voxels),
      expected.map((v) => v.quality),
    ),
  ).toBeLessThan(1e-5);
  for (let i = 0; i < mask.length; i++)
    if (mask[i] === 0 && scaled[i] !== 0) expect.fail(`voxel ${i} outside the mask is ${scaled[i]}`);
}

describeEngines('local scaling in parts', (engine) => {
  it('gives the bits of the whole job, in any order and on volumes of several calls', async () => {
    const shape: Shape = [26, 36, 20];
    const chosen = await engine();
    const upload = (data: Float32Array) => chosen.upload(data, shape);
    const job: LocalScalingJob = {
      map: await upload(mapLikeVolume(shape, 11)),
      reference: await upload(mapLikeVolume(shape, 12)),
      mask: await upload(blobMask(shape, 2)),
      windowVoxels: 8,
      profileKind: 'octant',
      rule: PLAIN,
      padValues: { map: 0.7, reference: -0.3 },
      measureBFactors: true,
    };
    const { maskVoxels } = (await chosen.openLocalScaling(job)).estimate;
    const tileSize: Shape = [32, 16, 16];
    const whole = await chosen.openLocalScaling(job).then((opened) => opened.start(job, tileSize));
    await whole.run();
    await whole.close();
    const starts = whole.tiles.map(({ start }) => start);
    expect(starts.length).toBeGreaterThan(4);
    const parts = await chosen.openLocalScaling(job).then((opened) => opened.start(job, tileSize));
    const progress: number[] = [];
    await parts.run({ onProgress: (done: number) => progress.push(done) }, starts.slice(3));
    expect(progress.at(-1)).toBeLessThan(maskVoxels);
    await parts.run({}, starts.slice(0, 3));
    for (const [part, all] of [
      [parts.result.scaled, whole.result.scaled],
      [parts.result.bFactor!, whole.result.bFactor!],
      [parts.result.quality!, whole.result.quality!],
    ]) {
      const values = await chosen.download(part);
      expect(values.some((value) => value !== 0)).toBe(true);
      expect(values).toEqual(await chosen.download(all));
    }
    await expect(parts.run({}, [[1, 2, 3]])).rejects.toThrow(/not those of the job/);
    await parts.close();
  });
});

/** Edge of the cubic volumes that are turned and mirrored. */
const N = 22;

describeEngines('properties of local scaling', (engine) => {
  const shape: Shape = [24, 22, 26];
  const cube: Shape = [N, N, N];

  it('returns the map when the reference is the map itself (1e-5)', async () => {
    for (const profileKind of ['octant', 'sphere'] as const) {
      const map = mapLikeVolume(shape, 21);
      const { scaled, mask } = await scale(await engine(), {
        shape,
        windowVoxels: 8,
        rule: PLAIN,
        profileKind,
        map,
        reference: map,
      });
      // Reading the pad value differs between the two volumes only where windows leave the box.
      const inner = mask.map((m, i) => (m > 0.5 && innerVoxel(i, shape, 4) ? 1 : 0));
      expect(relativeL2(scaled, map, inner)).toBeLessThan(1e-5);
    }
  });

  it('does not depend on the scale of the map, and is linear in that of the reference (1e-6)', async () => {
    const map = mapLikeVolume(shape, 22);
    const reference = mapLikeVolume(shape, 23);
    const inner = blobMask(shape, 0.5);
    const test = { shape, windowVoxels: 8, rule: PLAIN, mask: inner };
    const once = await scale(await engine(), { ...test, map, reference });
    const louder = await scale(await engine(), { ...test, map: map.map((v) => 3 * v), reference });
    const brighter = await scale(await engine(), { ...test, map, reference: reference.map((v) => 5 * v) });
    expect(relativeL2(louder.scaled, once.scaled)).toBeLessThan(1e-6);
    expect(
      relativeL2(
        brighter.scaled,
        once.scaled.map((v) => 5 * v),
      ),
    ).toBeLessThan(1e-6);
  });

  it('turns with the map for the full-sphere profile under permutations of the axes (1e-5)', async () => {
    const map = mapLikeVolume(cube, 24);
    const reference = mapLikeVolume(cube, 25);
    const mask = blobMask(cube, 0.5);
    const test = { shape: cube, windowVoxels: 8, rule: PLAIN, profileKind: 'sphere' as const };
    const plain = await scale(await engine(), { ...test, map, reference, mask });
    const [map2, reference2, mask2] = [map, reference, mask].map(permuteAxes);
    const turned = await scale(await engine(), { ...test, map: map2, reference: reference2, mask: mask2 });
    expect(relativeL2(turned.scaled, permuteAxes(plain.scaled))).toBeLessThan(1e-5);
    expect(relativeL2(turned.bFactor, permuteAxes(plain.bFactor))).toBeLessThan(1e-5);
  });

  it('has mirrored profiles in a mirrored map for the full-sphere profile (1e-5)', async () => {
    // The mirror image of the window [v - h, v + h) is the window of voxel n - v, one beyond the mirror
    // image of v: profiles (and what is fitted to them) are mirrored exactly, about another point.
    const map = mapLikeVolume(cube, 26);
    const reference = mapLikeVolume(cube, 27);
    const mask = blobMask(cube, 0.5);
    const test = { shape: cube, windowVoxels: 8, rule: PLAIN, profileKind: 'sphere' as const };
    const plain = await scale(await engine(), { ...test, map, reference, mask });
    const [map2, reference2] = [map, reference].map((data) => mirrorX(data, N - 1));
    const mirrored = await scale(await engine(), {
      ...test,
      map: map2,
      reference: reference2,
      mask: mirrorX(mask, N),
    });
    expect(relativeL2(mirrored.bFactor, mirrorX(plain.bFactor, N))).toBeLessThan(1e-5);
    expect(relativeL2(mirrored.quality, mirrorX(plain.quality, N))).toBeLessThan(1e-5);
    expect(relativeL2(mirrored.bFactor, mirrorX(plain.bFactor, N - 1))).toBeGreaterThan(1e-3);
  });

  it('gives zero everywhere for an empty mask', async () => {
    const { scaled } = await scale(await engine(), {
      shape: [12, 12, 12],
      windowVoxels: 6,
      rule: PLAIN,
      mask: new Float32Array(12 ** 3),
    });
    expect(scaled.every((v) => v === 0)).toBe(true);
  });

  it('reports progress up to the number of mask voxels and stops when aborted', async () => {
    const cpu = await engine();
    const jobOf = async (shape: Shape): Promise<LocalScalingJob> => ({
      map: await cpu.upload(mapLikeVolume(shape, 1), shape),
      reference: await cpu.upload(mapLikeVolume(shape, 2), shape),
      mask: await cpu.upload(blobMask(shape, 2), shape),
      windowVoxels: 8,
      profileKind: 'octant',
      rule: PLAIN,
      padValues: { map: 0, reference: 0 },
      measureBFactors: false,
    });
    // Long enough for several tiles.
    const job = await jobOf([280, 8, 8]);
    const seen: number[] = [];
    let total = 0;
    await localScaling(cpu, job, {
      onProgress: (done, all) => {
        seen.push(done);
        total = all;
      },
    });
    const { maskVoxels, workingBytes, seconds } = (await cpu.openLocalScaling(job)).estimate;
    expect(seen.length).toBeGreaterThan(1);
    expect(seen.at(-1)).toBe(total);
    expect(total).toBe(maskVoxels);
    expect(workingBytes).toBeGreaterThan(0);
    expect(seconds).toBeGreaterThan(0);
    const controller = new AbortController();
    const running = localScaling(cpu, job, {
      signal: controller.signal,
      onProgress: () => controller.abort(),
    });
    await expect(running).rejects.toThrow();
    // The engine is still usable.
    const small: Shape = [12, 10, 8];
    expect((await localScaling(cpu, await jobOf(small))).scaled.shape).toEqual(small);
  });
});

describe('CPU engine', () => {
  it.each<[string, Case]>([
    ['several tiles', { shape: [60, 130, 40], windowVoxels: 6, rule: PLAIN }],
    [
      'wide window',
      { shape: [44, 44, 44], windowVoxels: 40, rule: PLAIN, mask: blobMask([44, 44, 44], 0.3) },
    ],
    [
      'full-sphere profile, several tiles',
      { shape: [60, 50, 62], windowVoxels: 10, rule: PLAIN, profileKind: 'sphere' },
    ],
  ])('equals the oracle: %s (1e-5)', async (_, test) => {
    const engine = await createCpuEngine({ threads: 2 });
    await expectOracle(engine, test);
    await engine.dispose();
  });

  it('gives the same bits for any number of threads, and for less memory up to 1e-6', async () => {
    const shape: Shape = [36, 38, 40];
    const results: Float32Array[] = [];
    for (const options of [
      { threads: 1 },
      { threads: 2 },
      { threads: 5 },
      { threads: 2, memoryLimitBytes: 5 * 2 ** 20 },
    ]) {
      const engine = await createCpuEngine(options);
      results.push((await scale(engine, { shape, windowVoxels: 12, rule: theoretical(12) })).scaled.slice());
      await engine.dispose();
    }
    const [one, two, five, small] = results;
    expect(two).toEqual(one);
    expect(five).toEqual(one);
    expect(small).not.toEqual(one);
    expect(relativeL2(small, one)).toBeLessThan(1e-6);
  });

  it('says what is needed when the memory limit is too small', async () => {
    const engine = await createCpuEngine({ threads: 2, memoryLimitBytes: 2 ** 20 });
    const running = scale(engine, { shape: [32, 32, 32], windowVoxels: 10, rule: PLAIN });
    await expect(running).rejects.toMatchObject({
      tag: 'out-of-memory',
      hint: expect.stringContaining('`memoryLimitBytes`'),
    });
    await engine.dispose();
  });

  it('refuses volumes that do not fit together', async () => {
    const engine = await createCpuEngine({ threads: 1 });
    const a = await engine.upload(noiseVolume([8, 8, 8], 1), [8, 8, 8]);
    const b = await engine.upload(noiseVolume([8, 8, 10], 1), [8, 8, 10]);
    await expect(engine.average(a, b)).rejects.toThrow(/different shape/);
    await expect(engine.upload(new Float32Array(7), [8, 8, 8])).rejects.toThrow(/cannot have 7 voxels/);
    await engine.dispose();
    await expect(engine.average(a, a)).rejects.toThrow(/released/);
  });
});

function innerVoxel(i: number, [nz, ny, nx]: Shape, margin: number): boolean {
  const inside = (k: number, n: number): boolean => k >= margin && k <= n - margin;
  return inside(Math.floor(i / (ny * nx)), nz) && inside(Math.floor(i / nx) % ny, ny) && inside(i % nx, nx);
}

/** (z, y, x) -> (x, z, y). */
function permuteAxes(data: Float32Array): Float32Array {
  return data.map((_, i) => {
    const [z, y, x] = [Math.floor(i / (N * N)), Math.floor(i / N) % N, i % N];
    return data[(x * N + z) * N + y];
  });
}

/** x -> sum - x; voxels without an image are 0. */
function mirrorX(data: Float32Array, sum: number): Float32Array {
  return data.map((_, i) => {
    const x = sum - (i % N);
    return x < N ? data[i - (i % N) + x] : 0;
  });
}
