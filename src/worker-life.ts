/** What is common to the worker threads: why one has ended, as users are told, and that its end is heard of. */
import type { Worker } from 'node:worker_threads';
import { LocScaleError } from './errors.ts';

const MEMORY_HINT = 'Use fewer threads (-np), a smaller window, or a machine with more memory.';

/** `name`: "A worker thread". `cause`: what Node tells of its end. */
export function threadFailure(name: string, cause: unknown): LocScaleError {
  if (isOutOfMemory(cause))
    return new LocScaleError('out-of-memory', `${name} ran out of memory.`, { hint: MEMORY_HINT, cause });
  // Threads start in the working folder, which may be gone.
  if (/uv_cwd/.test(String(cause)))
    return new LocScaleError('bad-output', 'The working folder was removed while the program was running.', {
      hint: 'Run again in a folder that stays.',
      cause,
    });
  return new LocScaleError('internal', `${name} ended unexpectedly (${String(cause)}).`, { cause });
}

export function isOutOfMemory(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const code = (error as { code?: string }).code;
  return (
    code === 'ERR_WORKER_OUT_OF_MEMORY' ||
    /out of memory|allocation failed|Maximum memory size/i.test(error.message)
  );
}

/**
 * Keeps the process while something is waited for. Node tells of the end of a thread that was idle (and unref'ed)
 * only while something else keeps the process: without this, a run whose thread had gone would end without a word.
 */
export class Vigil {
  private timer: ReturnType<typeof setInterval> | undefined;

  begin(): void {
    this.timer ??= setInterval(() => undefined, LONG_MS);
  }

  end(): void {
    clearInterval(this.timer);
    this.timer = undefined;
  }
}

/** Ends threads and waits until they have ended. */
export async function endThreads(workers: readonly Worker[]): Promise<void> {
  const vigil = new Vigil();
  vigil.begin();
  try {
    await Promise.all(workers.map((worker) => worker.terminate()));
  } finally {
    vigil.end();
  }
}

/** Nothing is done then. */
const LONG_MS = 3_600_000;
