/**
 * Communication through libmpi without blocking the event loop: transfers are started and then polled, so
 * that signals, worker threads and progress are served meanwhile.
 *
 * A message has two phases. First a barrier, which lasts as long as the slowest rank computes and is polled
 * at long intervals. Then the transfer, which libmpi advances only when it is called, so that it is polled
 * continuously.
 */
import { setImmediate, setTimeout } from 'node:timers/promises';
import { splitIntoChunks } from './chunks.ts';
import { type Communicator, RankFailure, type Traffic } from './communicator.ts';
import type { Launcher } from './launcher.ts';
import type { MpiLibrary, MpiRequest } from './mpi-library.ts';
import { SerialQueue } from './serial-queue.ts';

/**
 * Bytes per transfer. Far below MPI's limit of 2^31, because a transfer within a host is a single copy that
 * blocks the event loop.
 */
export const CHUNK_BYTES = 16 * 2 ** 20;

/** `library` must be initialised. */
export function createMpiCommunicator(library: MpiLibrary, launcher: Launcher): Communicator {
  return new MpiCommunicator(library, launcher);
}

/**
 * Messages through libmpi. Every operation begins with a barrier that is polled, so that waiting keeps no
 * core busy.
 */
class MpiCommunicator implements Communicator {
  readonly kind = 'mpi';
  readonly description: string;
  readonly rank: number;
  readonly size: number;
  readonly localRank: number;
  readonly localSize: number;
  readonly failure: Promise<never>;
  readonly #library: MpiLibrary;
  readonly #queue = new SerialQueue();
  readonly #traffic = { sent: 0, received: 0 };
  #failed: RankFailure | undefined;
  #reject: (failure: RankFailure) => void = () => {};
  #closed = false;

  constructor(library: MpiLibrary, launcher: Launcher) {
    this.#library = library;
    this.rank = library.rank();
    this.size = library.size();
    this.description = `${library.version}, rank ${this.rank} of ${this.size}`;
    // The launcher's information is the same on all ranks, so either all or none join this collective call.
    const { localRank, localSize } = launcher;
    const local =
      localRank === undefined || localSize === undefined
        ? library.localRanks()
        : { rank: localRank, size: localSize };
    this.localRank = local.rank;
    this.localSize = local.size;
    this.failure = new Promise<never>((_, reject) => {
      this.#reject = reject;
    });
    // Avoids an unhandled rejection if nobody awaits it.
    this.failure.catch(() => {});
  }

