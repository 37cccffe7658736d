/**
 * Names of the maps of `feature_enhance`. LocScale has changed them twice, and other programs look for them.
 */
import { dirname, join } from 'node:path';
import type { OptionValues } from '../options/index.ts';
import { stemOf } from './manifest.ts';

/** Suffixes after the stem of the output; pVDDT has no stem if `pvddt` is a full name. */
const namesOf = {
  // Up to 2.2.7.
  '2.2.3': { mean: '_feature_enhanced_output', baseline: '_locscale_output', pvddt: 'pVDDT' },
  // 2.2.8 to 2.3.1.
  '2.3': { mean: '', baseline: '_locscale_output', pvddt: 'pVDDT' },
  // Since 2.3.1.post3.
  '2.4': { mean: '', baseline: '_baseline', pvddt: '_pVDDT' },
} as const;

/** Path of a map. The baseline is the locally scaled map that the mean is compared with. */
export function enhancedName(
  map: 'mean' | 'baseline' | 'pvddt',
  { outputNames = '2.4', baselineSuffix }: Pick<OptionValues, 'outputNames' | 'baselineSuffix'>,
  outfile: string,
): string {
  const name = namesOf[outputNames][map];
  if (name === '') return outfile;
  if (!name.startsWith('_')) return join(dirname(outfile), `${name}.mrc`);
  return `${stemOf(outfile)}${map === 'baseline' ? (baselineSuffix ?? name) : name}.mrc`;
}
