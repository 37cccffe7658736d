/**
 * The decay of an average protein's power at B = 0 (form factors and arrangement of atoms), which is part of
 * any map's decay but not of its B factor: divided out if the atoms themselves are unknown.
 */
import { PROTEIN_FREQUENCY, PROTEIN_LOG_POWER } from './protein-decay-table.ts';

/**
 * ln of the power at a frequency (1/A), up to a constant; linear between table entries and beyond both ends.
 */
export function proteinLogPower(frequency: number): number {
  let i = 1;
  while (i < PROTEIN_FREQUENCY.length - 1 && PROTEIN_FREQUENCY[i] < frequency) i++;
  const [low, high] = [PROTEIN_FREQUENCY[i - 1], PROTEIN_FREQUENCY[i]];
  const fraction = (frequency - low) / (high - low);
  return PROTEIN_LOG_POWER[i - 1] + fraction * (PROTEIN_LOG_POWER[i] - PROTEIN_LOG_POWER[i - 1]);
}
