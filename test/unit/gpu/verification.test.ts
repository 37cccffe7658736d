/** Kernels are verified where they run: right ones once, wrong ones never pass. */
import { describe, expect, it } from 'vitest';
import type { Engine, LocalScalingJob } from '../../../src/engine/engine.ts';
import { bandScaling, localScaling } from '../../../src/engine/jobs.ts';
import { createGpuEngine } from '../../../src/gpu/index.ts';
import { createVerification } from '../../../src/gpu/verification.ts';
import { tanhLowPass } from '../../../src/math/fourier/radial-transfer.ts';
import type { Shape } from '../../../src/math/grid.ts';
import type { ScalingRule } from '../../../src/math/scaling/scaling-rules.ts';
import { decayProfile } from '../../../src/math/soft-scaling/profile.ts';
import type { SoftTarget } from '../../../src/math/soft-scaling/targets.ts';
import { describeGpu } from '../../support/gpu-device.ts';
import { blobMask, mapLikeVolume } from '../../support/random-volume.ts';
import { fails, listing, openWith } from '../../support/wrong-gpu.ts';

const SHAPE: Shape = [12, 14, 16];
const CUTOFFS = { voxelSize: 1.5, wilsonCutoff: 10.1, fscCutoff: 3.9 };
const THEORETICAL = {
  kind: 'theoretical-profile',
  ...CUTOFFS,
  nyquistCutoff: 3.1,
  boost: 1.5,
  theoreticalProfile: [5, 3, 2.5, 2, 1],
} as const;
const RULES: readonly ScalingRule[] = [
  { kind: 'reference-profile', ...CUTOFFS },
  THEORETICAL,
  { kind: 'no-reference', ...CUTOFFS, setLocalBFactor: 20 },
  { kind: 'hybrid', inside: THEORETICAL, outside: { kind: 'reference-profile', ...CUTOFFS } },
];
const TARGETS: readonly SoftTarget[] = [
  { kind: 'profile', profile: decayProfile(60), locality: 0.5 },
  { kind: 'reference' },
  { kind: 'geometric-mean', profile: decayProfile(60), locality: 0.5 },
  { kind: 'hybrid', profile: decayProfile(60), locality: 0.5 },
];

async function scaleLocally(engine: Engine, rule: ScalingRule, more: Partial<LocalScalingJob> = {}) {
  const upload = (data: Float32Array) => engine.upload(data, SHAPE);
  const reference = rule.kind === 'no-reference' ? undefined : await upload(mapLikeVolume(SHAPE, 42));
  const result = await localScaling(engine, {
    map: await upload(mapLikeVolume(SHAPE, 41)),
    reference,
    differenceMask: rule.kind === 'hybrid' ? await upload(blobMask(SHAPE, 0.5)) : undefined,
    mask: await upload(blobMask(SHAPE, 0.4)),
    windowVoxels: 8,
    profileKind: 'octant',
    rule,
    padValues: { map: 0.4, reference: -0.2 },
    measureBFactors: true,
    ...more,
  });
  return engine.download(result.scaled);
}

async function scaleSoftly(engine: Engine, target: SoftTarget): Promise<Float32Array> {
  const upload = (seed: number) => engine.upload(mapLikeVolume(SHAPE, seed), SHAPE);
  const result = await bandScaling(engine, {
    half1: await upload(41),
    half2: await upload(43),
    reference: target.kind === 'profile' ? undefined : await upload(42),
    differenceMask: target.kind === 'hybrid' ? await engine.upload(blobMask(SHAPE, 0.5), SHAPE) : undefined,
    voxelSize: [1.5, 1.4, 1.3],
    target,
    windowSigma: 5,
  });
  return engine.download(result.scaled);
}

/** One text of one shader changed, as a compiler might. */
const WRONG_LOCALLY: readonly [subject: string, from: string, to: string][] = [
  ['fft-rows of', '0.5 * vec2f(a.y + b.y, b.x - a.x)', '0.501 * vec2f(a.y + b.y, b.x - a.x)'],
  ['local scaling', 'abs(reference_amplitude) / p', '1.001 * abs(reference_amplitude) / p'],
  ['local scaling', 'tile[p.tile] = volume[p.slab]', 'tile[p.tile] = volume[max(p.slab, 1) - 1]'],
  ['local scaling', 'volume[at] = scaled[id.x]', 'volume[at] = scaled[id.x ^ 1u]'],
];
const WRONG_SOFTLY: typeof WRONG_LOCALLY = [
  ['soft scaling', 'abs(beyond)', '1.01 * abs(beyond)'],
  ['soft scaling', 'taps[u + reach - at] * field', '1.001 * taps[u + reach - at] * field'],
  [
    'soft scaling',
    'share = f32(place - lower * 2u * factor)',
    'share = f32(place - lower * 2u * factor + 1u)',
  ],
  ['soft scaling', 'sqrt(sqrt(ratio))', 'sqrt(ratio)'],
];
const WRONG_REFINED: typeof WRONG_LOCALLY = [
  ['soft scaling', 'gain * correction;', '1.001 * gain * correction;'],
  ['soft scaling', 'min(gain * value, MOST_ROOT)', '1.001 * min(gain * value, MOST_ROOT)'],
  ['soft scaling', 'exp(beyond *', 'exp(1.01 * beyond *'],
  ['soft scaling', 'var share = 2.0', 'var share = 2.002'],
];

