/** Entry point of the app's computing process: requests come and answers go over its channel. */
import process from 'node:process';
import { toLocScaleError } from '../cli/exit-codes.ts';
import { OutputStream } from '../cli/output-stream.ts';
import { removeTemporaries } from '../files/temporary-files.ts';
import { StandardErrorLibraryOutput } from '../platform/library-output.ts';
import { failureFrom } from '../screens/failure.ts';
import type { FromWorker } from '../screens/protocol.ts';
import { Compute } from './compute.ts';
import type { ComputedRequest } from './computer.ts';
import type { PathJob } from './job.ts';

/** Messages of computer.ts. */
type Incoming =
  | { readonly id: number; readonly name: ComputedRequest; readonly value: unknown }
  | { readonly name: 'cancel' };

/** One per process: it redirects the descriptor of standard error. */
const libraries = new StandardErrorLibraryOutput(
  new OutputStream(process.stderr, 'The standard error'),
  false,
);
/** The one run of this process. */
const compute = new Compute({
  notify: (event) => send({ event }),
  libraries,
  runOptions: process.argv.slice(2),
});

/** By the request's name: the type requires one for each. */
const answers: { readonly [N in ComputedRequest]: (value: never) => Promise<unknown> } = {
  probe: () => compute.probe(),
  inspect: (path: string) => compute.inspect(path),
  preview: (path: string) => compute.preview(path),
  plan: (job: PathJob) => compute.plan(job),
  run: (job: PathJob) => compute.run(job),
  sections: (request: Parameters<Compute['sections']>[0]) => compute.sections(request),
  view: () => compute.view(),
};

/** Answers under way: the process ends after the last once its channel is closed. */
let pending = 0;

/** Of no effect once the server is gone. */
function send(message: FromWorker): void {
  if (process.connected) process.send?.(message);
}

/** At the end of the server: after the last answer, with no temporary file left. */
function endIfIdle(): void {
  if (process.connected || pending > 0) return;
  removeTemporaries();
  libraries.release();
  // Engines and drivers may hold the process; a normal exit may crash in them (cli.ts).
  process.kill(process.pid, 'SIGKILL');
}

process.on('message', async (message: Incoming) => {
  if (message.name === 'cancel') {
    compute.cancel();
    return;
  }
  const { id, name, value } = message;
  pending++;
  try {
    send({ id, value: await answers[name](value as never) });
  } catch (error) {
    send({ id, failure: failureFrom(toLocScaleError(error)) });
  } finally {
    pending--;
    endIfIdle();
  }
});

// The server ended, or does: it decides, and Ctrl-C reaches both.
process.on('disconnect', () => {
  compute.cancel();
  endIfIdle();
});
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => undefined);
