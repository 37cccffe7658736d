import { describe, expect, it } from 'vitest';
import { fourierShellCorrelation } from '../../../../src/math/fourier/fsc.ts';
import type { Grid } from '../../../../src/math/grid.ts';
import { type HalfMapVerdict, judgeHalfMaps } from '../../../../src/math/inputs/half-map-verdict.ts';
import { halfMapWarnings, refusalOf } from '../../../../src/math/inputs/half-map-words.ts';
import {
  combine,
  filtered,
  goodHalves,
  judge,
  makeScene,
  masked,
  type Pair,
  type SceneOptions,
} from '../../../support/half-map-scene.ts';
import { readGoldenMap } from '../../../support/read-golden.ts';
import { describeWithSharedData } from '../../../support/shared-data.ts';

const names = ['a.mrc', 'b.mrc'] as const;
const shape = [32, 32, 32] as const;
const scene = makeScene({ shape, resolution: 5 });
const { grid } = scene;
const [first, second] = goodHalves(scene);
const both = (change: (data: Float32Array) => Float32Array, pair: Pair = [first, second]): Pair => [
  change(pair[0]),
  change(pair[1]),
];
/** Rounded to integers of so many bits, as modes 0 and 1 store them. */
const stored = (data: Float32Array, bits: number): Float32Array => {
  const scale = (2 ** (bits - 1) - 1) / Math.max(...data.map(Math.abs));
  return data.map((value) => Math.round(value * scale));
};

describe('half maps as they should be', () => {
  it.each<[string, SceneOptions]>([
    ['a particle in white noise', {}],
    ['coloured noise', { colour: (f) => 1 + 2 * Math.exp(-((15 * f) ** 2)) }],
    ['noise that rises', { colour: (f) => 1 + 3 * f }],
    ['a box that is not cubic', { shape: [26, 32, 40] }],
    ['a symmetric particle and symmetric noise', { fold: 4 }],
    ['a small symmetric box', { fold: 4, shape: [24, 24, 24], resolution: 4 }],
    ['a tiny box', { shape: [20, 20, 20], voxelSize: 10, bFactor: 2000, resolution: 30 }],
    ['a subtomogram average with few shells of signal', { voxelSize: 10, bFactor: 8000, resolution: 60 }],
    ['density in the whole box', { radius: 1, resolution: 4 }],
  ])('%s: the FSC falls, nothing else', (_, options) => {
    for (const seed of [1, 2, 3]) {
      const made = makeScene({ shape, seed, ...options });
      const verdict = judge(goodHalves(made), made.grid);
      expect(verdict).toMatchObject({ end: 'falls', relation: 'independent' });
      expect(halfMapWarnings(verdict, names)).toEqual([]);
    }
  });

  it('maps without any power say nothing, and break nothing', () => {
    const nothing = new Float32Array(shape[0] * shape[1] * shape[2]);
    expect(judge([nothing, nothing], grid)).toMatchObject({ end: 'no signal' });
  });

  it('a small plateau, as real half maps have, is not accused', () => {
    for (const p of [0.03, 0.06]) {
      const share = (stream: number): Float32Array =>
        combine([1, scene.signal], [Math.sqrt(1 - p), scene.noise(stream)], [Math.sqrt(p), scene.noise(3)]);
      expect(halfMapWarnings(judge([share(1), share(2)], grid), names)).toEqual([]);
    }
  });

  it('a sphere around the particle, hard or soft, is not accused', () => {
    for (const soft of [0, 3]) {
      const verdict = judge(
        both((data) => masked(data, grid, 14, soft)),
        grid,
      );
      expect(verdict).toMatchObject({ end: 'falls', relation: 'independent' });
      expect(halfMapWarnings(verdict, names)).toEqual([]);
    }
  });

  it('half maps of unequal noise are not taken for a mean', () => {
    for (const factor of [0.5, 2]) {
      const pair: Pair = [first, combine([1, scene.signal], [factor, scene.noise(2)])];
      expect(judge(pair, grid).relation).toBe('independent');
    }
  });
});