describeGpu('the verification of kernels', (shared) => {
  const unverified = async (): Promise<Engine> => createGpuEngine(await shared(), { kind: 'software' });

  it('passes those of every rule, runs each check once, and changes no bit of a result', async () => {
    const known = new Map<string, number>();
    const { gpu, engine } = await openWith(listing(known));
    for (const rule of RULES)
      expect(await scaleLocally(engine, rule)).toEqual(await scaleLocally(await unverified(), rule));
    const { counts } = gpu.verification!;
    expect(counts).toMatchObject({ run: known.size, remembered: 0 });
    await scaleLocally(engine, RULES[0], { windowTaper: 'hann', profileKind: 'sphere' });
    expect(counts.run).toBeGreaterThan(known.size - 6);
    const { run } = counts;
    await scaleLocally(engine, RULES[1]);
    expect(counts.run).toBe(run);
    gpu.destroy();
    // Far below the 1e-4 that is allowed: float32, and logarithms in the fits.
    expect(Math.max(...known.values())).toBeLessThan(1e-5);
  });

  it('passes soft scaling to every target, and changes no bit of a result', async () => {
    const known = new Map<string, number>();
    const { gpu, engine } = await openWith(listing(known));
    for (const target of TARGETS)
      expect(await scaleSoftly(engine, target)).toEqual(await scaleSoftly(await unverified(), target));
    const volume = await engine.upload(mapLikeVolume(SHAPE, 1), SHAPE);
    await engine.radialFilter(volume, tanhLowPass(4, 1));
    await engine.shellSpectra(volume, volume);
    gpu.destroy();
    const subjects = [...known.keys()].join();
    expect(subjects).toContain('radial-filter of 12 values');
    expect(subjects).toContain('FSC');
    expect(Math.max(...known.values())).toBeLessThan(1e-5);
  });

  it('does nothing again for kernels that were right before', async () => {
    const known = new Map<string, number>();
    for (const _ of [1, 2]) {
      const { gpu, engine } = await openWith(listing(known));
      await scaleLocally(engine, RULES[0]);
      const { run, remembered } = gpu.verification!.counts;
      expect([run, remembered]).toEqual(_ === 1 ? [known.size, 0] : [0, known.size]);
      gpu.destroy();
    }
  });

  it.each(WRONG_LOCALLY)('sees that %s is wrong: %s', async (subject, from, to) => {
    const { message } = await fails(subject, from, to, (engine) => scaleLocally(engine, RULES[0]));
    expect(message).toMatch(/^The GPU .* failed its self-test: its .* is wrong by \d\.\de[+-]\d/);
    expect(message).toContain(`its ${subject}`);
  });

  it.each(WRONG_SOFTLY)('sees that %s is wrong: %s', async (subject, from, to) => {
    const { message } = await fails(subject, from, to, (engine) => scaleSoftly(engine, TARGETS[0]));
    expect(message).toContain(`failed its self-test: its ${subject}`);
  });

  it.each(WRONG_REFINED)('sees that %s to a reference is wrong: %s', async (subject, from, to) => {
    const { message } = await fails(subject, from, to, (engine) =>
      scaleSoftly(engine, { kind: 'reference' }),
    );
    expect(message).toContain(`failed its self-test: its ${subject}`);
  });
});

describe('a verification', () => {
  const kernel = { fingerprint: '12ab' };
  const create = (known: Map<string, number>, timeoutMilliseconds?: number) =>
    createVerification('Test GPU', 'hardware', listing(known), { timeoutMilliseconds });

  it('takes NaN for wrong, and remembers nothing of what failed', async () => {
    const known = new Map<string, number>();
    const work = create(known).verify('sum', [kernel], async () => Number.NaN);
    await expect(work).rejects.toMatchObject({
      tag: 'no-device',
      message:
        'The GPU Test GPU failed its self-test: its sum is wrong by NaN (relative, at most 0.0001 allowed).',
    });
    expect(known.size).toBe(0);
  });

  it('gives up a GPU that hangs', async () => {
    const work = create(new Map(), 50).verify('sum', [kernel], () => new Promise(() => undefined));
    await expect(work).rejects.toThrow('its sum did not finish within 0.05 s');
  });

  it('runs a check once for concurrent requests', async () => {
    let runs = 0;
    const { verify, counts } = create(new Map());
    const check = async (): Promise<number> => {
      runs++;
      return 0;
    };
    await Promise.all([verify('sum', [kernel], check), verify('sum', [kernel], check)]);
    expect([runs, counts.run]).toEqual([1, 1]);
  });
});
