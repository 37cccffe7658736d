/**
 * Reads maps and models from files on disk (files/read-files.ts) or in a browser (browser/read-blobs.ts).
 * Maps are streamed through decompression into the engine's memory and hashed on the way, so that every file
 * is read once.
 */
import type { Engine } from '../engine/engine.ts';
import { stopIfAborted } from '../errors.ts';
import { decompress } from '../formats/compression.ts';
import type { MapImage } from '../formats/map-image.ts';
import { readMrc, readMrcHeader } from '../formats/mrc.ts';
import type { Structure } from '../formats/structure.ts';
import type { Grid } from '../math/grid.ts';
import type { MapSource } from './map-input.ts';

/** A file of any kind of storage. */
export interface StoredFile {
  /** How messages call it. */
  readonly name: string;
  /** Its size in bytes; `finish` rejects a file that has changed since. */
  begin(): Promise<{ readonly byteLength: number; readonly finish?: () => Promise<void> }>;
  bytesFrom(start: number): AsyncIterable<Uint8Array>;
  whole(): Promise<Uint8Array>;
  /** SHA-256. */
  createHash(): StreamHash;
  /** A storage failure, explained to the user. */
  explain(error: unknown): unknown;
}

/** A SHA-256 that takes a file piece by piece. */
export interface StreamHash {
  update(bytes: Uint8Array): unknown;
  /** Hexadecimal. */
  digest(): string;
}

/** Content of the file. */
export interface FileDigest {
  readonly bytes: number;
  readonly sha256: string;
}

/** How a map is read, and what is reported of it. */
export interface MapReadOptions<Read = FileDigest> {
  /** The voxels are read into this engine's memory, which avoids a copy. */
  readonly engine?: Pick<Engine, 'allocateHost'>;
  /** Voxel size in A instead of the header's. */
  readonly voxelSize?: number;
  /** How messages call it. */
  readonly kind?: 'map' | 'mask';
  /** Default: only masks may be all zeros. */
  readonly allowAllZero?: boolean;
  readonly onWarning?: (message: string) => void;
  readonly onInfo?: (message: string) => void;
  /** Called once the header is read and judged. */
  readonly onGrid?: (grid: Grid) => void;
  /** Called when the voxels are about to be read. */
  readonly onReading?: () => void;
  /** Called when the file has been read; if present, the file is hashed. */
  readonly onRead?: (file: Read) => void;
  readonly signal?: AbortSignal;
}

/**
 * Reads a map in one pass: hashed, decompressed and converted as its bytes arrive. Throws 'bad-input' if it
 * is not a usable map, or changes while it is read.
 */
export async function readMap(file: StoredFile, options: MapReadOptions): Promise<MapImage> {
  const { engine, voxelSize, kind = 'map', onWarning, onInfo, onGrid, onReading, onRead, signal } = options;
  onReading?.();
  const { byteLength, finish } = await file.begin();
  const hash = onRead && file.createHash();
  let readBytes = 0;
  const onChunk = (chunk: Uint8Array): void => {
    hash?.update(chunk);
    readBytes += chunk.length;
  };
  try {
    const bytes = observe(file.bytesFrom(0), signal, onChunk);
    const image = await readMrc(await decompress({ bytes, byteLength }, file.name), {
      name: file.name,
      allocate: (voxels) => engine?.allocateHost(voxels) ?? new Float32Array(voxels),
      voxelSizeOverride: voxelSize,
      onWarning,
      onInfo,
      onGrid,
      kind,
      allowAllZero: options.allowAllZero ?? kind === 'mask',
    });
    // Bytes after the map (or after the compressed data) are hashed, too.
    if (hash !== undefined)
      for await (const chunk of observe(file.bytesFrom(readBytes), signal)) hash.update(chunk);
    await finish?.();
    if (hash !== undefined) onRead?.({ bytes: byteLength, sha256: hash.digest() });
    return image;
  } catch (error) {
    throw file.explain(error);
  }
}

/**
 * Reads the header now and the voxels when a step needs them, to save memory until then. Warnings about the
 * header are printed once.
 */
export async function openMap(file: StoredFile, options: MapReadOptions): Promise<MapSource> {
  const onWarning = withoutRepeats(options.onWarning);
  const onInfo = withoutRepeats(options.onInfo);
  const { name } = file;
  const { byteLength } = await file.begin();
  try {
    const bytes = observe(file.bytesFrom(0), options.signal);
    const source = await decompress({ bytes, byteLength }, name);
    const { voxelSize: voxelSizeOverride } = options;
    const { header, grid } = await readMrcHeader(source, { name, voxelSizeOverride, onWarning, onInfo });
    return { name, header, grid, load: () => readMap(file, { ...options, onWarning, onInfo }) };
  } catch (error) {
    throw file.explain(error);
  }
}

/** Every message once: header checks and voxels may find the same. */
export function withoutRepeats(say: (message: string) => void = () => undefined): (message: string) => void {
  const said = new Set<string>();
  return (message) => {
    if (!said.has(message)) say(message);
    said.add(message);
  };
}

/** Placeholders that programs write for models without a PDB entry. */
const NO_ID = /^(x+|none|unnamed|\.|\?)?$/i;

/** An atomic model, PDB or mmCIF, also .gz. A model without an ID is named after its file. */
export async function readModel(
  file: StoredFile,
  onRead: ((file: FileDigest) => void) | undefined,
): Promise<Structure> {
  const bytes = await file.whole();
  if (onRead !== undefined) {
    const hash = file.createHash();
    hash.update(bytes);
    onRead({ bytes: bytes.length, sha256: hash.digest() });
  }
  // Most runs have no model.
  const { readStructure } = await import('../formats/coordinates.ts');
  const structure = readStructure(bytes, file.name);
  return NO_ID.test(structure.id) ? { ...structure, id: file.name.replace(/^.*[/\\]/, '') } : structure;
}

/** Passes chunks on; ends the stream when the run is stopped. */
async function* observe(
  bytes: AsyncIterable<Uint8Array>,
  signal: AbortSignal | undefined,
  onChunk?: (chunk: Uint8Array) => void,
): AsyncGenerator<Uint8Array> {
  for await (const chunk of bytes) {
    stopIfAborted(signal);
    onChunk?.(chunk);
    yield chunk;
  }
}
