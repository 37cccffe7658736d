/**
 * What a run keeps so that a later run of the same job, after a kill or with other settings of a later step,
 * need not compute it again. A checkpoint is found by what it was made of: the voxels that went in, and the
 * parameters.
 */
import type { Engine, Volume } from '../engine/engine.ts';
import type { Shape } from '../math/grid.ts';
import type { Run } from './run.ts';

/** A result on disk, or wherever the caller keeps it. */
export interface Checkpoint {
  readonly facts: unknown;
  readonly arrays: readonly Float32Array[];
}

export interface Checkpoints {
  /** How often work under way is kept, about; default 20 for tiles, 60 for cubes of the network. */
  readonly intervalSeconds?: number | undefined;
  /** All that were added under this name for `of`, in the order in which they were added. */
  list(name: string, of: unknown): Promise<Checkpoint[]>;
  /** Kept in full or not at all, whatever happens. `of`: plain data; everything the content depends on. */
  add(name: string, of: unknown, content: Checkpoint): Promise<void>;
  /** The content takes the place of all that were added under this name for `of`. */
  replace(name: string, of: unknown, content: Checkpoint): Promise<void>;
}

/** Hashed at once; larger than that, a map is hashed in pieces and the hashes together. */
const BYTES_PER_PIECE = 1 << 26;

/** SHA-256 (hex) of voxels, over the hashes of pieces of 64 MiB. */
export async function hashVoxels(voxels: Float32Array): Promise<string> {
  const bytes = new Uint8Array(voxels.buffer, voxels.byteOffset, voxels.byteLength);
  const pieces = Math.max(1, Math.ceil(bytes.length / BYTES_PER_PIECE));
  const hashes = new Uint8Array(32 * pieces);
  for (let i = 0; i < pieces; i++) {
    // A copy: shared memory cannot be hashed where it is.
    const piece = bytes.slice(i * BYTES_PER_PIECE, (i + 1) * BYTES_PER_PIECE);
    const own = piece.buffer instanceof ArrayBuffer ? piece : new Uint8Array(piece);
    hashes.set(new Uint8Array(await crypto.subtle.digest('SHA-256', own as Uint8Array<ArrayBuffer>)), 32 * i);
  }
  return hex(new Uint8Array(await crypto.subtle.digest('SHA-256', hashes)));
}

const hashes = new WeakMap<Volume, Promise<string>>();

/**
 * The same of a finished volume on its engine, downloaded and hashed once: its voxels do not change any more.
 */
export function hashVolume(engine: Engine, volume: Volume): Promise<string> {
  const known = hashes.get(volume);
  if (known !== undefined) return known;
  const hash = engine.download(volume).then(hashVoxels);
  hashes.set(volume, hash);
  return hash;
}

export function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** Results of one engine are not taken for those of another: they differ in the last digits. */
export function engineIdentity({ name, description }: Engine): string {
  return name === 'cpu' ? name : description;
}

/**
 * A volume that an earlier run has made, or the one that `make` gives, which is kept. `shape` is that of
 * both.
 */
export async function keptVolume(
  { engine, context: { checkpoints } }: Run,
  name: string,
  of: () => Promise<unknown>,
  shape: Shape,
  make: () => Promise<Volume>,
): Promise<Volume> {
  if (checkpoints === undefined) return make();
  const key = await of();
  const [kept] = await checkpoints.list(name, key);
  if (kept !== undefined) return engine.upload(kept.arrays[0], shape);
  const volume = await make();
  await checkpoints.add(name, key, { facts: {}, arrays: [await engine.download(volume)] });
  return volume;
}

/** The same for small results that are plain data. */
export async function keptFacts<T>(
  { context: { checkpoints } }: Run,
  name: string,
  of: () => Promise<unknown>,
  make: () => Promise<T>,
): Promise<T> {
  if (checkpoints === undefined) return make();
  const key = await of();
  const [kept] = await checkpoints.list(name, key);
  if (kept !== undefined) return kept.facts as T;
  const facts = await make();
  await checkpoints.add(name, key, { facts, arrays: [] });
  return facts;
}
