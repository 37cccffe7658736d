/**
 * Runs tasks on the calling thread if threads cannot share memory, as in pages without cross-origin
 * isolation. Results are the same; the caller should be a worker itself, so that the page stays responsive.
 */
import { isLocScaleError, LocScaleError } from '../errors.ts';
import type { TaskRunner } from './pool.ts';
import { createTaskRunner, type RunTask } from './run-task.ts';
import type { TaskName } from './tasks.ts';

/** Interval between returns to the event loop, which lets abort and progress messages through. */
const BREATH_MILLISECONDS = 50;

/** Runs tasks on the calling thread, with pauses in which the page or the event loop can do its work. */
export class InPlaceRunner implements TaskRunner {
  private readonly runTask: RunTask;
  private lastBreath = performance.now();

  constructor(module: WebAssembly.Module) {
    this.runTask = createTaskRunner(module);
  }

  /** Runs a task at once. Results are copies, as those of threads are. */
  async run(task: TaskName, args: unknown): Promise<unknown> {
    if (performance.now() - this.lastBreath > BREATH_MILLISECONDS) {
      await new Promise((resolve) => setTimeout(resolve));
      this.lastBreath = performance.now();
    }
    try {
      // A copy, as from a thread, because results may be views of kernel memory.
      return structuredClone(this.runTask(task, args));
    } catch (error) {
      if (isLocScaleError(error)) throw error;
      const message = error instanceof Error ? error.message : String(error);
      throw new LocScaleError('internal', `A task of the CPU engine failed: ${message}`, { cause: error });
    }
  }

  async end(): Promise<void> {
    // Drops the kernels together with their memory.
  }
}
