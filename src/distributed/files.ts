/**
 * Ranks without libmpi: messages are files in a shared folder. Latency is higher than MPI's; throughput is
 * that of the file system.
 */
import { rm } from 'node:fs/promises';
import { setTimeout } from 'node:timers/promises';
import type { Communicator, Traffic } from './communicator.ts';
import type { Launcher } from './launcher.ts';
import { readPart, writePart } from './part-file.ts';
import { SerialQueue } from './serial-queue.ts';
import { DEFAULT_TIMINGS, SharedFolder, type SharedFolderTimings } from './shared-folder.ts';

/** Where the ranks meet, and which one this is. */
export interface FilesOptions {
  readonly folder: string;
  readonly rank: number;
  readonly size: number;
  /** For the description: "SLURM". */
  readonly launcher: Launcher['name'];
  readonly timings?: Partial<SharedFolderTimings>;
}

/** Opens the folder and waits until all ranks have met there. */
export async function createFilesCommunicator(options: FilesOptions): Promise<Communicator> {
  const { folder, rank, size } = options;
  const timings = { ...DEFAULT_TIMINGS, ...options.timings };
  const shared = new SharedFolder(folder, rank, size, timings);
  await shared.open();
  return new FilesCommunicator(shared, options.launcher, timings);
}

/**
 * Polling interval for messages. It starts short and grows, because waits last either milliseconds or
 * minutes.
 */
const SHORTEST_PAUSE_MS = 2;
const LONGEST_PAUSE_MS = 200;
const EMPTY = new Uint8Array(0);

/**
 * Messages as files: a rank writes under a temporary name and renames, readers poll. Works on file systems
 * that only rename atomically.
 */
class FilesCommunicator implements Communicator {
  readonly kind = 'files';
  readonly description: string;
  readonly rank: number;
  readonly size: number;
  readonly localRank: number;
  readonly localSize: number;
  readonly failure: Promise<never>;
  readonly #folder: SharedFolder;
  readonly #timings: SharedFolderTimings;
  readonly #queue = new SerialQueue();
  readonly #traffic = { sent: 0, received: 0 };
  /** Identical on all ranks, since all call the same verbs. */
  #sequence = 0;
  /** Broadcasts of this rank that others may not have read yet. */
  #unread: string[] = [];
  #closed = false;

  constructor(folder: SharedFolder, launcher: string, timings: SharedFolderTimings) {
    this.#folder = folder;
    this.#timings = timings;
    const { rank, size, hosts } = folder;
    this.rank = rank;
    this.size = size;
    this.description = `shared folder, rank ${rank} of ${size} (${launcher})`;
    this.localRank = hosts.slice(0, rank).filter((host) => host === hosts[rank]).length;
    this.localSize = hosts.filter((host) => host === hosts[rank]).length;
    this.failure = folder.failure;
  }

