/**
 * Number of threads per rank. srun gives each rank its own processors, Open MPI's mpirun binds each rank to
 * one by default, and MPICH's does not bind at all. Only the ranks of a host together know which processors
 * they share.
 */
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { coreCount } from '../platform/index.ts';
import { findMpiAncestors } from './ancestors.ts';
import type { Communicator } from './communicator.ts';

/** Processors that one rank may use. */
export interface ProcessorReport {
  readonly host: string;
  /** Kernel indices of the processors; undefined where the kernel does not report them (macOS). */
  readonly allowed: readonly number[] | undefined;
  /** Processor count according to the runtime, which respects container limits. */
  readonly count: number;
  /** Processors that mpirun itself may use on this host. */
  readonly launcherCount: number | undefined;
}

/** Threads for this rank. */
export interface CoreShare {
  /** At least 1. */
  readonly threads: number;
  /** Advice to the user when the launcher leaves processors idle; the same on all ranks of a host. */
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

/** A processor shared by n ranks counts as 1/n for each of them. */
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
  // Fewer than the kernel allows: the ranks of a container or job divide that number, whatever they run on.
  const quota = own.count < own.allowed.length ? Math.min(1, own.count / users.size) : 1;
  // Rounding: three times 1/3 may add up to slightly less than 1.
  const threads = Math.max(1, Math.min(own.count, Math.floor(share * quota + 1e-6)));
  const available = Math.max(0, ...local.map(({ launcherCount }) => launcherCount ?? 0));
  const note =
    users.size < available
      ? `mpirun ties the ranks on ${own.host} to ${users.size} of ${available} processors: with ` +
        '--bind-to none they can use all.'
      : undefined;
  return { threads, note };
}

/** What this rank may use, sent to rank 0 of its host. */
function reportProcessors(): ProcessorReport {
  const [launcher] = findMpiAncestors();
  return {
    host: hostname(),
    allowed: readAllowed('self'),
    count: coreCount(),
    launcherCount: launcher === undefined ? undefined : readAllowed(String(launcher.id))?.length,
  };
}

/** Processors that the kernel allows a process, from /proc; undefined where that does not exist. */
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
