/** Shared by the commands that measure local resolution: settings and printed lines. */

import type { LocalResolutionNumbers, LocalResolutionSettings } from '../index.ts';
import type { OptionValues } from '../options/index.ts';
import { defaultLocalResolution } from '../pipeline/local-resolution.ts';

/** Settings from the options; the pipeline fills in the window. */
export function localResolutionSettings(values: OptionValues): LocalResolutionSettings {
  return {
    windowAngstrom: values.locresWindow,
    weights: values.locresShape ?? defaultLocalResolution.weights,
    threshold: values.locresThreshold ?? defaultLocalResolution.threshold,
  };
}

/** Median, 5 to 95 % range and special voxels in one line, in A and percent of the mask. */
export function describeLocalResolution(numbers: LocalResolutionNumbers): string {
  const { median, quantiles, atNyquist, withoutSignal } = numbers;
  const percent = (share: number): string => `${(100 * share).toFixed(share < 0.001 ? 2 : 1)} %`;
  const notes = [
    ...(atNyquist > 0 ? [`${percent(atNyquist)} at Nyquist`] : []),
    ...(withoutSignal > 0 ? [`${percent(withoutSignal)} without common signal`] : []),
  ];
  return (
    `Local resolution: median ${median.toFixed(2)} A, 5 to 95 % ${quantiles['5%'].toFixed(2)} to ` +
    `${quantiles['95%'].toFixed(2)} A${notes.length === 0 ? '' : ` (${notes.join(', ')})`}.`
  );
}

// Characters of the longest bar.
const BAR = 40;

/** The histogram as bars, one class per line. */
export function histogramLines({ histogram, voxels }: LocalResolutionNumbers): string[] {
  const { edges, counts } = histogram;
  const most = Math.max(...counts);
  return [
    '      A            share',
    ...counts.map((count, i) => {
      const range = `${edges[i].toFixed(2).padStart(6)} - ${edges[i + 1].toFixed(2).padStart(6)}`;
      const share = `${((100 * count) / voxels).toFixed(1).padStart(5)} %`;
      return `${range}  ${share}  ${'#'.repeat(Math.round((BAR * count) / most))}`.trimEnd();
    }),
  ];
}
