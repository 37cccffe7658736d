/** User-facing errors for worker threads that fail or end. */
import { LocScaleError, named } from '../errors.ts';

const THREADS = named('threads');
const MEMORY_HINT = `Use fewer threads (${THREADS}), a smaller window, or a machine with more memory.`;

/** `name`: for example "A worker thread". `cause`: the platform's reason for its exit. */
export function threadFailure(name: string, cause: unknown): LocScaleError {
  if (isOutOfMemory(cause))
    return new LocScaleError('out-of-memory', `${name} ran out of memory.`, { hint: MEMORY_HINT, cause });
  // Threads start in the working folder, which may have been removed.
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
