/** Threads per rank, from what the ranks of a host may use. */
import { describe, expect, it } from 'vitest';
import { measureCoreShare, parseProcessorList, shareCores } from '../../../src/distributed/core-share.ts';
import { createSingleCommunicator } from '../../../src/distributed/single.ts';
import { coreCount } from '../../../src/platform/index.ts';

/** Ranks as "host: processors" of hosts with 64 processors. */
function threadsOf(...ranks: [host: string, list: string | undefined][]): number[] {
  const reports = ranks.map(([host, list]) => {
    const allowed = list === undefined ? undefined : parseProcessorList(list);
    return { host, allowed, count: allowed?.length ?? 64, launcherCount: undefined };
  });
  return reports.map((_, rank) => shareCores(reports, rank).threads);
}

describe('threads of a rank', () => {
  it.each<[string, [string, string | undefined][], number[]]>([
    [
      'processors of its own (srun)',
      [
        ['a', '0-31'],
        ['a', '32-63'],
      ],
      [32, 32],
    ],
    [
      'one each (Open MPI)',
      [
        ['a', '0'],
        ['a', '1'],
      ],
      [1, 1],
    ],
    [
      'all shared by all (MPICH)',
      [
        ['a', '0-63'],
        ['a', '0-63'],
      ],
      [32, 32],
    ],
    [
      'three on 64',
      [
        ['a', '0-63'],
        ['a', '0-63'],
        ['a', '0-63'],
      ],
      [21, 21, 21],
    ],
    [
      'hosts apart',
      [
        ['a', '0-63'],
        ['b', '0-63'],
      ],
      [64, 64],
    ],
    [
      'uneven hosts',
      [
        ['a', '0-7'],
        ['b', '0-7'],
        ['b', '0-7'],
      ],
      [8, 4, 4],
    ],
    [
      'overlapping',
      [
        ['a', '0-3'],
        ['a', '2-5'],
      ],
      [3, 3],
    ],
    [
      'more ranks than processors',
      [
        ['a', '0'],
        ['a', '0'],
        ['a', '0'],
      ],
      [1, 1, 1],
    ],
    [
      'nothing known',
      [
        ['a', undefined],
        ['a', undefined],
      ],
      [32, 32],
    ],
  ])('%s', (_name, ranks, expected) => {
    expect(threadsOf(...ranks)).toEqual(expected);
  });

  it('no more than a container allows', () => {
    const report = { host: 'a', allowed: parseProcessorList('0-63'), count: 4, launcherCount: undefined };
    expect(shareCores([report], 0).threads).toBe(4);
  });

  it('a part of what a container or job allows all ranks', () => {
    const report = (list: string, count: number) => ({
      host: 'a',
      allowed: parseProcessorList(list),
      count,
      launcherCount: undefined,
    });
    expect(shareCores([report('0-63', 8), report('0-63', 8)], 1).threads).toBe(4);
    expect(shareCores([report('0-3', 4), report('4-7', 4)], 1).threads).toBe(4);
  });

  it('says when mpirun leaves processors idle', () => {
    const report = (list: string) => ({
      host: 'a',
      allowed: parseProcessorList(list),
      count: 1,
      launcherCount: 64,
    });
    expect(shareCores([report('0'), report('1')], 1).note).toBe(
      'mpirun ties the ranks on a to 2 of 64 processors: with --bind-to none they can use all.',
    );
    expect(shareCores([report('0-31'), report('32-63')], 0).note).toBeUndefined();
  });

  it('of a process alone are all', async () => {
    const share = await measureCoreShare(createSingleCommunicator());
    expect(share).toEqual({ threads: coreCount(), note: undefined });
  });
});

it('lists of processors', () => {
  expect(parseProcessorList('0-2,8')).toEqual([0, 1, 2, 8]);
  expect(parseProcessorList('5')).toEqual([5]);
});
