/** Lets long loops report progress, be aborted and yield to the event loop. */
import type { OperationHooks } from '../../engine/engine.ts';
import { stopIfAborted } from '../../errors.ts';

/** Must be awaited after each iteration. */
export type Pause = (done: number, total: number) => Promise<void>;

const MILLISECONDS_BETWEEN_TURNS = 50;

export function createPause({ onProgress, signal }: OperationHooks): Pause {
  let lastTurn = performance.now();
  return async (done, total) => {
    onProgress?.(done, total);
    // Abort events arrive only while the event loop runs.
    if (performance.now() - lastTurn > MILLISECONDS_BETWEEN_TURNS) {
      await new Promise<void>((resolve) => setTimeout(resolve, 0));
      lastTurn = performance.now();
    }
    stopIfAborted(signal);
  };
}
