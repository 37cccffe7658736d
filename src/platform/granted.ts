/**
 * What a process may use of its machine: less than all of it in containers, whose limits are those of control
 * groups (cgroups), and in jobs of SLURM. The operating system alone reports the cores that the process is tied
 * to, and the memory of the whole machine; a run that takes more than its job has is killed.
 */
import { readFileSync } from 'node:fs';
import { availableParallelism, totalmem } from 'node:os';
import process from 'node:process';

/** Where limits are found; tests have files and variables of their own. */
export interface Surroundings {
  /** An environment variable; undefined where it is not set. */
  variable(name: string): string | undefined;
  /** Text of a file; undefined where there is none. */
  read(path: string): string | undefined;
}

const MIB = 2 ** 20;
/** Where Linux shows its control groups; those of version 1 are in a folder for each controller. */
const CGROUPS = '/sys/fs/cgroup';

const here: Surroundings = {
  variable: (name) => permitted(() => process.env[name]),
  read: (path) => permitted(() => readFileSync(path, 'utf8')),
};

/** Undefined also where Deno has no permission: what is not known is no limit. */
function permitted<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

let cores: number | undefined;
let memoryBytes: number | undefined;

/** Read once: limits stay while a program runs. */
export function coreCount(): number {
  cores ??= grantedCores(availableParallelism(), here);
  return cores;
}

/** Bytes; read once. */
export function totalMemoryBytes(): number {
  memoryBytes ??= grantedMemoryBytes(totalmem(), here);
  return memoryBytes;
}

/** `cores`: that the process may run on, as the system reports. At least 1. */
export function grantedCores(cores: number, surroundings: Surroundings): number {
  const quotas = groupsOf('cpu', surroundings).map(({ folder, version }) => {
    const read = (name: string): string => surroundings.read(`${folder}/${name}`) ?? '';
    const [quota, period] =
      version === 2 ? read('cpu.max').split(' ') : [read('cpu.cfs_quota_us'), read('cpu.cfs_period_us')];
    return limit(quota) / limit(period);
  });
  // A part of a core is left out; no period gives NaN, which is no limit.
  const all = [cores, slurm('SLURM_CPUS_ON_NODE', surroundings), ...quotas.map(Math.floor)].filter(
    (count) => !Number.isNaN(count),
  );
  return Math.max(1, Math.min(...all));
}

/** `total`: bytes of the machine. */
export function grantedMemoryBytes(total: number, surroundings: Surroundings): number {
  const limits = groupsOf('memory', surroundings).map(({ folder, version }) =>
    limit(surroundings.read(`${folder}/${version === 2 ? 'memory.max' : 'memory.limit_in_bytes'}`)),
  );
  return Math.min(total, slurmMemoryBytes(surroundings), ...limits);
}

/** Of a SLURM job on this node. Not all clusters enforce it by control groups: some kill what exceeds it. */
function slurmMemoryBytes(surroundings: Surroundings): number {
  const of = (name: string): number => slurm(name, surroundings);
  const mebibytes = [
    of('SLURM_MEM_PER_NODE'),
    of('SLURM_MEM_PER_CPU') * of('SLURM_CPUS_ON_NODE'),
    of('SLURM_MEM_PER_GPU') * of('SLURM_GPUS_ON_NODE'),
  ];
  return MIB * Math.min(...mebibytes);
}

/** A number that SLURM has set for the job; infinite outside of one, where users may set it for later jobs. */
function slurm(name: string, { variable }: Surroundings): number {
  return variable('SLURM_JOB_ID') === undefined ? Number.POSITIVE_INFINITY : limit(variable(name));
}

/** Groups of the process for a controller, and those above them, which limit it too. */
function groupsOf(
  controller: string,
  { read }: Surroundings,
): { readonly folder: string; readonly version: 1 | 2 }[] {
  const lines = (read('/proc/self/cgroup') ?? '').split('\n').map((line) => line.split(':'));
  return lines.flatMap(([id, controllers = '', ...rest]) => {
    const isFirst = controllers.split(',').includes(controller);
    if (!isFirst && (id !== '0' || controllers !== '')) return [];
    const top = isFirst ? `${CGROUPS}/${controller}` : CGROUPS;
    const parts = rest.join(':').split('/').filter(Boolean);
    // In a container the path may lead out of what is visible: its own group is then the top.
    const path = parts.includes('..') ? [] : parts;
    return Array.from({ length: path.length + 1 }, (_, depth) => ({
      folder: [top, ...path.slice(0, depth)].join('/'),
      version: isFirst ? (1 as const) : (2 as const),
    }));
  });
}

/** A positive whole number; infinite for "max", -1, 0 (SLURM's "all of the node") and what is not there. */
function limit(text: string | undefined): number {
  const value = /^\s*\d+\s*$/.test(text ?? '') ? Number(text) : 0;
  return value > 0 ? value : Number.POSITIVE_INFINITY;
}
