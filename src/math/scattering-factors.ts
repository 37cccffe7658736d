/**
 * Electron scattering factors of neutral atoms as five Gaussians,
 *   f(s) = sum_i a_i exp(-b_i s^2),  s = sin(theta) / lambda = |k| / 2,  valid for s <= 2 / A.
 * Source: International Tables for Crystallography, vol. C (2006), table 4.3.2.2;
 * L.-M. Peng, G. Ren, S. L. Dudarev, M. J. Whelan, Acta Cryst. A52 (1996) 257-276.
 * Elements of proteins, nucleic acids and common ions.
 */

export interface ScatteringFactor {
  /** a_i in A. */
  readonly a: readonly [number, number, number, number, number];
  /** b_i in A^2. */
  readonly b: readonly [number, number, number, number, number];
}

const TABLE: Readonly<Record<string, ScatteringFactor>> = {
  H: { a: [0.0349, 0.1201, 0.197, 0.0573, 0.1195], b: [0.5347, 3.5867, 12.3471, 18.9525, 38.6269] },
  C: { a: [0.0893, 0.2563, 0.757, 1.0487, 0.3575], b: [0.2465, 1.71, 6.4094, 18.6113, 50.2523] },
  N: { a: [0.1022, 0.3219, 0.7982, 0.8197, 0.1715], b: [0.2451, 1.7481, 6.1925, 17.3894, 48.1431] },
  O: { a: [0.0974, 0.2921, 0.691, 0.699, 0.2039], b: [0.2067, 1.3815, 4.6943, 12.7105, 32.4726] },
  F: { a: [0.1083, 0.3175, 0.6487, 0.5846, 0.1421], b: [0.2057, 1.3439, 4.2788, 11.3932, 28.7881] },
  Na: { a: [0.2142, 0.6853, 0.7692, 1.6589, 1.4482], b: [0.3334, 2.3446, 10.083, 48.3037, 138.27] },
  Mg: { a: [0.2314, 0.6866, 0.9677, 2.1882, 1.1339], b: [0.3278, 2.272, 10.9241, 39.2898, 101.9748] },
  P: { a: [0.2548, 0.6106, 1.4541, 2.3204, 0.8477], b: [0.2908, 1.874, 8.5176, 24.3434, 63.2996] },
  S: { a: [0.2497, 0.5628, 1.3899, 2.1865, 0.7715], b: [0.2681, 1.6711, 7.0267, 19.5377, 50.3888] },
  Cl: { a: [0.2443, 0.5397, 1.3919, 2.0197, 0.6621], b: [0.2468, 1.5242, 6.1537, 16.6687, 42.3086] },
  K: { a: [0.4115, 1.4031, 2.2784, 2.6742, 2.2162], b: [0.3703, 3.3874, 13.1029, 68.9592, 194.4329] },
  Ca: { a: [0.4054, 1.388, 2.1602, 3.7532, 2.2063], b: [0.3499, 3.0991, 11.9608, 53.9353, 142.3892] },
  Mn: { a: [0.3796, 1.2094, 1.7815, 2.542, 1.5937], b: [0.2699, 2.0455, 7.4726, 31.0604, 91.5622] },
  Fe: { a: [0.3946, 1.2725, 1.7031, 2.314, 1.4795], b: [0.2717, 2.0443, 7.6007, 29.9714, 86.2265] },
  Co: { a: [0.4118, 1.3161, 1.6493, 2.193, 1.283], b: [0.2742, 2.0372, 7.7205, 29.968, 84.9383] },
  Ni: { a: [0.386, 1.1765, 1.5451, 2.073, 1.3814], b: [0.2478, 1.766, 6.3107, 25.2204, 74.3146] },
  Cu: { a: [0.4314, 1.3208, 1.5236, 1.4671, 0.8562], b: [0.2694, 1.9223, 7.3474, 28.9892, 90.6246] },
  Zn: { a: [0.4288, 1.2646, 1.4472, 1.8294, 1.0934], b: [0.2593, 1.7998, 6.75, 25.586, 73.5284] },
  Se: { a: [0.4477, 1.1678, 1.5843, 2.8087, 1.1956], b: [0.2405, 1.5442, 6.3231, 19.461, 52.0233] },
  Br: { a: [0.4798, 1.1948, 1.8695, 2.6953, 0.8203], b: [0.2504, 1.5963, 6.9653, 19.8492, 50.3233] },
  I: { a: [0.7047, 1.9484, 2.594, 4.1526, 1.5057], b: [0.2455, 1.8638, 6.7639, 21.8007, 56.4395] },
};

/** Symbols in the table, in order of atomic number. */
export const TABULATED_ELEMENTS: readonly string[] = Object.keys(TABLE);

/**
 * The five Gaussians of an element, or undefined where the table has none. Symbols in any letter case
 * ("ZN" of a PDB file, "Zn"); deuterium scatters electrons as hydrogen does.
 */
export function scatteringFactorOf(element: string): ScatteringFactor | undefined {
  const symbol = element.charAt(0).toUpperCase() + element.slice(1).toLowerCase();
  const tabulated = symbol === 'D' ? 'H' : symbol;
  return Object.hasOwn(TABLE, tabulated) ? TABLE[tabulated] : undefined;
}

/** f in A at the spatial frequency |k| (1/A); s^2 = k^2 / 4. */
export function evaluateScatteringFactor(factor: ScatteringFactor, frequency: number): number {
  const s2 = (frequency * frequency) / 4;
  let f = 0;
  for (let i = 0; i < 5; i++) f += factor.a[i]! * Math.exp(-factor.b[i]! * s2);
  return f;
}
