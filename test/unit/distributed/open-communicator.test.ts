/** Which way of talking is chosen, and what is said about it. */
import { readlinkSync } from 'node:fs';
import process from 'node:process';
import { describe, expect, it } from 'vitest';
import { hasLostLauncher } from '../../../src/distributed/find-mpi.ts';
import type { Environment } from '../../../src/distributed/launcher.ts';
import { shortVersion } from '../../../src/distributed/mpi-library.ts';
import { openCommunicator } from '../../../src/distributed/open-communicator.ts';

const sharedFolder = '/nowhere/out';
const ofFour: Environment = { OMPI_COMM_WORLD_RANK: '0', OMPI_COMM_WORLD_SIZE: '4' };

async function openWith(mpi: boolean, environment: Environment) {
  const warnings: string[] = [];
  const onWarning = (sentence: string) => warnings.push(sentence);
  return { warnings, communicator: await openCommunicator({ mpi, environment, sharedFolder, onWarning }) };
}

describe('one process', () => {
  it.each<[string, boolean, Environment]>([
    ['-mpi without a launcher', true, {}],
    ['neither', false, {}],
    ['-mpi with one rank', true, { PMI_RANK: '0', PMI_SIZE: '1' }],
    ['-mpi in a batch script', true, { SLURM_PROCID: '0', SLURM_NTASKS: '8', SLURM_JOB_ID: '3' }],
  ])('is what it is: %s', async (_name, mpi, environment) => {
    const { communicator, warnings } = await openWith(mpi, environment);
    expect(communicator).toMatchObject({ kind: 'single', rank: 0, size: 1, localRank: 0, localSize: 1 });
    expect(warnings).toEqual([]);
    const bytes = Uint8Array.of(1, 2);
    expect(await communicator.broadcast(bytes)).toBe(bytes);
    expect(await communicator.gather(bytes)).toEqual([bytes]);
    await expect(communicator.broadcast(undefined)).rejects.toThrow(TypeError);
    await communicator.barrier();
    await communicator.close();
    expect(communicator.traffic).toEqual({ sent: 0, received: 0 });
  });

  it('of several that were started without -mpi does everything, and says so', async () => {
    const { communicator, warnings } = await openWith(false, ofFour);
    expect(communicator.kind).toBe('single');
    expect(warnings).toEqual([
      'Open MPI started 4 processes, and without `mpi` each does the whole job: add `mpi` to share it.',
    ]);
    const second = await openWith(false, { ...ofFour, OMPI_COMM_WORLD_RANK: '1' });
    expect(second.warnings).toEqual([]);
  });
});

it('a launcher that keeps the number of ranks to itself needs libmpi', async () => {
  const environment = { PMIX_RANK: '1', LOCSCALE_MPI_LIBRARY: 'none' };
  await expect(openWith(true, environment)).rejects.toMatchObject({
    tag: 'unsupported',
    message: 'PMIx does not say how many ranks there are, and LOCSCALE_MPI_LIBRARY is none.',
  });
});

describe('versions of libmpi', () => {
  it.each([
    [
      'Open MPI v4.1.4, package: Debian OpenMPI, ident: 4.1.4, repo rev: v4.1.4, May 26, 2022',
      'Open MPI 4.1.4',
    ],
    ['Open MPI v5.0.0rc12, package: Open MPI user@host', 'Open MPI 5.0.0rc12'],
    ['MPICH Version:\t4.0.2\nMPICH Release date:\tThu Apr  7', 'MPICH 4.0.2'],
    ['MVAPICH2 Version      :\t2.3.7\nMVAPICH2 Release date', 'MVAPICH2 2.3.7'],
    ['Intel(R) MPI Library 2021.9 for Linux* OS\n', 'Intel MPI Library 2021.9'],
    ['MPI VERSION    : CRAY MPICH version 8.1.25.17 (ANL base 3.4a2)\n', 'CRAY MPICH 8.1.25.17'],
    ['', 'MPICH'],
  ])('%j', (text, expected) => {
    expect(shortVersion(text, 'mpich')).toBe(expected);
  });
});

describe.skipIf(process.platform !== 'linux')("the connection to MPICH's launcher", () => {
  it('is not queried where there is none', () => {
    expect(hasLostLauncher({})).toBe(false);
  });

  it('is lost where its number is free or something else', () => {
    expect(hasLostLauncher({ PMI_FD: '987' })).toBe(true);
    // A descriptor of this process that is no socket: the runtime's own epoll or event counter.
    const other = Array.from({ length: 40 }, (_, number) => String(number)).find((number) => {
      try {
        return readlinkSync(`/proc/self/fd/${number}`).startsWith('anon_inode:');
      } catch {
        return false;
      }
    });
    expect(hasLostLauncher({ PMI_FD: other })).toBe(true);
  });
});