describe('where the FSC ends', () => {
  it.each<[string, SceneOptions]>([
    ['weak at Nyquist', { fscAtNyquist: 0.3 }],
    ['strong at Nyquist', { fscAtNyquist: 0.95 }],
    ['a binned subtomogram average', { voxelSize: 10, bFactor: 500, fscAtNyquist: 0.5 }],
    ['a lattice that fills the box', { voxelSize: 10, bFactor: 2000, fscAtNyquist: 0.87, radius: 1 }],
  ])('at Nyquist, where the voxels are too large: %s', (_, options) => {
    const made = makeScene({ shape, bFactor: 20, ...options });
    const verdict = judge(goodHalves(made), made.grid);
    expect(verdict).toMatchObject({ end: 'nyquist', relation: 'independent' });
    expect(verdict.resolution).toBe(2 * made.grid.voxelSize[0]);
    expect(halfMapWarnings(verdict, names)).toEqual([]);
  });

  it('nowhere, where there is only noise', () => {
    for (const fold of [1, 4] as const) {
      const made = makeScene({ shape, fold, seed: 5 });
      const verdict = judge([combine([1, made.noise(1)]), combine([1, made.noise(2)])], grid);
      expect(verdict).toEqual({ end: 'no signal', resolution: undefined, relation: 'independent' });
      expect(halfMapWarnings(verdict, names)).toHaveLength(1);
    }
  });

  it('at a filter, if that comes first, however hard it is', () => {
    for (const g of [
      (f: number) => (f <= 1 / 7 ? 1 : 0),
      (f: number) => 1 / (1 + Math.exp(300 * (f - 1 / 7))),
    ]) {
      const verdict = judge(
        both((data) => filtered(data, grid, g)),
        grid,
      );
      expect(verdict).toMatchObject({ end: 'falls', relation: 'independent', endsAtLowPass: true });
      const [warning] = halfMapWarnings(verdict, names);
      expect(warning).toContain('The FSC ends there as well');
    }
  });

  it('before a filter that takes away noise only', () => {
    const low = (f: number): number => (f <= 1 / 3.3 ? 1 : 0);
    const verdict = judge(
      both((data) => filtered(data, grid, low)),
      grid,
    );
    expect(verdict.endsAtLowPass).toBeUndefined();
    expect(verdict.resolution).toBeCloseTo(judge([first, second], grid).resolution!, 5);
  });

  it('says that it rises again, and where', () => {
    const bump = filtered(combine([1, scene.noise(9)]), grid, (f) => Math.exp(-(((f - 0.31) / 0.02) ** 2)));
    const verdict = judge([combine([1, first], [3, bump]), combine([1, second], [3, bump])], grid);
    expect(verdict).toMatchObject({ end: 'falls', relation: 'independent' });
    expect(1 / verdict.rise!.resolution).toBeCloseTo(0.31, 1);
    expect(verdict.rise!.correlation).toBeGreaterThan(0.5);
    expect(halfMapWarnings(verdict, names)[0]).toContain('rises again');
  });

  it.each([4, 6, 9])('says that it is negative where one is shifted by %i A', (shift) => {
    // Shells of 128^3 voxels of 1.4 A, of signal to 4 A; a shift multiplies the FSC by the mean of cos(2 pi f
    // s).
    const verdictOf = (by: number): HalfMapVerdict => {
      const shells = Array.from({ length: 64 }, (_, r) => r);
      const counts = Float64Array.from(shells, (r) => 4 * Math.PI * Math.max(1, r) ** 2);
      const cross = counts.map((count, r) => {
        const frequency = r / (128 * 1.4);
        const turn = 2 * Math.PI * frequency * by;
        return (count * (turn === 0 ? 1 : Math.sin(turn) / turn)) / (1 + Math.exp((frequency - 0.22) / 0.02));
      });
      const spectra = { cross, powerA: counts, powerB: counts, counts };
      return judgeHalfMaps(fourierShellCorrelation(spectra, 1.4), spectra, 1.4);
    };
    expect(verdictOf(0)).toMatchObject({ end: 'falls', relation: 'independent' });
    expect(verdictOf(0).negative).toBeUndefined();
    const verdict = verdictOf(shift);
    expect(verdict.negative?.correlation).toBeLessThan(-0.05);
    // The first lobe of sinc(2 f s) is lowest at 0.715 / s.
    expect(verdict.negative?.resolution).toBeGreaterThan(shift);
    expect(halfMapWarnings(verdict, names).join('\n')).toContain('shifted or rotated against each other');
  });

  it('says that a tight mask has lifted it', () => {
    const offset = both((data) => masked(combine([1, data], [0.3, data.map(() => 1)]), grid, 9));
    const verdict = judge(offset, grid);
    expect(verdict).toMatchObject({ end: 'nyquist', relation: 'independent', masked: true });
    expect(halfMapWarnings(verdict, names)[0]).toContain('a mask lifts the FSC');
  });
});

