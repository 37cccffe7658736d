/** The page's side of its worker: one outcome for every request, whatever becomes of the worker. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { JobRequest } from '../../../src/screens/protocol.ts';
import { RequestFailure, WorkerBackend } from '../../../src/web/backend.ts';

/** What the page has posted to one worker; the test answers. */
class FakeWorker {
  static readonly all: FakeWorker[] = [];
  onmessage: (event: { data: unknown }) => void = () => undefined;
  onerror: (event: { message: string }) => void = () => undefined;
  readonly posted: { id?: number; name: string; value?: unknown }[] = [];
  terminated = false;

  constructor() {
    FakeWorker.all.push(this);
  }

  postMessage(message: FakeWorker['posted'][number]): void {
    this.posted.push(message);
  }

  terminate(): void {
    this.terminated = true;
  }

  answer(name: string, answer: { value: unknown } | { failure: { tag: string; message: string } }): void {
    const { id } = this.posted.findLast((request) => request.name === name) ?? {};
    this.onmessage({ data: { id, ...answer } });
  }

  names(): string[] {
    return this.posted.map(({ name }) => name);
  }
}

const job = {} as JobRequest;
const file = {} as File;

/** Tag of the failure, or the value: whichever comes first stays. */
function outcomeOf(answer: Promise<unknown>): { is: unknown } {
  const outcome: { is: unknown } = { is: 'pending' };
  answer.then(
    (value) => {
      outcome.is = value;
    },
    (error) => {
      outcome.is = error instanceof RequestFailure ? error.failure.tag : error;
    },
  );
  return outcome;
}

describe('a cancelled run', () => {
  let backend: WorkerBackend;
  beforeEach(() => {
    FakeWorker.all.length = 0;
    vi.useFakeTimers();
    vi.stubGlobal('Worker', FakeWorker);
    vi.stubGlobal('__RUN_WORKER__', 'run-worker.js');
    backend = new WorkerBackend();
  });
  afterEach(() => {
    vi.useRealTimers();
    vi.unstubAllGlobals();
  });
  const worker = (): FakeWorker => FakeWorker.all.at(-1) as FakeWorker;

  it('ends by the answer of a worker that stops in time', async () => {
    const run = outcomeOf(backend.ask('run', job));
    backend.cancel();
    worker().answer('run', { failure: { tag: 'aborted', message: 'The run was stopped.' } });
    await vi.advanceTimersByTimeAsync(10_000);
    expect(run.is).toBe('aborted');
    expect(FakeWorker.all).toHaveLength(1);
  });

  it('ends with the worker that does not, also before it has answered anything, and twice', async () => {
    const run = outcomeOf(backend.ask('run', job));
    backend.cancel();
    backend.cancel();
    await vi.advanceTimersByTimeAsync(1000);
    expect(run.is).toBe('aborted');
    expect(FakeWorker.all.map(({ terminated }) => terminated)).toEqual([true, false]);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(FakeWorker.all).toHaveLength(2);
  });

  it('has its result if that was under way', async () => {
    const run = outcomeOf(backend.ask('run', job));
    backend.cancel();
    worker().answer('run', { value: 'summary' });
    await vi.advanceTimersByTimeAsync(10_000);
    expect(run.is).toBe('summary');
    expect(FakeWorker.all).toHaveLength(1);
    backend.cancel();
    expect(worker().names()).toEqual(['run', 'cancel']);
  });

  it('does not end the next one', async () => {
    void outcomeOf(backend.ask('run', job));
    backend.cancel();
    worker().answer('run', { failure: { tag: 'aborted', message: 'The run was stopped.' } });
    const next = outcomeOf(backend.ask('run', job));
    await vi.advanceTimersByTimeAsync(10_000);
    expect([next.is, FakeWorker.all.length]).toEqual(['pending', 1]);
  });

  it('leaves other requests to the next worker, which knows what the one before knew', async () => {
    const probe = outcomeOf(backend.ask('probe'));
    worker().answer('probe', { value: 'machine' });
    void outcomeOf(backend.ask('demo'));
    worker().answer('demo', { value: [] });
    const preview = outcomeOf(backend.ask('preview', file));
    const run = outcomeOf(backend.ask('run', job));
    backend.cancel();
    await vi.advanceTimersByTimeAsync(1000);
    expect([probe.is, preview.is, run.is]).toEqual(['machine', 'pending', 'aborted']);
    expect(worker().posted.map(({ name, value }) => [name, value])).toEqual([
      ['probe', undefined],
      ['demo', undefined],
      ['preview', file],
    ]);
    worker().answer('probe', { value: 'the same machine' });
    worker().answer('preview', { value: 'sections' });
    await vi.advanceTimersByTimeAsync(0);
    expect([probe.is, preview.is]).toEqual(['machine', 'sections']);
  });

  it('does not end a store under way', async () => {
    const store = outcomeOf(backend.ask('store'));
    const run = outcomeOf(backend.ask('run', job));
    backend.cancel();
    await vi.advanceTimersByTimeAsync(10_000);
    expect([store.is, run.is, FakeWorker.all.length]).toEqual(['pending', 'pending', 1]);
    worker().answer('store', { value: 'stored' });
    await vi.advanceTimersByTimeAsync(1000);
    expect([store.is, run.is, FakeWorker.all.length]).toEqual(['stored', 'aborted', 2]);
  });
});

it('requests fail with a worker that has crashed, and for good with one that never answered', async () => {
  FakeWorker.all.length = 0;
  vi.stubGlobal('Worker', FakeWorker);
  vi.stubGlobal('__RUN_WORKER__', 'run-worker.js');
  const backend = new WorkerBackend();
  const [first] = FakeWorker.all;
  await Promise.all([backend.ask('probe'), first.answer('probe', { value: 'machine' })]);
  const run = outcomeOf(backend.ask('run', job));
  first.onerror({ message: 'It broke.' });
  await Promise.resolve();
  expect(run.is).toBe('internal');
  const [, second] = FakeWorker.all;
  expect(second.names()).toEqual(['probe']);
  second.onerror({ message: '' });
  await expect(backend.ask('run', job)).rejects.toThrow('A part of this page could not be loaded');
  expect(FakeWorker.all).toHaveLength(2);
  vi.unstubAllGlobals();
});
