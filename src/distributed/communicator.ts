/**
 * What the ranks of a job say to one another, whatever carries it: libmpi (mpi.ts), a shared folder
 * (files.ts) or nothing (single.ts). All verbs are collective: every rank calls the same ones in the same
 * order. They take turns inside, so that a rank may start several without waiting in between.
 */
import { LocScaleError } from '../errors.ts';

export interface Communicator {
  readonly kind: 'single' | 'mpi' | 'files';
  /** In words, for the log: "Open MPI 4.1.4, rank 0 of 4", "shared folder, rank 1 of 2 (SLURM)". */
  readonly description: string;
  readonly rank: number;
  readonly size: number;
  /** Rank and count among the ranks on this host, for the choice of GPU and threads. */
  readonly localRank: number;
  readonly localSize: number;
  /**
   * The root's bytes on every rank; `bytes` is read on the root only, and returned there as it is.
   * The bytes must not change before the promise is kept.
   */
  broadcast(bytes: Uint8Array | undefined, root?: number): Promise<Uint8Array>;
  /** Rank k gets the k-th of the parts that rank 0 has; `parts` is read there only. Lengths may differ. */
  scatter(parts: readonly Uint8Array[] | undefined): Promise<Uint8Array>;
  /** Every rank's bytes on rank 0, in rank order; undefined elsewhere. Lengths may differ. */
  gather(bytes: Uint8Array): Promise<readonly Uint8Array[] | undefined>;
  barrier(): Promise<void>;
  /**
   * Ends the job on every rank. With MPI this process ends here too (MPI_Abort), after mpirun has been told;
   * otherwise the others' `failure` rejects and the caller ends its own process. Print before calling it.
   */
  abort(exitCode: number, sentence: string): void;
  /** Waits for all ranks and tidies up: MPI_Finalize, or removal of the shared folder. */
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
  /** Exit code that this process should end with. */
  readonly exitCode: number;
  /** Another rank has told the user already: end without a message. */
  readonly announced: boolean;

  constructor(sentence: string, options: { exitCode: number; announced: boolean; hint?: string }) {
    super('aborted', sentence, { hint: options.hint });
    this.name = 'RankFailure';
    this.exitCode = options.exitCode;
    this.announced = options.announced;
  }
}