describe('half maps that are copies', () => {
  it.each<[string, Pair, number]>([
    ['scaled', [first, first.map((v) => 2.5 * v)], 2.5],
    ['scaled, with another mean and contrast', [first, first.map((v) => 7 - 0.3 * v)], -0.3],
    [
      'low-passed and scaled',
      both((d) => filtered(d, grid, (f) => (f < 0.2 ? 1 : 0)), [first, first.map((v) => 3 * v)]),
      3,
    ],
    ['masked and scaled', both((d) => masked(d, grid, 9), [first, first.map((v) => 3 * v)]), 3],
    [
      'good to Nyquist',
      both(
        (d) => d,
        [
          goodHalves(makeScene({ shape, fscAtNyquist: 0.9 }))[0],
          goodHalves(makeScene({ shape, fscAtNyquist: 0.9 }))[0].map((v) => 2 * v),
        ],
      ),
      2,
    ],
  ])('%s', (_, pair, scale) => {
    const verdict = judge(pair, grid);
    expect(verdict).toMatchObject({ relation: 'copies', filtered: false });
    expect(verdict.scale).toBeCloseTo(scale, 5);
    expect(refusalOf(verdict, names)?.message).toContain(`b.mrc is a.mrc times ${scale}`);
  });

  it('stored in 16 or 8 bits', () => {
    for (const bits of [16, 8]) expect(judge([first, stored(first, bits)], grid).relation).toBe('copies');
  });

  it('sharpened or blurred', () => {
    for (const b of [-80, 20, 80]) {
      const verdict = judge([first, filtered(first, grid, (f) => Math.exp((b * f * f) / 4))], grid);
      expect(verdict).toMatchObject({ relation: 'copies', filtered: true });
    }
  });

  it('low-passed, softly or hard, sharpened too, in either order', () => {
    const soft = (at: number) => (f: number) => 0.5 - 0.5 * Math.tanh((f - 1 / at) / 0.01);
    const filters: ((f: number) => number)[] = [
      soft(6),
      soft(3.5),
      (f) => (f <= 1 / 4 ? 1 : 0),
      (f) => (f <= 1 / 4.1 ? Math.exp((100 * f * f) / 4) : 0),
      (f) => soft(4)(f) * Math.exp((80 * f * f) / 4),
    ];
    for (const g of filters) {
      const low = filtered(first, grid, g);
      for (const pair of [[first, low] as const, [low, first] as const]) {
        const verdict = judge(pair, grid);
        expect(verdict).toMatchObject({ relation: 'copies', filtered: true });
        expect(refusalOf(verdict, names)?.message).toContain('filtered or sharpened');
      }
    }
  });

  it('independent ones of which one is low-passed are not', () => {
    const clean = makeScene({ shape, bFactor: 20, fscAtNyquist: 0.999 });
    for (const [a, b] of [[first, second] as const, goodHalves(clean)])
      for (const at of [8, 6, 4]) {
        const low = filtered(b, grid, (f) => 0.5 - 0.5 * Math.tanh((f - 1 / at) / 0.01));
        expect(judge([a, low], grid).relation).toBe('independent');
        expect(judge([low, a], grid).relation).toBe('independent');
      }
  });

  it('independent ones of very little noise are not', () => {
    const clean = makeScene({ shape, bFactor: 20, fscAtNyquist: 0.999 });
    expect(judge(goodHalves(clean), clean.grid)).toMatchObject({ end: 'nyquist', relation: 'independent' });
  });
});