  get traffic(): Traffic {
    return { ...this.#traffic };
  }

  broadcast(bytes: Uint8Array | undefined, root = 0): Promise<Uint8Array> {
    if (this.rank === root && bytes === undefined) {
      return Promise.reject(new TypeError('the root of a broadcast needs bytes'));
    }
    return this.#queue.run(() => this.#broadcast(bytes, root));
  }

  scatter(parts: readonly Uint8Array[] | undefined): Promise<Uint8Array> {
    if (this.rank === 0 && parts?.length !== this.size) {
      return Promise.reject(new TypeError('the root of a scatter needs a part for every rank'));
    }
    return this.#queue.run(() => this.#scatter(parts));
  }

  gather(bytes: Uint8Array): Promise<readonly Uint8Array[] | undefined> {
    return this.#queue.run(() => this.#gather(bytes));
  }

  barrier(): Promise<void> {
    return this.#queue.run(() => this.#meet());
  }

  abort(exitCode: number, sentence: string): void {
    if (!this.#closed) this.#folder.abort(exitCode, sentence);
    this.#closed = true;
  }

  close(): Promise<void> {
    return this.#queue.run(async () => {
      if (this.#closed) return;
      await this.#meet();
      this.#closed = true;
      // Stop monitoring: ranks now leave at different times. Rank 0 stays until all others have read its last
      // message.
      this.#folder.stopWatching();
      const sequence = this.#sequence++;
      if (this.rank !== 0) {
        await this.#write(sequence, EMPTY);
        this.#folder.leave([]);
        return;
      }
      const patience = performance.now() + this.#timings.beatMs * this.#timings.missedBeats;
      for (let sender = 1; sender < this.size; sender++) {
        while ((await this.#read(sequence, sender)) === undefined && performance.now() < patience) {
          await setTimeout(SHORTEST_PAUSE_MS);
        }
      }
      this.#folder.leave([]);
      this.#folder.remove();
      this.#folder.removeDeadSiblings();
    });
  }

  /** The root writes one file, all others read it; it is removed at the next barrier. */
  async #broadcast(bytes: Uint8Array | undefined, root: number): Promise<Uint8Array> {
    const sequence = this.#sequence++;
    if (this.rank !== root) {
      const received = await this.#receive(sequence, root);
      this.#traffic.received += received.length;
      return received;
    }
    if (bytes === undefined) throw new TypeError('the root of a broadcast needs bytes');
    this.#unread.push(await this.#write(sequence, bytes));
    this.#traffic.sent += bytes.length * (this.size - 1);
    return bytes;
  }

  /** One message, with its own sequence number, to each rank except 0. */
  async #scatter(parts: readonly Uint8Array[] | undefined): Promise<Uint8Array> {
    const before = this.#sequence - 1;
    this.#sequence += this.size - 1;
    if (this.rank === 0) {
      if (parts === undefined) throw new TypeError('the root of a scatter needs a part for every rank');
      for (let rank = 1; rank < this.size; rank++) {
        await this.#write(before + rank, parts[rank]);
        this.#traffic.sent += parts[rank].length;
      }
      return parts[0];
    }
    const part = await this.#receive(before + this.rank, 0);
    await rm(this.#name(before + this.rank, 0), { force: true });
    this.#traffic.received += part.length;
    return part;
  }

  /** All ranks write, rank 0 reads and removes. */
  async #gather(bytes: Uint8Array): Promise<Uint8Array[] | undefined> {
    const sequence = this.#sequence++;
    if (this.rank !== 0) {
      await this.#write(sequence, bytes);
      this.#traffic.sent += bytes.length;
      return undefined;
    }
    const parts = [bytes];
    for (let sender = 1; sender < this.size; sender++) {
      const part = await this.#receive(sequence, sender);
      await rm(this.#name(sequence, sender), { force: true });
      this.#traffic.received += part.length;
      parts.push(part);
    }
    return parts;
  }

  /** Nobody leaves before all have arrived; afterwards earlier broadcasts are removed. */
  async #meet(): Promise<void> {
    await this.#gather(EMPTY);
    // All ranks have arrived, so all earlier broadcasts have been read.
    const read = this.#unread;
    this.#unread = [];
    await this.#broadcast(EMPTY, 0);
    for (const file of read) await rm(file, { force: true });
  }

  /** Writes a message; returns its file. */
  async #write(sequence: number, bytes: Uint8Array): Promise<string> {
    this.#folder.throwIfFailed();
    const file = this.#name(sequence, this.rank);
    await writePart(file, { session: this.#folder.session, sequence, sender: this.rank }, bytes);
    return file;
  }

  /** Polls with growing pauses until the message is there, or a rank has failed. */
  async #receive(sequence: number, sender: number): Promise<Uint8Array> {
    for (let pause = SHORTEST_PAUSE_MS; ; pause = Math.min(LONGEST_PAUSE_MS, pause * 1.1)) {
      this.#folder.throwIfFailed();
      const bytes = await this.#read(sequence, sender);
      if (bytes !== undefined) return bytes;
      await setTimeout(pause);
    }
  }

  #read(sequence: number, sender: number): Promise<Uint8Array | undefined> {
    return readPart(this.#name(sequence, sender), { session: this.#folder.session, sequence, sender });
  }

  #name(sequence: number, sender: number): string {
    return this.#folder.file(`${this.#folder.session}.${sequence}.${sender}.part`);
  }
}
