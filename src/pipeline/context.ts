/** Context of a run: its engine, what it reports to its caller, and optional results. */

import type { Engine } from '../engine/engine.ts';
import type { Checkpoints } from './checkpoints.ts';
import type { MapMatch } from './match-grids.ts';
import type { LocScalePlan } from './plan.ts';
import type { ScaledWindows } from './scaled-windows.ts';
import type { Team } from './team.ts';

/** Steps of a run, as named in events, timings and plans. */
export type StepName =
  | 'read'
  | 'fsc'
  | 'mask'
  | 'reference'
  | 'symmetry'
  | 'local-resolution'
  | 'scaling'
  | 'comparison'
  | 'significance'
  | 'resample'
  | 'unexplained'
  | 'write';

/** Callbacks of a run. They must not throw: an error in one ends the run. */
export interface LocScaleEvents {
  onStep?: (step: StepName, message: string) => void;
  onProgress?: (step: StepName, done: number, total: number) => void;
  /** One sentence each. */
  onWarning?: (message: string) => void;
  onInfo?: (message: string) => void;
  /** A map is put on the grid of the run, with `matchGrid`. */
  onMatch?: (match: MapMatch) => void;
  /** Called once, before the reference is made. */
  onPlan?: (plan: LocScalePlan) => void;
}

/** What a run needs besides its job: an engine, callbacks, and what to keep in the result. */
export interface LocScaleContext extends LocScaleEvents {
  readonly engine: Engine;
  readonly signal?: AbortSignal;
  /**
   * Masks, references and the second half map on another grid are resampled to the input's, at the positions
   * given by their headers; without it they are refused.
   */
  readonly matchGrid?: boolean;
  /** Keep the raw FDR confidence map in the result; otherwise it is released once the mask is made. */
  readonly keepConfidence?: boolean;
  /** Keep the reference in the result, whether given, simulated or predicted. */
  readonly keepReference?: boolean;
  /** Keep the map that was scaled in the result. */
  readonly keepMap?: boolean;
  /** Keep the radial profiles of some voxels, chosen by this seed. */
  readonly auditSeed?: number;
  /** Checkpoints: results of steps are stored and looked up here. */
  readonly checkpoints?: Checkpoints;
  /**
   * Windows that an attempt at this job has scaled on a GPU, for another attempt on the CPU should the GPU be
   * lost: `createScaledWindows`.
   */
  readonly scaledWindows?: ScaledWindows;
  /** Processes that share the work. */
  readonly team?: Team;
  /**
   * The run takes the voxels of the job's maps over for good (`data` of each is replaced by an empty
   * array), so that the memory of half maps is free again before the scaling starts. Without it the
   * arrays stay referenced by the caller's job; they must not be changed during the run.
   */
  readonly consumeInputs?: boolean;
}