  get traffic(): Traffic {
    return { ...this.#traffic };
  }

  broadcast(bytes: Uint8Array | undefined, root = 0): Promise<Uint8Array> {
    const own = this.rank === root ? bytes : undefined;
    if (this.rank === root && own === undefined) {
      return Promise.reject(new TypeError('the root of a broadcast needs bytes'));
    }
    return this.#turn(async () => {
      await this.#meet();
      const length = own === undefined ? new Uint8Array(8) : encodeLength(own.length);
      await this.#finish([this.#library.startBroadcast(length, root)]);
      const data = own ?? new Uint8Array(decodeLength(length));
      for (const { start, end } of splitIntoChunks(data.length, CHUNK_BYTES)) {
        await this.#finish([this.#library.startBroadcast(data.subarray(start, end), root)]);
      }
      if (this.rank === root) this.#traffic.sent += data.length * (this.size - 1);
      else this.#traffic.received += data.length;
      return data;
    });
  }

  scatter(parts: readonly Uint8Array[] | undefined): Promise<Uint8Array> {
    const own = this.rank === 0 ? parts : undefined;
    if (this.rank === 0 && own?.length !== this.size) {
      return Promise.reject(new TypeError('the root of a scatter needs a part for every rank'));
    }
    return this.#turn(async () => {
      await this.#meet();
      if (own !== undefined) return this.#sendAll(own);
      const length = new Uint8Array(8);
      await this.#finish([this.#library.startReceive(length, 0)]);
      const part = new Uint8Array(decodeLength(length));
      for (const { start, end } of splitIntoChunks(part.length, CHUNK_BYTES)) {
        await this.#finish([this.#library.startReceive(part.subarray(start, end), 0)]);
      }
      this.#traffic.received += part.length;
      return part;
    });
  }

  gather(bytes: Uint8Array): Promise<readonly Uint8Array[] | undefined> {
    return this.#turn(async () => {
      await this.#meet();
      if (this.rank === 0) return this.#receiveAll(bytes);
      await this.#finish([this.#library.startSend(encodeLength(bytes.length), 0)]);
      for (const { start, end } of splitIntoChunks(bytes.length, CHUNK_BYTES)) {
        await this.#finish([this.#library.startSend(bytes.subarray(start, end), 0)]);
      }
      this.#traffic.sent += bytes.length;
      return undefined;
    });
  }

  /** All ranks have arrived. */
  barrier(): Promise<void> {
    return this.#turn(() => this.#meet());
  }

  abort(exitCode: number, _sentence: string): void {
    if (this.#closed) return;
    // If the launcher learns of the end first, it may drop what was printed just before (MPICH: 1 in 470
    // runs).
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PRINTING_MILLISECONDS);
    this.#library.abort(exitCode);
  }

  close(): Promise<void> {
    return this.#turn(async () => {
      if (this.#closed) return;
      // MPI_Finalize blocks the event loop until all ranks call it: wait at a barrier first.
      await this.#meet();
      this.#closed = true;
      this.#library.finalise();
    });
  }

  /** Sends to all ranks concurrently, one chunk per rank at a time. */
  async #sendAll([own, ...parts]: readonly Uint8Array[]): Promise<Uint8Array> {
    const lengths = parts.map((part) => encodeLength(part.length));
    await this.#finish(lengths.map((length, index) => this.#library.startSend(length, index + 1)));
    const longest = Math.max(0, ...parts.map((part) => part.length));
    for (const { start, end } of splitIntoChunks(longest, CHUNK_BYTES)) {
      const requests = parts.flatMap((part, index) => {
        const chunk = part.subarray(start, end);
        return chunk.length === 0 ? [] : [this.#library.startSend(chunk, index + 1)];
      });
      await this.#finish(requests);
    }
    for (const part of parts) this.#traffic.sent += part.length;
    return own;
  }

  /** Receives from all ranks concurrently, one chunk per rank at a time. */
  async #receiveAll(own: Uint8Array): Promise<Uint8Array[]> {
    const others = Array.from({ length: this.size - 1 }, (_, index) => index + 1);
    const lengths = others.map(() => new Uint8Array(8));
    await this.#finish(others.map((from, index) => this.#library.startReceive(lengths[index], from)));
    const parts = lengths.map((length) => new Uint8Array(decodeLength(length)));
    const longest = Math.max(0, ...parts.map((part) => part.length));
    for (const { start, end } of splitIntoChunks(longest, CHUNK_BYTES)) {
      const requests = others.flatMap((from, index) => {
        const chunk = parts[index].subarray(start, end);
        return chunk.length === 0 ? [] : [this.#library.startReceive(chunk, from)];
      });
      await this.#finish(requests);
    }
    for (const part of parts) this.#traffic.received += part.length;
    return [own, ...parts];
  }

  /** A barrier that is waited for patiently: ranks come minutes apart. */
  async #meet(): Promise<void> {
    await waitForAll(this.#library, [this.#library.startBarrier()], MEETING);
  }

  /** A transfer that is waited for eagerly. */
  async #finish(requests: readonly MpiRequest[]): Promise<void> {
    await waitForAll(this.#library, requests, TRANSFER);
  }

  /** Queued; an error of libmpi ends the job. */
  #turn<T>(work: () => Promise<T>): Promise<T> {
    return this.#queue.run(async () => {
      if (this.#failed !== undefined) throw this.#failed;
      try {
        return await work();
      } catch (error) {
        const { message, hint } = error as { message?: string; hint?: string };
        this.#failed = new RankFailure(message ?? String(error), {
          exitCode: 1,
          announced: false,
          hint,
        });
        this.#reject(this.#failed);
        throw this.#failed;
      }
    });
  }
}

/** How MPI is polled. */
interface Pace {
  /** Poll on every turn of the event loop for this long, in milliseconds. */
  readonly eagerMs: number;
  /** Then at intervals that grow to this, in milliseconds. */
  readonly longestPauseMs: number;
}

const MEETING: Pace = { eagerMs: 2, longestPauseMs: 20 };
/** A longer transfer of a chunk means a busy rank or a network slower than 16 MB/s. */
const TRANSFER: Pace = { eagerMs: 1000, longestPauseMs: 5 };
/** Time for the launcher to read what a rank has printed, in milliseconds. */
const PRINTING_MILLISECONDS = 200;
/** Polls in a tight loop first: one turn of the event loop costs more than many polls. */
const BURST_MS = 0.3;

/** Polls until all requests are done. */
async function waitForAll(library: MpiLibrary, requests: readonly MpiRequest[], pace: Pace): Promise<void> {
  let open = requests;
  const started = performance.now();
  for (;;) {
    const turn = performance.now();
    do {
      open = open.filter((request) => !library.isDone(request));
      if (open.length === 0) return;
    } while (performance.now() - turn < BURST_MS);
    const waited = turn - started;
    if (waited < pace.eagerMs) await setImmediate();
    else await setTimeout(Math.min(pace.longestPauseMs, 1 + (waited - pace.eagerMs) / 10));
  }
}

/** 64 bits, little-endian. */
function encodeLength(length: number): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(length), true);
  return bytes;
}

/** 64 bits, little endian. */
function decodeLength(bytes: Uint8Array): number {
  return Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
}
