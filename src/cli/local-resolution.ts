/** What the commands that measure a local resolution share: settings, files, a ChimeraX scene, words. */
import { resolve } from 'node:path';
import type { OptionValues } from '../options.ts';
import {
  defaultLocalResolution,
  type LocalResolutionMaps,
  type LocalResolutionNumbers,
  type LocalResolutionSettings,
} from '../pipeline/index.ts';
import { chimeraxScript } from '../report/chimerax.ts';
import { stemOf } from './manifest.ts';
import type { OutputMap, RunOutputs } from './write-run.ts';

export function localResolutionSettings(values: OptionValues): LocalResolutionSettings {
  return {
    ...(values.locresWindow === undefined ? {} : { windowAngstrom: values.locresWindow }),
    weights: values.locresShape ?? defaultLocalResolution.weights,
    threshold: values.locresThreshold ?? defaultLocalResolution.threshold,
  };
}

export interface LocalResolutionFiles {
  readonly resolution: string;
  readonly filtered: string;
  readonly scene: string;
}

/** With --local_resolution, beside the output of the main command. */
export function localResolutionFilesOf(
  values: OptionValues,
  outfile: string,
): LocalResolutionFiles | undefined {
  if (values.localResolution !== true) return undefined;
  const stem = `${stemOf(outfile)}_locres`;
  return { resolution: `${stem}.mrc`, filtered: `${stem}_filtered.mrc`, scene: `${stem}.cxc` };
}

/** Maps and scene to write; none without files. `shown`: the map whose surface is coloured. */
export function localResolutionOutputs(
  files: LocalResolutionFiles | undefined,
  found: LocalResolutionMaps | undefined,
  shown: string,
  maskVolumeCubicAngstrom: number,
): Pick<RunOutputs, 'maps' | 'texts'> {
  if (files === undefined || found === undefined) return { maps: [], texts: [] };
  const maps: OutputMap[] = [
    { path: files.resolution, volume: found.resolution, label: 'local resolution, A' },
    { path: files.filtered, volume: found.filtered, label: 'filtered at its local resolution' },
  ];
  const { quantiles, median } = found.numbers;
  const low = quantiles['5%'];
  const high = Math.max(quantiles['95%'], low + 0.1);
  const text = chimeraxScript(
    'Map (#1) coloured by its local resolution (#2)',
    [
      { path: resolve(shown), shown: true },
      { path: resolve(files.resolution), shown: false },
    ],
    maskVolumeCubicAngstrom,
    {
      by: 2,
      palette: resolutionPalette(low, high),
      key: `local resolution (#2): blue ${low.toFixed(1)} A, median ${median.toFixed(1)} A, red ${high.toFixed(1)} A and worse`,
    },
  );
  return { maps, texts: [{ path: files.scene, text }] };
}

/** Blue, cyan, green, yellow, red in equal steps of resolution, A: the order other programs have, too. */
export function resolutionPalette(low: number, high: number): string {
  const colours = ['#0000ff', '#00ffff', '#00ff00', '#ffff00', '#ff0000'];
  return colours
    .map((colour, i) => `${(low + ((high - low) * i) / (colours.length - 1)).toFixed(2)},${colour}`)
    .join(':');
}

/** One line. */
export function describeLocalResolution(numbers: LocalResolutionNumbers): string {
  const { median, quantiles, atNyquist, withoutSignal } = numbers;
  const percent = (share: number): string => `${(100 * share).toFixed(share < 0.001 ? 2 : 1)} %`;
  const notes = [
    ...(atNyquist > 0 ? [`${percent(atNyquist)} at Nyquist`] : []),
    ...(withoutSignal > 0 ? [`${percent(withoutSignal)} without common signal`] : []),
  ];
  return `Local resolution: median ${median.toFixed(2)} A, 5 to 95 % ${quantiles['5%'].toFixed(2)} to ${quantiles['95%'].toFixed(2)} A${notes.length === 0 ? '' : ` (${notes.join(', ')})`}.`;
}

const BAR = 40;

/** The histogram as bars, one class a line. */
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
