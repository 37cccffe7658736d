/** The run of soft scaling: maps in, one volume out, and what it says. */
import { describe, expect, it } from 'vitest';
import type { Engine } from '../../../src/engine/engine.ts';
import { createMrcHeader } from '../../../src/formats/mrc-header.ts';
import type { Shape } from '../../../src/math/grid.ts';
import { decayProfile, proteinProfile } from '../../../src/math/soft-scaling/profile.ts';
import type { SoftTarget } from '../../../src/math/soft-scaling/targets.ts';
import { runLocScale } from '../../../src/pipeline/index.ts';
import { type Run, startRun } from '../../../src/pipeline/run.ts';
import {
  planSoftScaling,
  type SoftScalingMaps,
  type SoftScalingSettings,
  softTargetOf,
} from '../../../src/pipeline/soft-scaling.ts';
import type { LocScaleJob, MapImage } from '../../../src/pipeline/types.ts';
import { relativeL2 } from '../../support/compare.ts';
import { directBandScaling } from '../../support/direct-band-scaling.ts';
import { blobMask, mapLikeVolume, noiseVolume } from '../../support/random-volume.ts';
import { createSimpleEngine } from '../../support/simple-engine.ts';

const SHAPE: Shape = [20, 20, 20];

function image(name: string, data: Float32Array, voxel = 1.5): MapImage {
  const grid = { shape: SHAPE, voxelSize: [voxel, voxel, voxel] as const, origin: [0, 0, 0] as const };
  return { name, header: createMrcHeader(grid), grid, data };
}

const particle = mapLikeVolume(SHAPE, 1);
const half = (seed: number): Float32Array => noiseVolume(SHAPE, seed).map((v, i) => 0.1 * v + particle[i]);
const halves = (voxel = 1.5) => ({
  kind: 'half-maps' as const,
  half1: image('half1.mrc', half(2), voxel),
  half2: image('half2.mrc', half(3), voxel),
});

const soft = (input: LocScaleJob['input'], change: Partial<LocScaleJob> = {}): LocScaleJob => ({
  input,
  mask: image('mask.mrc', blobMask(SHAPE, 0.8)),
  reference: { kind: 'profile' },
  parameters: { scaling: 'soft' },
  ...change,
});
const direct = {
  shape: SHAPE,
  voxelSize: [1.5, 1.5, 1.5] as const,
  half1: half(2),
  half2: half(3),
  mask: blobMask(SHAPE, 0.8),
  zeroOutside: true,
};

describe('soft scaling as a run', () => {
  it('scales half maps to the protein profile, cut by the mask, and holds nothing but the results', async () => {
    const engine = createSimpleEngine();
    const result = await runLocScale(soft(halves()), { engine });
    const expected = directBandScaling({ ...direct, target: { kind: 'profile', profile: proteinProfile() } });
    expect(relativeL2(await engine.download(result.scaled), expected.scaled)).toBeLessThan(1e-6);
    expect(result.soft?.bands).toEqual(expected.bands);
    expect(new Set(engine.held)).toEqual(new Set([result.scaled, result.mask]));
  });

  it('takes a reference, and with a profile the geometric mean of both', async () => {
    const reference = mapLikeVolume(SHAPE, 9);
    for (const profile of [undefined, proteinProfile(60)]) {
      const engine = createSimpleEngine();
      const job = soft(halves(), {
        reference: { kind: 'model-map', map: image('ref.mrc', reference.slice()) },
        parameters: { scaling: 'soft', soft: { profile } },
      });
      const { scaled } = await runLocScale(job, { engine });
      const target: SoftTarget = profile ? { kind: 'geometric-mean', profile } : { kind: 'reference' };
      const expected = directBandScaling({ ...direct, reference, target });
      expect(relativeL2(await engine.download(scaled), expected.scaled)).toBeLessThan(1e-6);
    }
  });

  it('requires the resolution of a single map, and leaves nothing behind', async () => {
    const engine = createSimpleEngine();
    const input = { kind: 'map' as const, map: image('map.mrc', half(2)) };
    await expect(runLocScale(soft(input), { engine })).rejects.toThrow(/only up to its resolution/);
    expect(engine.held.size).toBe(0);
  });
});

