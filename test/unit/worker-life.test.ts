/** Threads that end, and what users are told of it. */
import { Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { endThreads, threadFailure } from '../../src/worker-life.ts';

describe('a thread that has ended', () => {
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

  it('is waited for, whether it had ended before or is busy', async () => {
    const ended = new Worker('', { eval: true });
    await new Promise((resolve) => ended.once('exit', resolve));
    const busy = new Worker('for (;;);', { eval: true });
    busy.unref();
    let exits = 0;
    busy.once('exit', () => exits++);
    await endThreads([ended, busy]);
    expect(exits).toBe(1);
  });
});
