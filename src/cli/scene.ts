/** ChimeraX files beside the maps of a run: surfaces at sensible levels, coloured by what was measured. */
import { resolve } from 'node:path';
import type { Engine } from '../engine/engine.ts';
import type { LocalResolutionNumbers, LocScaleResult } from '../index.ts';
import { bFactorPalette, chimeraxScript, PVDDT_PALETTE, type SceneMap } from '../report/chimerax.ts';

export interface SceneFiles {
  readonly scaled: string;
  readonly bFactor?: string | undefined;
  /** The map before scaling, where it is one file. */
  readonly input?: string | undefined;
}

/** Colours reach this many standard deviations to both sides of the mean. */
const COLOUR_REACH = 2;

export async function sceneOfScaling(
  engine: Engine,
  { bFactor, mask, numbers }: LocScaleResult,
  files: SceneFiles,
): Promise<string> {
  // ChimeraX tells compressed maps from others by rules of its own: those are left to the user.
  const input = files.input !== undefined && /\.(gz|bz2)$/i.test(files.input) ? undefined : files.input;
  const maps: SceneMap[] = [
    { path: resolve(files.scaled), shown: true },
    ...(input === undefined ? [] : [{ path: resolve(input), shown: true }]),
    ...(files.bFactor === undefined ? [] : [{ path: resolve(files.bFactor), shown: false }]),
  ];
  const names = ['Scaled map (#1)', ...(input === undefined ? [] : ['input (#2)'])].join(' and ');
  const volume = numbers.maskVoxels * numbers.voxelSize ** 3;
  if (bFactor === undefined || files.bFactor === undefined)
    return chimeraxScript(names, maps, volume, undefined);
  const { mean, sd, min, max } = await engine.statistics(bFactor, { mask, inside: true });
  const low = Math.max(min, mean - COLOUR_REACH * sd);
  const high = Math.min(max, mean + COLOUR_REACH * sd);
  return chimeraxScript(names, maps, volume, {
    by: maps.length,
    palette: bFactorPalette(low, high),
    key: `local B factor (#${maps.length}), A^2: blue ${low.toFixed(0)} (well ordered), red ${high.toFixed(0)}`,
  });
}

/** #1 enhanced map, #2 baseline, #3 pVDDT: LocScale's order. */
export function sceneOfEnhancement(
  { mean, baseline, pvddt }: Readonly<Record<string, string | undefined>>,
  maskVolumeCubicAngstrom: number,
): string {
  return chimeraxScript(
    'Feature-enhanced map (#1) and baseline (#2)',
    [
      { path: resolve(mean as string), shown: true },
      { path: resolve(baseline as string), shown: true },
      ...(pvddt === undefined ? [] : [{ path: resolve(pvddt), shown: false }]),
    ],
    maskVolumeCubicAngstrom,
    pvddt === undefined
      ? undefined
      : {
          by: 3,
          palette: PVDDT_PALETTE,
          key: 'pVDDT (#3): red where the network added density, blue where it took it away, green where neither',
        },
  );
}

/** `shown`: the map whose surface is coloured by the resolution. */
export function sceneOfLocalResolution(
  { quantiles, median }: LocalResolutionNumbers,
  files: { readonly shown: string | undefined; readonly resolution: string | undefined },
  maskVolumeCubicAngstrom: number,
): string {
  const low = quantiles['5%'];
  const high = Math.max(quantiles['95%'], low + 0.1);
  return chimeraxScript(
    'Map (#1) coloured by its local resolution (#2)',
    [
      { path: resolve(files.shown as string), shown: true },
      { path: resolve(files.resolution as string), shown: false },
    ],
    maskVolumeCubicAngstrom,
    {
      by: 2,
      palette: resolutionPalette(low, high),
      key: `local resolution (#2): blue ${low.toFixed(1)} A, median ${median.toFixed(1)} A, red ${high.toFixed(1)} A and worse`,
    },
  );
}

/** Blue, cyan, green, yellow, red in equal steps of resolution, A: the order other programs have, too. */
function resolutionPalette(low: number, high: number): string {
  const colours = ['#0000ff', '#00ffff', '#00ff00', '#ffff00', '#ff0000'];
  return colours
    .map((colour, i) => `${(low + ((high - low) * i) / (colours.length - 1)).toFixed(2)},${colour}`)
    .join(':');
}
