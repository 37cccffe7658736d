/** Inputs of the benches that run both engines: the blob maps of blob-map.ts, made once per size. */

import { type BlobMaps, makeBlobMaps } from '../src/bench/blob-map.ts';
import type { Engine, LocalScalingJob, Volume } from '../src/engine/engine.ts';
import type { ScalingRule } from '../src/math/scaling/scaling-rules.ts';

/** The box that the number of mask voxels is said for. */
export const NOMINAL_EDGE = 256;
/** Larger boxes repeat one of this size: noise for every voxel would take minutes. */
const LARGEST_GENERATED_EDGE = 256;

const made = new Map<string, Promise<BlobMaps>>();

/** `maskVoxels` in a box of 256^3, the same share of the voxels in other boxes. */
export function benchMaps(engine: Engine, edge: number, maskVoxels: number): Promise<BlobMaps> {
  const key = `${edge} ${maskVoxels}`;
  let maps = made.get(key);
  if (!maps) {
    maps = generate(engine, edge, maskVoxels / NOMINAL_EDGE ** 3);
    made.set(key, maps);
  }
  return maps;
}

/** Frees the memory of one size. */
export function forgetMaps(edge: number): void {
  for (const key of made.keys()) if (key.startsWith(`${edge} `)) made.delete(key);
}

async function generate(engine: Engine, edge: number, fill: number): Promise<BlobMaps> {
  const factor = Math.ceil(edge / LARGEST_GENERATED_EDGE);
  if (edge % factor !== 0) throw new Error(`A box of ${edge} voxels does not divide by ${factor}.`);
  const maps = await makeBlobMaps(engine, edge / factor, fill);
  return factor === 1 ? maps : enlarge(maps, factor);
}

/** Densities repeated along every axis, the mask scaled up voxel by voxel. */
function enlarge({ shape, map, reference, mask, maskVoxels, padValues }: BlobMaps, factor: number): BlobMaps {
  const small = shape[0];
  const edge = small * factor;
  const fill = (valueAt: (z: number, y: number, x: number) => number): Float32Array => {
    const out = new Float32Array(edge ** 3);
    for (let z = 0, i = 0; z < edge; z++) {
      for (let y = 0; y < edge; y++) for (let x = 0; x < edge; x++, i++) out[i] = valueAt(z, y, x);
    }
    return out;
  };
  const repeated = (data: Float32Array): Float32Array =>
    fill((z, y, x) => data[((z % small) * small + (y % small)) * small + (x % small)]);
  return {
    shape: [edge, edge, edge],
    map: repeated(map),
    reference: repeated(reference),
    mask: fill(
      (z, y, x) =>
        mask[(Math.floor(z / factor) * small + Math.floor(y / factor)) * small + Math.floor(x / factor)],
    ),
    maskVoxels: maskVoxels * factor ** 3,
    padValues,
  };
}

/** A job in the memory of `engine`; `close` releases it. */
export async function uploadJob(
  engine: Engine,
  maps: BlobMaps,
  windowVoxels: number,
  rule: ScalingRule,
): Promise<{ job: LocalScalingJob; close: () => void }> {
  const upload = async (data: Float32Array): Promise<Volume> => {
    const host = engine.allocateHost(data.length);
    host.set(data);
    return engine.upload(host, maps.shape);
  };
  const map = await upload(maps.map);
  const reference = await upload(maps.reference);
  const mask = await upload(maps.mask);
  return {
    job: {
      map,
      reference,
      mask,
      windowVoxels,
      profileKind: 'octant',
      rule,
      padValues: maps.padValues,
      measureBFactors: false,
    },
    close: () => engine.release(map, reference, mask),
  };
}
