/**
 * Checkpoints: results stored so that a later run of the same job, after a kill or with other settings of a
 * later step, need not recompute them. The key is a hash of the input voxels and the parameters.
 */
import type { Engine, Volume } from '../engine/engine.ts';
import type { Shape } from '../math/grid.ts';
import type { Run } from './run.ts';

/** A result on disk, or wherever the caller stores it. */
export interface Checkpoint {
  readonly values: unknown;
  readonly arrays: readonly Float32Array[];
}

/**
 * Where finished work is stored and looked up. A checkpoint counts only for the same `of`, that is for the
 * same inputs and settings.
 */
export interface Checkpoints {
  /**
   * Approximate seconds between checkpoints of unfinished work; default 20 for tiles, 60 for cubes of the
   * network.
   */
  readonly intervalSeconds?: number | undefined;
  /** All checkpoints added under this name for `of`, in order of addition. */
  list(name: string, of: unknown): Promise<Checkpoint[]>;
  /** Atomic: stored in full or not at all. `of`: plain data, everything that the content depends on. */
  add(name: string, of: unknown, content: Checkpoint): Promise<void>;
  /** Replaces all checkpoints of this name for `of`. */
  replace(name: string, of: unknown, content: Checkpoint): Promise<void>;
}

/** Bytes hashed at once; a larger map is hashed in pieces, and then their hashes. */
const BYTES_PER_PIECE = 1 << 26;

/** SHA-256 (hex) of voxels, over the hashes of pieces of 64 MiB. */
export async function hashVoxels(voxels: Float32Array): Promise<string> {
  const bytes = new Uint8Array(voxels.buffer, voxels.byteOffset, voxels.byteLength);
  const pieces = Math.max(1, Math.ceil(bytes.length / BYTES_PER_PIECE));
  const hashes = new Uint8Array(32 * pieces);
  for (let i = 0; i < pieces; i++) {
    // A copy, because shared memory cannot be hashed in place.
    const piece = bytes.slice(i * BYTES_PER_PIECE, (i + 1) * BYTES_PER_PIECE);
    const own = piece.buffer instanceof ArrayBuffer ? piece : new Uint8Array(piece);
    hashes.set(new Uint8Array(await crypto.subtle.digest('SHA-256', own as Uint8Array<ArrayBuffer>)), 32 * i);
  }
  return hex(new Uint8Array(await crypto.subtle.digest('SHA-256', hashes)));
}

/** Hash of each volume, made once: volumes do not change. */
const hashes = new WeakMap<Volume, Promise<string>>();

/**
 * The same for a finished volume on an engine, downloaded and hashed once, since its voxels no longer change.
 */
export function hashVolume(engine: Engine, volume: Volume): Promise<string> {
  const known = hashes.get(volume);
  if (known !== undefined) return known;
  const hash = engine.download(volume).then(hashVoxels);
  hashes.set(volume, hash);
  return hash;
}

/** Lower case, two digits per byte. */
export function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** Part of the key: results of different engines differ in the last digits. */
export function engineIdentity({ name, description }: Engine): string {
  return name === 'cpu' ? name : description;
}

/** A cached volume of an earlier run, or the result of `make`, which is stored; both have this `shape`. */
export async function cachedVolume(
  { engine, context: { checkpoints } }: Run,
  name: string,
  of: () => Promise<unknown>,
  shape: Shape,
  make: () => Promise<Volume>,
): Promise<Volume> {
  if (checkpoints === undefined) return make();
  const key = await of();
  const [cached] = await checkpoints.list(name, key);
  if (cached !== undefined) return engine.upload(cached.arrays[0], shape);
  const volume = await make();
  await checkpoints.add(name, key, { values: {}, arrays: [await engine.download(volume)] });
  return volume;
}

/** The same for small results of plain data. */
export async function cachedResult<T>(
  { context: { checkpoints } }: Run,
  name: string,
  of: () => Promise<unknown>,
  make: () => Promise<T>,
): Promise<T> {
  if (checkpoints === undefined) return make();
  const key = await of();
  const [cached] = await checkpoints.list(name, key);
  if (cached !== undefined) return cached.values as T;
  const values = await make();
  await checkpoints.add(name, key, { values, arrays: [] });
  return values;
}
