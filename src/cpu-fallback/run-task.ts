/** Runs the tasks of tasks.ts on one thread's kernels, for worker threads and for the calling thread. */
import { Kernels } from './kernels/kernels.ts';
import { type TaskName, type Thread, tasks } from './tasks.ts';

/** A task by its name, on the thread that calls it. */
export type RunTask = (task: TaskName, args: unknown) => unknown;

/** One set of kernels with its own memory: threads share voxels, not kernels. */
export function createTaskRunner(module: WebAssembly.Module): RunTask {
  const kernels = new Kernels(module);
  const thread: Thread = { kernels, scaler: undefined, scalerMark: kernels.mark() };
  return (name, args) => {
    const task = tasks[name] as (thread: Thread, args: unknown) => unknown;
    return task(thread, args);
  };
}
