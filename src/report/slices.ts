/**
 * Draws maps side by side: one column per map, with its sections normal to z, y and x in three rows. Grey
 * scale: 0 (solvent) is one quarter grey and white is the map's own 99.8th percentile within the box shown,
 * so that its overall scale does not matter.
 */
import { encode } from 'fast-png';
import type { Shape } from '../math/grid.ts';
import { drawText, GLYPH_HEIGHT, textWidth } from './bitmap-font.ts';
import { cutSection, type VoxelBox } from './section.ts';

export type { VoxelBox } from './section.ts';

/** A map with its heading. */
export interface SliceColumn {
  /** Above the map's column. */
  readonly label: string;
  /** (z, y, x), x fastest. */
  readonly data: ArrayLike<number>;
}

/** What is shown of all maps alike. */
export interface SliceOptions {
  /** Shape of every map. */
  readonly shape: Shape;
  /** Voxel size in A, for the scale bar. */
  readonly voxelSize: number;
  /** Part of the box that is shown; all of it by default. */
  readonly crop?: VoxelBox;
  /** Voxel index (z, y, x) of the three sections; voxel n/2 by default. */
  readonly sections?: Shape;
  /** Pixels per voxel, an integer; by default panels are about 330 pixels wide. */
  readonly magnification?: number;
}

/** Pixels: margin around everything, gap between panels, and pixels per dot of the bitmap font. */
const MARGIN = 16;
const GAP = 8;
const TEXT_SCALE = 2;
/** Pixels per line of text. */
const LINE_HEIGHT = (GLYPH_HEIGHT + 5) * TEXT_SCALE;
/** Width of a panel that the default magnification aims at. */
const PANEL_PIXELS = 330;
/** Values above are white: a few strong voxels must not darken the rest. */
const WHITE_PERCENTILE = 0.998;
/** Grey of the value 0, as a fraction of white. */
const ZERO_LEVEL = 0.25;
const INK = 0;
const PAPER = 255;

/** Grey picture, row by row from the top. */
interface Canvas {
  readonly width: number;
  readonly height: number;
  readonly pixels: Uint8Array;
}

/** PNG bytes, 8-bit grey. */
export function renderSlices(columns: readonly SliceColumn[], options: SliceOptions): Uint8Array {
  const { shape, voxelSize } = options;
  const crop = options.crop ?? { start: [0, 0, 0], size: shape };
  const sections = options.sections ?? (shape.map((n) => Math.floor(n / 2)) as unknown as Shape);
  const [nz, ny, nx] = crop.size;
  const magnification = options.magnification ?? Math.max(1, Math.round(PANEL_PIXELS / Math.max(nx, ny)));
  // Rows: section normal to z (x right, y up), to y (x right, z up), to x (y right, z up).
  const rows = [
    { axis: 0, name: 'z', width: nx, height: ny },
    { axis: 1, name: 'y', width: nx, height: nz },
    { axis: 2, name: 'x', width: ny, height: nz },
  ] as const;
  const panelWidth = Math.max(nx, ny) * magnification;
  const left = MARGIN + textWidth('z = 000') * TEXT_SCALE + GAP;
  const top = MARGIN + LINE_HEIGHT;
  const heights = rows.map((row) => row.height * magnification);
  const canvas = createCanvas(
    left + columns.length * (panelWidth + GAP) - GAP + MARGIN,
    top + heights.reduce((sum, h) => sum + h + GAP, 0) + LINE_HEIGHT + MARGIN - GAP,
  );

  columns.forEach((column, i) => {
    const x0 = left + i * (panelWidth + GAP);
    const label = fitText(column.label, panelWidth);
    write(canvas, label, x0 + centred(panelWidth, label), MARGIN);
    const white = whiteLevel(column.data, shape, crop);
    let y0 = top;
    rows.forEach((row, r) => {
      const section = cutSection(column.data, shape, crop, row.axis, sections[row.axis]).values;
      const offset = Math.floor((panelWidth - row.width * magnification) / 2);
      drawPanel(canvas, section, row.width, row.height, magnification, white, x0 + offset, y0);
      if (i === 0)
        write(canvas, `${row.name} = ${sections[row.axis]}`, MARGIN, y0 + heights[r] / 2 - GLYPH_HEIGHT);
      y0 += heights[r] + GAP;
    });
  });
  drawScaleBar(canvas, left, canvas.height - MARGIN - GLYPH_HEIGHT * TEXT_SCALE, magnification / voxelSize);
  return encode({ width: canvas.width, height: canvas.height, data: canvas.pixels, depth: 8, channels: 1 });
}

/**
 * The smallest box that contains every voxel above `threshold`, plus `marginVoxels`; undefined if there is
 * none.
 */
export function boxAround(
  data: ArrayLike<number>,
  shape: Shape,
  threshold: number,
  marginVoxels: number,
): VoxelBox | undefined {
  const low = [...shape];
  const high = [-1, -1, -1];
  let index = 0;
  for (let z = 0; z < shape[0]; z++) {
    for (let y = 0; y < shape[1]; y++) {
      for (let x = 0; x < shape[2]; x++) {
        if (!(data[index++] > threshold)) continue;
        [z, y, x].forEach((v, axis) => {
          low[axis] = Math.min(low[axis], v);
          high[axis] = Math.max(high[axis], v);
        });
      }
    }
  }
  if (high[0] < 0) return undefined;
  const start = low.map((v) => Math.max(0, v - marginVoxels)) as unknown as Shape;
  const size = high.map((v, axis) => Math.min(shape[axis] - 1, v + marginVoxels) - start[axis] + 1);
  return { start, size: size as unknown as Shape };
}

