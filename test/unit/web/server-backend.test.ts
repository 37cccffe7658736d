/** The page's side of the app over connections that break, hang, and come back. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Failure, RunEvent, ServerLine } from '../../../src/screens/protocol.ts';
import { ServerBackend } from '../../../src/web/server-backend.ts';

const HOUR = 3_600_000;
const run = { run: { id: 1, request: {}, plan: {} } } as unknown as ServerLine;
const step = (number: number, message: string): ServerLine => ({
  number,
  age: 0,
  event: { kind: 'step', name: '', message },
});

/** One stream of events: the program's end of it. */
class Stream {
  readonly url: string;
  readonly response: Response;
  aborted = false;
  private controller!: ReadableStreamDefaultController<Uint8Array>;

  constructor(url: string, signal: AbortSignal) {
    this.url = url;
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        this.controller = controller;
      },
    });
    this.response = new Response(body);
    signal.addEventListener('abort', () => {
      this.aborted = true;
      this.controller.error(signal.reason);
    });
  }

  send(...lines: ServerLine[]): void {
    const text = lines.map((line) => `${JSON.stringify(line)}\n`).join('');
    this.controller.enqueue(new TextEncoder().encode(text === '' ? '\n' : text));
  }

  break(): void {
    this.controller.error(new TypeError('network error'));
  }
}

describe('the page of the app', () => {
  let streams: Stream[];
  let requests: string[];
  let isUp: boolean;
  let links: (Failure | undefined)[];
  let events: RunEvent[];
  let backend: ServerBackend;

  beforeEach(() => {
    vi.useFakeTimers();
    [streams, requests, links, events, isUp] = [[], [], [], [], true];
    vi.stubGlobal('location', { hash: '#token=secret&b=1', pathname: '/' });
    vi.stubGlobal('history', { replaceState: () => undefined });
    vi.stubGlobal('sessionStorage', { setItem: () => undefined, getItem: () => null });
    vi.stubGlobal('fetch', async (url: string, { signal }: RequestInit) => {
      if (!isUp) throw new TypeError('connection refused');
      if (!url.startsWith('./api/events')) {
        requests.push(url);
        return new Response(null);
      }
      const stream = new Stream(url, signal as AbortSignal);
      streams.push(stream);
      return stream.response;
    });
    backend = new ServerBackend();
    backend.onLink = (failure) => links.push(failure);
    backend.onEvent = (event) => events.push(event);
    backend.watch(() => undefined);
  });
  afterEach(() => {
    vi.useRealTimers();
    vi.unstubAllGlobals();
  });

  const passing = (milliseconds: number) => vi.advanceTimersByTimeAsync(milliseconds);

  it('requests what it missed when a connection that broke is there again', async () => {
    await passing(0);
    streams[0].send(run, step(1, 'one'));
    await passing(0);
    isUp = false;
    streams[0].break();
    await passing(30_000);
    expect(streams).toHaveLength(1);
    expect(links.at(-1)?.hint).toContain('the page finds it by itself');
    isUp = true;
    await passing(10_000);
    expect(streams.map(({ url }) => url)).toEqual(['./api/events?after=0', './api/events?after=1']);
    expect(links.at(-1)).toBeUndefined();
    streams[1].send(run, step(2, 'two'));
    await passing(0);
    expect(events.map((event) => 'message' in event && event.message)).toEqual(['one', 'two']);
  });

  it('takes a connection on which nothing comes for a broken one, but not a long step', async () => {
    await passing(0);
    streams[0].send(run);
    for (let heartbeat = 0; heartbeat < HOUR / 5000; heartbeat++) {
      await passing(5000);
      streams[0].send();
    }
    expect([streams.length, streams[0].aborted, links.at(-1)]).toEqual([1, false, undefined]);
    await passing(22_000);
    expect(streams[0].aborted).toBe(true);
    expect(links.some((failure) => failure?.message.includes('does not answer'))).toBe(true);
    expect(streams).toHaveLength(2);
    expect(links.at(-1)).toBeUndefined();
  });

  it('cancels a run when the program can be reached again', async () => {
    await passing(0);
    streams[0].send(run);
    await passing(0);
    isUp = false;
    streams[0].break();
    backend.cancel();
    await passing(5000);
    expect(requests).toEqual([]);
    isUp = true;
    await passing(10_000);
    streams[1].send(run);
    await passing(0);
    expect(requests).toEqual(['./api/cancel']);
    // Heard: not sent to the next run, nor again.
    streams[1].break();
    await passing(10_000);
    streams[2].send(run);
    await passing(0);
    expect(requests).toEqual(['./api/cancel']);
  });
});
