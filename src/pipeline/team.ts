/**
 * Interface to the other processes of a run: ranks of an MPI job, or one process per GPU. The process that
 * runs the pipeline leads; the others wait for work (distributed/).
 */
import type { BandScalingMaps, BandScalingSettings, Engine, LocalScalingJob } from '../engine/engine.ts';
import type { Shape } from '../math/grid.ts';
import type { ReferencePredictor } from '../network/graph/model.ts';

/**
 * The processes of a distributed run, as the leading one sees them. Results have the bits of a single
 * process.
 */
export interface Team {
  /** Number of processes, including the leading one. */
  readonly size: number;
  /** For messages: "4 processes, Open MPI 4.1.4". */
  readonly description: string;
  /**
   * Sends the volumes and the rule of a job to all processes. If one has too little memory for tiles of this
   * size, all agree on a smaller one.
   */
  openScaling(job: LocalScalingJob, tileSize: Shape, engine: Engine): Promise<SharedScaling>;
  /** Sends settings and maps of a soft scaling to all processes; the others start their own runs. */
  openBands(settings: BandScalingSettings, maps: BandScalingMaps, engine: Engine): Promise<SharedBands>;
  /**
   * The same network, with its cubes distributed over all processes. Disposing of it does not dispose of the
   * original.
   */
  sharePredictor(predictor: ReferencePredictor): ReferencePredictor;
}

/** A local scaling that all processes have opened. */
export interface SharedScaling {
  /** Tile size that fits on all processes, at most the requested one. */
  readonly tileSize: Shape;
  /**
   * One round: `shares` has the first voxels of every rank's tiles; `own` computes those of rank 0 meanwhile.
   * Returns the packed values (tile-values.ts) of ranks from 1 on.
   */
  scale(shares: readonly (readonly Shape[])[], own: () => Promise<void>): Promise<readonly Float32Array[]>;
  close(): Promise<void>;
}

/** A soft scaling that all processes have started. */
export interface SharedBands {
  /**
   * One round of `count` bands, at most one per process: rank r scales band `first` + r; `own` scales and
   * adds rank 0's meanwhile. `add` receives the others, packed (band-rounds.ts), in ascending order.
   */
  scale(
    first: number,
    count: number,
    own: () => Promise<void>,
    add: (packed: Uint8Array) => Promise<void>,
  ): Promise<void>;
  close(): Promise<void>;
}
