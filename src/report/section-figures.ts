/** Draws sections: grey PNGs for maps, coloured ones for local values, with outlines and boxes on top. */
import { encode } from 'fast-png';
import type { Shape } from '../math/grid.ts';
import { pngUrl } from './base64.ts';
import { escapeHtml } from './html.ts';
import { colour, type ScaleKind, scaleColour } from './palette.ts';
import type { LocalMapData, Projections, ReportData, ReportedMap } from './report-data.ts';
import { quantile } from './report-data.ts';
import { AXIS_NAMES, cropSection, outlineOf, PLANE_AXES, type Section, type VoxelBox } from './section.ts';

/** Larger sections are shrunk: no screen shows more pixels side by side. */
const MOST_PIXELS = 512;
/** Small ones are enlarged, smoothly. */
const FEWEST_PIXELS = 200;
/** The brightest 0.2 % are white, so that a few voxels do not darken the rest. */
const WHITE_PERCENTILE = 0.998;
/** Grey of the value 0, as a fraction of white. */
const ZERO_LEVEL = 0.25;

/** The value shown as white, common to the sections of a map. */
export function whiteOf(sections: readonly Section[]): number {
  const values = Float32Array.from(sections.flatMap(({ values: v }) => [...v])).sort();
  const white = quantile(values, WHITE_PERCENTILE);
  return white > 0 ? white : 1;
}

/** 8-bit grey PNG: 0 is one quarter grey, `white` and above is white. */
export function greyPng(section: Section, white: number): Uint8Array {
  const { width, height, values } = resize(section);
  const data = Uint8Array.from(values, (v) =>
    Math.round(255 * Math.min(1, Math.max(0, ZERO_LEVEL + (1 - ZERO_LEVEL) * (v / white)))),
  );
  return encode({ width, height, data, depth: 8, channels: 1 });
}

/** How values become colours. `log`: linear in the logarithm. */
export interface ColourScale {
  /** Sequential for amounts, diverging about a middle. */
  readonly kind: ScaleKind;
  /** Value of the first colour. */
  readonly low: number;
  /** Value of the last colour. */
  readonly high: number;
  /** For values that span orders of magnitude; `low` is above 0 then. */
  readonly log: boolean;
}

/** From the 2nd to the 98th percentile; a diverging scale is symmetric about its middle. */
export function scaleFor({ sorted }: LocalMapData, kind: ScaleKind, log: boolean, middle = 0): ColourScale {
  const forward = (v: number): number => (log ? Math.log(Math.max(v, 1e-30)) : v);
  let low = forward(quantile(sorted, 0.02));
  let high = forward(quantile(sorted, 0.98));
  if (kind === 'diverging') {
    const reach = Math.max(Math.abs(low - forward(middle)), Math.abs(high - forward(middle)), 1e-6);
    [low, high] = [forward(middle) - reach, forward(middle) + reach];
  }
  if (!(high > low)) high = low + 1e-6;
  return log ? { kind, low: Math.exp(low), high: Math.exp(high), log } : { kind, low, high, log };
}

/** RGBA PNG, transparent where the value is NaN. */
export function colourPng(section: Section, { kind, low, high, log }: ColourScale): Uint8Array {
  const stride = Math.ceil(Math.max(section.width, section.height) / MOST_PIXELS);
  const width = Math.floor(section.width / stride);
  const height = Math.floor(section.height / stride);
  const data = new Uint8Array(4 * width * height);
  // Values beyond the ends get the colours of the ends (scaleColour).
  const position = (v: number): number =>
    log ? Math.log(v / low) / Math.log(high / low) : (v - low) / (high - low);
  for (let i = 0; i < width * height; i++) {
    const v = section.values[Math.floor(i / width) * stride * section.width + (i % width) * stride];
    if (Number.isNaN(v)) continue;
    data.set([...scaleColour(kind, position(v)), 255], 4 * i);
  }
  return encode({ width, height, data, depth: 8, channels: 4 });
}

/** Three grey sections of a map, cropped to the mask. */
export function greyUrls(map: ReportedMap, reportData: ReportData): string[] {
  const cropped = map.sections.map((section) => cropSection(section, reportData.crop));
  const white = whiteOf(cropped);
  return cropped.map((section) => pngUrl(greyPng(section, white)));
}

