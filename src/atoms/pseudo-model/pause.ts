/** Long loops of this folder tell how far they are, can be stopped, and let the rest of the program run. */
import type { OperationHooks } from '../../engine/engine.ts';
import { stopIfAborted } from '../../errors.ts';

/** To be awaited after each iteration. */
export type Pause = (done: number, total: number) => Promise<void>;

const MILLISECONDS_BETWEEN_TURNS = 50;

export function createPause({ onProgress, signal }: OperationHooks): Pause {
  let lastTurn = performance.now();
  return async (done, total) => {
    onProgress?.(done, total);
    // A signal can only arrive while other work has its turn.
    if (performance.now() - lastTurn > MILLISECONDS_BETWEEN_TURNS) {
      await new Promise<void>((resolve) => setTimeout(resolve, 0));
      lastTurn = performance.now();
    }
    stopIfAborted(signal);
  };
}
