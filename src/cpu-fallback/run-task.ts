/** Runs the tasks of tasks.ts on one thread's kernels, for worker threads and for the calling thread. */
import { Kernels } from './kernels/kernels.ts';
import { type TaskName, type Thread, tasks } from './tasks.ts';

export type RunTask = (task: TaskName, args: unknown) => unknown;

export function createTaskRunner(module: WebAssembly.Module): RunTask {
  const kernels = new Kernels(module);
  const thread: Thread = { kernels, scaler: undefined, scalerMark: kernels.mark() };
  return (name, args) => {
    const task = tasks[name] as (thread: Thread, args: unknown) => unknown;
    return task(thread, args);
  };
}
