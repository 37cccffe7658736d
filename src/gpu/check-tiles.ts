/** What the checks of jobs that go tile by tile share: planes of volumes and boxes, voxels of units. */
import type { Shape } from '../math/grid.ts';
import type { GpuDevice } from './device.ts';
import type { UnitRows } from './tile-units.ts';
import { relativeError } from './verification.ts';
import type { GpuVolume } from './volume.ts';

/** Planes of a volume as they are in its slabs. */
export async function readPlanes(
  gpu: GpuDevice,
  { shape, slabs }: GpuVolume,
  first: number,
  planes: number,
): Promise<Float32Array> {
  const plane = shape[1] * shape[2];
  const out = new Float32Array(planes * plane);
  for (const slab of slabs) {
    const from = Math.max(first, slab.firstPlane);
    const to = Math.min(first + planes, slab.firstPlane + slab.planes);
    if (from >= to) continue;
    const part = await gpu.read(slab.buffer, 4 * (from - slab.firstPlane) * plane, 4 * (to - from) * plane);
    out.set(new Float32Array(part), (from - first) * plane);
  }
  return out;
}

/**
 * Error of a plane of a box of which `margin` voxels lie before the tile, with everything outside the volume.
 */
export async function checkGatheredPlane(
  gpu: GpuDevice,
  box: GPUBuffer,
  [, by, bx]: Shape,
  { volume, start, margin, padValue }: Gathered,
): Promise<number> {
  const gathered = new Float32Array(await gpu.read(box, 4 * margin * by * bx, 4 * by * bx));
  const { shape } = volume;
  const [z, y0, x0] = [start[0], start[1] - margin, start[2] - margin];
  const plane = await readPlanes(gpu, volume, z, 1);
  return relativeError(
    gathered,
    gathered.map((_, i) => {
      const [y, x] = [y0 + Math.floor(i / bx), x0 + (i % bx)];
      const isInside = y >= 0 && y < shape[1] && x >= 0 && x < shape[2];
      return isInside ? plane[y * shape[2] + x] : padValue;
    }),
  );
}

interface Gathered {
  readonly volume: GpuVolume;
  /** Of the tile in the volume. */
  readonly start: Shape;
  readonly margin: number;
  readonly padValue: number;
}

/** Place in the tile of a unit voxel; they are numbered (unit, row, x). */
export function positionInUnits(units: Uint32Array, lanes: number, voxel: number, rows: UnitRows): Shape {
  const unit = Math.floor(voxel / (lanes * rows.count));
  const [z, y, x] = firstOfRow(units, unit, Math.floor(voxel / lanes) % rows.count, rows);
  return [z, y, x + (voxel % lanes)];
}

/** Rows of unit voxels along x: the first one's number and its place in the tile. */
export function forEachUnitRow(
  { units, unitCount }: { readonly units: Uint32Array; readonly unitCount: number },
  lanes: number,
  rows: UnitRows,
  visit: (firstVoxel: number, position: Shape) => void,
): void {
  for (let unit = 0; unit < unitCount; unit++)
    for (let row = 0; row < rows.count; row++)
      visit((unit * rows.count + row) * lanes, firstOfRow(units, unit, row, rows));
}

function firstOfRow(units: Uint32Array, unit: number, row: number, { axis }: UnitRows): Shape {
  const [z, y, x] = units.subarray(4 * unit);
  return axis === 'z' ? [z + row, y, x] : [z, y + row, x];
}
