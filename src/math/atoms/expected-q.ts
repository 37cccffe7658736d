/**
 * The mean Q-score that models in the Protein Data Bank have at a resolution: the lines of Pintilie et al.
 * 2020 (Nature Methods 17, 328-334) through the scores of published maps and models, as MapQ states them for
 * a reference Gaussian of 0.6 A.
 */
export type Polymer = 'protein' | 'nucleic';

const LINES: Readonly<Record<Polymer, { readonly slope: number; readonly start: number }>> = {
  protein: { slope: -0.1775, start: 1.1192 },
  nucleic: { slope: -0.1377, start: 0.9973 },
};
/** A: beyond these the lines are no longer those of data. */
const RANGE = [1, 6] as const;

/** `resolution`: A; undefined where the lines say nothing. */
export function expectedQ(polymer: Polymer, resolution: number): number | undefined {
  if (!(resolution >= RANGE[0] && resolution <= RANGE[1])) return undefined;
  const { slope, start } = LINES[polymer];
  return slope * resolution + start;
}
