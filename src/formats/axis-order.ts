/**
 * Axis orders of map files. A file stores (section, row, column) with columns fastest, and MAPC/MAPR/MAPS
 * name the crystal axis along each; in memory a map is always (z, y, x) with x fastest.
 *
 * Voxels are copied by whole sections. If x does not run along columns the loops are blocked, so that 16
 * neighbouring voxels in x (one cache line of float32) are written together; otherwise every write would
 * touch another cache line, and often another memory page.
 */
import type { Shape } from '../math/grid.ts';
import type { MrcHeader } from './mrc-header.ts';

/** float32 values in one 64-byte cache line. */
const block = 16;
/** Upper limit of the section buffer, in voxels (16 MiB). */
const bufferVoxels = 4_194_304;

/** How the axes of a file map to the canonical order (z, y, x), x fastest. */
export interface AxisLayout {
  /** Extents in the file. */
  readonly columns: number;
  readonly rows: number;
  readonly sections: number;
  /** Strides in the canonical array, in voxels, per column, row and section. */
  readonly columnStride: number;
  readonly rowStride: number;
  readonly sectionStride: number;
  /** Canonical extents. */
  readonly shape: Shape;
  /** File and canonical order are the same. */
  readonly identity: boolean;
  /** Sections to buffer for `scatterSections` and `gatherSections`. */
  readonly sectionsPerBlock: number;
}

/** Layout for a header whose extents are positive and whose MAPC/R/S are a permutation of 1, 2, 3. */
export function axisLayout(
  header: Pick<MrcHeader, 'nc' | 'nr' | 'ns' | 'mapc' | 'mapr' | 'maps'>,
): AxisLayout {
  const { nc, nr, ns, mapc, mapr, maps } = header;
  const extent = [0, 0, 0];
  extent[mapc - 1] = nc;
  extent[mapr - 1] = nr;
  extent[maps - 1] = ns;
  const [nx, ny, nz] = extent;
  const stride = [1, nx, nx * ny];
  return {
    columns: nc,
    rows: nr,
    sections: ns,
    columnStride: stride[mapc - 1],
    rowStride: stride[mapr - 1],
    sectionStride: stride[maps - 1],
    shape: [nz, ny, nx],
    identity: mapc === 1 && mapr === 2,
    sectionsPerBlock: Math.min(ns, maps === 1 ? block : 1, Math.max(1, Math.floor(bufferVoxels / (nc * nr)))),
  };
}

/** Canonical (x, y, z) of the voxel at `fileIndex` in file order. */
export function voxelPosition(layout: AxisLayout, fileIndex: number): { x: number; y: number; z: number } {
  const column = fileIndex % layout.columns;
  const row = Math.floor(fileIndex / layout.columns) % layout.rows;
  const section = Math.floor(fileIndex / (layout.columns * layout.rows));
  const index = column * layout.columnStride + row * layout.rowStride + section * layout.sectionStride;
  const [, ny, nx] = layout.shape;
  return { x: index % nx, y: Math.floor(index / nx) % ny, z: Math.floor(index / (nx * ny)) };
}

/**
 * Copies sections [first, first + count) from a buffer in file order into the canonical volume (`scatter`)
 * or back, run by run along x.
 */
function copyRuns(
  layout: AxisLayout,
  first: number,
  count: number,
  from: Float32Array,
  to: Float32Array,
  scatter: boolean,
): void {
  const { columns, rows, columnStride, rowStride, sectionStride } = layout;
  const sectionVoxels = columns * rows;
  const base = first * sectionStride;
  if (columnStride === 1) {
    for (let s = 0; s < count; s++) {
      for (let r = 0; r < rows; r++) {
        const buffer = s * sectionVoxels + r * columns;
        const canonical = base + s * sectionStride + r * rowStride;
        if (scatter) to.set(from.subarray(buffer, buffer + columns), canonical);
        else to.set(from.subarray(canonical, canonical + columns), buffer);
      }
    }
    return;
  }
  if (rowStride === 1) {
    // x runs along rows: transpose columns x rows in blocks of 16 x 16.
    for (let s = 0; s < count; s++) {
      for (let r0 = 0; r0 < rows; r0 += block) {
        const r1 = Math.min(rows, r0 + block);
        for (let c = 0; c < columns; c++) {
          let buffer = s * sectionVoxels + r0 * columns + c;
          let canonical = base + s * sectionStride + c * columnStride + r0;
          if (scatter) for (let r = r0; r < r1; r++, buffer += columns) to[canonical++] = from[buffer];
          else for (let r = r0; r < r1; r++, buffer += columns) to[buffer] = from[canonical++];
        }
      }
    }
    return;
  }
  // x runs along sections: the buffered sections are one run.
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < columns; c++) {
      let buffer = r * columns + c;
      let canonical = base + r * rowStride + c * columnStride;
      if (scatter) for (let s = 0; s < count; s++, buffer += sectionVoxels) to[canonical++] = from[buffer];
      else for (let s = 0; s < count; s++, buffer += sectionVoxels) to[buffer] = from[canonical++];
    }
  }
}

/** Scatters `count` sections from `buffer` (file order) into `volume` (canonical order). */
export function scatterSections(
  layout: AxisLayout,
  first: number,
  count: number,
  buffer: Float32Array,
  volume: Float32Array,
): void {
  copyRuns(layout, first, count, buffer, volume, true);
}

/** The inverse: gathers `count` sections of `volume` into `buffer`, in file order. */
export function gatherSections(
  layout: AxisLayout,
  first: number,
  count: number,
  volume: Float32Array,
  buffer: Float32Array,
): void {
  copyRuns(layout, first, count, volume, buffer, false);
}

/**
 * Shifts all voxels by `by` positions in file order: towards the end (`by` > 0) or the beginning. `values`
 * fills the |by| vacated positions; the voxels shifted out are returned.
 */
export function shiftVoxels(
  layout: AxisLayout,
  volume: Float32Array,
  by: number,
  values: Float32Array,
): Float32Array<ArrayBuffer> {
  const { columns, rows, columnStride, rowStride, sectionStride } = layout;
  const place = (index: number): number =>
    (index % columns) * columnStride +
    (Math.floor(index / columns) % rows) * rowStride +
    Math.floor(index / (columns * rows)) * sectionStride;
  const count = volume.length;
  const kept = count - Math.abs(by);
  const [free, lost] = by > 0 ? [0, kept] : [kept, 0];
  const out = Float32Array.from({ length: Math.abs(by) }, (_, i) => volume[place(lost + i)]);
  if (layout.identity) volume.copyWithin(Math.max(0, by), Math.max(0, -by), Math.max(0, -by) + kept);
  else if (by > 0) for (let i = count - 1; i >= by; i--) volume[place(i)] = volume[place(i - by)];
  else for (let i = 0; i < kept; i++) volume[place(i)] = volume[place(i - by)];
  values.forEach((value, i) => {
    volume[place(free + i)] = value;
  });
  return out;
}