describe('half maps that share noise', () => {
  const mean = combine([0.5, first], [0.5, second]);

  it('names the one that is the mean of both, of whatever scale', () => {
    expect(judge([first, mean], grid).relation).toBe('second is mean');
    expect(judge([mean, second], grid).relation).toBe('first is mean');
    expect(judge([first, combine([1, first], [1, second])], grid).relation).toBe('second is mean');
    const warning = halfMapWarnings(judge([first, mean], grid), names)[0];
    expect(warning).toContain('b.mrc seems to be the mean of both half maps');
    expect(warning).toContain('0.71');
  });

  it('says so of the sharpened mean, too', () => {
    const wide = makeScene({ shape: [64, 64, 64], resolution: 5 });
    const [a, b] = goodHalves(wide);
    for (const sharpening of [50, 70]) {
      const g = (f: number): number => Math.exp((sharpening * f * f) / 4);
      const sharp = filtered(combine([0.5, a], [0.5, b]), wide.grid, g);
      for (const pair of [[a, sharp] as const, [sharp, b] as const])
        expect(halfMapWarnings(judge(pair, wide.grid), names).join()).toContain('share noise');
      const other = filtered(b, wide.grid, g);
      expect(judge([a, other], wide.grid).relation).toBe('independent');
    }
  });

  it('finds it in a mask, with signal to Nyquist and without signal', () => {
    expect(
      judge(
        both((d) => masked(d, grid, 9), [first, mean]),
        grid,
      ).relation,
    ).toBe('second is mean');
    for (const fscAtNyquist of [0.4, 0.95]) {
      const [a, b] = goodHalves(makeScene({ shape, bFactor: 20, fscAtNyquist }));
      expect(judge([a, combine([0.5, a], [0.5, b])], grid).relation).toBe('second is mean');
    }
    const [a, b] = [scene.noise(1), scene.noise(2)];
    expect(judge([combine([1, a]), combine([0.5, a], [0.5, b])], grid).relation).toBe('second is mean');
  });

  it.each([0.3, 0.5, 0.8])('a share of %d of the particles in both', (p) => {
    const half = (stream: number): Float32Array =>
      combine([1, scene.signal], [Math.sqrt(1 - p), scene.noise(stream)], [Math.sqrt(p), scene.noise(3)]);
    const verdict = judge([half(1), half(2)], grid);
    expect(verdict.relation).toBe('shared noise');
    // The plateau holds a rest of signal.
    expect(Math.abs(verdict.noiseCorrelation! - p)).toBeLessThan(0.06);
  });

  it.each([0.3, 0.7, 0.9])('the second is %d of the first and the rest of another', (w) => {
    const verdict = judge([first, combine([w, first], [1 - w, second])], grid);
    expect(verdict.relation).toBe('shared noise');
    expect(Math.abs(verdict.noiseCorrelation! - w / Math.hypot(w, 1 - w))).toBeLessThan(0.06);
  });
});

it('half maps of opposite contrast are refused', () => {
  const verdict = judge([first, second.map((v) => -v)], grid);
  expect(verdict).toMatchObject({ end: 'no signal', relation: 'opposite contrast' });
  expect(refusalOf(verdict, names)?.message).toContain('opposite contrast');
});

describeWithSharedData('half maps of TRPV1', () => {
  // Read in the tests: collecting them must not need the reference data.
  const read = (): { pair: Pair; trpv1: Grid } => {
    const [half1, half2] = ['half1.mrc', 'half2.mrc'].map((name) =>
      readGoldenMap('golden', 'trpv1-c4', name),
    );
    const { shape: box, voxelSize } = half1;
    const trpv1: Grid = { shape: box, voxelSize: [voxelSize, voxelSize, voxelSize], origin: [0, 0, 0] };
    return { pair: [half1.data, half2.data], trpv1 };
  };

  it('are clean', () => {
    const { pair, trpv1 } = read();
    const verdict = judge(pair, trpv1);
    expect(verdict).toEqual({ end: 'falls', resolution: verdict.resolution, relation: 'independent' });
    expect(verdict.resolution).toBeCloseTo(4.098, 3);
  });

  it('are not with their mean', () => {
    const { pair, trpv1 } = read();
    const verdict = judge([pair[0], combine([0.5, pair[0]], [0.5, pair[1]])], trpv1);
    expect(verdict.relation).toBe('second is mean');
  });
});
