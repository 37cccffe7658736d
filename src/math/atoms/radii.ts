/** Van der Waals radii, A. */

/**
 * C, N, O, P, S of proteins from Fokine et al. (2003), J. Appl. Cryst. 36, 352-355; the others from Bondi
 * (1964).
 */
const RADII: Readonly<Record<string, number>> = {
  ...{ H: 1.2, D: 1.2, C: 1.775, N: 1.5, O: 1.45, P: 1.9, S: 1.8, Se: 1.9 },
  ...{ F: 1.47, Cl: 1.75, Br: 1.85, I: 1.98, Na: 2.27, Mg: 1.73, K: 2.75 },
  ...{ Ni: 1.63, Cu: 1.4, Zn: 1.39 },
};
const OTHERS = 1.7;

export function vanDerWaalsRadius(element: string): number {
  return RADII[element] ?? OTHERS;
}
