/** Converts the reference options of a scaling run to the pipeline's `ReferenceChoice`. */
import type { LocScaleJob, ReferenceChoice } from '../index.ts';
import type { ReferencePredictor } from '../network/graph/model.ts';
import { suitsVoxels, voxelsMisfit } from '../network/graph/suits.ts';
import type { NetworkFiles } from '../network/run/network-graph.ts';
import type { ReferenceFiles } from '../options/effects.ts';
import { defaultRefinementCycles } from '../pipeline/parameters.ts';
import { wantsNetwork } from './choose-scaling.ts';
import type { Opened } from './run-command.ts';
import type { Session } from './session.ts';

/** Files read in addition to the maps, for checks before the engine starts. */
export function referencePaths(reference: ReferenceFiles): string[] {
  return [
    ...('map' in reference ? [reference.map] : []),
    ...('model' in reference ? [reference.model] : []),
    ...(reference.kind === 'hybrid-map' ? [reference.differenceMask] : []),
  ];
}

/**
 * The reference selected by the options; maps stay in their files until they are needed, models are read at
 * once. Undefined settings take the pipeline's defaults.
 */
export async function openReference(
  { parsed: { values } }: Session,
  reference: ReferenceFiles,
  { predictor, openLater, openModel }: Opened,
): Promise<ReferenceChoice> {
  const { refmacIterations: refinementCycles, averagingWindow } = values;
  const pseudoAtoms = {
    method: values.pseudomodelMethod,
    iterations: values.totalIterations,
    distanceAngstrom: values.distance,
    seed: values.seed,
  };
  switch (reference.kind) {
    case 'none':
    case 'profile':
      return { kind: reference.kind };
    // `settle` has made this 'none' if the network was dropped.
    case 'network':
      return { kind: 'network', predictor: predictor as ReferencePredictor };
    case 'model-map':
    case 'pseudo-model-map':
      return { kind: reference.kind, map: await openLater(reference.map, 'reference map') };
    case 'hybrid-map': {
      const map = await openLater(reference.map, 'reference map');
      const mask = { kind: 'mask', allowAllZero: true } as const;
      return {
        kind: 'hybrid-map',
        map,
        differenceMask: await openLater(reference.differenceMask, 'difference mask', mask),
      };
    }
    case 'atomic-model':
      return {
        kind: 'atomic-model',
        structure: await openModel(reference.model),
        refinementCycles:
          values.skipRefine === true ? undefined : (refinementCycles ?? defaultRefinementCycles),
        theoreticalProfile: reference.theoreticalProfile,
      };
    case 'hybrid-model':
      return {
        kind: reference.kind,
        structure: await openModel(reference.model),
        refinementCycles,
        pseudoAtoms,
        averagingWindow,
      };
    case 'pseudo-model':
      return { kind: 'pseudo-model', refinementCycles, pseudoAtoms };
  }
}

/**
 * Networks are not run on voxels much coarser than their own. If no network was requested, the run continues
 * without a reference; otherwise the pipeline rejects it.
 */
export function dropUnsuited(
  { parsed: { values }, logger }: Session,
  network: NetworkFiles,
  input: LocScaleJob['input'],
): NetworkFiles | undefined {
  const { grid } = input.kind === 'map' ? input.map : input.half1;
  const voxelSize = Math.max(...grid.voxelSize);
  if (wantsNetwork(values) || suitsVoxels(network.manifest, voxelSize)) return network;
  logger.warn(
    `${voxelsMisfit(network.manifest, voxelSize)}. Windows are scaled to a constant B factor ` +
      'instead, as with --no_reference.',
  );
  return undefined;
}
