/** Map and model files by their names, for callers of the library under Node and Deno. */
import { createReadStream } from 'node:fs';
import { open, readFile, rename, rm, stat } from 'node:fs/promises';
import type { Engine } from './engine/engine.ts';
import { LocScaleError, stopIfAborted } from './errors.ts';
import { decompress } from './formats/compression.ts';
import { readStructure } from './formats/coordinates.ts';
import { readMrc, readMrcHeader, writeMrc } from './formats/mrc.ts';
import type { Structure } from './formats/structure.ts';
import type { MapImage, MapSource } from './pipeline/types.ts';

export interface MapFileOptions {
  /** The voxels are put into memory of this engine, which then need not copy them. */
  readonly engine?: Pick<Engine, 'allocateHost'>;
  /** Voxel size in A instead of the header's. */
  readonly voxelSize?: number;
  /** A mask or difference mask may hold nothing but zeros, and is called a mask in messages. */
  readonly kind?: 'map' | 'mask';
  readonly onWarning?: (message: string) => void;
  readonly onInfo?: (message: string) => void;
  readonly signal?: AbortSignal;
}

/** Reads an MRC or CCP4 map, also .gz and .bz2, in any axis order and byte order, modes 0, 1, 2, 6 and 12. */
export async function readMapFile(path: string, options: MapFileOptions = {}): Promise<MapImage> {
  const { engine, voxelSize, kind = 'map', onWarning, onInfo, signal } = options;
  return readMrc(await sourceOf(path, signal), {
    name: path,
    allocate: (voxels) => engine?.allocateHost(voxels) ?? new Float32Array(voxels),
    voxelSizeOverride: voxelSize,
    onWarning,
    onInfo,
    kind,
    allowAllZero: kind === 'mask',
  });
}

/** Reads the header now and the voxels when the step begins that needs them, so that memory is free until then. */
export async function openMapFile(path: string, options: MapFileOptions = {}): Promise<MapSource> {
  const { voxelSize, onWarning, onInfo } = options;
  const { header, grid } = await readMrcHeader(await sourceOf(path, options.signal), {
    name: path,
    voxelSizeOverride: voxelSize,
    onWarning,
    onInfo,
  });
  return { name: path, header, grid, load: () => readMapFile(path, options) };
}

/**
 * Writes a map: mode 2, with the header it has and one label more (at most 80 characters). The file appears when
 * it is whole; one of that name is replaced.
 */
export async function writeMapFile(path: string, map: MapImage, label: string): Promise<void> {
  // Not the number of the process, which in a container may be that of one that was killed here.
  const temporary = `${path}.${crypto.randomUUID().slice(0, 8)}.part`;
  const file = await open(temporary, 'wx');
  try {
    for await (const chunk of writeMrc(map, { label })) await file.writeFile(chunk);
    await file.close();
    await rename(temporary, path);
  } catch (error) {
    await file.close().catch(() => undefined);
    await rm(temporary, { force: true });
    throw error;
  }
}

/** Reads an atomic model, PDB or mmCIF, also .gz. */
export async function readModelFile(path: string): Promise<Structure> {
  return readStructure(await readFile(path), path);
}

async function sourceOf(path: string, signal: AbortSignal | undefined) {
  const { size: byteLength } = await stat(path).catch((cause: unknown) => {
    throw new LocScaleError('bad-input', `${path} cannot be read.`, { where: path, cause });
  });
  return decompress({ bytes: chunksOf(path, signal), byteLength }, path);
}

async function* chunksOf(path: string, signal: AbortSignal | undefined): AsyncGenerator<Uint8Array> {
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) {
    stopIfAborted(signal);
    yield chunk as Uint8Array;
  }
}
