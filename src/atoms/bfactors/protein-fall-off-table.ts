/**
 * Power of an average protein at B = 0 against frequency. Made by tools/derive-protein-fall-off.mjs, which
 * says how; not edited by hand.
 */

export const PROTEIN_FALL_OFF_SOURCE = { windows: 993, structures: 19 } as const;

/** 1 / A. */
export const PROTEIN_FREQUENCY: readonly number[] = [
  0.08694, 0.0972, 0.12024, 0.14265, 0.16521, 0.18011, 0.20121, 0.21927, 0.23845, 0.2587, 0.27884, 0.29625,
  0.31827, 0.33763, 0.35703, 0.37613, 0.39832, 0.41701, 0.43738, 0.45787, 0.47857,
];

/** ln of the power per coefficient, 0 at the first frequency. */
export const PROTEIN_LOG_POWER: readonly number[] = [
  0, -0.2698, -0.7209, -0.9651, -0.9529, -0.8186, -0.6721, -0.6445, -0.7574, -0.9539, -1.1845, -1.3821,
  -1.614, -1.7888, -1.9199, -2.0047, -2.0598, -2.0871, -2.104, -2.1585, -2.2759,
];
