/** A GPU that fails in mid-run costs time, not the run, unless the user insists on it. */
import { announceCpu, isGpuFailure } from '../../after-gpu-failure.ts';
import { isLocScaleError, LocScaleError, named } from '../../errors.ts';
import { createScaledWindows, type ScaledWindows } from '../../pipeline/scaled-windows.ts';
import type { EngineChoice } from '../../select-engine.ts';

/** One try at a run. */
export interface Attempt {
  /** "cpu" at the second try. */
  readonly choice: EngineChoice['engine'];
  /** To be called once an engine is open. */
  readonly onEngine: (description: string) => void;
  /** For the run: windows that the GPU has scaled, which the second try takes. Absent where none follows. */
  readonly scaledWindows: ScaledWindows | undefined;
}

/**
 * Runs `attempt`, and once more on the CPU if its GPU was lost or ran out of memory and the engine was
 * left to the program. `announce` gets the reason before. Other errors are thrown as they are.
 */
export async function continuingOnCpu<T>(
  choice: EngineChoice['engine'],
  attempt: (attempt: Attempt) => Promise<T>,
  announce: (message: string) => void,
): Promise<T> {
  const scaledWindows = choice === 'auto' ? createScaledWindows() : undefined;
  let onGpu = false;
  try {
    return await attempt({
      choice,
      scaledWindows,
      onEngine: (description) => {
        onGpu = description.startsWith('GPU');
      },
    });
  } catch (thrown) {
    const error = onGpu ? inSentence(thrown) : thrown;
    if (choice !== 'auto' || !onGpu || !isGpuFailure(error)) throw error;
    announce(announceCpu(error, scaledWindows));
    return attempt({ choice: 'cpu', scaledWindows, onEngine: () => undefined });
  }
}

/** When the GPU process dies, pending work fails with the browser's own errors. */
function inSentence(error: unknown): unknown {
  if (isLocScaleError(error)) return error;
  const text = error instanceof Error ? error.message : String(error);
  return new LocScaleError('no-device', `The GPU stopped working (${text}).`, {
    hint: `Run again; if it happens again, update the driver or use ${named('engine', 'cpu')}.`,
    cause: error,
  });
}
