/** Entry point of a worker thread: runs the tasks of tasks.ts sequentially. */
import { isLocScaleError } from '../errors.ts';
import { serveThread } from '../platform/index.ts';
import { createTaskRunner } from './run-task.ts';
import { unpackShared } from './shared-arrays.ts';
import type { Reply, Request, WorkerStart } from './worker-runner.ts';

serveThread<WorkerStart, Request, Reply>(({ kernels }, port) => {
  const runTask = createTaskRunner(new WebAssembly.Module(kernels as WebAssembly.BufferSource));
  return ({ id, task, args }) => {
    let reply: Reply;
    try {
      reply = { id, result: runTask(task, unpackShared(args)) };
    } catch (error) {
      reply = { id, error: describe(error) };
    }
    port.post(reply);
  };
});

/** Fields of an error that survive a message. */
function describe(error: unknown): Extract<Reply, { error: unknown }>['error'] {
  if (!(error instanceof Error))
    return { name: 'Error', message: String(error), stack: undefined, details: undefined };
  const { name, message, stack } = error;
  if (!isLocScaleError(error)) return { name, message, stack, details: undefined };
  const { tag, hint, where, expected, found } = error;
  const set = Object.entries({ tag, hint, where, expected, found }).filter(
    ([, value]) => value !== undefined,
  );
  return { name, message, stack, details: Object.fromEntries(set) };
}