/** A white picture. */
function createCanvas(width: number, height: number): Canvas {
  return { width, height, pixels: new Uint8Array(width * height).fill(PAPER) };
}

/** The value shown as white; a map of zeros gets 1. */
function whiteLevel(data: ArrayLike<number>, [, ny, nx]: Shape, { start, size }: VoxelBox): number {
  const values = new Float32Array(size[0] * size[1] * size[2]);
  let count = 0;
  for (let z = 0; z < size[0]; z++) {
    for (let y = 0; y < size[1]; y++) {
      const row = ((start[0] + z) * ny + start[1] + y) * nx + start[2];
      for (let x = 0; x < size[2]; x++) values[count++] = data[row + x];
    }
  }
  values.sort();
  const white = values[Math.floor(WHITE_PERCENTILE * (count - 1))];
  return white > 0 ? white : 1;
}

/**
 * Draws a section, row 0 first, at (x0, y0). Each pixel is interpolated between voxels (Catmull-Rom), clipped
 * to black and white.
 */
function drawPanel(
  canvas: Canvas,
  section: Float32Array,
  width: number,
  height: number,
  magnification: number,
  white: number,
  x0: number,
  y0: number,
): void {
  const weights = Array.from({ length: magnification }, (_, i) =>
    cubicWeights((i + 0.5) / magnification - 0.5),
  );
  for (let py = 0; py < height * magnification; py++) {
    for (let px = 0; px < width * magnification; px++) {
      const value = sample(section, width, height, px, py, magnification, weights);
      const level = ZERO_LEVEL + (1 - ZERO_LEVEL) * (value / white);
      canvas.pixels[(y0 + py) * canvas.width + x0 + px] = Math.round(255 * Math.min(1, Math.max(0, level)));
    }
  }
}

/** Weights of cubic interpolation along one axis, for one pixel. */
interface CubicWeights {
  /** First of the four voxels, relative to the voxel that contains the pixel. */
  readonly first: number;
  readonly w: readonly [number, number, number, number];
}

/** Catmull-Rom interpolation weights at `offset` (-0.5 ... 0.5) from a voxel's centre. */
function cubicWeights(offset: number): CubicWeights {
  const base = Math.floor(offset);
  const t = offset - base;
  const [t2, t3] = [t * t, t * t * t];
  return {
    first: base - 1,
    w: [(-t3 + 2 * t2 - t) / 2, (3 * t3 - 5 * t2 + 2) / 2, (-3 * t3 + 4 * t2 + t) / 2, (t3 - t2) / 2],
  };
}

/** Value at pixel (px, py) of the magnified section; voxels beyond the border repeat its last. */
function sample(
  section: Float32Array,
  width: number,
  height: number,
  px: number,
  py: number,
  magnification: number,
  weights: readonly CubicWeights[],
): number {
  const wx = weights[px % magnification];
  const wy = weights[py % magnification];
  const x = Math.floor(px / magnification) + wx.first;
  const y = Math.floor(py / magnification) + wy.first;
  let value = 0;
  for (let j = 0; j < 4; j++) {
    const row = Math.min(height - 1, Math.max(0, y + j)) * width;
    for (let i = 0; i < 4; i++) {
      value += wy.w[j] * wx.w[i] * section[row + Math.min(width - 1, Math.max(0, x + i))];
    }
  }
  return value;
}

/** Writes in the bitmap font, from the upper left corner. */
function write(canvas: Canvas, text: string, x0: number, y0: number): void {
  drawText(text, (column, row) => {
    fill(canvas, x0 + column * TEXT_SCALE, Math.round(y0) + row * TEXT_SCALE, TEXT_SCALE, TEXT_SCALE);
  });
}

/** Fills a rectangle with ink, clipped to the canvas. */
function fill(canvas: Canvas, x0: number, y0: number, width: number, height: number): void {
  for (let y = Math.max(0, y0); y < Math.min(canvas.height, y0 + height); y++) {
    for (let x = Math.max(0, x0); x < Math.min(canvas.width, x0 + width); x++)
      canvas.pixels[y * canvas.width + x] = INK;
  }
}

/** Offset that centres a text in a width, pixels. */
function centred(width: number, text: string): number {
  return Math.max(0, Math.floor((width - textWidth(text) * TEXT_SCALE) / 2));
}

/** Shortens a label that is wider than its panel. */
function fitText(text: string, width: number): string {
  let fitting = text;
  while (fitting.length > 3 && textWidth(fitting) * TEXT_SCALE > width)
    fitting = `${fitting.slice(0, -4).trimEnd()}...`;
  return fitting;
}

/** A bar of 20 A. */
function drawScaleBar(canvas: Canvas, x0: number, y0: number, pixelsPerAngstrom: number): void {
  const lengthAngstrom = 20;
  const length = Math.round(lengthAngstrom * pixelsPerAngstrom);
  fill(canvas, x0, y0 + GLYPH_HEIGHT - 2, length, 4);
  write(canvas, `${lengthAngstrom} Å`, x0 + length + GAP, y0);
}
