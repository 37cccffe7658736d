/**
 * The page's side of `locscale-gpu app`: requests over HTTP, and one stream of events, which is opened again
 * when it breaks. A run belongs to the program: it continues without the page, and is found again.
 */
import type {
  Failure,
  Listing,
  RequestName,
  RunSummary,
  ServerLine,
  ServerRun,
} from '../screens/protocol.ts';
import { decodeAnswer } from '../screens/wire.ts';
import { type Backend, type FoundRun, type Gives, RequestFailure, type Takes } from './backend.ts';

/** Key in the session storage, which every tab and every port has its own of. */
const STORED = 'locscale-gpu token';
/** What this page can do by itself is not done by the program. */
const NOT_OFFERED: readonly RequestName[] = ['demo', 'store', 'storedResults', 'open', 'remove'];
/** Between attempts to reach the program: doubled from the first to the last. */
const FIRST_WAIT_MILLISECONDS = 500;
/** Short enough that a tunnel opened again is noticed while the user watches. */
const MOST_WAIT_MILLISECONDS = 10_000;
/** Four heartbeats of the program: a tunnel that hangs, or a computer that slept, closes no connection. */
const SILENCE_MILLISECONDS = 20_000;

/** Status 401: waiting does not help, only the right address. */
const NO_TOKEN: Failure = {
  tag: 'usage',
  message: 'This address lacks its token, or the program that printed it was started again.',
  hint:
    'Open the whole address that locscale-gpu app has printed, with all that follows “#”. If that is what you ' +
    'did, another program answers here: end the tunnel that has this port, or give the new one another port.',
};
/** No connection at all: attempts continue, as a tunnel may come back. */
const UNREACHABLE: Failure = {
  tag: 'internal',
  message: 'The program that serves this page does not answer: it has ended, or the tunnel to it has.',
  hint:
    'Start the tunnel again: the page finds it by itself. If the program has ended, start it again and open ' +
    'the address that it prints.',
};

/** End of a run, which may come before anybody waits for it. */
interface Outcome {
  /** Shared by all who wait. */
  readonly promise: Promise<RunSummary>;
  /** The run left a result. */
  resolve(summary: RunSummary): void;
  /** The run failed or was stopped, or the program is gone. */
  reject(failure: RequestFailure): void;
}

/** Requests over HTTP with the token of the address. */
export class ServerBackend implements Backend {
  /** Set by the page before `watch`. */
  onEvent: Backend['onEvent'] = () => undefined;
  /** The stream of events has broken, or is there again. */
  onLink: (failure: Failure | undefined) => void = () => undefined;
  /** Read once: the address loses it at the same moment. */
  private readonly token = takeToken();
  /** By the run's number. */
  private readonly outcomes = new Map<number, Outcome>();
  /** The run that the stream's events belong to. */
  private current: ServerRun | undefined;
  /** Number of the last line received; a stream opened again continues after it. */
  private last = 0;
  /** Number of the run to be cancelled, until the program has heard it. */
  private cancelling: number | undefined;

  /** "run" is answered at once by a number; its end comes with the stream of events. */
  async ask<N extends RequestName>(name: N, ...[value]: Takes<N>): Promise<Gives<N>> {
    if (NOT_OFFERED.includes(name))
      throw new RequestFailure({ tag: 'unsupported', message: `The program does not offer "${name}".` });
    const response = await this.request(name === 'stream' ? 'file' : name, value);
    if (name === 'file') return (await response.blob()) as Gives<N>;
    if (name === 'stream') return response.body as Gives<N>;
    const answer = decodeAnswer(await response.arrayBuffer());
    if (name !== 'run') return answer as Gives<N>;
    return (await this.outcome(answer as number).promise) as Gives<N>;
  }

  /** The stream of events reports when the run has stopped. Sent again where nothing answers. */
  cancel(): void {
    this.cancelling = this.current?.id;
    void this.sendCancel();
  }

  private async sendCancel(): Promise<void> {
    const id = this.cancelling;
    await this.request('cancel', undefined).then(
      () => {
        if (this.cancelling === id) this.cancelling = undefined;
      },
      // Until the stream of events is there again.
      () => undefined,
    );
  }

  /** A folder of the machine that serves the page. */
  async list(folder: string): Promise<Listing> {
    const response = await this.request('list', folder);
    return decodeAnswer(await response.arrayBuffer()) as Listing;
  }

  /**
   * Opens the stream of events. `onFound` gets the run that is under way, or has ended, before its events.
   */
  watch(onFound: (run: FoundRun | undefined) => void): void {
    let first = true;
    void this.follow((run) => {
      this.current = run;
      if (this.cancelling !== undefined && this.cancelling === run?.id) void this.sendCancel();
      if (first) onFound(run && { ...run, outcome: this.outcome(run.id).promise });
      first = false;
    });
  }

