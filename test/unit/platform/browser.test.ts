/** Threads in a browser, with a stand-in for its workers. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startThread } from '../../../src/platform/browser.ts';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** Does nothing, and is reached by nobody but its owner. */
class SilentWorker {
  static readonly started: WeakRef<SilentWorker>[] = [];
  onerror: ((event: { message: string }) => void) | undefined;
  constructor() {
    SilentWorker.started.push(new WeakRef(this));
  }
  postMessage(): void {}
  terminate(): void {}
}

function failAll(): void {
  for (const worker of SilentWorker.started) worker.deref()?.onerror?.({ message: 'failed' });
}

async function countReachable(): Promise<number> {
  // A WeakRef holds what it gave until the current task ends.
  await new Promise((resolve) => setTimeout(resolve, 10));
  collectGarbage();
  return SilentWorker.started.filter((worker) => worker.deref() !== undefined).length;
}

describe('a thread in a browser', () => {
  const ends: unknown[] = [];
  const start = () =>
    startThread('./worker.ts', import.meta.url, undefined, {
      onMessage: () => undefined,
      onEnd: (cause) => ends.push(cause),
    });
  const scope = globalThis as { Worker?: unknown };
  const { Worker } = scope;
  beforeEach(() => {
    ends.length = 0;
    SilentWorker.started.length = 0;
    scope.Worker = SilentWorker;
  });
  afterEach(() => {
    scope.Worker = Worker;
  });

  it('is reachable until it ends, though its caller only awaits its reply', async () => {
    for (let i = 0; i < 10; i++) start();
    expect(await countReachable()).toBe(10);
    failAll();
    expect(ends).toHaveLength(10);
    // Errors hold what was called on their stack.
    ends.length = 0;
    expect(await countReachable()).toBe(0);
  });

  it('ends once', async () => {
    const thread = start();
    await thread.end();
    await thread.end();
    expect(ends).toEqual([new Error('the thread was stopped')]);
  });
});
