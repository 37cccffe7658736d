/** FSC, low-pass, confidence map and derived numbers of the TRPV1 half maps against the original's. */
import { beforeAll, expect, it } from 'vitest';
import { fourierShellCorrelation } from '../../src/math/fourier/fsc.ts';
import { tanhLowPass } from '../../src/math/fourier/radial-transfer.ts';
import type { Shape } from '../../src/math/grid.ts';
import {
  chooseFscCutoff,
  molecularNumbers,
  nyquistCutoffOf,
} from '../../src/math/scaling/molecular-numbers.ts';
import { windowVoxelsFor } from '../../src/math/scaling/windows.ts';
import {
  confidenceFromMap,
  confidenceSphere,
  defaultNoiseBoxes,
  defaultNoiseBoxSize,
  noiseBoxWarning,
  noiseEstimate,
} from '../../src/math/statistics/confidence.ts';
import { type GoldenMap, readGoldenJson, readGoldenMap } from '../support/read-golden.ts';
import { referenceFft3d, referenceShellSums, signedIndex } from '../support/reference-fft.ts';
import { describeWithSharedData } from '../support/shared-data.ts';

interface Fdr {
  readonly noise_mean: number;
  readonly noise_variance: number;
  readonly voxels_at_0p99: number;
}

interface Expected {
  readonly voxel_size: number;
  readonly window: number;
  readonly fsc: number[];
  readonly fsc_freq: number[];
  readonly fsc_resolution: number;
  readonly wilson_cutoff: number;
  readonly nyquist_cutoff: number;
  readonly num_atoms_from_mask: number;
  readonly mask_voxels: number;
  readonly fdr_window: number;
  readonly fdr_5A: Fdr;
  readonly fdr_unfiltered: Fdr;
}

const read = (name: string) => readGoldenMap('golden', 'trpv1-c4', `${name}.mrc`);

function sd(data: Float32Array): number {
  const mean = data.reduce((sum, v) => sum + v, 0) / data.length;
  return Math.sqrt(data.reduce((sum, v) => sum + (v - mean) ** 2, 0) / data.length);
}

