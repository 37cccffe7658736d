/**
 * Average radial profile T of alpha helices for the theoretical-profile rule (method 5), which uses only its
 * deviation from an exponential decay: neither its scale nor its B factor matters.
 */
import { HELIX_AMPLITUDE, HELIX_FREQUENCY, HELIX_PROFILE_SOURCE } from './helix-profile-table.ts';

export interface AverageProfile {
  /** 1 / A, ascending from 0. */
  readonly frequency: readonly number[];
  /** In units of the amplitude at 0. */
  readonly amplitude: readonly number[];
}

/** Electron scattering of helices at B = 0 in windows of 25 A, up to 1.44 / A. */
export function helixProfile(): AverageProfile {
  return { frequency: HELIX_FREQUENCY, amplitude: HELIX_AMPLITUDE };
}

/** Origin, for reports: "310 helices of 124 structures". */
export function describeHelixProfile(): string {
  return `${HELIX_PROFILE_SOURCE.helices} helices of ${HELIX_PROFILE_SOURCE.structures} structures`;
}
