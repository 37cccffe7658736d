/** The run of soft scaling: maps in, one volume out, and what it says. */
import { describe, expect, it } from 'vitest';
import { createMrcHeader } from '../../../src/formats/mrc-header.ts';
import type { Shape } from '../../../src/math/grid.ts';
import { proteinProfile } from '../../../src/math/soft-scaling/profile.ts';
import { runSoftScaling } from '../../../src/pipeline/index.ts';
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
      profile: proteinProfile(),
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
        ...(profile && { profile }),
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
    await runSoftScaling({ input: halves(6) }, { engine, onInfo: (line) => told.push(line) });
    expect(told).toEqual([
      'Voxels of 6.00 A leave 3 frequency bands up to 0.083 1/A: noise is weighted down, but little or nothing is sharpened.',
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