describe('planSoftScaling', () => {
  const scaleSoftly = async (maps: SoftScalingMaps, settings: SoftScalingSettings, run: Run) =>
    (await planSoftScaling(settings, run)).scale(maps, run);
  const upload = (engine: Engine, data: Float32Array) => engine.upload(data.slice(), SHAPE);
  const grid = { shape: SHAPE, voxelSize: [1.5, 1.5, 1.5] as const };
  const target = softTargetOf({ kind: 'profile' });

  it('takes the mean of dependent half maps for one map, says so, and fades', async () => {
    const engine = createSimpleEngine();
    const warnings: string[] = [];
    const run = startRun({ engine, onWarning: (line) => warnings.push(line) });
    const maps = [await upload(run.engine, half(2)), await upload(run.engine, half(3))] as const;
    const base = { grid, input: 'dependent half maps', target, zeroOutside: false } as const;
    await expect(scaleSoftly({ maps }, base, run)).rejects.toThrow(/share noise can be scaled .* only up to/);
    const { scaled, fadeResolution } = await scaleSoftly({ maps }, { ...base, resolution: 5 }, run);
    expect(fadeResolution).toBe(5);
    expect(warnings).toEqual([
      'The half maps share noise: the power of their mean is taken for signal, and the result fades at 5 A.',
    ]);
    const second = half(3);
    const mean = half(2).map((v, i) => (v + second[i]) / 2);
    const expected = directBandScaling({ ...grid, half1: mean, target, fadeResolution: 5 });
    expect(relativeL2(await engine.download(scaled), expected.scaled)).toBeLessThan(1e-6);
    run.release(...maps, scaled);
    expect(engine.held.size).toBe(0);
  });

  it('half maps with a resolution fade only with fadeOutput, which needs one', async () => {
    const engine = createSimpleEngine();
    const run = startRun({ engine });
    const maps = [await upload(run.engine, half(2)), await upload(run.engine, half(3))] as const;
    const base = { grid, input: 'half maps', target, zeroOutside: false } as const;
    expect((await scaleSoftly({ maps }, { ...base, resolution: 5 }, run)).fadeResolution).toBeUndefined();
    const faded = await scaleSoftly({ maps }, { ...base, resolution: 5, fadeOutput: true }, run);
    expect(faded.fadeResolution).toBe(5);
    await expect(planSoftScaling({ ...base, fadeOutput: true }, run)).rejects.toThrow(/only at a resolution/);
  });

  it('says when voxels are too coarse to sharpen', async () => {
    const warnings: string[] = [];
    const run = startRun({ engine: createSimpleEngine(), onWarning: (line) => warnings.push(line) });
    const coarse = { shape: SHAPE, voxelSize: [6, 6, 6] as const };
    await planSoftScaling({ grid: coarse, input: 'half maps', target, zeroOutside: false }, run);
    expect(warnings).toEqual([
      'Voxels of 6.00 A leave 3 frequency bands up to 0.083 1/A: only noise weighting is applied.',
    ]);
  });

  it('no reference is a decay with locality 1; the window is 0.4 of an edge', async () => {
    const engine = createSimpleEngine();
    const run = startRun({ engine });
    const decay = softTargetOf({ kind: 'decay', bFactor: 20 });
    expect(decay).toEqual({ kind: 'profile', profile: decayProfile(20), locality: 1 });
    const maps = [await upload(run.engine, half(2)), await upload(run.engine, half(3))] as const;
    const settings = {
      grid,
      input: 'half maps',
      target: decay,
      zeroOutside: false,
      windowAngstrom: 15,
    } as const;
    const { scaled } = await scaleSoftly({ maps }, settings, run);
    const halves = { half1: half(2), half2: half(3) };
    const expected = directBandScaling({ ...grid, ...halves, target: decay, windowSigma: 6 });
    expect(relativeL2(await engine.download(scaled), expected.scaled)).toBeLessThan(1e-6);
  });
});
