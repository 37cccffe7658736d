/**
 * Below this correlation of model map and map a model is reported as misplaced or wrong; the original's
 * limit.
 */
const POOR_CORRELATION = 0.3;

/** Undefined if the model fits. `correlation`: map–model correlation; NaN if one of the two is constant. */
export function judgeModelFit(correlation: number): string | undefined {
  if (correlation >= POOR_CORRELATION) return undefined;
  const value = Number.isFinite(correlation) ? correlation.toFixed(2) : 'undefined';
  return `The model does not fit the map: correlation ${value}, at least ${POOR_CORRELATION} is expected.`;
}
