/** Exit codes of the command line, one per kind of failure. */
import { type ErrorTag, LocScaleError } from '../errors.ts';

/** Printed at the end of the help; scripts rely on them. */
export const exitCodes = {
  done: 0,
  internal: 1,
  usage: 2,
  badInput: 3,
  noDevice: 4,
  outOfMemory: 5,
  hungUp: 129,
  interrupted: 130,
  terminated: 143,
} as const;

/** Signals that end a run cleanly. */
export type StopSignal = 'SIGINT' | 'SIGTERM' | 'SIGHUP';

/** 128 plus the number of the signal, as shells report it. */
const exitCodeOfSignal: Record<StopSignal, number> = {
  SIGHUP: exitCodes.hungUp,
  SIGINT: exitCodes.interrupted,
  SIGTERM: exitCodes.terminated,
};

/** Codes by the tag of the error; no command chooses its own. */
const byTag: Record<ErrorTag, number> = {
  usage: exitCodes.usage,
  unsupported: exitCodes.usage,
  'bad-input': exitCodes.badInput,
  'bad-output': exitCodes.badInput,
  'no-device': exitCodes.noDevice,
  'out-of-memory': exitCodes.outOfMemory,
  aborted: exitCodes.interrupted,
  internal: exitCodes.internal,
};

/** Whether this is the exit code of a run ended by a signal. */
export function isStopCode(code: number): boolean {
  return Object.values(exitCodeOfSignal).includes(code);
}

/** A signal takes precedence over the tag, because an aborted step may fail with any error. */
export function exitCodeOf(error: LocScaleError, signal: StopSignal | undefined): number {
  return signal === undefined ? byTag[error.tag] : exitCodeOfSignal[signal];
}

/**
 * Converts anything thrown to a LocScaleError: failed allocations, full disks and aborts get their tags; the
 * rest are faults of the program.
 */
export function toLocScaleError(error: unknown): LocScaleError {
  if (error instanceof LocScaleError) return error;
  const message = error instanceof Error ? error.message : String(error);
  if (
    error instanceof RangeError &&
    /alloc|array (buffer|length)|invalid (typed )?array length|memory/i.test(message)
  ) {
    return new LocScaleError('out-of-memory', `Not enough memory: ${message}.`, {
      cause: error,
      hint: 'Use a machine with more memory, or lower --memory so that the work is cut into smaller slabs.',
    });
  }
  const code = (error as { code?: unknown } | null)?.code;
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new LocScaleError('bad-output', 'The disk is full.', {
      cause: error,
      hint: 'Free some space or write elsewhere with -o.',
    });
  }
  if (error instanceof Error && error.name === 'AbortError') {
    return new LocScaleError('aborted', 'The run was stopped.', { cause: error });
  }
  return new LocScaleError('internal', `Internal error: ${message}`, {
    cause: error,
    hint: 'This is a fault of locscale-gpu: run again with --debug and report what it prints.',
  });
}