describeWithSharedData('TRPV1, maps and numbers', () => {
  let expected: Expected;
  let half1: GoldenMap;
  let half2: GoldenMap;
  let full: Float32Array;
  let shape: Shape;
  beforeAll(() => {
    expected = readGoldenJson<Expected>('golden', 'trpv1-c4', 'expected.json');
    half1 = read('half1');
    half2 = read('half2');
    full = half1.data.map((value, i) => (value + half2.data[i]) / 2);
    shape = half1.shape;
  });

  it('FSC and resolution', () => {
    const a = referenceFft3d(half1.data, undefined, shape);
    const b = referenceFft3d(half2.data, undefined, shape);
    const curve = fourierShellCorrelation(referenceShellSums(a, b, shape, 'half'), expected.voxel_size);
    // float64 transforms on both sides: only rounding is left.
    expected.fsc.forEach((value, r) => {
      expect(Math.abs(curve.correlation[r] - value)).toBeLessThan(1e-12);
      expect(curve.frequency[r]).toBeCloseTo(expected.fsc_freq[r], 12);
    });
    // The original rounds to 0.1 A.
    expect(Math.abs(curve.resolution! - expected.fsc_resolution)).toBeLessThanOrEqual(0.05);
    expect(curve.resolutionHalf!).toBeGreaterThan(curve.resolution!);
  });

  it('low-pass filter at 5 A', () => {
    const { table, maxFrequency } = tanhLowPass(5, expected.voxel_size);
    const spectrum = referenceFft3d(full, undefined, shape);
    const [n] = shape;
    for (let i = 0; i < full.length; i++) {
      const [z, y, x] = [Math.floor(i / (n * n)), Math.floor(i / n) % n, i % n].map(
        (k) => signedIndex(k, n) / n,
      );
      const at = (Math.sqrt(z * z + y * y + x * x) / maxFrequency) * (table.length - 1);
      const lower = Math.min(Math.floor(at), table.length - 2);
      const g = table[lower] + (at - lower) * (table[lower + 1] - table[lower]);
      spectrum.re[i] *= g;
      spectrum.im[i] *= g;
    }
    const filtered = referenceFft3d(spectrum.re, spectrum.im, shape, true).re;
    const target = read('expected_lowpass_5A').data;
    let difference = 0;
    let norm = 0;
    for (let i = 0; i < target.length; i++) {
      difference += (filtered[i] / target.length - target[i]) ** 2;
      norm += target[i] ** 2;
    }
    // The table is float32 (6e-8 of each value) and so is the stored map.
    expect(Math.sqrt(difference / norm)).toBeLessThan(2e-7);
  });

  it('noise boxes', () => {
    const size = defaultNoiseBoxSize(shape);
    expect(size).toBe(expected.fdr_window);
    const boxes = defaultNoiseBoxes(shape, size);
    const filtered = noiseEstimate(read('expected_lowpass_5A').data, shape, boxes);
    // The original estimated from the map before it was stored as float32.
    expect(filtered.mean / expected.fdr_5A.noise_mean - 1).toBeCloseTo(0, 6);
    expect(filtered.variance / expected.fdr_5A.noise_variance - 1).toBeCloseTo(0, 6);
    const unfiltered = noiseEstimate(full, shape, boxes);
    expect(unfiltered.mean / expected.fdr_unfiltered.noise_mean - 1).toBeCloseTo(0, 6);
    expect(unfiltered.variance / expected.fdr_unfiltered.noise_variance - 1).toBeCloseTo(0, 6);
    expect(noiseBoxWarning(filtered, sd(read('expected_lowpass_5A').data))).toBeUndefined();
    expect(noiseBoxWarning(unfiltered, sd(full))).toBeUndefined();
  });

  it('confidence maps', () => {
    const { noise_mean, noise_variance, voxels_at_0p99 } = expected.fdr_5A;
    const confidence = confidenceFromMap(read('expected_lowpass_5A').data, shape, noise_mean, noise_variance);
    const target = read('expected_confidence_5A').data;
    let largest = 0;
    for (let i = 0; i < target.length; i++) largest = Math.max(largest, Math.abs(confidence[i] - target[i]));
    // The original tested the map before rounding to float32, where rounding can join values that were
    // apart; a step between neighbouring ranks is far below 1e-5 here.
    expect(largest).toBeLessThan(1e-5);
    const count = (map: Float32Array): number => map.reduce((sum, v) => sum + (v >= 0.99 ? 1 : 0), 0);
    expect(Math.abs(count(confidence) / voxels_at_0p99 - 1)).toBeLessThan(1e-3);

    const noise = expected.fdr_unfiltered;
    const unfiltered = confidenceFromMap(full, shape, noise.noise_mean, noise.noise_variance);
    expect(Math.abs(count(unfiltered) / noise.voxels_at_0p99 - 1)).toBeLessThan(1e-3);
    // Outside the sphere the original's map is 0.
    const sphere = confidenceSphere(shape);
    let outside = 0;
    for (let row = 0; row < sphere.rowStart.length; row++) {
      for (let x = 0; x < shape[2]; x++) {
        if ((x < sphere.rowStart[row] || x >= sphere.rowEnd[row]) && target[row * shape[2] + x] !== 0)
          outside++;
      }
    }
    expect(outside).toBe(0);
  });

  it('numbers from the mask', () => {
    const maskVoxels = read('mask').data.reduce((sum, v) => sum + (v >= 0.99 ? 1 : 0), 0);
    expect(maskVoxels).toBe(expected.mask_voxels);
    const numbers = molecularNumbers(maskVoxels, expected.voxel_size);
    expect(numbers.atoms).toBe(expected.num_atoms_from_mask);
    expect(numbers.pseudoModelAtoms).toBe(Math.round(expected.num_atoms_from_mask / 1.55));
    // The voxel size in the file is a float32.
    expect(numbers.wilsonCutoff).toBeCloseTo(expected.wilson_cutoff, 6);
    expect(nyquistCutoffOf(expected.voxel_size)).toBe(expected.nyquist_cutoff);
    expect(windowVoxelsFor(expected.voxel_size)).toBe(expected.window);
    expect(chooseFscCutoff(undefined, { end: 'falls', resolution: 4.1 }, expected.voxel_size)).toEqual({
      cutoff: 4.1,
      source: 'half-map FSC',
    });
  });
});
