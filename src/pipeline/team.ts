/**
 * Other processes that take part in a run: ranks of an MPI job, one process for each GPU. The process that
 * runs the pipeline leads; the others wait for work (distributed/).
 */
import type { Engine, LocalScalingJob } from '../engine/engine.ts';
import type { Shape } from '../math/grid.ts';
import type { ReferencePredictor } from '../network/graph/model.ts';

export interface Team {
  /** Processes, the leading one included. */
  readonly size: number;
  /** In words: "4 processes, Open MPI 4.1.4". */
  readonly description: string;
  /** Hands the volumes and the rule of a job to everybody. */
  openScaling(job: LocalScalingJob, tileSize: Shape, engine: Engine): Promise<SharedScaling>;
  /** The same network, its cubes spread over everybody. Disposing of it leaves the one given alone. */
  sharePredictor(predictor: ReferencePredictor): ReferencePredictor;
}

export interface SharedScaling {
  /**
   * One round: `shares` has the first voxels of the tiles of every rank, `own` does those of rank 0
   * meanwhile. Returns the packed values (tile-values.ts) of the ranks from 1 on.
   */
  scale(shares: readonly (readonly Shape[])[], own: () => Promise<void>): Promise<readonly Float32Array[]>;
  close(): Promise<void>;
}
