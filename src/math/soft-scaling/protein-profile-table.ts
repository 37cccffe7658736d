/**
 * RMS Fourier amplitude of an average protein (18 structures) in vacuum at B = 0, relative to 0.1 1/A. Made
 * by tools/derive-amplitude-profile.mjs, which says how; not edited by hand.
 */

/** Distance between the samples, 1/A; the first is at 0. */
export const PROTEIN_PROFILE_STEP = 0.025;

export const PROTEIN_AMPLITUDE: readonly number[] = [
  36.51, 9.912, 2.204, 1.309, 1, 0.7616, 0.6752, 0.6943, 0.8058, 0.8257, 0.7083, 0.616, 0.539, 0.4709, 0.4264,
  0.4019, 0.3915, 0.3885, 0.3852, 0.3688, 0.3463, 0.3188, 0.2942, 0.2732, 0.2561, 0.2452, 0.2355, 0.2264,
  0.2189, 0.2141, 0.2132, 0.2106, 0.2083, 0.2059, 0.2049, 0.2011, 0.1937, 0.1835, 0.1712, 0.1582,
];
