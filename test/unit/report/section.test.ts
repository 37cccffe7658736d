import { decode } from 'fast-png';
import { describe, expect, it } from 'vitest';
import type { Shape } from '../../../src/math/grid.ts';
import { cropSection, cutSection, outlineOf, type Section } from '../../../src/report/section.ts';
import { colourPng, greyPng, whiteOf } from '../../../src/report/section-figures.ts';

const shape: Shape = [5, 4, 6];
/** The value says where the voxel is: zyx. */
const data = Float32Array.from({ length: 5 * 4 * 6 }, (_, i) => {
  const [z, y, x] = [Math.floor(i / 24), Math.floor(i / 6) % 4, i % 6];
  return 100 * z + 10 * y + x;
});
const whole = { start: [0, 0, 0], size: shape } as const;

function sectionOf(rows: readonly string[]): Section {
  const values = Float32Array.from(rows.join(''), (c) => (c === '#' ? 1 : 0));
  return { axis: 0, at: 0, width: rows[0]!.length, height: rows.length, values };
}

describe('sections', () => {
  it('run from high to low y or z, and from low to high x or y', () => {
    const z = cutSection(data, shape, whole, 0, 2);
    expect([z.width, z.height]).toEqual([6, 4]);
    expect([...z.values.subarray(0, 6)]).toEqual([230, 231, 232, 233, 234, 235]);
    const y = cutSection(data, shape, whole, 1, 3);
    expect([y.width, y.height, y.values[0], y.values.at(-1)]).toEqual([6, 5, 430, 35]);
    const x = cutSection(data, shape, whole, 2, 1);
    expect([x.width, x.height, x.values[0], x.values.at(-1)]).toEqual([4, 5, 401, 31]);
  });

  it('cut to a box are the sections of that box', () => {
    const box = { start: [1, 1, 2], size: [3, 2, 3] } as const;
    for (const axis of [0, 1, 2] as const)
      expect(cropSection(cutSection(data, shape, whole, axis, 2), box)).toEqual(
        cutSection(data, shape, box, axis, 2),
      );
  });
});

describe('the outline of a mask', () => {
  it('goes round every voxel that has an outside', () => {
    expect(outlineOf(sectionOf(['....', '.##.', '....']))).toBe('M1 1h2M1 2h2M1 1v1M3 1v1');
  });

  it('closes at the rim of the picture and goes round holes', () => {
    const path = outlineOf(sectionOf(['###', '#.#', '###']));
    const length = [...path.matchAll(/[hv](\d+)/g)].reduce((sum, match) => sum + Number(match[1]), 0);
    expect(length).toBe(12 + 4);
  });

  it('of nothing is empty', () => {
    expect(outlineOf(sectionOf(['..', '..']))).toBe('');
  });
});

describe('pictures of sections', () => {
  const flat = (n: number, value: (i: number) => number): Section => ({
    axis: 0,
    at: 0,
    width: n,
    height: n,
    values: Float32Array.from({ length: n * n }, (_, i) => value(i)),
  });

  it('show 0 as quarter grey and the white level as white', () => {
    const picture = decode(
      greyPng(
        flat(256, (i) => (i % 256 === 0 ? 2 : i % 256 === 1 ? -5 : 0)),
        2,
      ),
    );
    expect([...picture.data.subarray(0, 3)]).toEqual([255, 0, 64]);
  });

  it('are shrunk when large and enlarged when small', () => {
    expect(
      decode(
        greyPng(
          flat(1100, () => 1),
          1,
        ),
      ).width,
    ).toBe(366);
    expect(
      decode(
        greyPng(
          flat(60, () => 1),
          1,
        ),
      ).width,
    ).toBe(240);
  });

  it('enlarged smoothly: a single voxel fades out to its neighbours, and none is lost', () => {
    const { data: grey, width } = decode(
      greyPng(
        flat(100, (i) => (i === 50 * 100 + 50 ? 1 : 0)),
        1,
      ),
    );
    const row = [...grey.subarray(101 * width, 102 * width)];
    expect(width).toBe(200);
    // Two pixels a voxel lie a quarter of a voxel off its centre: 0.75 x 0.75 of the value, and 0.75 x 0.25.
    expect(row.slice(98, 104)).toEqual([64, 100, 171, 171, 100, 64]);
  });

  it('take their white level from the brightest 0.2 %', () => {
    expect(whiteOf([flat(100, (i) => i)])).toBeCloseTo(0.998 * 9999, 0);
    expect(whiteOf([flat(10, () => -1)])).toBe(1);
  });

  it('in colour are transparent where there is no value', () => {
    const section = flat(2, (i) => [Number.NaN, 0, 1, 2][i]!);
    const scale = { kind: 'diverging', low: 0, high: 2, log: false } as const;
    const { data: rgba } = decode(colourPng(section, scale));
    expect([...rgba.subarray(0, 4)]).toEqual([0, 0, 0, 0]);
    expect([...rgba.subarray(4, 16)]).toEqual([33, 102, 172, 255, 247, 247, 247, 255, 178, 24, 43, 255]);
  });
});
