/**
 * LocScale's scheme with Hann windows and a faded result: what they mend, and that nothing changes without
 * them.
 */
import { afterAll, describe, expect, it } from 'vitest';
import { createCpuEngine } from '../../../src/cpu-fallback/index.ts';
import type { Engine } from '../../../src/engine/engine.ts';
import { createMrcHeader } from '../../../src/formats/mrc-header.ts';
import { tabulateTransfer } from '../../../src/math/fourier/radial-transfer.ts';
import type { Shape } from '../../../src/math/grid.ts';
import { planLocScale, runLocScale } from '../../../src/pipeline/index.ts';
import { trackVolumes, VolumeLedger } from '../../../src/pipeline/tracked-engine.ts';
import type { LocScaleJob, LocScaleParameters, MapImage } from '../../../src/pipeline/types.ts';
import { relativeL2 } from '../../support/compare.ts';
import { blobMask, mapLikeVolume, noiseVolume } from '../../support/random-volume.ts';
import { errorOf } from './test-maps.ts';

const SHAPE: Shape = [32, 32, 32];
const VOXEL = 1.5;
const B_FACTOR = 220;

let engine: Engine | undefined;
afterAll(() => engine?.dispose());
async function openEngine(): Promise<Engine> {
  engine ??= await createCpuEngine({ threads: 2 });
  return engine;
}

function image(name: string, data: Float32Array): MapImage {
  const grid = { shape: SHAPE, voxelSize: [VOXEL, VOXEL, VOXEL] as const, origin: [0, 0, 0] as const };
  return { name, header: createMrcHeader(grid), grid, data: data.slice() };
}

const sharp = (() => {
  const inside = blobMask(SHAPE, 0.5);
  return noiseVolume(SHAPE, 5).map((v, i) => v * inside[i]);
})();

async function filtered(data: Float32Array, gain: (f: number) => number): Promise<Float32Array> {
  const own = await openEngine();
  const volume = await own.upload(data.slice(), SHAPE);
  const made = await own.radialFilter(
    volume,
    tabulateTransfer((cycles) => gain(cycles / VOXEL)),
  );
  const voxels = (await own.download(made)).slice();
  own.release(volume, made);
  return voxels;
}
const blur = (data: Float32Array) => filtered(data, (f) => Math.exp((-B_FACTOR * f * f) / 4));

interface Input {
  readonly input: LocScaleJob['input'];
  readonly parameters?: Partial<LocScaleParameters>;
}

const jobOf = ({ input, parameters }: Input): LocScaleJob => ({
  input,
  mask: image('mask.mrc', blobMask(SHAPE, 0.6)),
  reference: { kind: 'model-map', map: image('reference.mrc', sharp) },
  parameters: { windowVoxels: 16, resolution: 3.2, ...parameters },
});

async function scale(given: Input) {
  const own = await openEngine();
  const { scaled, mask, fadeResolution } = await runLocScale(jobOf(given), { engine: own });
  const voxels = (await own.download(scaled)).slice();
  own.release(scaled, mask);
  return { voxels, fadeResolution };
}

/** RMS amplitude of a map over that of another between two frequencies, 1/A. */
async function ratio(a: Float32Array, b: Float32Array, from: number, to: number): Promise<number> {
  const own = await openEngine();
  const [one, other] = [await own.upload(a.slice(), SHAPE), await own.upload(b.slice(), SHAPE)];
  const { powerA, powerB } = await own.shellSpectra(one, other);
  own.release(one, other);
  let [of, over] = [0, 0];
  powerA.forEach((power, r) => {
    const f = (r + 0.5) / SHAPE[0] / VOXEL;
    if (f < from || f > to) return;
    of += power;
    over += powerB[r];
  });
  return Math.sqrt(of / over);
}

const oneMap = (data: Float32Array): LocScaleJob['input'] => ({ kind: 'map', map: image('map.mrc', data) });
async function halves(): Promise<LocScaleJob['input']> {
  const particle = mapLikeVolume(SHAPE, 1);
  const half = (seed: number) =>
    image(
      `half ${seed}`,
      noiseVolume(SHAPE, seed).map((v, i) => 0.3 * v + particle[i]),
    );
  return { kind: 'half-maps', half1: half(2), half2: half(3) };
}

