/** The communicator over libmpi, with a libmpi made of JavaScript. The real ones: ranks.test.ts. */
import { describe, expect, it } from 'vitest';
import { detectLauncher } from '../../../src/distributed/launcher.ts';
import { CHUNK_BYTES, createMpiCommunicator } from '../../../src/distributed/mpi.ts';
import type { MpiLibrary, MpiRequest } from '../../../src/distributed/mpi-library.ts';
import { LocScaleError } from '../../../src/errors.ts';

const launcher = detectLauncher({
  MPI_LOCALNRANKS: '2',
  MPI_LOCALRANKID: '1',
  PMI_RANK: '1',
  PMI_SIZE: '2',
})!;

/** Rank 1 of 2, whose transfers end at once, and what it was asked for. */
function pretendLibrary(change: Partial<MpiLibrary> = {}) {
  const calls: string[] = [];
  const start = (name: string) => (memory: Uint8Array) => {
    calls.push(`${name} ${memory.length}`);
    return { handle: new Uint8Array(8), memory };
  };
  const library: MpiLibrary = {
    family: 'mpich',
    version: 'Pretence 1.0',
    path: '',
    initialise: () => {},
    rank: () => 1,
    size: () => 2,
    localRanks: () => {
      calls.push('localRanks');
      return { rank: 0, size: 1 };
    },
    startBarrier: (): MpiRequest => {
      calls.push('barrier');
      return { handle: new Uint8Array(8), memory: new Uint8Array(0) };
    },
    startBroadcast: start('broadcast'),
    startSend: start('send'),
    startReceive: start('receive'),
    isDone: () => true,
    abort: (code) => calls.push(`abort ${code}`),
    finalise: () => calls.push('finalise'),
    ...change,
  };
  return { library, calls };
}

describe('the communicator over libmpi', () => {
  it('states its rank, and queries libmpi for neighbours where the launcher is silent', () => {
    const { library, calls } = pretendLibrary();
    const communicator = createMpiCommunicator(library, launcher);
    expect(communicator).toMatchObject({
      kind: 'mpi',
      description: 'Pretence 1.0, rank 1 of 2',
      rank: 1,
      size: 2,
      localRank: 1,
      localSize: 2,
    });
    expect(calls).toEqual([]);
    const silent = createMpiCommunicator(library, { ...launcher, localSize: undefined });
    expect(silent).toMatchObject({ localRank: 0, localSize: 1 });
    expect(calls).toEqual(['localRanks']);
  });

  it('meets, sends the length, and cuts the rest', async () => {
    const { library, calls } = pretendLibrary();
    const communicator = createMpiCommunicator(library, launcher);
    await communicator.gather(new Uint8Array(2 * CHUNK_BYTES + 3));
    expect(calls).toEqual(['barrier', 'send 8', `send ${CHUNK_BYTES}`, `send ${CHUNK_BYTES}`, 'send 3']);
    await communicator.broadcast(new Uint8Array(5), 1);
    expect(calls.slice(5)).toEqual(['barrier', 'broadcast 8', 'broadcast 5']);
    expect(communicator.traffic).toEqual({ sent: 2 * CHUNK_BYTES + 3 + 5, received: 0 });
  });

  it('finalises once, after a meeting, and never aborts later', async () => {
    const { library, calls } = pretendLibrary();
    const communicator = createMpiCommunicator(library, launcher);
    await Promise.all([communicator.close(), communicator.close()]);
    communicator.abort(3, 'too late');
    expect(calls).toEqual(['barrier', 'finalise']);
  });

  it('aborts through libmpi', () => {
    const { library, calls } = pretendLibrary();
    createMpiCommunicator(library, launcher).abort(3, 'The map is broken.');
    expect(calls).toEqual(['abort 3']);
  });

  it('polls until a transfer has ended', async () => {
    let asked = 0;
    const { library } = pretendLibrary({ isDone: () => ++asked >= 500 });
    await createMpiCommunicator(library, launcher).barrier();
    expect(asked).toBe(500);
  });

  it('an error of libmpi ends everything that waits', async () => {
    const { library, calls } = pretendLibrary({
      isDone: () => {
        throw new LocScaleError('internal', 'MPI_Test failed: the wire is cut.', { hint: 'Mend it.' });
      },
    });
    const communicator = createMpiCommunicator(library, launcher);
    const failed = {
      name: 'RankFailure',
      message: 'MPI_Test failed: the wire is cut.',
      hint: 'Mend it.',
      exitCode: 1,
    };
    await expect(communicator.barrier()).rejects.toMatchObject(failed);
    await expect(communicator.failure).rejects.toMatchObject(failed);
    await expect(communicator.broadcast(undefined, 0)).rejects.toMatchObject(failed);
    expect(calls).toEqual(['barrier']);
  });
});
