/**
 * Radial amplitude profiles of maps in windows spread over the mask: the quantities of the method itself
 * (method 4), for a sample of places instead of every voxel.
 */

import { transformVolume } from '../math/fourier/host-fft.ts';
import type { Shape } from '../math/grid.ts';
import { chooseFitStart, FEWEST_FIT_SHELLS } from '../math/scaling/follow-resolution.ts';
import {
  fitLogAmplitude,
  prepareWilsonFit,
  shellFrequencies,
  type WilsonFit,
  wilsonRangeBetween,
} from '../math/scaling/wilson-fit.ts';
import { type RadialProfileKind, shellCountOf, shellWeights } from '../math/scaling/windows.ts';
import type { Windows } from './report-data.ts';

/** Number of voxels transformed per map, which limits the time to a second or two. */
const VOXEL_BUDGET = 3e6;
/** Windows that a report samples, whatever their size. */
const MOST_WINDOWS = 128;
/** Fewer than these would say little about the map, however large they are. */
const FEWEST_WINDOWS = 12;
/** Places tried per window, of which the half with the most mask is taken. */
const CANDIDATES_PER_WINDOW = 4;
/** Start of the fit of B factors, A, where the resolution leaves enough shells beyond it. */
const FIT_START_ANGSTROM = 10;

/** Where windows may lie, and the range of their fits. */
export interface WindowSettings {
  /** Of the box (z, y, x). */
  readonly shape: Shape;
  /** A. */
  readonly voxelSize: number;
  /** Voxels. */
  readonly edge: number;
  /** High-resolution end of the B-factor fit, A; it starts at 10 A or at the run's Wilson cut-off. */
  readonly resolution: number;
}

/**
 * Chooses voxels at equal intervals in the order of the mask's voxels, which spreads them over the molecule,
 * and keeps the half whose windows contain most of the mask: the others describe mainly the solvent, which is
 * 0 in the result.
 */
export function placeWindows(
  mask: ArrayLike<number>,
  maskVoxels: number,
  { shape, voxelSize, edge, resolution }: WindowSettings,
): Windows {
  const wanted = Math.max(FEWEST_WINDOWS, Math.min(MOST_WINDOWS, Math.floor(VOXEL_BUDGET / edge ** 3)));
  const places = sampleMask(mask, maskVoxels, wanted * CANDIDATES_PER_WINDOW).map((index) => {
    const centre = inBox(index, shape, edge);
    return { centre, fill: fillOf(mask, shape, centre, edge) };
  });
  const median = places.map(({ fill }) => fill).sort((a, b) => a - b)[Math.floor(places.length / 2)] ?? 0;
  const chosen = thin(
    places.filter(({ fill }) => fill >= median),
    wanted,
  );
  const frequency = shellFrequencies(shellCountOf(edge), voxelSize);
  const { start, shells } = chooseFitStart(edge, voxelSize, FIT_START_ANGSTROM, resolution);
  return {
    edge,
    centres: chosen.map(({ centre }) => centre),
    fill: chosen.map(({ fill }) => fill),
    candidates: places.length,
    frequency,
    fit: shells >= FEWEST_FIT_SHELLS ? wilsonRangeBetween(frequency, start, resolution) : undefined,
  };
}

/** Indices of at most `count` voxels of the mask, at equal intervals of rank. */
export function sampleMask(mask: ArrayLike<number>, maskVoxels: number, count: number): number[] {
  const wanted = Math.min(count, maskVoxels);
  const indices: number[] = [];
  let rank = 0;
  for (let index = 0; index < mask.length && indices.length < wanted; index++) {
    if (!(mask[index] > 0.5)) continue;
    if (rank === Math.floor(((indices.length + 0.5) * maskVoxels) / wanted)) indices.push(index);
    rank++;
  }
  return indices;
}

/**
 * Amplitude profiles of one map in all windows, shell by shell. Two real windows share one complex transform
 * Z:
 *   A(k) = (Z(k) + conj Z(-k)) / 2,   B(k) = (Z(k) - conj Z(-k)) / 2i
 */
