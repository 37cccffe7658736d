/**
 * Minimal reader for the maps of the reference data: little-endian, modes 0, 1 and 2, plain or .gz, axes
 * as they lie in the file. Independent of src/formats on purpose, so that neither can hide a mistake
 * of the other.
 */
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import type { Shape } from '../../src/math/grid.ts';
import { sharedPath } from './shared-data.ts';

export interface GoldenMap {
  /** Sections, rows, columns of the file. */
  readonly shape: Shape;
  readonly data: Float32Array;
  /** Cell edge along the first axis over its sampling, A. */
  readonly voxelSize: number;
}

export function readGoldenMap(...parts: string[]): GoldenMap {
  const path = sharedPath(...parts);
  const raw = readFileSync(path);
  const bytes = path.endsWith('.gz') ? gunzipSync(raw) : raw;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const word = (index: number): number => view.getInt32(4 * index, true);
  const [nx, ny, nz, mode] = [word(0), word(1), word(2), word(3)];
  const start = 1024 + word(23);
  const count = nx * ny * nz;
  const data = new Float32Array(count);
  if (mode === 2) for (let i = 0; i < count; i++) data[i] = view.getFloat32(start + 4 * i, true);
  else if (mode === 1) for (let i = 0; i < count; i++) data[i] = view.getInt16(start + 2 * i, true);
  else if (mode === 0) for (let i = 0; i < count; i++) data[i] = view.getInt8(start + i);
  else throw new Error(`${path}: mode ${mode} is not among those of the reference data`);
  return { shape: [nz, ny, nx], data, voxelSize: view.getFloat32(40, true) / word(7) };
}

export function readGoldenJson<T>(...parts: string[]): T {
  return JSON.parse(readFileSync(sharedPath(...parts), 'utf8')) as T;
}