/** All maps side by side, one column each, as one static picture for documents. */
export function sectionsFigure(reportData: ReportData): string {
  const order = ['input', 'result', 'reference'] as const;
  const maps = reportData.maps.toSorted((a, b) => order.indexOf(a.role) - order.indexOf(b.role));
  const cropped = maps.map((map) => map.sections.map((section) => cropSection(section, reportData.crop)));
  const widest = Math.max(...cropped[0].map(({ width }) => width));
  const gap = widest / 30;
  const heading = widest / 9;
  const images: string[] = [];
  let bottom = 0;
  maps.forEach((map, column) => {
    const white = whiteOf(cropped[column]);
    // Panels that are narrower than the widest are centred.
    const left = column * (widest + gap);
    images.push(
      `<text x="${left + widest / 2}" y="${heading * 0.7}" font-size="${heading * 0.6}" ` +
        `text-anchor="middle" fill="currentColor">${escapeHtml(map.label)}</text>`,
    );
    let top = heading;
    for (const section of cropped[column]) {
      const { width, height } = section;
      images.push(
        `<g transform="translate(${left + (widest - width) / 2} ` +
          `${top})">${image(greyPng(section, white), width, height)}</g>`,
      );
      top += height + gap;
    }
    bottom = top;
  });
  const width = maps.length * (widest + gap) - gap;
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${bottom}" font-family="sans-serif" ` +
    `role="img" aria-label="Sections of the maps">${images.join('')}</svg>`
  );
}

/** Whole section of the input with the mask's outline and the noise boxes; dashed: in front or behind. */
export function maskFigure(map: ReportedMap, reportData: ReportData, axis: 0 | 1 | 2, white: number): string {
  const section = map.sections[axis];
  const { width, height, at } = section;
  const [rowAxis, columnAxis] = PLANE_AXES[axis];
  const line = Math.max(width, height) / 220;
  const boxes = reportData.noiseBoxes.map(({ start, size }) => {
    const cut = at >= start[axis] && at < start[axis] + size;
    // Rows of a section run upwards, those of an SVG downwards.
    const y = height - start[rowAxis] - size;
    return (
      `<rect x="${start[columnAxis]}" y="${y}" width="${size}" height="${size}" ` +
      `fill="${cut ? '#f0935a33' : 'none'}" stroke="#f0935a" ` +
      `stroke-width="${line}"${cut ? '' : ` stroke-dasharray="${4 * line} ${3 * line}"`}/>`
    );
  });
  return frame(section, `Section normal to ${AXIS_NAMES[axis]} with mask and noise boxes`, [
    image(greyPng(section, white), width, height),
    `<path d="${outlineOf(reportData.mask.sections[axis])}" fill="none" stroke="#4fc3f7" ` +
      `stroke-width="${line}" stroke-linecap="square"/>`,
    ...boxes,
  ]);
}

/** Local values in colour, cropped to the mask. */
export function localFigure(
  local: LocalMapData,
  reportData: ReportData,
  axis: 0 | 1 | 2,
  scale: ColourScale,
): string {
  const section = cropSection(local.sections[axis], reportData.crop);
  return frame(section, `${local.label}, section normal to ${AXIS_NAMES[axis]}`, [
    `<rect width="${section.width}" height="${section.height}" fill="${colour('faint')}" ` +
      'fill-opacity="0.18"/>',
    image(colourPng(section, scale), section.width, section.height),
  ]);
}

/** Projection of the map with what is unexplained on it in orange. */
export function projectionFigure(
  { map, unexplained }: Projections,
  { crop, shape }: Pick<ReportData, 'crop' | 'shape'>,
  axis: 0 | 1 | 2,
): string {
  const box = holding(crop, unexplained, shape);
  const [below, above] = [map[axis], unexplained[axis]].map((section) => cropSection(section, box));
  const { width, height } = below;
  return frame(below, `The map along ${AXIS_NAMES[axis]}, what is unexplained in orange`, [
    image(greyPng(below, whiteOf(map)), width, height),
    image(colouredPng(above, whiteOf(unexplained), ORANGE), width, height),
  ]);
}