export function profilesOf(
  data: ArrayLike<number>,
  shape: Shape,
  { edge, centres }: Windows,
  kind: RadialProfileKind,
): Float64Array[] {
  const { a, b, c, shell, multiplicity, counts } = shellWeights(edge, kind);
  const at = (k: number): number => (k + edge) % edge;
  const place = (i: number, sign: number): number =>
    // The profile counts half of the coefficients; the others are their Friedel mates at -k.
    (at(sign * a[i]) * edge + at(sign * b[i])) * edge + at(sign * c[i]);
  const places = Uint32Array.from(a, (_, i) => place(i, 1));
  const mates = Uint32Array.from(a, (_, i) => place(i, -1));
  const real = new Float64Array(edge ** 3);
  const imaginary = new Float64Array(edge ** 3);
  const profiles = centres.map(() => new Float64Array(counts.length));
  for (let w = 0; w < centres.length; w += 2) {
    copyWindow(data, shape, centres[w], edge, real);
    // The last of an odd number of windows shares the transform with itself.
    copyWindow(data, shape, centres[w + 1] ?? centres[w], edge, imaginary);
    transformVolume(real, imaginary, [edge, edge, edge]);
    const first = profiles[w];
    const second = profiles[w + 1];
    for (let i = 0; i < places.length; i++) {
      const [re, im] = [real[places[i]], imaginary[places[i]]];
      const [reMate, imMate] = [real[mates[i]], imaginary[mates[i]]];
      const weight = multiplicity[i] / (2 * counts[shell[i]]);
      first[shell[i]] += weight * Math.sqrt((re + reMate) ** 2 + (im - imMate) ** 2);
      if (second !== undefined)
        second[shell[i]] += weight * Math.sqrt((im + imMate) ** 2 + (reMate - re) ** 2);
    }
  }
  return profiles;
}

/** B = -4 slope of ln(amplitude) against f^2 (method 5), A^2; NaN if no line can be fitted. */
export function bFactorsOf(profiles: readonly Float64Array[], { frequency, fit: shells }: Windows): number[] {
  if (shells === undefined) return profiles.map(() => Number.NaN);
  const squared = frequency.map((f) => f * f);
  const range = prepareWilsonFit(squared, shells.start, shells.end);
  const logs = new Float64Array(frequency.length);
  const fit: WilsonFit = { slope: 0, intercept: 0, quality: 0 };
  return profiles.map((profile) =>
    fitLogAmplitude(range, squared, profile, logs, fit, false) ? -4 * fit.slope : Number.NaN,
  );
}

/** The voxel, shifted as little as needed for its window to fit in the box. */
function inBox(index: number, [nz, ny, nx]: Shape, edge: number): Shape {
  const half = edge / 2;
  const move = (v: number, n: number): number => Math.min(n - half, Math.max(half, v));
  return [
    move(Math.floor(index / (ny * nx)), nz),
    move(Math.floor(index / nx) % ny, ny),
    move(index % nx, nx),
  ];
}

/** Fraction of the window inside the mask, from every second voxel along each axis. */
function fillOf(mask: ArrayLike<number>, shape: Shape, centre: Shape, edge: number): number {
  let inside = 0;
  let all = 0;
  const [z0, y0, x0] = centre.map((v) => v - edge / 2) as unknown as Shape;
  for (let z = z0; z < z0 + edge; z += 2)
    for (let y = y0; y < y0 + edge; y += 2)
      for (let x = x0; x < x0 + edge; x += 2) {
        all++;
        if (mask[(z * shape[1] + y) * shape[2] + x] > 0.5) inside++;
      }
  return inside / all;
}

/** Copies a window, (z, y, x) with x fastest, as float64. It lies inside the box (`inBox`). */
function copyWindow(
  data: ArrayLike<number>,
  shape: Shape,
  centre: Shape,
  edge: number,
  into: Float64Array,
): void {
  const [z0, y0, x0] = centre.map((v) => v - edge / 2) as unknown as Shape;
  let i = 0;
  for (let z = z0; z < z0 + edge; z++)
    for (let y = y0; y < y0 + edge; y++) {
      const row = (z * shape[1] + y) * shape[2] + x0;
      for (let x = 0; x < edge; x++) into[i++] = data[row + x];
    }
}

/** At most `count` entries, at equal intervals. */
function thin<T>(list: readonly T[], count: number): T[] {
  if (list.length <= count) return [...list];
  return Array.from({ length: count }, (_, i) => list[Math.floor(((i + 0.5) * list.length) / count)]);
}
