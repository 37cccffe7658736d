/** Ranks as processes: through both MPIs where they are installed, and through a shared folder. */
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { afterAll, describe, expect, it } from 'vitest';
import type { SharedFolderTimings } from '../../../src/distributed/shared-folder.ts';
import { findMpiLaunchers, type Job, startWithMpi, startWithoutMpi, wrapper } from '../../support/ranks.ts';

const folder = mkdtempSync(join(tmpdir(), 'locscale-processes-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const output = join(folder, 'out');

const SIZE = 3;
/** Messages of 0, 1 and 1000 bytes from each root, and from rank 0 one of two chunks. */
const BROADCASTS = Array.from({ length: 3 * SIZE + 1 }, () => true);
const broadcastBytes = (root: number) => 1001 + (root === 0 ? 17 * 2 ** 20 + 5 : 0);
/** Rank r gathers this much (see rank-program.mjs). */
const gatherBytes = (rank: number) => 17 * 2 ** 20 * rank + 64 - rank;
const scatterBytes = (rank: number) => 17 * 2 ** 20 * rank + rank;

function expectExchange(lines: Job['lines'], kind: string, describeRank: (rank: number) => unknown): void {
  const sorted = [...lines].sort((a, b) => Number(a.rank) - Number(b.rank));
  expect(sorted).toHaveLength(SIZE);
  sorted.forEach((line, rank) => {
    const scattered = scatterBytes(1) + scatterBytes(2);
    const sent = broadcastBytes(rank) * (SIZE - 1) + (rank === 0 ? scattered : gatherBytes(rank));
    const heard = broadcastBytes(0) + broadcastBytes(1) + broadcastBytes(2) - broadcastBytes(rank);
    const gathered = gatherBytes(1) + gatherBytes(2);
    const received = heard + (rank === 0 ? gathered : scatterBytes(rank));
    expect(line).toMatchObject({ rank, size: SIZE, kind, localRank: rank, localSize: SIZE });
    expect(line.description).toEqual(describeRank(rank));
    expect(line.broadcasts).toEqual(BROADCASTS);
    expect(line.gathered).toEqual(rank === 0 ? [true, true, true] : undefined);
    expect(line.scattered).toBe(true);
    expect(line.lengths).toEqual(rank === 0 ? [0, 0, 0] : undefined);
    expect(line.traffic).toEqual({ sent, received });
  });
  // Every byte that was sent has arrived.
  const sum = (key: 'sent' | 'received') =>
    sorted.reduce((total, line) => total + (line.traffic as Record<string, number>)[key]!, 0);
  expect(sum('sent')).toBe(sum('received'));
}

/** Waiting must not keep a core busy, which the threads of other ranks need, nor hold up the event loop. */
function expectOverlap(lines: Job['lines']): void {
  const waiting = lines.filter(({ rank }) => rank !== 1);
  expect(waiting).toHaveLength(SIZE - 1);
  // Rank 1 came only after 100 turns of each: a wait that holds up the event loop never ends.
  for (const { turns, busy } of waiting) {
    expect(turns).toBeGreaterThanOrEqual(100);
    // The share of a core: about 0.04 for asking 50 times a second, 1 for waiting busily.
    expect(busy).toBeLessThan(0.5);
  }
}

const timings = (changes: Partial<SharedFolderTimings>): Record<string, string> => ({
  LOCSCALE_TEST_TIMINGS: JSON.stringify(changes),
});

/** Kills one rank once all are ready, and waits until the others have ended. */
async function killRank(job: Job, rank: number, signal: 'SIGKILL' | 'SIGSTOP' = 'SIGKILL'): Promise<void> {
  await job.waitForLines(SIZE);
  process.kill(Number(job.lines.find((line) => line.rank === rank)?.ready), signal);
  if (signal === 'SIGSTOP') await job.waitForLines(2 * SIZE - 1);
  else await job.ended;
}

for (const { name, launcher } of findMpiLaunchers()) {
  const title = `ranks under ${name}`;
  if (launcher === undefined) {
    describe.skip(`${title} [skipped: ${name} is not installed]`, () => it('exchange', () => undefined));
    continue;
  }
  describe(title, () => {
    it('exchange bytes through libmpi', async () => {
      const job = startWithMpi(launcher, SIZE, ['exchange', output]);
      expect(await job.ended, job.errors()).toEqual([0]);
      const version = new RegExp(`^${name} [0-9]+\\.[0-9.]+\\S*, rank (\\d) of 3$`);
      expectExchange(job.lines, 'mpi', () => expect.stringMatching(version));
      expect(job.lines.flatMap(({ warnings }) => warnings)).toEqual([]);
      expect(readdirSync(folder)).toEqual([]);
    });

    it('leave the processor and the event loop alone while they wait', async () => {
      const job = startWithMpi(launcher, SIZE, ['overlap', output]);
      expect(await job.ended, job.errors()).toEqual([0]);
      expectOverlap(job.lines);
    });

    it('end together with the code of the rank that gives up', async () => {
      const job = startWithMpi(launcher, SIZE, ['abort', output]);
      expect(await job.ended).toEqual([7]);
      expect(job.errors()).toContain('the last rank gives up');
    });

    it('end when one is killed', async () => {
      const job = startWithMpi(launcher, SIZE, ['wait', output]);
      await killRank(job, 2);
      expect((await job.ended)[0]).toBeGreaterThan(0);
    });

    it('use a shared folder without libmpi, and say so once', async () => {
      const job = startWithMpi(launcher, SIZE, ['exchange', output], { LOCSCALE_MPI_LIBRARY: 'none' });
      expect(await job.ended, job.errors()).toEqual([0]);
      expectExchange(job.lines, 'files', (rank) => `shared folder, rank ${rank} of 3 (${name})`);
      expect(job.lines.flatMap(({ warnings }) => warnings)).toEqual([
        expect.stringMatching(
          /^MPI cannot be used: LOCSCALE_MPI_LIBRARY is none; the ranks exchange files in /,
        ),
      ]);
      expect(readdirSync(folder)).toEqual([]);
    });

    // Node closes what MPICH's launcher hands down, Deno does not; Open MPI's ranks connect by themselves.
    it.skipIf('Deno' in globalThis)('are found behind another program', async () => {
      const job = startWithMpi(launcher, SIZE, ['exchange', output], {}, wrapper);
      expect(await job.ended, job.errors()).toEqual([0]);
      const warnings = job.lines.flatMap((line) => line.warnings);
      const cut =
        /^MPI cannot be used: a program in between, such as npx, has cut the connection to MPICH's launcher/;
      expect(warnings).toEqual(name === 'MPICH' ? [expect.stringMatching(cut)] : []);
      expectExchange(job.lines, name === 'MPICH' ? 'files' : 'mpi', () => expect.any(String));
    });

    if (name !== 'Open MPI') return;
    it('that libmpi takes for jobs of their own do not run one by one', async () => {
      const job = startWithoutMpi(SIZE, ['exchange', output], (rank) => ({
        OMPI_COMM_WORLD_RANK: String(rank),
        OMPI_COMM_WORLD_SIZE: String(SIZE),
      }));
      expect(await job.ended, job.errors()).toEqual([0, 0, 0]);
      expectExchange(job.lines, 'files', (rank) => `shared folder, rank ${rank} of 3 (Open MPI)`);
      expect(job.lines.flatMap(({ warnings }) => warnings)).toEqual([
        expect.stringMatching(
          /^MPI cannot be used: Open MPI \S+ \(\S+\) sees a single rank where this is rank 0 of 3/,
        ),
      ]);
    });
  });
}

describe('ranks of srun without MPI', () => {
  it('exchange bytes through a shared folder', async () => {
    const job = startWithoutMpi(SIZE, ['exchange', output]);
    expect(await job.ended, job.errors()).toEqual([0, 0, 0]);
    expectExchange(job.lines, 'files', (rank) => `shared folder, rank ${rank} of 3 (SLURM)`);
    expect(job.lines.flatMap(({ warnings }) => warnings)).toEqual([
      `MPI cannot be used: SLURM offers MPI no way to find the other ranks (for srun: --mpi=pmix or --mpi=pmi2); the ranks exchange files in ${output}.ranks-slurm-7.0.`,
    ]);
    expect(readdirSync(folder)).toEqual([]);
  });

  it('leave the processor and the event loop alone while they wait', async () => {
    const job = startWithoutMpi(SIZE, ['overlap', output]);
    expect(await job.ended, job.errors()).toEqual([0, 0, 0]);
    expectOverlap(job.lines);
  });

  it('end with the code of the rank that gives up', async () => {
    const job = startWithoutMpi(SIZE, ['abort', output]);
    expect(await job.ended).toEqual([7, 7, 7]);
    expect(job.lines.filter(({ announced }) => announced === true)).toHaveLength(SIZE - 1);
  });

  it.each([0, 2])('end at the next poll when rank %i is killed, and one of them reports it', async (rank) => {
    // Nobody waits for missed beats: the process is gone from this host.
    const job = startWithoutMpi(SIZE, ['wait', output], () => timings({ missedBeats: 1e6 }));
    await killRank(job, rank);
    const codes = await job.ended;
    expect(codes).toEqual(codes.map((_, index) => (index === rank ? null : 1)));
    const ends = job.lines.filter(({ error }) => error === 'RankFailure');
    expect(ends.map(({ announced }) => announced).sort()).toEqual([false, true]);
    for (const { message } of ends) {
      expect(message).toMatch(
        new RegExp(`^Rank ${rank} on \\S+ has vanished: killed, out of memory, or cut off\\.$`),
      );
    }
    expect(existsSync(`${output}.ranks-slurm-7.0`)).toBe(false);
  });

  it('end when one stands still, as on a host that has lost the network', async () => {
    const job = startWithoutMpi(SIZE, ['wait', output], () => timings({ beatMs: 200, missedBeats: 20 }));
    const stopped = job.processes[2]!;
    try {
      await killRank(job, 2, 'SIGSTOP');
    } finally {
      stopped.kill('SIGKILL');
    }
    expect(await job.ended).toEqual([1, 1, null]);
  });
});
