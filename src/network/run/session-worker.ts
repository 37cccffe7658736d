/**
 * Entry point of a worker thread: one session of the CPU provider, with one thread, for worker-session.ts.
 */
import { isLocScaleError } from '../../errors.ts';
import { firstLine } from '../../platform/first-line.ts';
import { loadOnnxruntime, serveThread, type ThreadPort } from '../../platform/index.ts';
import { createNetworkSession, type NetworkSession } from './network-session.ts';
import type { SessionReply, SessionRequest, SessionStart } from './worker-session.ts';

serveThread<SessionStart, SessionRequest, SessionReply>((start, port) => {
  const session = open(start, port);
  session.then(
    () => port.post({ kind: 'ready' }),
    (error: unknown) => port.post(describe(error)),
  );
  return async ({ cubes, count, pass }) => {
    try {
      const result = await (await session).run(cubes, count, pass);
      // Copy: results of onnxruntime may be in its own memory, which cannot be transferred.
      const own = result.slice();
      port.post({ kind: 'result', cubes: own }, [own.buffer]);
    } catch (error) {
      port.post(describe(error));
    }
  };
});

/** Opens the session of this thread. */
async function open(
  { graph, manifest, choice }: SessionStart,
  port: ThreadPort<SessionReply>,
): Promise<NetworkSession> {
  const onnxruntime = await loadOnnxruntime();
  if ('reason' in onnxruntime) throw new Error(onnxruntime.reason);
  // Copy: the bytes are in shared memory, which onnxruntime does not accept.
  const session = await createNetworkSession(onnxruntime, new Uint8Array(graph), manifest, choice);
  session.onSmallerBatch = (size) => port.post({ kind: 'smaller-batch', size });
  return session;
}

/** Errors as plain fields. */
function describe(error: unknown): SessionReply {
  if (!isLocScaleError(error)) return { kind: 'error', message: firstLine(error) };
  const { tag, message, hint } = error;
  return { kind: 'error', tag, message, hint };
}
