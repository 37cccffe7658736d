/** Maps and models from files that a user has chosen or dropped, or from any other Blob. Nothing leaves the browser. */
import type { Engine } from '../engine/engine.ts';
import { LocScaleError, stopIfAborted } from '../errors.ts';
import { decompress } from '../formats/compression.ts';
import { readStructure } from '../formats/coordinates.ts';
import { readMrc, readMrcHeader } from '../formats/mrc.ts';
import type { Structure } from '../formats/structure.ts';
import type { MapImage, MapSource } from '../pipeline/types.ts';
import { Sha256 } from './sha256.ts';

/** A file as it was read. */
export interface BlobRead {
  readonly name: string;
  readonly bytes: number;
  readonly sha256: string;
}

export interface MapBlobOptions {
  /** How messages call it; default: the name of a File, else "map". */
  readonly name?: string;
  /** The voxels are put into memory of this engine, which then need not copy them. */
  readonly engine?: Pick<Engine, 'allocateHost'>;
  /** Voxel size in A instead of the header's. */
  readonly voxelSize?: number;
  readonly kind?: 'map' | 'mask';
  /** Default: masks may hold nothing but zeros. */
  readonly allowAllZero?: boolean;
  readonly onWarning?: (message: string) => void;
  readonly onInfo?: (message: string) => void;
  /** Called when the file is read; with it the file is hashed on the way. */
  readonly onRead?: (file: BlobRead) => void;
  readonly signal?: AbortSignal;
}

/** Reads an MRC or CCP4 map, also .gz and .bz2, as a stream: the file is in memory once, as voxels. */
export async function mapFromBlob(blob: Blob, options: MapBlobOptions = {}): Promise<MapImage> {
  const { engine, voxelSize, kind = 'map', onWarning, onInfo, onRead, signal } = options;
  const name = nameOf(blob, options);
  const hash = onRead === undefined ? undefined : new Sha256();
  const read = { bytes: 0 };
  const bytes = chunksOf(blob, name, signal, (chunk) => {
    hash?.update(chunk);
    read.bytes += chunk.length;
  });
  const source = await decompress({ bytes, byteLength: blob.size }, name);
  const image = await readMrc(source, {
    name,
    allocate: (voxels) => engine?.allocateHost(voxels) ?? new Float32Array(voxels),
    voxelSizeOverride: voxelSize,
    onWarning,
    onInfo,
    kind,
    allowAllZero: options.allowAllZero ?? kind === 'mask',
  });
  if (hash !== undefined) {
    // Bytes behind the map belong to the file's hash, too.
    for await (const chunk of chunksOf(blob.slice(read.bytes), name, signal)) hash.update(chunk);
    onRead?.({ name, bytes: blob.size, sha256: hash.digest() });
  }
  return image;
}

/** Reads the header now and the voxels when the step begins that needs them. */
export async function openMapBlob(blob: Blob, options: MapBlobOptions = {}): Promise<MapSource> {
  const name = nameOf(blob, options);
  const { voxelSize: voxelSizeOverride, onInfo, onWarning, signal } = options;
  const source = await decompress({ bytes: chunksOf(blob, name, signal), byteLength: blob.size }, name);
  const { header, grid } = await readMrcHeader(source, { name, voxelSizeOverride, onInfo, onWarning });
  // The header's warnings are said by now.
  const later = { ...options, name, onWarning: undefined, onInfo: undefined };
  return { name, header, grid, load: () => mapFromBlob(blob, later) };
}

/** Reads an atomic model, PDB or mmCIF, also .gz. */
export async function modelFromBlob(
  blob: Blob,
  options: Pick<MapBlobOptions, 'name' | 'onRead'> = {},
): Promise<Structure> {
  const name = nameOf(blob, options);
  const bytes = new Uint8Array(await blob.arrayBuffer().catch((cause) => refuse(name, cause)));
  if (options.onRead !== undefined) {
    const hash = new Sha256();
    hash.update(bytes);
    options.onRead({ name, bytes: bytes.length, sha256: hash.digest() });
  }
  return readStructure(bytes, name);
}

function nameOf(blob: Blob, { name }: { readonly name?: string }): string {
  return name ?? (blob as { readonly name?: string }).name ?? 'map';
}

/** A loop over a reader: not every browser's streams can be iterated over. */
async function* chunksOf(
  blob: Blob,
  name: string,
  signal: AbortSignal | undefined,
  onChunk?: (chunk: Uint8Array) => void,
): AsyncGenerator<Uint8Array> {
  const reader = blob.stream().getReader();
  try {
    for (;;) {
      stopIfAborted(signal);
      const step = await reader.read().catch((cause) => refuse(name, cause));
      if (step.done) return;
      onChunk?.(step.value);
      yield step.value;
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

/** Files are read long after they were chosen; browsers refuse those that have changed since. */
function refuse(name: string, cause: unknown): never {
  throw new LocScaleError('bad-input', `${name} cannot be read any more: it was changed, moved or removed.`, {
    where: name,
    hint: 'Choose the file again.',
    cause,
  });
}
