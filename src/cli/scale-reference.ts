/** The reference of a scaling run: from the files that the options name to the pipeline's choice. */
import { LocScaleError } from '../errors.ts';
import type { Structure } from '../formats/structure.ts';
import type { LocScaleJob, LocScaleParameters, PseudoAtomSettings, ReferenceChoice } from '../index.ts';
import type { ReferencePredictor } from '../network/graph/model.ts';
import { suitsVoxels, voxelsMisfit } from '../network/graph/suits.ts';
import type { NetworkFiles } from '../network/run/network-graph.ts';
import {
  defaultAveragingWindow,
  defaultPseudoAtoms,
  defaultRefinementCycles,
} from '../pipeline/parameters.ts';
import { wantsNetwork } from './choose-scaling.ts';
import type { ReferenceFiles } from './job-options.ts';
import { openStructure } from './open-structure.ts';
import type { Opened } from './run-command.ts';
import type { Session } from './session.ts';

/** Files read beside the maps. */
export function referencePaths(reference: ReferenceFiles): string[] {
  return [
    ...('map' in reference ? [reference.map] : []),
    ...('model' in reference ? [reference.model] : []),
    ...(reference.kind === 'hybrid-map' ? [reference.differenceMask] : []),
  ];
}

/** {"frequency": [1/angstrom, ascending], "amplitude": [positive]} */
export function parseProfile(
  text: string,
  path: string,
): NonNullable<LocScaleParameters['theoreticalProfile']> {
  const wrong = (what: string, cause?: unknown): LocScaleError =>
    new LocScaleError('bad-input', `The profile ${path} ${what}.`, {
      where: path,
      hint: 'It must be JSON: {"frequency": [ascending, 1/angstrom], "amplitude": [positive numbers]}.',
      cause,
    });
  let parsed: { frequency?: unknown; amplitude?: unknown } | null;
  try {
    parsed = JSON.parse(text) as typeof parsed;
  } catch (cause) {
    throw wrong('is not JSON', cause);
  }
  const { frequency, amplitude } = parsed ?? {};
  const isNumbers = (list: unknown): list is number[] =>
    Array.isArray(list) && list.every((value) => Number.isFinite(value));
  if (!isNumbers(frequency) || !isNumbers(amplitude))
    throw wrong('lacks the lists "frequency" and "amplitude" of numbers');
  if (frequency.length !== amplitude.length || frequency.length < 2)
    throw wrong(`has ${frequency.length} frequencies and ${amplitude.length} amplitudes`);
  if (frequency.some((value, i) => i > 0 && value <= frequency[i - 1]))
    throw wrong('has frequencies that do not ascend');
  if (amplitude.some((value) => value <= 0)) throw wrong('has amplitudes that are not positive');
  return { frequency, amplitude };
}

/** The reference the options ask for; maps stay in their files until they are needed. */
export async function openReference(
  { parsed: { values }, logger }: Session,
  reference: ReferenceFiles,
  { predictor, openLater, files }: Opened,
): Promise<ReferenceChoice> {
  const refinementCycles = values.refmacIterations ?? defaultRefinementCycles;
  const pseudoAtoms: PseudoAtomSettings = {
    method: values.pseudomodelMethod ?? defaultPseudoAtoms.method,
    iterations: values.totalIterations ?? defaultPseudoAtoms.iterations,
    distanceAngstrom: values.distance ?? defaultPseudoAtoms.distanceAngstrom,
    seed: values.seed ?? defaultPseudoAtoms.seed,
  };
  const readModel = (path: string): Promise<Structure> => {
    logger.line(`Reading ${path}`);
    return openStructure(path, (file) => files.push({ role: 'atomic model', ...file }));
  };
  switch (reference.kind) {
    case 'none':
    case 'profile':
      return { kind: reference.kind };
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
        structure: await readModel(reference.model),
        refinementCycles: values.skipRefine === true ? undefined : refinementCycles,
        theoreticalProfile: reference.theoreticalProfile,
      };
    case 'hybrid-model':
      return {
        kind: 'hybrid-model',
        structure: await readModel(reference.model),
        refinementCycles,
        pseudoAtoms,
        averagingWindow: values.averagingWindow ?? defaultAveragingWindow,
      };
    case 'pseudo-model':
      return { kind: 'pseudo-model', refinementCycles, pseudoAtoms };
  }
}

/**
 * Voxels much coarser than the network's are not for it. Where nobody asked for a network, the run goes on without a
 * reference; else the pipeline refuses.
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
    `${voxelsMisfit(network.manifest, voxelSize)}. Windows are scaled to a constant B factor instead, as with --no_reference.`,
  );
  return undefined;
}
