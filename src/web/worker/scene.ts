/** The ChimeraX file of a run; it names maps that are saved beside it. */
import type { Engine, VolumeStatistics } from '../../engine/engine.ts';
import type { LocScaleResult } from '../../pipeline/types.ts';
import { sceneOfScaling } from '../../report/scenes.ts';

/** Colours reach this many standard deviations to both sides of the mean. */
const COLOUR_REACH = 2;

function insideMask(
  engine: Engine,
  { bFactor, mask }: LocScaleResult,
): Promise<VolumeStatistics> | undefined {
  return bFactor && engine.statistics(bFactor, { mask, inside: true });
}

export async function bFactorRange(
  engine: Engine,
  result: LocScaleResult,
): Promise<readonly [low: number, high: number] | undefined> {
  const found = await insideMask(engine, result);
  if (found === undefined) return undefined;
  const { mean, sd, min, max } = found;
  return [Math.max(min, mean - COLOUR_REACH * sd), Math.min(max, mean + COLOUR_REACH * sd)];
}

export async function sceneOf(
  engine: Engine,
  result: LocScaleResult,
  files: readonly { readonly name: string }[],
): Promise<string> {
  const { numbers } = result;
  const path = files.find(({ name }) => name.endsWith('_bfactor.mrc'))?.name;
  const found = await insideMask(engine, result);
  const bFactor = path === undefined || found === undefined ? undefined : { path, ...found };
  const volume = numbers.maskVoxels * numbers.voxelSize ** 3;
  return `# Save the maps beside this file, and open it from their folder.\n${sceneOfScaling({ scaled: files[0].name, bFactor }, volume)}`;
}
