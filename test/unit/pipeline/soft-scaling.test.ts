/** The run of soft scaling: maps in, one volume out, and what it says. */
import { describe, expect, it } from 'vitest';
import type { Engine } from '../../../src/engine/engine.ts';
import { createMrcHeader } from '../../../src/formats/mrc-header.ts';
import type { Shape } from '../../../src/math/grid.ts';
import { decayProfile, proteinProfile } from '../../../src/math/soft-scaling/profile.ts';
import { runSoftScaling } from '../../../src/pipeline/index.ts';
import { startRun } from '../../../src/pipeline/run.ts';
import { planSoftScaling, scaleSoftly, softTargetOf } from '../../../src/pipeline/soft-scaling.ts';
import type { MapImage } from '../../../src/pipeline/types.ts';
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

describe('runSoftScaling', () => {
  it('scales half maps to the protein profile, cut by the mask, and holds nothing but the result', async () => {
    const engine = createSimpleEngine();
    const mask = blobMask(SHAPE, 0.8);
    const result = await runSoftScaling(
      { input: halves(), mask: image('mask.mrc', mask.slice()) },
      { engine },
    );
    const expected = directBandScaling({
      shape: SHAPE,
      voxelSize: [1.5, 1.5, 1.5],
      half1: half(2),
      half2: half(3),
      mask,
      zeroOutside: true,
      target: { kind: 'profile', profile: proteinProfile() },
    });
    expect(relativeL2(await engine.download(result.scaled), expected.scaled)).toBeLessThan(1e-6);
    expect(result.bands).toEqual(expected.bands);
    expect([...engine.held]).toEqual([result.scaled]);
    expect(Object.keys(result.timings)).toEqual(['read', 'scaling']);
    expect(result.warnings).toEqual([]);
  });

  it('takes a reference, with or without a profile', async () => {
    const reference = mapLikeVolume(SHAPE, 9);
    for (const profile of [undefined, proteinProfile(60)]) {
      const engine = createSimpleEngine();
      const job = {
        input: halves(),
        reference: image('ref.mrc', reference.slice()),
        ...(profile && { profile }),
      };
      const { scaled } = await runSoftScaling(job, { engine });
      const expected = directBandScaling({
        shape: SHAPE,
        voxelSize: [1.5, 1.5, 1.5],
        half1: half(2),
        half2: half(3),
        reference,
        target: profile ? { kind: 'geometric-mean', profile } : { kind: 'reference' },
      });
      expect(relativeL2(await engine.download(scaled), expected.scaled)).toBeLessThan(1e-6);
    }
  });

  it('asks for the resolution of a single map, and says when voxels are too coarse to sharpen', async () => {
    const engine = createSimpleEngine();
    const input = { kind: 'map' as const, map: image('map.mrc', half(2)) };
    await expect(runSoftScaling({ input }, { engine })).rejects.toThrow(/only up to its resolution/);
    expect(engine.held.size).toBe(0);
    const told: string[] = [];
    await runSoftScaling({ input: halves(6) }, { engine, onWarning: (line) => told.push(line) });
    expect(told).toEqual([
      'Voxels of 6.00 A leave 3 frequency bands up to 0.083 1/A: only noise weighting is applied.',
    ]);
  });

  it('refuses a mask without voxels and maps of other boxes, and releases what it holds', async () => {
    const engine = createSimpleEngine();
    const empty = image('mask.mrc', new Float32Array(8000));
    await expect(runSoftScaling({ input: halves(), mask: empty }, { engine })).rejects.toThrow(/mask/);
    const other = image('ref.mrc', particle.slice(), 2);
    await expect(runSoftScaling({ input: halves(), reference: other }, { engine })).rejects.toThrow(
      /voxel size/,
    );
    expect(engine.held.size).toBe(0);
  });
});

describe('scaleSoftly', () => {
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
