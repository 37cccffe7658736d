/** Entry point of a worker thread: runs the tasks of tasks.ts one after the other. */
import { parentPort, workerData } from 'node:worker_threads';
import { isLocScaleError } from '../errors.ts';
import { Kernels } from './kernels/kernels.ts';
import type { Reply, Request, WorkerStart } from './pool.ts';
import { unpackShared } from './shared-arrays.ts';
import { type Thread, tasks } from './tasks.ts';

const port = parentPort;
if (!port) throw new Error('worker.ts runs as a worker thread only.');

const kernels = new Kernels(
  new WebAssembly.Module((workerData as WorkerStart).kernels as WebAssembly.BufferSource),
);
const thread: Thread = { kernels, scaler: undefined, scalerMark: kernels.mark() };

port.on('message', ({ id, task, args }: Request) => {
  let reply: Reply;
  try {
    const run = tasks[task] as (thread: Thread, args: unknown) => unknown;
    reply = { id, result: run(thread, unpackShared(args)) };
  } catch (error) {
    reply = { id, error: describe(error) };
  }
  port.postMessage(reply);
});

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
