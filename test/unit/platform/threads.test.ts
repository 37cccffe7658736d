/** Worker threads: messages both ways, ends that are noticed, and what users read of them. */
import { describe, expect, it } from 'vitest';
import { startWorker } from '../../../src/platform/system.ts';
import { threadFailure } from '../../../src/platform/thread-failure.ts';

function script(text: string): URL {
  return new URL(`data:text/javascript,${encodeURIComponent(text)}`);
}

/** Its first reply, and what it ended with. */
function start(text: string, data?: unknown) {
  let onMessage = (_: unknown): void => undefined;
  let onEnd = (_: unknown): void => undefined;
  const reply = new Promise<unknown>((resolve) => {
    onMessage = resolve;
  });
  const ended = new Promise<unknown>((resolve) => {
    onEnd = resolve;
  });
  return { thread: startWorker(script(text), data, { onMessage, onEnd }), reply, ended };
}

describe('the error for a thread that has ended', () => {
  it.each([
    [
      Object.assign(new Error('limit'), { code: 'ERR_WORKER_OUT_OF_MEMORY' }),
      'out-of-memory',
      'ran out of memory',
    ],
    [new Error('ENOENT: no such file or directory, uv_cwd'), 'bad-output', 'The working folder was removed'],
    [new Error('exit code 3'), 'internal', 'A thread ended unexpectedly (Error: exit code 3).'],
  ])('%s', (cause, tag, words) => {
    const failure = threadFailure('A thread', cause);
    expect(failure.tag).toBe(tag);
    expect(failure.message).toContain(words);
    expect(failure.cause).toBe(cause);
  });
});

describe('a worker thread', () => {
  it('gets its start data and messages, and replies', async () => {
    const { thread, reply, ended } = start(
      `import { parentPort, workerData } from 'node:worker_threads';
       parentPort.on('message', (value) => parentPort.postMessage(value * workerData.factor));`,
      { factor: 3 },
    );
    thread.setBusy(true);
    thread.post(14);
    expect(await reply).toBe(42);
    await thread.end();
    await ended;
  });

  it('that throws says why', async () => {
    const { thread, ended } = start(`throw new Error('no luck');`);
    thread.setBusy(true);
    expect(String(await ended)).toContain('no luck');
  });

  it('can be ended, whether it has ended before or is busy', async () => {
    const over = start('');
    over.thread.setBusy(true);
    await over.ended;
    await over.thread.end();
    const busy = start('for (;;);');
    await busy.thread.end();
    expect(String(await busy.ended)).toContain('exit code');
  });
});
