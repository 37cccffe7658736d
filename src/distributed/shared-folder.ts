/**
 * Shared folder in which ranks meet, monitor each other and abort the job.
 *
 *   rank-N.alive      heartbeat of rank N (heartbeat.ts)
 *   session.json      written by rank 0 once all ranks are present: name and processes of this run
 *   SESSION.abort     reason why the job has ended; its writer informs the user
 *   SESSION.*.part    messages (part-file.ts)
 *
 * Leftovers of an earlier job in a folder of the same name have static heartbeats and another session name.
 *
 * Heartbeats are in the same folder as the messages for a reason: network file systems cache for up to a
 * minute that a name does not exist, unless the folder changes. Each beat changes it.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { LocScaleError } from '../errors.ts';
import { RankFailure } from './communicator.ts';
import {
  describeThisProcess,
  type Heartbeat,
  hasEnded,
  type ProcessIdentity,
  Pulse,
  readBeat,
  startHeartbeat,
} from './heartbeat.ts';
import { type FolderStates, observeSiblings, removeUnchanged } from './leftovers.ts';
import { isMissing, SESSION_CHARACTERS } from './part-file.ts';

/** Intervals of heartbeats and polls. */
export interface SharedFolderTimings {
  /** Interval of beats and polls, in milliseconds. */
  readonly beatMs: number;
  /** The same while the ranks are still gathering. */
  readonly openingBeatMs: number;
  /** Polls without a beat after which a rank is considered dead. */
  readonly missedBeats: number;
  /** How long to wait for ranks not seen yet, in milliseconds. */
  readonly openingMs: number;
}

/** A rank counts as dead after ten seconds without a heartbeat; all have five minutes to appear. */
export const DEFAULT_TIMINGS: SharedFolderTimings = {
  beatMs: 1000,
  openingBeatMs: 100,
  missedBeats: 10,
  openingMs: 300_000,
};

/** The session file, which rank 0 writes once all have appeared. */
interface Session {
  readonly session: string;
  /** Host name of every rank. */
  readonly processes: readonly ProcessIdentity[];
}

/** Why a rank ends the run, for the others. */
interface AbortNote {
  readonly rank: number;
  readonly exitCode: number;
  readonly sentence: string;
  /** Ranks that cannot clean up after themselves. */
  readonly gone: readonly number[];
}

/** Polling interval while opening, in beats. */
const OPENING_LOOK_BEATS = 0.5;

/** Exit code of a job that lost a rank: a failure without a more specific code. */
const VANISHED_EXIT_CODE = 1;

/** The folder in which ranks meet and watch each other. */
export class SharedFolder {
  readonly path: string;
  readonly rank: number;
  readonly size: number;
  readonly failure: Promise<never>;
  readonly #timings: SharedFolderTimings;
  readonly #own: ProcessIdentity = describeThisProcess();
  readonly #pulses = new Map<number, Pulse>();
  #heartbeat: Heartbeat | undefined;
  #session: Session = { session: '', processes: [] };
  #failed: RankFailure | undefined;
  #reject: (failure: RankFailure) => void = () => {};
  #watch: ReturnType<typeof setInterval> | undefined;
  #foreignBeats = 0;
  #siblings: FolderStates = new Map();
  #openedAt = 0;

  constructor(path: string, rank: number, size: number, timings: SharedFolderTimings) {
    this.path = path;
    this.rank = rank;
    this.size = size;
    this.#timings = timings;
    this.failure = new Promise<never>((_, reject) => {
      this.#reject = reject;
    });
    // Avoids an unhandled rejection if nobody awaits it.
    this.failure.catch(() => {});
  }

  get session(): string {
    return this.#session.session;
  }

  /** Host names of all ranks. */
  get hosts(): readonly string[] {
    return this.#session.processes.map(({ host }) => host);
  }

  file(name: string): string {
    return join(this.path, name);
  }

