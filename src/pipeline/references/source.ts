/**
 * What every kind of reference is to a run: it says what it is, which rule the scale factors follow, what it
 * will cost, and makes the map. One file of this folder a kind, one row in index.ts.
 */

import type { ModelReferenceData } from '../../atoms/model-reference.ts';
import type { Volume } from '../../engine/engine.ts';
import type { Structure } from '../../formats/structure.ts';
import { type Grid, voxelCount } from '../../math/grid.ts';
import type { FscCutoff, MolecularNumbers } from '../../math/scaling/molecular-numbers.ts';
import type { ModelForMask } from '../judge-mask.ts';
import type { MapInput } from '../map-input.ts';
import type { LocScaleParameters } from '../parameters.ts';
import type { Run } from '../run.ts';
import type { ChosenRule, RuleInputs } from '../scaling-rule.ts';

/** The atoms behind a simulated reference. */
export interface ModelUsed {
  readonly structure: Structure;
  readonly pseudoAtoms: number;
  /** A^2, over all atoms, as simulated. */
  readonly bFactors: { readonly min: number; readonly mean: number; readonly max: number };
  /** A; the reference was low-passed where the map ends. Undefined: it reaches to the grid's limit. */
  readonly referenceEnd?: number;
}

/** The work of a network, known before it starts. */
export interface Prediction {
  /** Network and device, in words. */
  readonly network: string;
  readonly cubes: number;
  readonly passes: number;
  /** Shape of the map on the network's grid, (z, y, x). */
  readonly networkShape: readonly [number, number, number];
  /** Expected wall time. */
  readonly seconds: number;
}

/** What is true of all references of a kind, before any file is opened. */
export interface ReferenceTraits {
  /** Predicted by a network, which other defaults of the method belong to. */
  readonly usesNetwork: boolean;
  /** It has amplitudes for soft bands, and none for LocScale's windows. */
  readonly softOnly?: true;
  /** Simulated from atoms. */
  readonly isSimulated: boolean;
  /** Places pseudo-atoms. */
  readonly placesPseudoAtoms: boolean;
  /** Makes a difference mask of its own. */
  readonly makesDifferenceMask: boolean;
}

/** A kind of reference: `open` turns what the caller has chosen into what the run works with. */
export interface ReferenceKind<Choice> {
  readonly traits: ReferenceTraits;
  open(choice: Choice): ReferenceSource;
}

export interface ReferenceSource {
  readonly traits: ReferenceTraits;
  /** The mode, for the log, the plan and the record. */
  describe(parameters: LocScaleParameters): string;
  /** Maps of the user: they must lie on the grid of the run. */
  readonly maps: readonly MapInput[];
  /** Masks of the user, likewise. */
  readonly masks?: readonly MapInput[];
  /** False where windows are scaled without a reference. */
  readonly isMap: boolean;
  /** B factors are measured in the half maps. */
  readonly usesHalfMaps: boolean;
  /** Made when the half maps have gone: a prediction needs their room. */
  readonly waitsForHalfMaps: boolean;
  /** Refuses grids that the reference cannot be made on, before anything is computed. */
  checkVoxels?(voxelSize: number): void;
  /** Atoms of the user, which the mask is compared with. */
  atomsForMask?(grid: Grid, cutoff: FscCutoff): ModelForMask | undefined;
  /** What soft bands are scaled to. */
  readonly softTarget: 'reference' | 'hybrid' | 'profile' | 'decay';
  /** How scale factors follow from the profiles of map and reference; absent where `softOnly`. */
  rule?(inputs: RuleInputs): ChosenRule;
  /** What making the reference takes; executes no network, solver or refinement. */
  plan(data: ReferenceData, run: Run): Promise<PlannedReference>;
}

/** The data that a reference is planned for and made from; volumes are held by the run. */
export interface ReferenceData extends ModelReferenceData {
  readonly parameters: LocScaleParameters;
  readonly voxelSize: number;
  /** Where `fscCutoff` comes from. */
  readonly cutoff: FscCutoff;
  readonly molecule: MolecularNumbers;
}

export interface PlannedReference {
  /** Of the step; absent where there is nothing to make. */
  readonly message?: string;
  /** Most bytes that it takes beside the volumes that live before, its results among them. */
  readonly bytes: number;
  /** What of it is heap, not memory of the engine. */
  readonly heapBytes?: number;
  /** Bytes of its results. */
  readonly resultBytes: number;
  readonly prediction?: Prediction;
  make(): Promise<MadeReference>;
}

/** Volumes are held by the run. */
export interface MadeReference {
  readonly reference?: Volume;
  /** Hybrid rule: 1 where the theoretical-profile rule holds. */
  readonly differenceMask?: Volume;
  /** Over the passes of a network. */
  readonly variance?: Volume;
  /** The atoms that it was simulated from. */
  readonly model?: ModelUsed;
}

/** Bytes of one volume on the grid. */
export function volumeBytesOf({ shape }: Grid): number {
  return 4 * voxelCount(shape);
}
