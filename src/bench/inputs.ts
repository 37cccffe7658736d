/** Generated maps of the benchmark, the same on every machine, and the engines' settings for them. */
import type { Engine, Volume } from '../engine/engine.ts';
import type { ReferenceProfileRule } from '../math/scaling/scaling-rules.ts';
import { createRandom } from '../math/statistics/random.ts';
import { type BlobMaps, makeBlobMaps } from './blob-map.ts';

/** A large map and the voxels in its mask; boxes of other sizes have the same share of theirs. */
const NOMINAL = { edge: 256, maskVoxels: 1_000_000 };
/** LocScale's window. */
const WINDOW_ANGSTROM = 25;
/** Its edge in large boxes, voxels. */
const WINDOW_VOXELS = 24;
export const VOXEL_SIZE = WINDOW_ANGSTROM / WINDOW_VOXELS;
/** Windows per edge of a box, at least. */
const SHARE_OF_BOX = 4;
/** Standard deviation of the noise of one half map; densities are about 1. */
const HALF_MAP_NOISE = 0.05;

export interface BenchInputs extends BlobMaps {
  readonly half1: Float32Array;
  readonly half2: Float32Array;
  /** Edge of the windows, even. */
  readonly windowVoxels: number;
}

export type BenchVolumes = Readonly<Record<'map' | 'reference' | 'mask' | 'half1' | 'half2', Volume>>;

export async function makeInputs(engine: Engine, edge: number): Promise<BenchInputs> {
  const maps = await makeBlobMaps(engine, edge, NOMINAL.maskVoxels / NOMINAL.edge ** 3);
  return {
    ...maps,
    half1: withNoise(maps.map, 1),
    half2: withNoise(maps.map, 2),
    windowVoxels: Math.min(WINDOW_VOXELS, 2 * Math.floor(edge / SHARE_OF_BOX / 2)),
  };
}

function withNoise(map: Float32Array, stream: number): Float32Array {
  const random = createRandom(24, stream);
  return map.map((value) => value + HALF_MAP_NOISE * random.gaussian());
}

export async function uploadInputs(engine: Engine, inputs: BenchInputs): Promise<BenchVolumes> {
  const upload = (data: Float32Array): Promise<Volume> => {
    const host = engine.allocateHost(data.length);
    host.set(data);
    return engine.upload(host, inputs.shape);
  };
  return {
    map: await upload(inputs.map),
    reference: await upload(inputs.reference),
    mask: await upload(inputs.mask),
    half1: await upload(inputs.half1),
    half2: await upload(inputs.half2),
  };
}

/** Windows of LocScale's 25 A. */
export function referenceRule(windowVoxels: number): ReferenceProfileRule {
  const voxelSize = WINDOW_ANGSTROM / windowVoxels;
  return { kind: 'reference-profile', voxelSize, wilsonCutoff: 10, fscCutoff: 2 * voxelSize + 1 };
}