  /** Throws RequestFailure, also where nothing answers. */
  private async request(name: string, value: unknown): Promise<Response> {
    const response = await fetch(`./api/${name}`, {
      method: 'POST',
      headers: { Authorization: `Bearer ${this.token}`, 'Content-Type': 'application/json' },
      body: value === undefined ? undefined : JSON.stringify(value),
    }).catch(() => {
      throw new RequestFailure(UNREACHABLE);
    });
    if (response.ok) return response;
    if (response.status === 401) throw new RequestFailure(NO_TOKEN);
    throw new RequestFailure((await response.json().catch(() => UNREACHABLE)) as Failure);
  }

  /** Until the address is found to be wrong. */
  private async follow(onRun: (run: ServerRun | undefined) => void): Promise<void> {
    let wait = FIRST_WAIT_MILLISECONDS;
    for (;;) {
      const silence = new Silence();
      try {
        const headers = { Authorization: `Bearer ${this.token}` };
        const response = await fetch(`./api/events?after=${this.last}`, { headers, signal: silence.signal });
        if (response.status === 401) return this.giveUp();
        if (response.body === null || !response.ok) throw new Error('no events');
        wait = FIRST_WAIT_MILLISECONDS;
        this.onLink(undefined);
        for await (const line of linesOf(response.body, () => silence.end()))
          if ('run' in line) onRun(line.run);
          else this.receive(line);
      } catch {
        // Like an end of the stream.
      } finally {
        silence.stop();
      }
      this.onLink(UNREACHABLE);
      await new Promise((resolve) => setTimeout(resolve, wait));
      wait = Math.min(2 * wait, MOST_WAIT_MILLISECONDS);
    }
  }

  /** Lines of the stream come in order; the last number is where it resumes. */
  private receive(line: Exclude<ServerLine, { readonly run: unknown }>): void {
    if (this.current === undefined) return;
    this.last = line.number;
    if ('event' in line) this.onEvent(line.event, line.age);
    else if ('summary' in line) this.outcome(this.current.id).resolve(line.summary);
    else this.outcome(this.current.id).reject(new RequestFailure(line.failure));
  }

  /** Another program, or the same started again, has the address now. */
  private giveUp(): void {
    this.onLink(NO_TOKEN);
    for (const { reject } of this.outcomes.values()) reject(new RequestFailure(NO_TOKEN));
  }

  /** By the run's number, made by whoever comes first. */
  private outcome(id: number): Outcome {
    const known = this.outcomes.get(id);
    if (known !== undefined) return known;
    let settle = {} as Omit<Outcome, 'promise'>;
    const promise = new Promise<RunSummary>((resolve, reject) => {
      settle = { resolve, reject };
    });
    // Nobody may wait for it.
    promise.catch(() => undefined);
    const outcome = { promise, ...settle };
    this.outcomes.set(id, outcome);
    return outcome;
  }
}

/** Out of the address, in which links to settings would have it. */
function takeToken(): string {
  const hash = new URLSearchParams(location.hash.slice(1));
  const given = hash.get('token');
  if (given === null) return sessionStorage.getItem(STORED) ?? '';
  sessionStorage.setItem(STORED, given);
  hash.delete('token');
  const rest = hash.toString();
  history.replaceState(null, '', `${location.pathname}${rest === '' ? '' : `#${rest}`}`);
  return given;
}

/** Aborts a stream on which nothing comes. */
class Silence {
  /** Clock of the day, which runs on while the computer sleeps. */
  private begun = Date.now();
  private readonly abort = new AbortController();
  private readonly timer = setInterval(() => {
    if (Date.now() - this.begun > SILENCE_MILLISECONDS) this.abort.abort();
  }, 1000);

  get signal(): AbortSignal {
    return this.abort.signal;
  }

  /** Something has come: the next silence begins. */
  end(): void {
    this.begun = Date.now();
  }

  stop(): void {
    clearInterval(this.timer);
  }
}

/** JSON lines; empty ones are heartbeats. `onText`: for all that comes. */
async function* linesOf(body: ReadableStream<Uint8Array>, onText: () => void): AsyncGenerator<ServerLine> {
  const reader = body.pipeThrough(new TextDecoderStream() as TransformStream<Uint8Array, string>).getReader();
  let text = '';
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      onText();
      const lines = (text + value).split('\n');
      text = lines.pop() ?? '';
      for (const line of lines) if (line !== '') yield JSON.parse(line) as ServerLine;
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}
