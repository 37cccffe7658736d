/** Detects maps with inverted contrast. (Half maps of opposite contrast: half-maps.ts.) */
import { type Blocks, blockCorrelation, type Contrast } from '../math/inputs/contrast.ts';
import type { Run } from './run.ts';

/** Threshold: maps of one molecule correlate; noise gives 0. */
const OPPOSITE = -0.3;
/** Two ways to invert a map; the program itself changes no contrast. */
export const INVERT_HINT =
  'Multiply it by -1: "relion_image_handler --i IN.mrc --o OUT.mrc --multiply_constant -1", or ' +
  '"volume scale #1 factor -1" in ChimeraX.';

/** Whether the map (or both half maps) seems inverted; prints a warning. */
export function checkContrast(
  names: readonly string[],
  contrasts: readonly (Contrast | undefined)[],
  run: Run,
): boolean {
  const inverted = contrasts.every((contrast) => contrast?.inverted === true);
  if (inverted)
    run.warn(
      `The contrast of ${names.join(' and ')} seems inverted: density is dark on a bright ` +
        `background (skewness ${contrasts[0]?.skewness.toFixed(1)}). ${INVERT_HINT}`,
    );
  return inverted;
}

/** Amplitudes have no sign, so the result is the same; but one of the two maps is inverted. */
export function checkReferenceContrast(name: string, reference: Blocks, map: Blocks, run: Run): void {
  const correlation = blockCorrelation(reference, map);
  if (correlation < OPPOSITE)
    run.warn(
      `The reference ${name} and the map have opposite contrast (correlation ` +
        `${correlation.toFixed(2)} in blocks of 6 A): only its amplitudes are used, which have no ` +
        'sign, but one of the two is inverted.',
    );
}
