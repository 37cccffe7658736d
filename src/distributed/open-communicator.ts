/** How the ranks of this job talk: alone, through libmpi, or through a shared folder. */
import process from 'node:process';
import { LocScaleError, named } from '../errors.ts';
import type { Communicator } from './communicator.ts';
import { detectLauncher, type Environment, type Launcher } from './launcher.ts';
import type { MpiLibrary } from './mpi-library.ts';
import type { SharedFolderTimings } from './shared-folder.ts';
import { createSingleCommunicator } from './single.ts';

export interface CommunicatorRequest {
  /** The user asked for ranks that share the work (-mpi). */
  readonly mpi: boolean;
  readonly environment: Environment;
  /** Where files go if there is no libmpi, seen by all hosts: `out` stands for the folder `out.ranks-JOB`. */
  readonly sharedFolder: string;
  /** Called on rank 0 only. */
  readonly onWarning?: (sentence: string) => void;
  /** For tests. */
  readonly timings?: Partial<SharedFolderTimings>;
}

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
  // UCX, under MPICH and many Open MPIs, moves the end of the heap while other threads allocate: one start in
  // thirty then ended in a segmentation fault. It serves a cache of registered memory, which is not missed
  // here.
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

/** A libmpi that does not belong to the launcher starts by itself, as the only rank there is. */
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
