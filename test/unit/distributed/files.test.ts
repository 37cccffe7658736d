/** The shared folder, with three ranks in this process. Real processes: ranks.test.ts. */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterAll, describe, expect, it } from 'vitest';
import type { Communicator } from '../../../src/distributed/communicator.ts';
import { createFilesCommunicator } from '../../../src/distributed/files.ts';
import type { SharedFolderTimings } from '../../../src/distributed/shared-folder.ts';

const root = mkdtempSync(join(tmpdir(), 'locscale-ranks-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** Fast enough for tests, slow enough for a busy machine: a rank is dead after 2 s of silence. */
const timings: Partial<SharedFolderTimings> = {
  beatMs: 100,
  openingBeatMs: 20,
  missedBeats: 20,
  openingMs: 20_000,
};

let folders = 0;
function newFolder(): string {
  return join(root, `out-${folders++}.ranks-test`);
}

function openRank(folder: string, rank: number, size = 3, change: Partial<SharedFolderTimings> = {}) {
  return createFilesCommunicator({
    folder,
    rank,
    size,
    launcher: 'test',
    timings: { ...timings, ...change },
  });
}

function openRanks(folder: string, size = 3): Promise<Communicator[]> {
  return Promise.all(Array.from({ length: size }, (_, rank) => openRank(folder, rank, size)));
}

const textOf = (bytes: Uint8Array | undefined) => new TextDecoder().decode(bytes);
const bytesOf = (text: string) => new TextEncoder().encode(text);

describe.concurrent('three ranks with a shared folder', () => {
  it('broadcast from every root, gather, meet, and leave nothing behind', async () => {
    const folder = newFolder();
    const ranks = await openRanks(folder);
    expect(ranks.map(({ description }) => description)).toEqual(
      [0, 1, 2].map((rank) => `shared folder, rank ${rank} of 3 (test)`),
    );
    expect(ranks.map(({ localRank, localSize }) => [localRank, localSize])).toEqual([
      [0, 3],
      [1, 3],
      [2, 3],
    ]);
    for (const from of [0, 1, 2]) {
      const heard = await Promise.all(
        ranks.map((rank) => rank.broadcast(rank.rank === from ? bytesOf(`from ${from}`) : undefined, from)),
      );
      expect(heard.map(textOf)).toEqual([`from ${from}`, `from ${from}`, `from ${from}`]);
    }
    const gathered = await Promise.all(ranks.map((rank) => rank.gather(bytesOf('x'.repeat(rank.rank)))));
    expect(gathered[0]?.map(textOf)).toEqual(['', 'x', 'xx']);
    expect(gathered.slice(1)).toEqual([undefined, undefined]);
    const parts = ['own', 'first', ''].map(bytesOf);
    const scattered = await Promise.all(
      ranks.map((rank) => rank.scatter(rank.rank === 0 ? parts : undefined)),
    );
    expect(scattered.map(textOf)).toEqual(['own', 'first', '']);
    // Each sent 6 bytes to two ranks and heard twice 6; gather: 0 + 1 + 2 bytes; scatter: 5.
    expect(ranks.map(({ traffic }) => traffic)).toEqual([
      { sent: 17, received: 15 },
      { sent: 13, received: 17 },
      { sent: 14, received: 12 },
    ]);
    await expect(ranks[0]!.scatter(parts.slice(1))).rejects.toThrow(/a part for every rank/);
    await Promise.all(ranks.map((rank) => rank.close()));
    expect(existsSync(folder)).toBe(false);
  });

  it('take turns when verbs are called without waiting', async () => {
    const ranks = await openRanks(newFolder());
    const results = await Promise.all(
      ranks.map((rank) =>
        Promise.all([
          rank.broadcast(bytesOf('1')),
          rank.barrier(),
          rank.gather(bytesOf(`${rank.rank}`)),
          rank.broadcast(bytesOf('2'), 2),
        ]),
      ),
    );
    expect(results.map(([one, , , two]) => textOf(one) + textOf(two))).toEqual(['12', '12', '12']);
    expect(results[0]?.[2]?.map(textOf)).toEqual(['0', '1', '2']);
    await Promise.all(ranks.map((rank) => rank.close()));
  });

  it('nobody passes a barrier before all have come', async () => {
    const ranks = await openRanks(newFolder());
    let passed = 0;
    const early = ranks.slice(0, 2).map((rank) => rank.barrier().then(() => passed++));
    await setTimeout(300);
    expect(passed).toBe(0);
    await Promise.all([...early, ranks[2]!.barrier()]);
    expect(passed).toBe(2);
    await Promise.all(ranks.map((rank) => rank.close()));
  });

  it('keep messages no longer than needed', async () => {
    const folder = newFolder();
    const ranks = await openRanks(folder, 2);
    const parts = () => readdirSync(folder).filter((name) => name.endsWith('.part')).length;
    await Promise.all(ranks.map((rank) => rank.broadcast(bytesOf('input'))));
    expect(parts()).toBe(1);
    await Promise.all(ranks.map((rank) => rank.gather(bytesOf('result'))));
    expect(parts()).toBe(1);
    await Promise.all(ranks.map((rank) => rank.barrier()));
    // Only the word that the barrier is open.
    expect(parts()).toBe(1);
    await Promise.all(ranks.map((rank) => rank.close()));
  });

  it('a broadcast without bytes on its root is refused', async () => {
    const ranks = await openRanks(newFolder(), 2);
    await expect(ranks[0]!.broadcast(undefined)).rejects.toThrow(TypeError);
    await Promise.all(ranks.map((rank) => rank.close()));
  });
});

describe.concurrent('a job that fails', () => {
  it('ends everywhere when one rank calls it off, and one rank reports it', async () => {
    const folder = newFolder();
    const ranks = await openRanks(folder);
    const waiting = ranks[0]!.gather(bytesOf('mine'));
    waiting.catch(() => {});
    ranks[2]!.abort(3, 'The map is broken.');
    for (const rank of ranks.slice(0, 2)) {
      await expect(rank.failure).rejects.toMatchObject({
        name: 'RankFailure',
        message: 'The map is broken.',
        exitCode: 3,
        announced: true,
      });
    }
    await expect(waiting).rejects.toThrow('The map is broken.');
    await expect(ranks[1]!.barrier()).rejects.toThrow('The map is broken.');
    expect(existsSync(folder)).toBe(false);
  });

  it('with two ranks that call it off at once ends with one sentence', async () => {
    const ranks = await openRanks(newFolder());
    ranks[1]!.abort(3, 'first');
    ranks[2]!.abort(4, 'second');
    await expect(ranks[0]!.failure).rejects.toMatchObject({ message: 'first', exitCode: 3 });
  });

  it('ends when a part is damaged', async () => {
    const folder = newFolder();
    const ranks = await openRanks(folder, 2);
    const session = readdirSync(folder);
    expect(session).toContain('session.json');
    await ranks[1]!.gather(bytesOf('result'));
    const part = readdirSync(folder).find((name) => name.endsWith('.1.part'))!;
    writeFileSync(join(folder, part), 'nothing of the kind');
    // Damage is believed after 5 s: network file systems show old sizes for a while.
    await expect(ranks[0]!.gather(bytesOf(''))).rejects.toMatchObject({
      tag: 'bad-input',
      message: 'The part that rank 1 sent is damaged: its header is cut off.',
    });
    ranks[0]!.abort(3, 'damaged');
    await expect(ranks[1]!.failure).rejects.toThrow('damaged');
  });

  it('does not open without all ranks, and says which are missing', async () => {
    const open = (rank: number) => openRank(newFolder(), rank, 4, { openingMs: 500 });
    await expect(open(0)).rejects.toThrow(/^Ranks 1, 2, 3 were not seen in .* within 1 s\.$/);
    await expect(open(1)).rejects.toThrow(/^Rank 0 was not seen in /);
  });
});

describe.concurrent('what earlier jobs have left', () => {
  const oldLife = (nonce: string) =>
    JSON.stringify({ nonce, host: 'elsewhere', process: 1, processSpace: '', count: 41 });

  it('in a folder of the same name is not taken for this job', async () => {
    const folder = newFolder();
    mkdirSync(folder);
    for (const rank of [0, 1, 2]) writeFileSync(join(folder, `rank-${rank}.alive`), oldLife(`old-${rank}`));
    const processes = [0, 1, 2].map((rank) => JSON.parse(oldLife(`old-${rank}`)));
    writeFileSync(join(folder, 'session.json'), JSON.stringify({ session: 'f'.repeat(16), processes }));
    writeFileSync(
      join(folder, `${'f'.repeat(16)}.abort`),
      JSON.stringify({ rank: 1, sentence: 'old', exitCode: 9 }),
    );
    writeFileSync(join(folder, `${'f'.repeat(16)}.0.1.part`), 'old');
    // Rank 1 comes late: neither its old life nor the old session may be believed.
    const early = [openRank(folder, 0), openRank(folder, 2)];
    let opened = false;
    Promise.all(early).then(() => {
      opened = true;
    });
    await setTimeout(500);
    expect(opened).toBe(false);
    const ranks = [await openRank(folder, 1), ...(await Promise.all(early))];
    const parts = await Promise.all(ranks.map((rank) => rank.gather(bytesOf(`new ${rank.rank}`))));
    expect(parts[1]?.map(textOf)).toEqual(['new 0', 'new 1', 'new 2']);
    await Promise.all(ranks.map((rank) => rank.close()));
    expect(existsSync(folder)).toBe(false);
  });

  it('next to the folder is removed when its ranks are dead, and kept when they live', async () => {
    const dead = join(root, 'map.ranks-1');
    const alive = join(root, 'map.ranks-2');
    const other = join(root, 'other.ranks-1');
    for (const folder of [dead, alive, other]) {
      mkdirSync(folder);
      writeFileSync(join(folder, 'rank-0.alive'), oldLife('old'));
    }
    const change = { missedBeats: 3, beatMs: 200 };
    const opening = [0, 1].map((rank) => openRank(join(root, 'map.ranks-3'), rank, 2, change));
    const ranks = await Promise.all(opening);
    await setTimeout(800);
    writeFileSync(join(alive, 'rank-0.alive'), oldLife('old').replace('41', '42'));
    await Promise.all(ranks.map((rank) => rank.close()));
    expect(readdirSync(root).filter((name) => /^(map|other)\./.test(name))).toEqual([
      'map.ranks-2',
      'other.ranks-1',
    ]);
  });

  it('two jobs with one folder notice each other', async () => {
    const folder = newFolder();
    const ranks = await openRanks(folder, 2);
    const intruder = openRank(folder, 1, 2);
    intruder.catch(() => {});
    await expect(ranks[1]!.failure).rejects.toMatchObject({
      message: `Another job is using ${folder} at the same time.`,
      announced: false,
    });
    await expect(ranks[0]!.failure).rejects.toMatchObject({ announced: true });
    (await intruder.catch(() => undefined))?.abort(1, 'end of test');
  });
});
