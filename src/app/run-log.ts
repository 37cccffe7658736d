/** What happens in a run, for pages that come late: a tunnel that breaks, a page that is loaded again. */
import type { Failure, RunEvent, RunSummary, ServerLine, ServerRun } from '../screens/protocol.ts';

/** An event, or the outcome that ends the run. `time`: milliseconds of the server's clock. */
type Entry = { readonly number: number; readonly time: number } & (
  | { readonly event: RunEvent }
  | { readonly summary: RunSummary }
  | { readonly failure: Failure }
);

/**
 * Events of the last run, numbered through all runs, so that a page that comes back gets what it missed.
 */
export class RunLog {
  /** The last run; undefined before the first. */
  private run: ServerRun | undefined;
  /** Of the last run only; all but the latest progress of a step. */
  private entries: Entry[] = [];
  /** Number of the last entry, through all runs. */
  private count = 0;
  /** Between `begin` and `end`. */
  private under = false;
  /** One per connected page. */
  private readonly listeners = new Set<(line: ServerLine) => void>();
  /** Milliseconds; tests have a clock of their own. */
  private readonly now: () => number;

  constructor(now: () => number = () => performance.now()) {
    this.now = now;
  }

  /** Refuses a second run, and keeps an app alive that no page is open on. */
  get isUnderWay(): boolean {
    return this.under;
  }

  /** Pages that are connected. */
  get listening(): number {
    return this.listeners.size;
  }

  /** Of the last run, if it came to an end. */
  get summary(): RunSummary | undefined {
    const last = this.entries.at(-1);
    return last !== undefined && 'summary' in last ? last.summary : undefined;
  }

  /** The job of the last run, for a page that did not start it. */
  get request(): ServerRun['request'] | undefined {
    return this.run?.request;
  }

  /** Forgets the run before; returns the number of the new one. */
  begin(run: Omit<ServerRun, 'id'>): number {
    const id = (this.run?.id ?? 0) + 1;
    this.run = { id, ...run };
    this.entries = [];
    this.under = true;
    this.send({ run: this.run });
    return id;
  }

  /** Events after the end, of a process that was stopped, are left out. */
  add(event: RunEvent): void {
    if (!this.under) return;
    // Of a step's progress only the last is worth keeping.
    const last = this.entries.at(-1);
    if (event.kind === 'progress' && last !== undefined && 'event' in last && last.event.kind === 'progress')
      this.entries.pop();
    this.append({ event });
  }

  /** Later events, of a process that still winds down, are dropped by `add`. */
  end(outcome: { readonly summary: RunSummary } | { readonly failure: Failure }): void {
    this.under = false;
    this.append(outcome);
  }

  /** Sends what the listener has missed, then what happens; returns how to stop. `after`: the last it has. */
  follow(after: number, listener: (line: ServerLine) => void): () => void {
    listener({ run: this.run });
    for (const entry of this.entries) if (entry.number > after) listener(this.lineOf(entry));
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Stores before it sends, so that a page that connects in between misses nothing. */
  private append(what: { event: RunEvent } | { summary: RunSummary } | { failure: Failure }): void {
    const entry = { number: ++this.count, time: this.now(), ...what };
    this.entries.push(entry);
    this.send(this.lineOf(entry));
  }

  /** With the age in place of the time: clocks of page and server may differ. */
  private lineOf({ time, ...entry }: Entry): ServerLine {
    return { ...entry, age: this.now() - time };
  }

  /** In the order in which pages connected. */
  private send(line: ServerLine): void {
    for (const listener of this.listeners) listener(line);
  }
}