  /** Waits until all ranks are known to be alive and to belong to this job. */
  async open(): Promise<void> {
    mkdirSync(this.path, { recursive: true });
    const { openingBeatMs, beatMs } = this.#timings;
    const pauses = { opening: openingBeatMs, settled: beatMs };
    if (this.rank === 0) {
      this.#removeLeftovers();
      this.#siblings = observeSiblings(this.path);
      this.#openedAt = performance.now();
    }
    this.#heartbeat = startHeartbeat(this.#aliveFile(this.rank), this.#own, pauses);
    try {
      this.#session = this.rank === 0 ? await this.#callRoll() : await this.#waitForSession();
    } catch (error) {
      this.leave([]);
      throw error;
    }
    this.#heartbeat.settle();
    // The interval is longer now: earlier misses do not count.
    this.#pulses.clear();
    let looking = false;
    this.#watch = setInterval(async () => {
      // A poll blocked in the file system counts as one missed beat, regardless of its duration.
      if (looking) return;
      looking = true;
      await this.#look().catch(() => {});
      looking = false;
    }, beatMs);
    this.#watch.unref();
  }

  /** Throws if a rank has failed. */
  throwIfFailed(): void {
    if (this.#failed !== undefined) throw this.#failed;
  }

  /** Ends the job for all ranks by writing the abort file. */
  abort(exitCode: number, sentence: string, gone: readonly number[] = []): boolean {
    const note: AbortNote = { rank: this.rank, exitCode, sentence, gone };
    let first = false;
    if (this.session !== '' && this.#failed === undefined) {
      try {
        // Exclusive creation: the first rank to fail wins.
        writeFileSync(this.#abortFile(), JSON.stringify(note), { flag: 'wx' });
        first = true;
      } catch {
        // Another rank created it first.
      }
    }
    this.leave(gone);
    return first;
  }

  /** Stops monitoring and beating, and removes the folder if all other ranks have left or are in `gone`. */
  leave(gone: readonly number[]): void {
    clearInterval(this.#watch);
    this.#watch = undefined;
    this.#heartbeat?.stop();
    this.#heartbeat = undefined;
    try {
      const waiting = readdirSync(this.path).filter((name) => name.endsWith('.alive'));
      if (waiting.every((name) => gone.some((rank) => name === aliveName(rank)))) this.remove();
    } catch {
      // Another rank has already removed it.
    }
  }

  /** At the end of a job rank 0 also removes folders of dead jobs with the same output. */
  removeDeadSiblings(): void {
    const { beatMs, missedBeats } = this.#timings;
    if (performance.now() - this.#openedAt > beatMs * missedBeats) removeUnchanged(this.#siblings, this.path);
  }

  /** Stops monitoring; beats continue. */
  stopWatching(): void {
    clearInterval(this.#watch);
    this.#watch = undefined;
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true, maxRetries: 3, retryDelay: 100 });
  }

  /** Rank 0: waits until every other rank's heartbeat changes. */
  async #callRoll(): Promise<Session> {
    const others = Array.from({ length: this.size - 1 }, (_, index) => index + 1);
    const processes = new Map<number, ProcessIdentity>([[0, this.#own]]);
    await this.#poll(async () => {
      for (const rank of others) {
        const identity = await this.#checkPulse(rank);
        if (identity !== undefined) processes.set(rank, identity);
      }
      return others.filter((rank) => !processes.has(rank));
    });
    const session = crypto.randomUUID().replaceAll('-', '').slice(0, SESSION_CHARACTERS);
    const found: Session = { session, processes: [0, ...others].map((rank) => processes.get(rank)!) };
    const file = this.file('session.json');
    await writeFile(`${file}.new`, JSON.stringify(found));
    await rename(`${file}.new`, file);
    return found;
  }

  /** Other ranks: wait until rank 0 has listed this process in session.json. */
  async #waitForSession(): Promise<Session> {
    let found: Session | undefined;
    await this.#poll(async () => {
      await this.#checkPulse(0);
      try {
        const session = JSON.parse(await readFile(this.file('session.json'), 'utf8')) as Session;
        if (session.processes[this.rank]?.nonce === this.#own.nonce) found = session;
      } catch (error) {
        if (!isMissing(error) && !(error instanceof SyntaxError)) throw error;
      }
      return found === undefined ? [0] : [];
    });
    return found!;
  }

  /**
   * While opening: the rank's identity once it is known to be alive. Throws if it was alive and has died
   * since.
   */
  async #checkPulse(rank: number): Promise<ProcessIdentity | undefined> {
    const pulse = this.#pulse(rank);
    const beat = await readBeat(this.#aliveFile(rank));
    pulse.see(beat);
    if (pulse.aliveNonce === undefined) return undefined;
    const { missedBeats, beatMs, openingBeatMs } = this.#timings;
    const silent = pulse.missed * openingBeatMs * OPENING_LOOK_BEATS > missedBeats * beatMs;
    if (silent || (beat !== undefined && hasEnded(beat, this.#own))) {
      throw new RankFailure(`Rank ${rank} has ended before the job began.`, {
        exitCode: VANISHED_EXIT_CODE,
        announced: false,
      });
    }
    return beat?.nonce === pulse.aliveNonce ? beat : undefined;
  }

  /** Polls until no rank is missing. */
  async #poll(findMissing: () => Promise<readonly number[]>): Promise<void> {
    const started = performance.now();
    for (;;) {
      const missing = await findMissing();
      if (missing.length === 0) return;
      if (performance.now() - started > this.#timings.openingMs) {
        const who = missing.length === 1 ? `Rank ${missing[0]} was` : `Ranks ${missing.join(', ')} were`;
        const seconds = Math.round(this.#timings.openingMs / 1000);
        throw new LocScaleError('bad-input', `${who} not seen in ${this.path} within ${seconds} s.`, {
          where: this.path,
          hint: 'All ranks must run the same command in a folder that all hosts share.',
        });
      }
      await setTimeout(this.#timings.openingBeatMs * OPENING_LOOK_BEATS);
    }
  }

  /** Rank 0 monitors every rank; the others poll only rank 0 and the abort file. */
  async #look(): Promise<void> {
    const note = readNote(this.#abortFile());
    if (note !== undefined) {
      this.#fail(new RankFailure(note.sentence, { exitCode: note.exitCode, announced: true }), note.gone);
      return;
    }
    const own = await readBeat(this.#aliveFile(this.rank));
    if (own !== undefined && own.nonce !== this.#own.nonce) this.#foreignBeats++;
    if (this.#foreignBeats > 1) {
      this.#reportLoss(
        `Another job is using ${this.path} at the same time.`,
        [],
        'Give the jobs different output names.',
      );
      return;
    }
    const watched = this.rank === 0 ? this.#session.processes.map((_, rank) => rank).slice(1) : [0];
    const gone: number[] = [];
    for (const rank of watched) {
      const pulse = this.#pulse(rank);
      pulse.see(await readBeat(this.#aliveFile(rank)));
      const identity = this.#session.processes[rank];
      if (pulse.missed >= this.#timings.missedBeats || hasEnded(identity, this.#own)) gone.push(rank);
    }
    // Monitoring was stopped meanwhile.
    if (gone.length === 0 || this.#watch === undefined) return;
    // A rank that wrote the abort file exits right afterwards, as expected.
    const late = readNote(this.#abortFile());
    if (late !== undefined) {
      this.#fail(new RankFailure(late.sentence, { exitCode: late.exitCode, announced: true }), late.gone);
      return;
    }
    const who = gone.map((rank) => `rank ${rank} on ${this.#session.processes[rank].host}`).join(', ');
    this.#reportLoss(
      `${who.charAt(0).toUpperCase()}${who.slice(1)} has vanished: killed, out of memory, or cut off.`,
      gone,
      'Look for the cause in the logs of the system or the batch system (out-of-memory killer, time limit).',
    );
  }

  /** This rank reports a loss unless another has done so. */
  #reportLoss(sentence: string, gone: readonly number[], hint: string): void {
    const first = this.abort(VANISHED_EXIT_CODE, sentence, gone);
    this.#fail(new RankFailure(sentence, { exitCode: VANISHED_EXIT_CODE, announced: !first, hint }), gone);
  }

  /** Fails once; the first reason stands. */
  #fail(failure: RankFailure, gone: readonly number[]): void {
    if (this.#failed !== undefined) return;
    this.#failed = failure;
    this.leave(gone);
    this.#reject(failure);
  }

  /** What is known of a rank's heartbeat. */
  #pulse(rank: number): Pulse {
    let pulse = this.#pulses.get(rank);
    if (pulse === undefined) {
      pulse = new Pulse();
      this.#pulses.set(rank, pulse);
    }
    return pulse;
  }

  /** Files of an earlier job in the same folder; heartbeats are recognised by their nonce. */
  #removeLeftovers(): void {
    for (const name of readdirSync(this.path)) {
      if (/\.(part|abort|new)$|^session\.json/.test(name) && !name.includes('.alive')) {
        rmSync(this.file(name), { force: true });
      }
    }
  }

  #aliveFile(rank: number): string {
    return this.file(aliveName(rank));
  }

  #abortFile(): string {
    return this.file(`${this.session}.abort`);
  }
}

function aliveName(rank: number): string {
  return `rank-${rank}.alive`;
}

/** Undefined if there is no note, or it is being written. */
function readNote(path: string): AbortNote | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as AbortNote;
  } catch {
    // Missing, or being written.
    return undefined;
  }
}
