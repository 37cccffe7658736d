/**
 * Other processes that take part in a run: ranks of an MPI job, one process for each GPU. The process that
 * runs the pipeline leads; the others wait for work (distributed/).
 */
import type { BandScalingMaps, BandScalingSettings, Engine, LocalScalingJob } from '../engine/engine.ts';
import type { Shape } from '../math/grid.ts';
import type { ReferencePredictor } from '../network/graph/model.ts';

export interface Team {
  /** Processes, the leading one included. */
  readonly size: number;
  /** In words: "4 processes, Open MPI 4.1.4". */
  readonly description: string;
  /**
   * Hands the volumes and the rule of a job to everybody. Where a process has too little memory for tiles of
   * this size all agree on a smaller one.
   */
  openScaling(job: LocalScalingJob, tileSize: Shape, engine: Engine): Promise<SharedScaling>;
  /** Hands settings and maps of a soft scaling to everybody; the others start a run of their own. */
  openBands(settings: BandScalingSettings, maps: BandScalingMaps, engine: Engine): Promise<SharedBands>;
  /** The same network, its cubes spread over everybody. Disposing of it leaves the one given alone. */
  sharePredictor(predictor: ReferencePredictor): ReferencePredictor;
}

export interface SharedScaling {
  /** What all processes can scale, at most that of the call. */
  readonly tileSize: Shape;
  /**
   * One round: `shares` has the first voxels of the tiles of every rank, `own` does those of rank 0
   * meanwhile. Returns the packed values (tile-values.ts) of the ranks from 1 on.
   */
  scale(shares: readonly (readonly Shape[])[], own: () => Promise<void>): Promise<readonly Float32Array[]>;
  close(): Promise<void>;
}

export interface SharedBands {
  /**
   * One round of `count` bands, at most one a process: rank r scales band `first` + r, `own` scales and adds
   * that of rank 0 meanwhile. `add` gets those of the others, packed (band-rounds.ts), one by one in
   * ascending order.
   */
  scale(
    first: number,
    count: number,
    own: () => Promise<void>,
    add: (packed: Uint8Array) => Promise<void>,
  ): Promise<void>;
  close(): Promise<void>;
}
