import { decode } from 'fast-png';
import { describe, expect, it } from 'vitest';
import type { Shape } from '../../../src/math/grid.ts';
import { drawText, GLYPH_HEIGHT, textWidth } from '../../../src/report/bitmap-font.ts';
import { boxAround, renderSlices } from '../../../src/report/slices.ts';

const shape: Shape = [12, 10, 14];
const index = (z: number, y: number, x: number): number => (z * shape[1] + y) * shape[2] + x;
const emptyMap = (): Float32Array => new Float32Array(12 * 10 * 14);
/** Grey of the value 0. */
const SOLVENT = 64;

function panelsOf(columns: { label: string; data: Float32Array }[], magnification = 4) {
  const picture = decode(renderSlices(columns, { shape, voxelSize: 2, magnification }));
  const grey = (x: number, y: number): number => picture.data[y * picture.width + x]!;
  return { picture, grey };
}

/** Corners of the runs of pixels that are not paper, along the row. */
function firstSolvent(
  grey: (x: number, y: number) => number,
  width: number,
  height: number,
): [number, number] {
  for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) if (grey(x, y) === SOLVENT) return [x, y];
  throw new Error('no panel found');
}

describe('the picture of sections', () => {
  it('shows zero as quarter grey and each map on its own scale', () => {
    const weak = emptyMap();
    const strong = emptyMap();
    for (let z = 5; z < 8; z++) {
      for (let y = 4; y < 7; y++) {
        for (let x = 6; x < 9; x++) {
          weak[index(z, y, x)] = 0.001;
          strong[index(z, y, x)] = 1000;
        }
      }
    }
    const alone = (data: Float32Array) =>
      renderSlices([{ label: 'a', data }], { shape, voxelSize: 2, magnification: 4 });
    expect(alone(weak)).toEqual(alone(strong));
    const { picture, grey } = panelsOf([
      { label: 'a', data: weak },
      { label: 'b', data: strong },
    ]);
    expect(picture.channels).toBe(1);
    const [x0, y0] = firstSolvent(grey, picture.width, picture.height);
    // The section normal to z, voxel (y = 5, x = 7), drawn with y upwards.
    expect(grey(x0 + 7 * 4 + 2, y0 + (9 - 5) * 4 + 2)).toBe(255);
  });

  it('draws x to the right and y upwards', () => {
    const data = emptyMap();
    data[index(6, 8, 2)] = 1;
    const { picture, grey } = panelsOf([{ label: '', data }]);
    const [x0, y0] = firstSolvent(grey, picture.width, picture.height);
    // One voxel is less than the 99.8th percentile of 1680: its white level is 0, white is 1 (the pixel lies
    // an eighth of a voxel off the voxel's centre).
    expect(grey(x0 + 2 * 4 + 2, y0 + (9 - 8) * 4 + 2)).toBeGreaterThan(230);
    expect(grey(x0 + 2 * 4 + 2, y0 + 8 * 4 + 2)).toBe(SOLVENT);
    expect(grey(x0 + 11 * 4 + 2, y0 + (9 - 8) * 4 + 2)).toBe(SOLVENT);
  });

  it('grows with the number of maps and shows labels', () => {
    const one = panelsOf([{ label: 'map', data: emptyMap() }]);
    const two = panelsOf([
      { label: 'map', data: emptyMap() },
      { label: 'other', data: emptyMap() },
    ]);
    expect(two.picture.width - one.picture.width).toBe(14 * 4 + 8);
    expect(two.picture.height).toBe(one.picture.height);
    const unlabelled = panelsOf([{ label: '', data: emptyMap() }]);
    const ink = (p: { data: ArrayLike<number> }): number => Array.from(p.data).filter((v) => v === 0).length;
    expect(ink(one.picture)).toBeGreaterThan(ink(unlabelled.picture) + 50);
  });

  it('finds the box around a particle', () => {
    const data = emptyMap();
    data[index(5, 4, 3)] = 1;
    data[index(7, 4, 12)] = 2;
    expect(boxAround(data, shape, 0.5, 0)).toEqual({ start: [5, 4, 3], size: [3, 1, 10] });
    expect(boxAround(data, shape, 0.5, 3)).toEqual({ start: [2, 1, 0], size: [9, 7, 14] });
    expect(boxAround(data, shape, 5, 1)).toBeUndefined();
  });
});

describe('the label font', () => {
  const pixelsOf = (text: string): string[] => {
    const rows = Array.from({ length: GLYPH_HEIGHT }, () =>
      Array.from({ length: textWidth(text) }, () => '.'),
    );
    drawText(text, (column, row) => {
      rows[row]![column] = '#';
    });
    return rows.map((row) => row.join(''));
  };

  it('draws letters as drawn', () => {
    expect(pixelsOf('E1')).toEqual([
      '#####...#..',
      '#......##..',
      '#.......#..',
      '####....#..',
      '#.......#..',
      '#.......#..',
      '#####..###.',
    ]);
  });

  it('has a glyph of its own for every letter and digit', () => {
    const characters = Array.from(
      'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789Å.,:-+=/()%_',
    );
    const drawn = new Set(characters.map((c) => pixelsOf(c).join()));
    expect(drawn.size).toBe(characters.length);
    expect(pixelsOf('\u0416')).toEqual(pixelsOf('?'));
  });
});
