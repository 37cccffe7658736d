/**
 * Cubes of TRPV1 (96^3, 1.4 A) as the original chooses them. The literals were made by its own functions
 * (LocScale 2.3.1: get_cosine_mask, resample_map, extract_all_cube_centers, filter_cubecenters_by_mask's
 * rule) under scipy on mask.mrc: counts, and CRC-32 of the first voxels (centre less 16, little-endian int32,
 * z y x).
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createCpuEngine } from '../../src/cpu-fallback/index.ts';
import type { Shape } from '../../src/math/grid.ts';
import { resampleMask, smoothMask } from '../../src/network/graph/cube-mask.ts';
import { planCubes, planNetworkGrid } from '../../src/network/graph/cubes.ts';
import type { ReferencePredictor } from '../../src/network/graph/model.ts';
import { planPrediction, predictReference } from '../../src/network/graph/predict-reference.ts';
import { relativeL2 } from '../support/compare.ts';
import { type GoldenMap, readGoldenMap } from '../support/read-golden.ts';
import { describeWithSharedData } from '../support/shared-data.ts';

const EDGES = { edge: 32, stride: 16 };

describeWithSharedData('TRPV1, cubes', () => {
  let mask: GoldenMap;
  let smooth: Uint8Array;

  beforeAll(() => {
    mask = readGoldenMap('golden', 'trpv1-c4', 'mask.mrc');
    smooth = smoothMask(mask.data, mask.shape);
  });

  it('smoothed mask: the original puts 459 of the 487 voxels at exactly one half outside, by rounding', () => {
    expect(mask.data.filter((v) => v >= 0.5)).toHaveLength(129964);
    expect(count(smooth)).toBe(130754 + 459);
  });

  it('at 1 A: 134^3, and the 460 cubes of 512 that the original predicts', () => {
    const { grid } = planNetworkGrid({ shape: mask.shape, voxelSize: [1.4, 1.4, 1.4], origin: [0, 0, 0] }, 1);
    expect(grid.shape).toEqual([134, 134, 134]);
    const onGrid = resampleMask(smooth, mask.shape, grid.shape);
    // The same rule under scipy (map_coordinates at j 96/134). The original's zoom stretches: 358376 voxels.
    expect(count(onGrid)).toBe(356299);
    const plan = planCubes(grid.shape, onGrid, EDGES);
    expect(plan).toMatchObject({ count: 460, candidates: 512 });
    expect(crc32(plan.positions)).toBe(3716618538);
    const whole = planCubes(grid.shape, new Uint8Array(134 ** 3).fill(1), EDGES);
    expect(crc32(whole.positions)).toBe(1257980434);
  });

  it('taken as 1 A: all 125 cubes', () => {
    const shape: Shape = mask.shape;
    const plan = planCubes(shape, smooth, EDGES);
    expect(plan).toMatchObject({ count: 125, candidates: 125 });
    expect(crc32(plan.positions)).toBe(2670379467);
  });
});

const MANIFEST = { voxelSizeAngstrom: 1, cubeEdge: 32, stride: 16 };

/** A network that changes nothing. */
const identity = {
  manifest: { ...MANIFEST, architecture: 'emmernet' },
  description: 'identity',
  batchSize: 8,
  predict: async (cubes: Float32Array) => cubes.slice(),
} as unknown as ReferencePredictor;

describeWithSharedData('TRPV1, there and back (cpu)', () => {
  const engine = createCpuEngine({ threads: 2 });
  afterAll(async () => (await engine).dispose());

  it.each([
    // Every voxel in a cube: two Fourier resamplings.
    ['the whole box', true, 1e-5],
    // Outside the cubes the prediction is 0, the standardised solvent -0.03 of the largest density: the step
    // at the outer faces, at least 16 A from where the mask is thick, rings into it. 8.6e-5 here.
    ['the cubes of the mask', false, 2e-4],
  ] as const)(
    '1.4 A, %s: the identity gives the standardised map inside the mask',
    async (_, whole, limit) => {
      const on = await engine;
      const [map, mask] = ['reference', 'mask'].map((name) =>
        readGoldenMap('golden', 'trpv1-c4', `${name}.mrc`),
      );
      const selected = whole ? new Float32Array(mask.data.length).fill(1) : mask.data.slice();
      const maskVolume = await on.upload(selected, mask.shape);
      const grid = { shape: mask.shape, voxelSize: [1.4, 1.4, 1.4], origin: [0, 0, 0] } as const;
      const plan = await planPrediction({ engine: on, mask: maskVolume, grid, manifest: MANIFEST });
      const mapVolume = await on.upload(map.data.slice(), map.shape);
      const predicted = await predictReference({ engine: on, map: mapVolume, plan, predictor: identity });
      expect(predicted.cubes).toBe(whole ? 512 : 460);
      expect(predicted.networkShape).toEqual([134, 134, 134]);
      const { mean, factor } = predicted.standardisation;
      const expected = map.data.map((v) => (v - mean) * factor);
      expect(relativeL2(await on.download(predicted.reference), expected, mask.data)).toBeLessThan(limit);
      on.release(maskVolume, mapVolume, predicted.reference);
    },
  );
});

function count(mask: Uint8Array): number {
  return mask.reduce((sum, v) => sum + v, 0);
}

function crc32(values: Int32Array): number {
  const view = new DataView(new ArrayBuffer(4 * values.length));
  values.forEach((value, i) => {
    view.setInt32(4 * i, value, true);
  });
  let crc = 0xffffffff;
  for (let i = 0; i < view.byteLength; i++) {
    crc ^= view.getUint8(i);
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return (crc ^ 0xffffffff) >>> 0;
}
