/**
 * Estimates a map's resolution from its agreement with an atomic model, if there are no half maps.
 *
 * A perfect model's FSC with the map is sqrt(2 FSC / (1 + FSC)) of the half maps' FSC: 0.5 where theirs is
 * 0.143. Models are not perfect and lack solvent, so that the curve falls below 0.5 before the signal ends;
 * below 0.2 little is left (maps of 3.9, 4.3 and 7.9 A cross it at 3.9, 4.1 and 7.8 A).
 */
import type { ShellSpectra } from '../../engine/engine.ts';
import { firstCrossing } from '../../math/fourier/fsc.ts';

export interface ModelAgreement {
  /** Resolution at FSC = 0.5, A: B factors can be measured up to here. */
  readonly reliable: number;
  /** Resolution at FSC = 0.2, A: beyond it the map does not show the model. */
  readonly end: number;
}

const RELIABLE = 0.5;
const END = 0.2;
/** Start of the search, A: models lack solvent and detergent, so the curve may dip at lower resolution. */
const LOWEST_RESOLUTION = 15;

/**
 * Undefined if map and model disagree at 15 A, or agree up to the limit of the grid. `spectra`: of the map
 * and of the model map; `edge`: shortest edge of the box, A.
 */
export function agreementOf(
  { cross, powerA, powerB }: ShellSpectra,
  edge: number,
): ModelAgreement | undefined {
  const frequencies = Array.from(cross, (_, r) => (r + 0.5) / edge);
  const first = frequencies.findIndex((frequency) => frequency * LOWEST_RESOLUTION >= 1);
  if (first < 0) return undefined;
  const axis = frequencies.slice(first);
  const curve = axis.map((_, i) => {
    const r = first + i;
    const product = powerA[r] * powerB[r];
    return product > 0 ? cross[r] / Math.sqrt(product) : 0;
  });
  if (!(curve[0] >= RELIABLE)) return undefined;
  const reliable = firstCrossing(axis, curve, RELIABLE);
  if (reliable === undefined) return undefined;
  return { reliable, end: firstCrossing(axis, curve, END) ?? 1 / axis[axis.length - 1] };
}
