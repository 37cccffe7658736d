/**
 * How many threads a rank should run. srun gives each rank processors of its own, Open MPI's mpirun ties
 * each to a single one unless told otherwise, MPICH's leaves all to all: only the ranks of a host together
 * know who shares what.
 */
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { coreCount } from '../platform/index.ts';
import { findMpiAncestors } from './ancestors.ts';
import type { Communicator } from './communicator.ts';

/** What one rank may use. */
export interface ProcessorReport {
  readonly host: string;
  /** Numbers of processors, as the kernel counts them; undefined where it does not tell (macOS). */
  readonly allowed: readonly number[] | undefined;
  /** Processors as the runtime counts them, limits of containers included. */
  readonly count: number;
  /** Processors that mpirun itself may use on this host. */
  readonly launcherCount: number | undefined;
}

export interface CoreShare {
  /** At least 1. */
  readonly threads: number;
  /** A sentence for the user where the launcher keeps processors idle, the same on all ranks of a host. */
  readonly note: string | undefined;
}

/** Collective. */
export async function measureCoreShare(communicator: Communicator): Promise<CoreShare> {
  const own = new TextEncoder().encode(JSON.stringify(reportProcessors()));
  const gathered = await communicator.gather(own);
  const texts = gathered?.map((bytes) => new TextDecoder().decode(bytes));
  const all = await communicator.broadcast(
    texts === undefined ? undefined : new TextEncoder().encode(`[${texts.join(',')}]`),
  );
  return shareCores(JSON.parse(new TextDecoder().decode(all)) as ProcessorReport[], communicator.rank);
}

/** A processor that several ranks of a host may use counts for each of them in part. */
export function shareCores(reports: readonly ProcessorReport[], rank: number): CoreShare {
  const own = reports[rank];
  const local = reports.filter(({ host }) => host === own.host);
  if (own.allowed === undefined) {
    return { threads: Math.max(1, Math.floor(own.count / local.length)), note: undefined };
  }
  const users = new Map<number, number>();
  for (const { allowed } of local) {
    for (const processor of allowed ?? []) users.set(processor, (users.get(processor) ?? 0) + 1);
  }
  const share = own.allowed.reduce((sum, processor) => sum + 1 / users.get(processor)!, 0);
  // A sum of thirds may fall a rounding short of a whole number.
  const threads = Math.max(1, Math.min(own.count, Math.floor(share + 1e-6)));
  const available = Math.max(0, ...local.map(({ launcherCount }) => launcherCount ?? 0));
  const note =
    users.size < available
      ? `mpirun ties the ranks on ${own.host} to ${users.size} of ${available} processors: with ` +
        '--bind-to none they can use all.'
      : undefined;
  return { threads, note };
}

function reportProcessors(): ProcessorReport {
  const [launcher] = findMpiAncestors();
  return {
    host: hostname(),
    allowed: readAllowed('self'),
    count: coreCount(),
    launcherCount: launcher === undefined ? undefined : readAllowed(String(launcher.id))?.length,
  };
}

function readAllowed(id: string): number[] | undefined {
  try {
    const list = /^Cpus_allowed_list:\s*(\S+)/m.exec(readFileSync(`/proc/${id}/status`, 'utf8'))?.[1];
    return list === undefined ? undefined : parseProcessorList(list);
  } catch {
    return undefined;
  }
}

/** "0-2,8" to 0, 1, 2, 8. */
export function parseProcessorList(list: string): number[] {
  return list.split(',').flatMap((entry) => {
    const [first, last = first] = entry.split('-').map(Number);
    return Array.from({ length: last - first + 1 }, (_, index) => first + index);
  });
}