/** RGB of what is unexplained, which no grey can be mistaken for. */
const ORANGE = [240, 120, 40] as const;
/** Part of the highest value that is drawn. */
const FAINTEST = 0.2;

/** The box, larger where it would cut off what is unexplained. */
function holding({ start, size }: VoxelBox, sections: readonly Section[], shape: Shape): VoxelBox {
  const first = [...start];
  const end = start.map((at, axis) => at + size[axis]);
  const full = whiteOf(sections);
  for (const { axis, width, height, values } of sections) {
    const [rowAxis, columnAxis] = PLANE_AXES[axis];
    values.forEach((value, i) => {
      if (!(value > FAINTEST * full)) return;
      const [row, column] = [height - 1 - Math.floor(i / width), i % width];
      first[rowAxis] = Math.min(first[rowAxis], row);
      end[rowAxis] = Math.max(end[rowAxis], row + 1);
      first[columnAxis] = Math.min(first[columnAxis], column);
      end[columnAxis] = Math.max(end[columnAxis], column + 1);
    });
  }
  return {
    start: first as unknown as Shape,
    size: end.map((at, axis) => Math.min(at, shape[axis]) - first[axis]) as unknown as Shape,
  };
}

/** RGBA PNG of one colour, the more opaque the higher the value. */
function colouredPng({ width, height, values }: Section, full: number, rgb: readonly number[]): Uint8Array {
  const data = new Uint8Array(4 * width * height);
  values.forEach((value, i) => {
    const share = Math.min(1, value / full);
    if (share > FAINTEST) data.set([...rgb, Math.round(255 * (0.3 + 0.7 * share))], 4 * i);
  });
  return encode({ width, height, data, depth: 8, channels: 4 });
}

/** An SVG in the coordinates of the section, one unit per voxel. */
function frame({ width, height }: Section, label: string, inner: readonly string[]): string {
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" ` +
    `aria-label="${escapeHtml(label)}">${inner.join('')}</svg>`
  );
}

/** A PNG stretched over the section, whatever its own pixels. */
function image(png: Uint8Array, width: number, height: number): string {
  return `<image href="${pngUrl(png)}" width="${width}" height="${height}" preserveAspectRatio="none"/>`;
}

/** Resizes a section: block means if large, bilinear interpolation if small. */
function resize(section: Section): { width: number; height: number; values: Float32Array } {
  const { width, height, values } = section;
  const longest = Math.max(width, height);
  if (longest <= MOST_PIXELS && longest >= FEWEST_PIXELS) return section;
  if (longest > MOST_PIXELS) {
    const step = Math.ceil(longest / MOST_PIXELS);
    const [w, h] = [Math.floor(width / step), Math.floor(height / step)];
    const small = new Float32Array(w * h);
    for (let i = 0; i < small.length; i++) {
      let sum = 0;
      for (let y = 0; y < step; y++)
        for (let x = 0; x < step; x++)
          sum += values[(Math.floor(i / w) * step + y) * width + (i % w) * step + x];
      small[i] = sum / step ** 2;
    }
    return { width: w, height: h, values: small };
  }
  const factor = Math.ceil(FEWEST_PIXELS / longest);
  const [w, h] = [width * factor, height * factor];
  const large = new Float32Array(w * h);
  const between = (i: number, n: number): readonly [number, number, number] => {
    const at = Math.min(n - 1, Math.max(0, (i + 0.5) / factor - 0.5));
    const low = Math.floor(at);
    return [low, Math.min(n - 1, low + 1), at - low];
  };
  for (let row = 0; row < h; row++) {
    const [y0, y1, ty] = between(row, height);
    for (let column = 0; column < w; column++) {
      const [x0, x1, tx] = between(column, width);
      const upper = values[y0 * width + x0] * (1 - tx) + values[y0 * width + x1] * tx;
      const lower = values[y1 * width + x0] * (1 - tx) + values[y1 * width + x1] * tx;
      large[row * w + column] = upper * (1 - ty) + lower * ty;
    }
  }
  return { width: w, height: h, values: large };
}
