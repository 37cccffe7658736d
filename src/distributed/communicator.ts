/**
 * Collective communication between the ranks of a job over libmpi (mpi.ts), a shared folder (files.ts) or
 * nothing (single.ts). Every rank calls the same verbs in the same order. Each implementation queues them, so
 * a rank may start several without awaiting each.
 */
import { LocScaleError } from '../errors.ts';

/**
 * Messages between the ranks of a run. Operations are collective: all ranks call the same ones in the same
 * order. A failed rank rejects those of all others.
 */
export interface Communicator {
  readonly kind: 'single' | 'mpi' | 'files';
  /** For the log: "Open MPI 4.1.4, rank 0 of 4", "shared folder, rank 1 of 2 (SLURM)". */
  readonly description: string;
  readonly rank: number;
  readonly size: number;
  /** Rank and count among the ranks on this host, for the choice of GPU and threads. */
  readonly localRank: number;
  readonly localSize: number;
  /**
   * Resolves to the root's bytes on every rank. `bytes` is read on the root only, which gets the same array
   * back; it must not change before the promise resolves.
   */
  broadcast(bytes: Uint8Array | undefined, root?: number): Promise<Uint8Array>;
  /** Rank k receives `parts[k]` of rank 0; other ranks' `parts` are ignored. Lengths may differ. */
  scatter(parts: readonly Uint8Array[] | undefined): Promise<Uint8Array>;
  /** Every rank's bytes on rank 0, in rank order; undefined elsewhere. Lengths may differ. */
  gather(bytes: Uint8Array): Promise<readonly Uint8Array[] | undefined>;
  barrier(): Promise<void>;
  /**
   * Ends the job on every rank. With MPI this process exits too (MPI_Abort); otherwise the other ranks'
   * `failure` rejects and the caller must exit by itself. Print messages before calling it.
   */
  abort(exitCode: number, sentence: string): void;
  /** Waits for all ranks, then cleans up: MPI_Finalize, or removal of the shared folder. */
  close(): Promise<void>;
  readonly traffic: Traffic;
  /** Rejects with a RankFailure when another rank has failed or vanished; never resolves. */
  readonly failure: Promise<never>;
}

/** Payload bytes of this rank so far. A broadcast counts once for every rank that receives it. */
export interface Traffic {
  readonly sent: number;
  readonly received: number;
}

/** Another rank has failed, vanished, or ended the job. */
export class RankFailure extends LocScaleError {
  /** Exit code for this process. */
  readonly exitCode: number;
  /** Another rank has already reported the error: exit without a message. */
  readonly announced: boolean;

  constructor(sentence: string, options: { exitCode: number; announced: boolean; hint?: string }) {
    super('aborted', sentence, { hint: options.hint });
    this.name = 'RankFailure';
    this.exitCode = options.exitCode;
    this.announced = options.announced;
  }
}
