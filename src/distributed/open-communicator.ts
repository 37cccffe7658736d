/** Chooses how the ranks of this job communicate: not at all, through libmpi or through a shared folder. */
import process from 'node:process';
import { LocScaleError, named } from '../errors.ts';
import type { Communicator } from './communicator.ts';
import { detectLauncher, type Environment, type Launcher } from './launcher.ts';
import type { MpiLibrary } from './mpi-library.ts';
import type { SharedFolderTimings } from './shared-folder.ts';
import { createSingleCommunicator } from './single.ts';

/** What decides how ranks talk to each other. */
export interface CommunicatorRequest {
  /** The user requested ranks that share the work (-mpi). */
  readonly mpi: boolean;
  readonly environment: Environment;
  /**
   * Base name of the shared folder used without libmpi, visible to all hosts: `out` gives `out.ranks-JOB`.
   */
  readonly sharedFolder: string;
  /** Called on rank 0 only. */
  readonly onWarning?: (sentence: string) => void;
  /** For tests. */
  readonly timings?: Partial<SharedFolderTimings>;
}

/**
 * Ranks through libmpi, else through a shared folder; a single process without a launcher or without -mpi.
 */
export async function openCommunicator(request: CommunicatorRequest): Promise<Communicator> {
  const { environment } = request;
  const launcher = detectLauncher(environment);
  if (launcher === undefined || launcher.size === 1) return createSingleCommunicator();
  const warn = (sentence: string): void => {
    if (launcher.rank === 0) request.onWarning?.(sentence);
  };
  if (!request.mpi) {
    if (launcher.size !== undefined) {
      warn(
        `${launcher.name} started ${launcher.size} processes, and without ${named('mpi')} each does ` +
          `the whole job: add ${named('mpi')} to share it.`,
      );
    }
    return createSingleCommunicator();
  }
  // UCX, used by MPICH and many builds of Open MPI, moves the program break while other threads allocate,
  // which crashed 1 start in 30. That serves its cache of registered memory, which is not needed here.
  process.env.UCX_MEM_EVENTS ??= 'no';
  const { findMpi } = await import('./find-mpi.ts');
  const found = await findMpi(environment, launcher);
  let reason: string;
  if ('reason' in found) ({ reason } = found);
  else {
    found.initialise();
    const mismatch = describeMismatch(found, launcher);
    if (mismatch === undefined) {
      if (found.size() === 1) {
        found.finalise();
        return createSingleCommunicator();
      }
      const { createMpiCommunicator } = await import('./mpi.ts');
      return createMpiCommunicator(found, launcher);
    }
    found.finalise();
    reason = mismatch;
  }
  const { rank, size } = launcher;
  if (size === undefined) {
    throw new LocScaleError(
      'unsupported',
      `${launcher.name} does not say how many ranks there are, and ${reason}.`,
      {
        hint: 'Install the MPI that this launcher belongs to, or start the ranks with srun or mpirun.',
      },
    );
  }
  warn(
    `MPI cannot be used: ${reason}; the ranks exchange files in ` +
      `${request.sharedFolder}.ranks-${launcher.jobId}.`,
  );
  const { createFilesCommunicator } = await import('./files.ts');
  return createFilesCommunicator({
    folder: `${request.sharedFolder}.ranks-${launcher.jobId}`,
    rank,
    size,
    launcher: launcher.name,
    timings: request.timings,
  });
}

/** A libmpi that does not belong to the launcher starts as a singleton, rank 0 of 1. */
function describeMismatch(library: MpiLibrary, launcher: Launcher): string | undefined {
  if (launcher.size === undefined || (library.size() === launcher.size && library.rank() === launcher.rank)) {
    return undefined;
  }
  const own =
    library.size() === 1 ? 'sees a single rank' : `sees rank ${library.rank()} of ${library.size()}`;
  const launched = `rank ${launcher.rank} of ${launcher.size} by ${launcher.name}`;
  return (
    `${library.version} (${library.path}) ${own} where this is ${launched}: it belongs to another ` +
    'launcher'
  );
}
