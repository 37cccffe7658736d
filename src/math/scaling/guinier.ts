/**
 * Global sharpening by one B factor: the line through ln(C F) against f^2 (Guinier plot; Rosenthal and
 * Henderson 2003, J. Mol. Biol. 333, 721-745), F the RMS amplitude per shell and C = sqrt(2 FSC / (1 + FSC))
 * its signal fraction. F decays as exp(-B f^2 / 4), so exp(B f^2 / 4) flattens it.
 */
import { type RadialTransfer, tabulateTransfer } from '../fourier/radial-transfer.ts';

export interface GuinierFit {
  /** A^2. */
  readonly bFactor: number;
  readonly shells: number;
  /** Fraction of the variance of the logarithms explained by the line, R^2. */
  readonly quality: number;
}

/** Undefined with fewer than three shells in the range (A). `frequency`: of the shells, 1/A. */
export function fitGuinier(
  frequency: readonly number[],
  amplitude: readonly number[],
  [from, to]: readonly [from: number, to: number],
): GuinierFit | undefined {
  const points = frequency
    .map((f, r) => ({ x: f * f, y: Math.log(amplitude[r]), f }))
    .filter(({ f, y }) => f >= 1 / from && f <= 1 / to && Number.isFinite(y));
  if (points.length < 3) return undefined;
  const mean = (of: (p: { x: number; y: number }) => number): number =>
    points.reduce((sum, p) => sum + of(p), 0) / points.length;
  const [mx, my] = [mean(({ x }) => x), mean(({ y }) => y)];
  const sxx = mean(({ x }) => (x - mx) ** 2);
  const sxy = mean(({ x, y }) => (x - mx) * (y - my));
  const syy = mean(({ y }) => (y - my) ** 2);
  return {
    bFactor: (-4 * sxy) / sxx,
    shells: points.length,
    quality: syy > 0 ? sxy ** 2 / (sxx * syy) : 1,
  };
}

/** C per shell. */
export function signalWeight(correlation: readonly number[]): number[] {
  return correlation.map((value) => Math.sqrt((2 * Math.max(0, value)) / (1 + Math.max(0, value))));
}

/**
 * exp(B f^2 / 4) times a logistic low-pass that is 1/2 at the resolution (A), beyond which there is only
 * noise. `weight`: of the shells at `frequency`, linear between them.
 */
export function guinierTransfer(
  bFactor: number,
  resolution: number,
  voxelSize: number,
  weight?: { readonly frequency: readonly number[]; readonly value: readonly number[] },
): RadialTransfer {
  const width = 0.01;
  return tabulateTransfer((cycles) => {
    const f = cycles / voxelSize;
    // As one exponent, so that neither factor overflows where the other vanishes.
    const fade = (f - 1 / resolution) / width;
    const logFade = fade > 30 ? -fade : -Math.log1p(Math.exp(fade));
    const gain = Math.exp(Math.min((bFactor * f * f) / 4 + logFade, 80));
    return weight ? gain * interpolate(weight.frequency, weight.value, f) : gain;
  });
}

function interpolate(frequency: readonly number[], value: readonly number[], f: number): number {
  const next = frequency.findIndex((at) => at > f);
  if (next === 0) return value[0];
  if (next < 0) return value[value.length - 1];
  const share = (f - frequency[next - 1]) / (frequency[next] - frequency[next - 1]);
  return value[next - 1] + share * (value[next] - value[next - 1]);
}
