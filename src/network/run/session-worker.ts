/** Entry point of a worker thread: one session of the CPU provider, with one thread, for worker-session.ts. */
import { parentPort, workerData } from 'node:worker_threads';
import { isLocScaleError } from '../../errors.ts';
import { createNetworkSession, type NetworkSession } from './network-session.ts';
import { firstLine, loadOnnxruntime } from './onnxruntime.ts';
import type { SessionReply, SessionRequest, SessionStart } from './worker-session.ts';

const port = parentPort;
if (!port) throw new Error('session-worker.ts runs as a worker thread only.');

async function open(): Promise<NetworkSession> {
  const { graph, manifest, choice } = workerData as SessionStart;
  const onnxruntime = await loadOnnxruntime();
  if ('reason' in onnxruntime) throw new Error(onnxruntime.reason);
  // A copy: the bytes are shared among all workers, which onnxruntime does not take.
  const session = await createNetworkSession(onnxruntime, new Uint8Array(graph), manifest, choice);
  session.onSmallerBatch = (size) => send({ kind: 'smaller-batch', size });
  return session;
}

function send(reply: SessionReply, transfer: readonly ArrayBuffer[] = []): void {
  port?.postMessage(reply, transfer);
}

function describe(error: unknown): SessionReply {
  if (!isLocScaleError(error)) return { kind: 'error', message: firstLine(error) };
  const { tag, message, hint } = error;
  return { kind: 'error', tag, message, ...(hint === undefined ? {} : { hint }) };
}

const session = open();
session.then(
  () => send({ kind: 'ready' }),
  (error: unknown) => send(describe(error)),
);

port.on('message', async ({ cubes, count, pass }: SessionRequest) => {
  try {
    const result = await (await session).run(cubes, count, pass);
    // Results of onnxruntime may lie in memory of its own, which cannot be handed over.
    const own = result.slice();
    send({ kind: 'result', cubes: own }, [own.buffer]);
  } catch (error) {
    send(describe(error));
  }
});
