/** A reference map of the user, with or without the theoretical-profile rule. */

import type { Volume } from '../../engine/engine.ts';
import type { Blocks } from '../../math/inputs/contrast.ts';
import { checkReferenceContrast } from '../contrast.ts';
import { blocksAt, type MapInput } from '../map-input.ts';
import { checkValues } from '../read-maps.ts';
import type { Run } from '../run.ts';
import { plainRule, theoreticalRule } from '../scaling-rule.ts';
import type { ReferenceChoice } from './choice.ts';
import { lowPass, lowPassBytes } from './low-pass.ts';
import type { ReferenceData, ReferenceKind, ReferenceSource, ReferenceTraits } from './source.ts';

const traits: ReferenceTraits = {
  usesNetwork: false,
  isSimulated: false,
  placesPseudoAtoms: false,
  makesDifferenceMask: false,
};

/** A reference map of the user; (z, y, x) on the grid of the run, in any unit. */
export const mapReference: ReferenceKind<Extract<ReferenceChoice, { kind: 'model-map' }>> = {
  traits,
  open: ({ map }) => ({ ...sourceOf(map), describe: () => `reference map ${map.name}`, rule: plainRule }),
};

/**
 * A map of atoms or pseudo-atoms: theoretical profiles take the place of its own beyond the Wilson cut-off.
 */
export const pseudoModelMapReference: ReferenceKind<Extract<ReferenceChoice, { kind: 'pseudo-model-map' }>> =
  {
    traits,
    open: ({ map }) => ({
      ...sourceOf(map),
      describe: () => `theoretical profile on pseudo-model map ${map.name}`,
      rule: theoreticalRule,
    }),
  };

/** What both rules on a user's map share. */
function sourceOf(map: MapInput): Omit<ReferenceSource, 'describe' | 'rule'> {
  return {
    traits,
    maps: [map],
    isMap: true,
    usesHalfMaps: false,
    waitsForHalfMaps: false,
    softTarget: 'reference',
    plan: async (data, run) => ({
      message: 'Preparing the reference',
      bytes: bytesToRead(map, data, run),
      resultBytes: run.bytesToUpload(map).result,
      make: async () => ({ reference: await readReference(map, data, run) }),
    }),
  };
}

/** The map as windows see it. */
export async function readReference(map: MapInput, data: ReferenceData, run: Run): Promise<Volume> {
  // Of the host's voxels: those of a GPU would have to be read back.
  let blocks: Blocks | undefined;
  const uploaded = await run.upload(map, (read) => {
    blocks = blocksAt(data.voxelSize, read);
  });
  checkValues(map.name, await run.engine.statistics(uploaded));
  if (blocks) checkReferenceContrast(map.name, blocks, data.blocks, run);
  return lowPass(uploaded, data.parameters.referenceResolution, data.voxelSize, run);
}

/** Most bytes that this takes. */
export function bytesToRead(map: MapInput, { parameters, grid }: ReferenceData, run: Run): number {
  const { most, result } = run.bytesToUpload(map);
  return Math.max(most, result + lowPassBytes(parameters.referenceResolution, grid, run.engine));
}
