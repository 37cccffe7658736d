/**
 * Two rules on one reference map: the theoretical-profile rule inside a difference mask, the plain one
 * elsewhere.
 */

import type { Volume } from '../../engine/engine.ts';
import type { MapInput } from '../map-input.ts';
import { checkFinite } from '../read-maps.ts';
import type { Run } from '../run.ts';
import { hybridRule } from '../scaling-rule.ts';
import type { ReferenceChoice } from './choice.ts';
import { bytesToRead, readReference } from './map.ts';
import type { ReferenceKind, ReferenceTraits } from './source.ts';

const traits: ReferenceTraits = {
  usesNetwork: false,
  isSimulated: false,
  placesPseudoAtoms: false,
  makesDifferenceMask: false,
};
/** Value from which a voxel of the difference mask counts. */
const THRESHOLD = 0.5;

/** A reference map with a difference mask. */
export const hybridMapReference: ReferenceKind<Extract<ReferenceChoice, { kind: 'hybrid-map' }>> = {
  traits,
  open: ({ map, differenceMask }) => ({
    traits,
    describe: () =>
      `hybrid: theoretical profile inside ${differenceMask.name}, reference map ${map.name} elsewhere`,
    maps: [map],
    masks: [differenceMask],
    isMap: true,
    usesHalfMaps: false,
    waitsForHalfMaps: false,
    softTarget: 'hybrid',
    rule: hybridRule,
    async plan(data, run) {
      const [ofMap, ofMask] = [map, differenceMask].map((input) => run.bytesToUpload(input));
      const binarising = run.engine.bytesOf.binarise(data.grid.shape);
      return {
        message: 'Preparing the reference',
        bytes: Math.max(
          bytesToRead(map, data, run),
          ofMap.result + Math.max(ofMask.most, ofMask.result + binarising),
        ),
        // The mask that was read makes room for the binary one.
        resultBytes: ofMap.result + ofMask.result,
        make: async () => ({
          reference: await readReference(map, data, run),
          differenceMask: await readDifferenceMask(differenceMask, run),
        }),
      };
    },
  }),
};

/** The difference mask as 0 and 1; it may be empty. */
async function readDifferenceMask(differenceMask: MapInput, run: Run): Promise<Volume> {
  const { engine } = run;
  const raw = await run.upload(differenceMask);
  checkFinite(differenceMask.name, await engine.statistics(raw));
  const { mask, voxels } = await engine.binarise(raw, THRESHOLD);
  run.release(raw);
  run.info(`Difference mask ${differenceMask.name}: ${voxels} voxels follow the theoretical-profile rule.`);
  return mask;
}
