/**
 * Tables and curves of the local resolution: shells, counts, crossings, bins of the local filter, the
 * summary.
 */
import { describe, expect, it } from 'vitest';
import { binWeight, filterBins } from '../../../../src/math/fourier/local-filter.ts';
import {
  coefficientColumns,
  correlationNoise,
  correlationOf,
  findCrossing,
  resolutionWindowVoxels,
  roundedShells,
  shellCounts,
  windowWeights,
} from '../../../../src/math/scaling/local-resolution.ts';
import { summariseResolution } from '../../../../src/math/scaling/resolution-summary.ts';

describe('shells of a window', () => {
  it.each([6, 8, 14, 20])('count every signed coefficient once: window %i', (w) => {
    const h = w / 2;
    const counts = new Float64Array(h + 1);
    for (let a = 1 - h; a <= h; a++)
      for (let b = 1 - h; b <= h; b++)
        for (let c = 1 - h; c <= h; c++) {
          const r = Math.round(Math.hypot(a, b, c));
          if (r <= h) counts[r]++;
        }
    expect(Array.from(shellCounts(w))).toEqual(Array.from(counts));
  });

  it('columns reach as far as the last shell, and no further', () => {
    const shellOf = roundedShells(12);
    expect(shellOf.length).toBe(43);
    for (const { b, c, deepest } of coefficientColumns(12)) {
      expect(shellOf[deepest ** 2 + b * b + c * c]).toBeLessThanOrEqual(6);
      if (deepest < 6) expect(Math.round(Math.hypot(deepest + 1, b, c))).toBeGreaterThan(6);
    }
  });

  it('Hann weights are 1 in the middle, 1/2 half way, 0 at the edge, and even', () => {
    const t = windowWeights(16, 'hann');
    expect([t[8], t[0]]).toEqual([1, expect.closeTo(0, 15)]);
    expect([t[4], t[12]]).toEqual([expect.closeTo(0.5, 12), expect.closeTo(0.5, 12)]);
    for (let d = 1; d < 8; d++) expect(t[8 + d]).toBeCloseTo(t[8 - d], 12);
    expect(Array.from(windowWeights(6, 'box'))).toEqual([1, 1, 1, 1, 1, 1]);
  });

  it('noise falls with the coefficients, and more slowly in a Hann window', () => {
    const [box, hann] = [correlationNoise(20, 'box'), correlationNoise(20, 'hann')];
    expect(box[5]).toBeCloseTo(1 / Math.sqrt(shellCounts(20)[5]), 12);
    for (let r = 2; r <= 10; r++) expect(hann[r]).toBeGreaterThan(1.5 * box[r]);
    // Shells are one coefficient thick: fewer correlated neighbours than the 7.35 of a solid of coefficients.
    for (let r = 2; r <= 10; r++) expect(hann[r]).toBeLessThan(Math.sqrt(7.35) * box[r]);
    // A Hann window of twice the edge knows at a frequency about as much as a box.
    expect(correlationNoise(40, 'hann')[10]).toBeLessThan(1.2 * box[5]);
  });

  it('windows have the even number of voxels nearest to the length', () => {
    expect([50, 25, 24.9].map((length) => resolutionWindowVoxels(length, 1.35))).toEqual([38, 18, 18]);
  });
});

describe('crossings', () => {
  it.each([
    ['between shells', [1, 0.9, 0.5, 0.1], 0.3, 2.5],
    ['on a shell', [1, 0.9, 0.3, 0.1], 0.3, 2],
    ['never', [1, 0.9, 0.8, 0.7], 0.3, 3],
    ['at once', [1, 0.2, 0.9, 0.9], 0.3, 1],
    ['the first of two', [1, 0.9, 0.1, 0.9], 0.5, 1.5],
    ['the mean of the window does not count', [-1, 0.9, 0.5, 0.1], 0.3, 2.5],
  ])('%s', (_, curve, threshold, at) => {
    expect(findCrossing(curve, threshold)).toBeCloseTo(at, 12);
  });

  it('a shell without power has FSC 0, and small maps do not underflow', () => {
    expect(correlationOf(0, 0, 3)).toBe(0);
    expect(correlationOf(1e-200, 1e-200, 4e-200)).toBeCloseTo(0.5, 12);
  });
});

describe('bins of the local filter', () => {
  it('weigh to 1 at every cut-off', () => {
    const cutoffs = Array.from({ length: 500 }, (_, i) => (i % 3 === 0 ? 0 : 2.6 + 0.05 * i));
    const bins = filterBins(cutoffs, 1.3);
    for (const d of cutoffs.filter((value) => value > 0)) {
      const sum = bins.reduce((total, { below, at, above }) => total + binWeight(1 / d, below, at, above), 0);
      expect(sum).toBeCloseTo(1, 9);
    }
  });

  it('are made only where some voxel needs them', () => {
    expect(filterBins([0, 0], 1)).toEqual([]);
    expect(filterBins([4, 0, 4], 1).length).toBeLessThanOrEqual(3);
    expect(filterBins([3, 30], 1).length).toBeLessThanOrEqual(7);
  });
});

describe('summary', () => {
  it('has quantiles, shares at both ends and a histogram of all voxels', () => {
    const values = Array.from({ length: 200 }, (_, i) => (i % 2 === 0 ? 0 : 2.6 + ((i - 1) / 2) * 0.1));
    values.push(50, 50);
    const summary = summariseResolution(Float32Array.from(values), 2.6, 50);
    expect(summary.voxels).toBe(102);
    expect(summary.median).toBeCloseTo(7.65, 4);
    expect(summary.atNyquist).toBeCloseTo(1 / 102, 12);
    expect(summary.withoutSignal).toBeCloseTo(2 / 102, 12);
    expect(summary.histogram.counts.reduce((a, b) => a + b)).toBe(102);
    expect(summary.histogram.edges.length).toBe(summary.histogram.counts.length + 1);
  });

  it('takes a map of one value', () => {
    const summary = summariseResolution([4, 4, 0], 2, 50);
    expect([summary.median, summary.quantiles['95%'], summary.histogram.counts[0]]).toEqual([4, 4, 2]);
  });
});
