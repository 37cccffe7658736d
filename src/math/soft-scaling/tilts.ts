/**
 * Within a band the spectrum of a blurred map falls while that of the reference does not: one gain per band
 * leaves steps between bands, and its upper end too weak. So the map's bands are tilted first, to the slope
 * of the reference over the whole map:
 *
 *   weight of band i at f = d x    hat_i exp(y(x) - y(i))
 *   y(i) = ln sqrt(R_i / S_i)      linear between bands; R, S: power of the reference, cross power of the
 *                                  half maps, over the whole of Fourier space but its origin
 *
 * y is measured at the mean frequency of sqrt(R S) in the band and extrapolated linearly to the first and
 * last centres and to one centre beyond. After the last band before one that is mostly noise (S < P / 10) it
 * is constant, so that noise does not grow within a band. Gains are measured on tilted bands: whatever y is,
 * the power in the window becomes that of the reference.
 */
import { type BandPlan, bandWeight } from './bands.ts';

/** Powers are summed over shells of a quarter of the band spacing. */
const SHELLS_PER_BAND = 4;
/** Offset of shell boundaries, which keeps grid frequencies off them. */
const SHELL_START = 0.0123;
/** Least signal, of the power of the mean. */
const LEAST_SIGNAL = 0.1;
/** Per band, of ln amplitude: a B factor of 450 A^2 at 1/3 1/A. */
const STEEPEST = 4;

/** Of ln weight, per band spacing: below and above the centre of a band. */
export interface BandTilt {
  readonly below: number;
  readonly above: number;
}

export const LEVEL: BandTilt = { below: 0, above: 0 };

/** Shells up to the end of the last band. */
export function shellCount({ count }: Pick<BandPlan, 'count'>): number {
  return SHELLS_PER_BAND * count;
}

/** Shell of a frequency in units of the band spacing, with its place in it. */
export function shellAt(frequency: number): number {
  return SHELLS_PER_BAND * frequency + SHELL_START;
}

/** Squared moduli of normalised maps summed over shells (shellCount), without the origin. */
export interface ShellPowers {
  readonly mean: ArrayLike<number>;
  /** Of half the difference of the half maps. */
  readonly difference: ArrayLike<number>;
  readonly reference: ArrayLike<number>;
}

/** In the order of the bands. */
export function bandTilts(plan: Pick<BandPlan, 'count'>, shells: ShellPowers): BandTilt[] {
  const centres = levelAtCentres(plan, shells);
  const between = Array.from({ length: plan.count + 1 }, (_, i) => {
    const [from, to] = [centres[i - 1], centres[i]];
    if (from === undefined || to === undefined) return 0;
    return Math.min(STEEPEST, Math.max(-STEEPEST, to - from));
  });
  return Array.from({ length: plan.count }, (_, i) => ({ below: between[i], above: between[i + 1] }));
}

/** y at the centres of the leading bands that hold signal; if all bands do, also at one centre more. */
function levelAtCentres({ count }: Pick<BandPlan, 'count'>, shells: ShellPowers): number[] {
  const [x, y]: [number[], number[]] = [[], []];
  for (let i = 0; i < count; i++) {
    const measured = measureBand(i, count, shells);
    if (!measured) break;
    x.push(measured.x);
    y.push(measured.y);
  }
  if (x.length < 2) return [];
  return Array.from({ length: x.length === count ? count + 1 : x.length }, (_, i) => {
    let k = 0;
    while (k < x.length - 2 && x[k + 1] < i) k++;
    return y[k] + ((y[k + 1] - y[k]) * (i - x[k])) / (x[k + 1] - x[k]);
  });
}

/** Undefined where the band is mostly noise. */
function measureBand(
  band: number,
  count: number,
  { mean, difference, reference }: ShellPowers,
): { x: number; y: number } | undefined {
  let [power, signal, wanted, weights, moments] = [0, 0, 0, 0, 0];
  for (let s = 0; s < shellCount({ count }); s++) {
    const at = (s + 0.5 - SHELL_START) / SHELLS_PER_BAND;
    const weight = bandWeight(at, band, 1) ** 2;
    if (weight === 0) continue;
    const cross = mean[s] - difference[s];
    power += weight * mean[s];
    signal += weight * cross;
    wanted += weight * reference[s];
    const shared = weight * Math.sqrt(Math.max(0, cross * reference[s]));
    weights += shared;
    moments += shared * at;
  }
  if (!(signal > LEAST_SIGNAL * power && wanted > 0 && weights > 0)) return undefined;
  return { x: moments / weights, y: Math.log(wanted / signal) / 2 };
}

/**
 * For one row of a half spectrum, whose squared frequency along the other axes is `rest`: the first bin along
 * x of every shell and, last, the end. `unit`: squared frequency of bin 1. All in units of the band spacing.
 */
export function shellEnds(shells: number, rest: number, unit: number, bins: number): Uint32Array {
  return Uint32Array.from({ length: shells + 1 }, (_, s) => {
    const start = Math.max(0, s - SHELL_START) / SHELLS_PER_BAND;
    const left = start ** 2 - rest;
    return left <= 0 ? 0 : Math.min(bins, Math.ceil(Math.sqrt(left / unit)));
  });
}
