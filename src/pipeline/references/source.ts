/**
 * Interface of a kind of reference: its description, its scaling rule, its cost, and the making of the map.
 * Each has a file in this folder and a row in index.ts.
 */

import type { ModelReferenceData } from '../../atoms/model-reference.ts';
import type { Volume } from '../../engine/engine.ts';
import type { Structure } from '../../formats/structure.ts';
import { type Grid, voxelCount } from '../../math/grid.ts';
import type { Blocks } from '../../math/inputs/contrast.ts';
import type { FscCutoff, MolecularNumbers } from '../../math/scaling/molecular-numbers.ts';
import type { ModelForMask } from '../judge-mask.ts';
import type { MapInput } from '../map-input.ts';
import type { LocScaleParameters } from '../parameters.ts';
import type { Run } from '../run.ts';
import type { ChosenRule, RuleInputs } from '../scaling-rule.ts';

/** The atoms behind a simulated reference. */
export interface ReferenceModel {
  readonly structure: Structure;
  readonly pseudoAtoms: number;
  /** B factors over all atoms as simulated, A^2. */
  readonly bFactors: { readonly min: number; readonly mean: number; readonly max: number };
  /** A; the reference was low-passed where the map ends. Undefined: it reaches to the grid's limit. */
  readonly referenceEnd?: number;
}

/** The work of a network, known before it starts. */
export interface Prediction {
  /** Network and device, for messages. */
  readonly network: string;
  readonly cubes: number;
  readonly passes: number;
  /** Shape of the map on the network's grid, (z, y, x). */
  readonly networkShape: readonly [number, number, number];
  /** Expected wall time. */
  readonly seconds: number;
}

/** Properties of a kind of reference, known before any file is opened. */
export interface ReferenceTraits {
  /** Predicted by a network; other defaults of the method apply. */
  readonly usesNetwork: boolean;
  /** Provides amplitudes for soft bands only, not for LocScale's windows. */
  readonly softOnly?: true;
  /** Simulated from atoms. */
  readonly isSimulated: boolean;
  /** Places pseudo-atoms. */
  readonly placesPseudoAtoms: boolean;
  /** Creates its own difference mask. */
  readonly makesDifferenceMask: boolean;
}

/** A kind of reference: `open` converts the caller's choice to the source used by the run. */
export interface ReferenceKind<Choice> {
  readonly traits: ReferenceTraits;
  open(choice: Choice): ReferenceSource;
}

/** A reference, opened: what is known of it without its voxels. */
export interface ReferenceSource {
  readonly traits: ReferenceTraits;
  /** The mode, for the log, the plan and the record. */
  describe(parameters: LocScaleParameters): string;
  /** The user's maps, which must be on the grid of the run. */
  readonly maps: readonly MapInput[];
  /** Masks of the user, likewise. */
  readonly masks?: readonly MapInput[];
  /** False if windows are scaled without a reference. */
  readonly isMap: boolean;
  /** B factors are measured in the half maps. */
  readonly usesHalfMaps: boolean;
  /** Made after the half maps have been released, because a prediction needs their memory. */
  readonly waitsForHalfMaps: boolean;
  /** Rejects grids on which the reference cannot be made, before anything is computed. */
  checkVoxels?(voxelSize: number): void;
  /** The user's atoms, for checking the mask. */
  atomsForMask?(grid: Grid, cutoff: FscCutoff): ModelForMask | undefined;
  /** Target of soft bands. */
  readonly softTarget: 'reference' | 'hybrid' | 'profile' | 'decay';
  /** Scaling rule for the profiles of map and reference; undefined if `softOnly`. */
  rule?(inputs: RuleInputs): ChosenRule;
  /** Plans the cost of making the reference, without executing a network, solver or refinement. */
  plan(data: ReferenceData, run: Run): Promise<PlannedReference>;
}

/** The data for planning and making a reference; the run owns the volumes. */
export interface ReferenceData extends ModelReferenceData {
  readonly parameters: LocScaleParameters;
  readonly voxelSize: number;
  /** Of the map, before filters of the input. */
  readonly blocks: Blocks;
  /** Origin of `fscCutoff`. */
  readonly cutoff: FscCutoff;
  readonly molecule: MolecularNumbers;
}

/** A reference whose cost is known and which has not been made. */
export interface PlannedReference {
  /** Message of the step; undefined if there is nothing to make. */
  readonly message?: string;
  /** Peak bytes including its results, but excluding volumes that existed before. */
  readonly bytes: number;
  /** Its part on the JS heap rather than in the engine's memory. */
  readonly heapBytes?: number;
  /** Bytes of its results. */
  readonly resultBytes: number;
  readonly prediction?: Prediction;
  make(): Promise<ReferenceResult>;
}

/** The run owns the volumes. */
export interface ReferenceResult {
  readonly reference?: Volume;
  /** Hybrid rule: 1 where the theoretical-profile rule applies. */
  readonly differenceMask?: Volume;
  /** Variance over the passes of a network. */
  readonly variance?: Volume;
  /** The atoms that it was simulated from. */
  readonly model?: ReferenceModel;
}

/** Bytes of one volume on the grid. */
export function volumeBytesOf({ shape }: Grid): number {
  return 4 * voxelCount(shape);
}