describe('Hann windows', () => {
  it('give a blurred map the amplitudes of the reference, where hard windows leave it too weak', async () => {
    const input = oneMap(await blur(sharp));
    const hard = await scale({ input });
    const hann = await scale({ input, parameters: { windowTaper: 'hann' } });
    // Relative to 0.1 1/A: the factor of shell r is measured half a shell higher, which raises all
    // frequencies.
    const high = async ({ voxels }: typeof hard) =>
      (await ratio(voxels, sharp, 0.22, 0.3)) / (await ratio(voxels, sharp, 0.08, 0.12));
    expect(await high(hard)).toBeLessThan(0.6);
    expect(await high(hann)).toBeGreaterThan(0.85);
    expect(await high(hann)).toBeLessThan(1.15);
  });

  it('have profiles of their own in the audit', async () => {
    const own = await openEngine();
    const input = oneMap(await blur(sharp));
    const auditOf = async (windowTaper: LocScaleParameters['windowTaper']) => {
      const job = jobOf({ input, parameters: { windowTaper } });
      const { scaled, mask, audit } = await runLocScale(job, { engine: own, auditSeed: 1 });
      own.release(scaled, mask);
      return audit;
    };
    const audits = [await auditOf(undefined), await auditOf('hann')];
    expect(audits.map((audit) => audit?.windowTaper)).toEqual([undefined, 'hann']);
    // The last shell of the hard window is leakage.
    const [hard, hann] = audits.map((audit) => audit?.profiles[0]?.map.at(-1) ?? 0);
    expect(hann).toBeLessThan(0.3 * hard);
  });
});

describe('a faded result of LocScale’s scheme', () => {
  it('is the result low-passed at the resolution given', async () => {
    const input = await halves();
    const plain = await scale({ input, parameters: { resolution: 6 } });
    expect(plain.fadeResolution).toBeUndefined();
    const { voxels, fadeResolution } = await scale({
      input,
      parameters: { resolution: 6, fadeOutput: true },
    });
    expect(fadeResolution).toBe(6);
    const expected = await filtered(plain.voxels, (f) => 1 / (1 + Math.exp((f - 1 / 6) / 0.01)));
    expect(relativeL2(voxels, expected)).toBeLessThan(1e-5);
  });

  it('ends at the resolution of the half maps within the mask, if none is given', async () => {
    const input = await halves();
    const parameters = { resolution: undefined, fadeOutput: true };
    const { fadeResolution } = await scale({ input, parameters });
    expect(fadeResolution).toBeGreaterThan(2 * VOXEL);
    expect(fadeResolution).toBeLessThan(12);
    const ledger = new VolumeLedger(() => undefined);
    const counting = trackVolumes(await openEngine(), ledger);
    const planned = await planLocScale(jobOf({ input: await halves(), parameters }), { engine: counting });
    ledger.peakBytes = 0;
    const result = await runLocScale(jobOf({ input: await halves(), parameters }), { engine: counting });
    counting.release(result.scaled, result.mask);
    expect(planned.peakBytes).toBeGreaterThanOrEqual(ledger.peakBytes);
    expect(ledger.liveBytes()).toBe(0);
  });

  it('needs a resolution for a single map', async () => {
    const job = jobOf({ input: oneMap(sharp), parameters: { resolution: undefined, fadeOutput: true } });
    const error = await errorOf(runLocScale(job, { engine: await openEngine() }));
    expect(error).toMatchObject({ tag: 'usage', parameter: 'resolution' });
  });
});

it('a result of zeros is said: windows cannot square values of 1e30', async () => {
  const own = await openEngine();
  const huge = sharp.map((value) => 1e30 * value);
  const { scaled, mask, warnings } = await runLocScale(jobOf({ input: oneMap(huge) }), { engine: own });
  own.release(scaled, mask);
  expect(warnings).toContainEqual(expect.stringMatching(/^Every voxel of the result is 0: /));
  const usual = await runLocScale(jobOf({ input: oneMap(sharp) }), { engine: own });
  own.release(usual.scaled, usual.mask);
  expect(usual.warnings).not.toContainEqual(expect.stringMatching(/^Every voxel/));
});
