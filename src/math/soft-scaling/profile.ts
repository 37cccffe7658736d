/** Amplitude profiles, the target of bands without a reference map. */
import { type BandPlan, bandWeight } from './bands.ts';
import { PROTEIN_AMPLITUDE, PROTEIN_PROFILE_STEP } from './protein-profile-table.ts';
import { type BandTilt, LEVEL } from './tilts.ts';

/**
 * RMS Fourier amplitude against frequency, in any unit; logarithmic interpolation, constant beyond the ends.
 */
export interface AmplitudeProfile {
  /** 1/A, ascending. */
  readonly frequency: readonly number[];
  readonly amplitude: readonly number[];
}

export function profileAmplitude({ frequency, amplitude }: AmplitudeProfile, f: number): number {
  const last = frequency.length - 1;
  if (f <= frequency[0]) return amplitude[0];
  if (f >= frequency[last]) return amplitude[last];
  let i = 1;
  while (frequency[i] < f) i++;
  const share = (f - frequency[i - 1]) / (frequency[i] - frequency[i - 1]);
  return amplitude[i - 1] * (amplitude[i] / amplitude[i - 1]) ** share;
}

/** exp(-B f^2 / 4), the decay of a B factor (A^2), where nothing is known of the structure. */
export function decayProfile(bFactor: number): AmplitudeProfile {
  const frequency = Array.from({ length: 101 }, (_, i) => i / 100);
  return { frequency, amplitude: frequency.map((f) => decay(bFactor, f)) };
}

/**
 * B factor of the protein profile, A^2. Simulated pairs of half maps score best at 25 to 30; on real maps the
 * mean is above that of the input at 25 to 80, and at 30 no map loses more than 0.02
 * (tools/evaluate-soft-scaling.mjs).
 */
const PROFILE_B_FACTOR = 30;

/** The average protein (protein-profile-table.ts) with a B factor. */
export function proteinProfile(bFactor: number = PROFILE_B_FACTOR): AmplitudeProfile {
  const frequency = PROTEIN_AMPLITUDE.map((_, i) => i * PROTEIN_PROFILE_STEP);
  return { frequency, amplitude: frequency.map((f, i) => PROTEIN_AMPLITUDE[i] * decay(bFactor, f)) };
}

function decay(bFactor: number, f: number): number {
  return Math.exp((-bFactor * f * f) / 4);
}

const SAMPLES_PER_BAND = 1000;

/** U_i: power of the profile in each band, the integral of (a hat_i)^2 f^2 df. Only their ratios matter. */
export function profilePowers(
  profile: AmplitudeProfile,
  { count, spacing }: BandPlan,
  tilts: readonly BandTilt[] = [],
): Float64Array {
  const powers = new Float64Array(count);
  const step = spacing / SAMPLES_PER_BAND;
  // Midpoints; every sample lies in two bands.
  for (let s = 0; s < count * SAMPLES_PER_BAND; s++) {
    const f = (s + 0.5) * step;
    const power = profileAmplitude(profile, f) ** 2 * f * f * step;
    const lower = Math.floor(s / SAMPLES_PER_BAND);
    for (let i = lower; i <= lower + 1 && i < count; i++) {
      const { below, above } = tilts[i] ?? LEVEL;
      const beyond = f / spacing - i;
      const tilt = Math.exp(2 * beyond * (beyond < 0 ? below : above));
      powers[i] += power * bandWeight(f, i, spacing) ** 2 * tilt;
    }
  }
  return powers;
}
