/** The ChimeraX file beside a scaled map: the map as a surface, coloured by local B factors if they were measured. */
import { resolve } from 'node:path';
import type { Engine } from '../engine/engine.ts';
import type { LocScaleResult } from '../pipeline/types.ts';
import { bFactorPalette, chimeraxScript, type SceneMap } from '../report/chimerax.ts';

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
