/**
 * FDR confidence map (method 2). The confidence depends only on a value's rank among the values of the
 * sphere: the GPU collects those whose confidence may lie between 0 and 1 (typically 2-8 % of the voxels),
 * the host sorts those that noise does not explain and builds a table of confidences, and the GPU looks up
 * every voxel in it.
 */
import {
  type ConfidenceTest,
  confidenceOfSorted,
  confidenceTest,
  significantKeys,
} from '../math/statistics/confidence.ts';
import { fromOrderKeys, keyAbove, keyAtLeast } from '../math/statistics/float-order.ts';
import { sortKeys } from '../math/statistics/sort-keys.ts';
import type { GpuDevice } from './device.ts';
import type { UniformField } from './kernel.ts';
import { makeVolume, type Scratch, submitPass, withScratch } from './scratch.ts';
import { slabVoxels } from './slabs.ts';
import { getVerifiedKernel } from './verified-kernel.ts';
import type { GpuVolume } from './volume.ts';
import { linearWorkgroups, PART_VOXELS } from './workgroups.ts';

/** `noise`: mean and variance in the noise boxes, float64. */
export async function confidenceMap(
  gpu: GpuDevice,
  volume: GpuVolume,
  noise: { readonly mean: number; readonly variance: number },
): Promise<GpuVolume> {
  const test = confidenceTest(volume.shape, noise.mean, noise.variance);
  const { volume: out } = await makeVolume(gpu, 'confidence map', volume.shape, (map) =>
    withScratch(gpu, async (scratch) => {
      const rows = volume.slabs.map(({ firstPlane, planes }) =>
        scratch.table('confidence sphere', packRows(test, volume.shape[1], firstPlane, planes)),
      );
      const { keys, above } = await collectKeys(gpu, scratch, volume, map, rows, test);
      const table = makeTable(test, keys, above);
      await applyTable(gpu, scratch, volume, map, rows, test, table);
    }),
  );
  return out;
}

/** Per row of the slab: first x inside the sphere + 2^16 * first x beyond it (rows are shorter than 2^16). */
function packRows(test: ConfidenceTest, ny: number, firstPlane: number, planes: number): Uint32Array {
  const { rowStart, rowEnd } = test.sphere;
  const first = firstPlane * ny;
  return Uint32Array.from(
    { length: planes * ny },
    (_, i) => rowStart[first + i] + 0x10000 * rowEnd[first + i],
  );
}

/** Uniform fields of one slab. */
function parametersOf(
  volume: GpuVolume,
  slab: number,
  { threshold, certain }: ConfidenceTest,
  entries: number,
  clear: boolean,
): UniformField[] {
  return [
    ['u32', slabVoxels(volume, volume.slabs[slab])],
    ['u32', volume.shape[2]],
    ['u32', keyAbove(threshold)],
    ['u32', keyAtLeast(certain)],
    ['u32', 2 * slab],
    ['u32', entries],
    ['u32', clear ? 1 : 0],
  ];
}

/**
 * Order keys of the values inside the sphere above the threshold that are not certain, in any order, and how
 * many are. `room` is overwritten.
 */
async function collectKeys(
  gpu: GpuDevice,
  scratch: Scratch,
  volume: GpuVolume,
  room: GpuVolume,
  rows: readonly GPUBuffer[],
  test: ConfidenceTest,
): Promise<{ keys: Uint32Array; above: number }> {
  const kernel = await getVerifiedKernel(gpu, 'confidence-map', 'collect');
  const counters = scratch.storage('confidence counts', 8 * volume.slabs.length);
  submitPass(gpu, 'confidence: collect', (pass) => {
    volume.slabs.forEach((slab, i) => {
      const bound = {
        parameters: scratch.uniform('confidence', parametersOf(volume, i, test, 0, false)),
        volume: slab.buffer,
        rows: rows[i],
        keys_out: room.slabs[i].buffer,
        counts: counters,
      };
      kernel.run(pass, bound, linearWorkgroups(gpu, slabVoxels(volume, slab), PART_VOXELS));
    });
  });
  const pairs = new Uint32Array(await gpu.read(counters, 0, 8 * volume.slabs.length));
  const counts = pairs.filter((_, i) => i % 2 === 0);
  const keys = new Uint32Array(counts.reduce((sum, count) => sum + count, 0));
  let next = 0;
  for (const [i, count] of counts.entries()) {
    if (count > 0) {
      const bytes = new Uint8Array(keys.buffer, 4 * next, 4 * count);
      await gpu.readInto(room.slabs[i].buffer, 0, bytes);
    }
    next += count;
  }
  return { keys, above: pairs.reduce((sum, count, i) => sum + (i % 2) * count, 0) };
}

/** Confidence as a function of the value. */
interface ConfidenceTable {
  /** Distinct order keys, ascending; values without one have confidence 0. */
  readonly keys: Uint32Array;
  /** Confidence at each key, 0 to 1. */
  readonly values: Float32Array;
}

/** `found` is overwritten; `above`: values beyond them. */
function makeTable(test: ConfidenceTest, found: Uint32Array, above: number): ConfidenceTable {
  const keys = sortKeys(significantKeys(test, found, above));
  const values = confidenceOfSorted(test, fromOrderKeys(keys), above);
  let entries = 0;
  for (let i = 0; i < keys.length; i++) {
    if (i > 0 && keys[i] === keys[i - 1]) continue;
    keys[entries] = keys[i];
    values[entries++] = values[i];
  }
  return { keys: keys.subarray(0, entries), values: values.subarray(0, entries) };
}

/** In parts of the table that fit a binding; the first also writes 0 to voxels without an entry. */
async function applyTable(
  gpu: GpuDevice,
  scratch: Scratch,
  volume: GpuVolume,
  out: GpuVolume,
  rows: readonly GPUBuffer[],
  test: ConfidenceTest,
  { keys, values }: ConfidenceTable,
): Promise<void> {
  const kernel = await getVerifiedKernel(gpu, 'confidence-map', 'apply');
  const most = Math.floor(Math.min(gpu.limits.bindingBytes, gpu.limits.bufferBytes) / 4);
  const parts = Math.max(1, Math.ceil(keys.length / most));
  for (let part = 0; part < parts; part++) {
    const from = part * most;
    const to = Math.min(keys.length, from + most);
    const tableKeys = scratch.table('confidence keys', keys.subarray(from, to));
    const tableValues = scratch.table('confidence values', values.subarray(from, to));
    submitPass(gpu, 'confidence: apply', (pass) => {
      volume.slabs.forEach((slab, i) => {
        const bound = {
          parameters: scratch.uniform('confidence', parametersOf(volume, i, test, to - from, part === 0)),
          volume: slab.buffer,
          rows: rows[i],
          table_keys: tableKeys,
          table_values: tableValues,
          out: out.slabs[i].buffer,
        };
        kernel.run(pass, bound, linearWorkgroups(gpu, slabVoxels(volume, slab)));
      });
    });
  }
}
