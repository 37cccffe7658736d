/** Cores and memory of containers and batch jobs, by files and variables as Linux and SLURM have them. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { grantedCores, grantedMemoryBytes } from '../../../src/platform/granted.ts';
import { denoBinary } from '../../support/running-app.ts';

const GIB = 2 ** 30;
const MIB = 2 ** 20;
const NO_LIMIT_V1 = '9223372036854771712\n';

interface Place {
  readonly env?: Record<string, string>;
  readonly files?: Record<string, string>;
}
const around = ({ env = {}, files = {} }: Place) => ({
  variable: (name: string): string | undefined => env[name],
  read: (path: string): string | undefined => files[path],
});

/** As read in a job of SLURM 22.05 with --mem=3G: the task's own group has no limit, those above it have. */
const slurmVersion1: Place = {
  files: {
    '/proc/self/cgroup':
      '6:freezer:/slurm_gpu7/uid_0/job_1/step_batch\n' +
      '4:memory:/slurm_gpu7/uid_0/job_1/step_batch/task_0\n2:cpu,cpuacct:/\n0::/\n',
    '/sys/fs/cgroup/memory/memory.limit_in_bytes': NO_LIMIT_V1,
    '/sys/fs/cgroup/memory/slurm_gpu7/memory.limit_in_bytes': NO_LIMIT_V1,
    '/sys/fs/cgroup/memory/slurm_gpu7/uid_0/job_1/memory.limit_in_bytes': '3221225472\n',
    '/sys/fs/cgroup/memory/slurm_gpu7/uid_0/job_1/step_batch/memory.limit_in_bytes': '3221225472\n',
    '/sys/fs/cgroup/memory/slurm_gpu7/uid_0/job_1/step_batch/task_0/memory.limit_in_bytes': NO_LIMIT_V1,
    '/sys/fs/cgroup/cpu/cpu.cfs_quota_us': '-1\n',
    '/sys/fs/cgroup/cpu/cpu.cfs_period_us': '100000\n',
  },
};
const slurmVersion2: Place = {
  files: {
    '/proc/self/cgroup': '0::/system.slice/slurmstepd.scope/job_7/step_0/user/task_0\n',
    '/sys/fs/cgroup/system.slice/slurmstepd.scope/job_7/memory.max': `${8 * GIB}\n`,
    '/sys/fs/cgroup/system.slice/slurmstepd.scope/job_7/step_0/memory.max': `${4 * GIB}\n`,
    '/sys/fs/cgroup/system.slice/slurmstepd.scope/job_7/step_0/user/memory.max': 'max\n',
    '/sys/fs/cgroup/system.slice/slurmstepd.scope/job_7/step_0/user/task_0/memory.max': 'max\n',
  },
};
/** As with "docker run --cpus 2.5 --memory 1g". */
const container: Place = {
  files: {
    '/proc/self/cgroup': '0::/\n',
    '/sys/fs/cgroup/memory.max': `${GIB}\n`,
    '/sys/fs/cgroup/cpu.max': '250000 100000\n',
  },
};
const escaped: Place = {
  files: { ...container.files, '/proc/self/cgroup': '0::/../../init.scope\n' },
};
const job = (env: Record<string, string>): Place => ({ env: { SLURM_JOB_ID: '7', ...env } });

describe('memory that may be used', () => {
  it.each<[string, Place, number]>([
    ['of a machine', {}, 64 * GIB],
    [
      'of a machine whose groups have no limits',
      { files: { '/proc/self/cgroup': '0::/user.slice\n' } },
      64 * GIB,
    ],
    ['of a SLURM job, groups of version 1', slurmVersion1, 3 * GIB],
    ['of a SLURM step, groups of version 2', slurmVersion2, 4 * GIB],
    ['of a container', container, GIB],
    ['of a container entered from outside', escaped, GIB],
    ['--mem', job({ SLURM_MEM_PER_NODE: '3072' }), 3 * GIB],
    ['--mem=0, all of the node', job({ SLURM_MEM_PER_NODE: '0' }), 64 * GIB],
    ['more than the machine has', job({ SLURM_MEM_PER_NODE: '999999' }), 64 * GIB],
    ['--mem-per-cpu', job({ SLURM_MEM_PER_CPU: '1500', SLURM_CPUS_ON_NODE: '4' }), 6000 * MIB],
    ['--mem-per-gpu', job({ SLURM_MEM_PER_GPU: '8192', SLURM_GPUS_ON_NODE: '2' }), 16 * GIB],
    ['set for later jobs, outside of one', { env: { SLURM_MEM_PER_NODE: '3072' } }, 64 * GIB],
    ['not a number', job({ SLURM_MEM_PER_NODE: '3G' }), 64 * GIB],
  ])('%s', (_, place, expected) => {
    expect(grantedMemoryBytes(64 * GIB, around(place))).toBe(expected);
  });
});

describe('cores that may be used', () => {
  it.each<[string, Place, number]>([
    ['of a machine', {}, 64],
    ['of a SLURM job whose processes are tied to no cores', job({ SLURM_CPUS_ON_NODE: '4' }), 4],
    ['of a job on all of a machine', job({ SLURM_CPUS_ON_NODE: '128' }), 64],
    ['set outside of a job', { env: { SLURM_CPUS_ON_NODE: '4' } }, 64],
    ['of groups of version 1 without a quota', slurmVersion1, 64],
    [
      'of groups of version 1',
      { files: { ...slurmVersion1.files, '/sys/fs/cgroup/cpu/cpu.cfs_quota_us': '300000\n' } },
      3,
    ],
    ['of a container', container, 2],
    ['of half a core', { files: { ...container.files, '/sys/fs/cgroup/cpu.max': '50000 100000\n' } }, 1],
    [
      'of a group without a quota',
      { files: { ...container.files, '/sys/fs/cgroup/cpu.max': 'max 100000\n' } },
      64,
    ],
  ])('%s', (_, place, expected) => {
    expect(grantedCores(64, around(place))).toBe(expected);
  });
});

const deno = denoBinary();
it.runIf(deno !== undefined)('needs no permission of Deno for files and variables', () => {
  const folder = mkdtempSync(join(tmpdir(), 'locscale-granted-'));
  const script = join(folder, 'script.ts');
  const module = new URL('../../../src/platform/granted.ts', import.meta.url);
  writeFileSync(script, `import { coreCount } from '${module}';\nconsole.log(coreCount() > 0);`);
  const answer = execFileSync(deno as string, ['run', '--no-prompt', '--allow-sys', script], {
    encoding: 'utf8',
  });
  expect(answer).toBe('true\n');
  rmSync(folder, { recursive: true });
});
