/**
 * Sections of maps: planes normal to z (x right, y up), y (x right, z up) or x (y right, z up).
 * Rows run from top to bottom, that is from high to low y or z.
 */
import type { Shape } from '../math/grid.ts';

/** Part of a box of voxels. */
export interface VoxelBox {
  /** First voxel (z, y, x). */
  readonly start: Shape;
  /** Voxels (z, y, x). */
  readonly size: Shape;
}

/** As arrays are stored: 0 is z, the slowest. */
export type Axis = 0 | 1 | 2;
/** Order of sections everywhere: normal to z, to y, to x. */
export const axes: readonly Axis[] = [0, 1, 2];
/** By `Axis`. */
export const AXIS_NAMES = ['z', 'y', 'x'] as const;

/** A plane of voxels normal to an axis, rows by PLANE_AXES. */
export interface Section {
  /** Normal of the plane. */
  readonly axis: Axis;
  /** Voxel index along `axis`. */
  readonly at: number;
  /** Voxels to the right. */
  readonly width: number;
  /** Voxels downwards. */
  readonly height: number;
  /** Row by row, `width` each. */
  readonly values: Float32Array;
}

/** The axes that run down and to the right. */
export const PLANE_AXES = [
  [1, 2],
  [0, 2],
  [0, 1],
] as const;

/** The part of the plane at voxel `at` along `axis` inside the crop box. */
export function cutSection(
  data: ArrayLike<number>,
  shape: Shape,
  { start, size }: VoxelBox,
  axis: Axis,
  at: number,
): Section {
  const [, ny, nx] = shape;
  const [rowAxis, columnAxis] = PLANE_AXES[axis];
  const strides = [ny * nx, nx, 1] as const;
  const [height, width] = [size[rowAxis], size[columnAxis]];
  const values = new Float32Array(width * height);
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      const index =
        at * strides[axis] +
        (start[rowAxis] + height - 1 - row) * strides[rowAxis] +
        (start[columnAxis] + column) * strides[columnAxis];
      values[row * width + column] = data[index];
    }
  }
  return { axis, at, width, height, values };
}

/** Largest values of the whole box along `axis`, laid out as a section. */
export function projectAlong(data: ArrayLike<number>, shape: Shape, axis: Axis): Section {
  const [rowAxis, columnAxis] = PLANE_AXES[axis];
  const [height, width] = [shape[rowAxis], shape[columnAxis]];
  const values = new Float32Array(width * height).fill(Number.NEGATIVE_INFINITY);
  const [nz, ny, nx] = shape;
  let index = 0;
  for (let z = 0; z < nz; z++)
    for (let y = 0; y < ny; y++)
      for (let x = 0; x < nx; x++) {
        const at = [z, y, x];
        const i = (height - 1 - at[rowAxis]) * width + at[columnAxis];
        const value = data[index++];
        if (value > values[i]) values[i] = value;
      }
  return { axis, at: 0, width, height, values };
}

/** Crops a section of the whole box to the same part. */
export function cropSection(section: Section, { start, size }: VoxelBox): Section {
  const [rowAxis, columnAxis] = PLANE_AXES[section.axis];
  const [height, width] = [size[rowAxis], size[columnAxis]];
  const top = section.height - start[rowAxis] - height;
  const values = new Float32Array(width * height);
  for (let row = 0; row < height; row++) {
    const from = (top + row) * section.width + start[columnAxis];
    values.set(section.values.subarray(from, from + width), row * width);
  }
  return { axis: section.axis, at: section.at, width, height, values };
}

/**
 * Outline of the voxels above 0.5 as an SVG path in pixels of the section: the edges between inside and
 * outside, runs along rows and columns joined.
 */
export function outlineOf({ width, height, values }: Section): string {
  const inside = (row: number, column: number): boolean =>
    row >= 0 && row < height && column >= 0 && column < width && values[row * width + column] > 0.5;
  const path: string[] = [];
  const runs = (
    lines: number,
    length: number,
    edgeAt: (line: number, i: number) => boolean,
    draw: (line: number, from: number, count: number) => string,
  ): void => {
    for (let line = 0; line <= lines; line++) {
      for (let i = 0; i < length; i++) {
        if (!edgeAt(line, i)) continue;
        const from = i;
        while (i < length && edgeAt(line, i)) i++;
        path.push(draw(line, from, i - from));
      }
    }
  };
  runs(
    height,
    width,
    (row, column) => inside(row - 1, column) !== inside(row, column),
    (row, from, count) => `M${from} ${row}h${count}`,
  );
  runs(
    width,
    height,
    (column, row) => inside(row, column - 1) !== inside(row, column),
    (column, from, count) => `M${column} ${from}v${count}`,
  );
  return path.join('');
}
