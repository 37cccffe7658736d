#!/usr/bin/env node
/**
 * The program `locscale-gpu` (dist/cli.js under Node, this file under Deno). Only what belongs to the
 * process is here: signals, closed pipes, the exit code. Everything else is cli/main.ts.
 */
import process from 'node:process';
import type { StopSignal } from './cli/exit-codes.ts';
import { isVerbose, main } from './cli/main.ts';
import { OutputStream } from './cli/output-stream.ts';
import { removeTemporaries } from './files/temporary-files.ts';
import { describeLibraryText, StandardErrorLibraryOutput } from './platform/library-output.ts';

/**
 * SIGHUP of a closed terminal ends a run that prints to it. A run without a terminal is under nohup or in the
 * background and continues; Node discards nohup's setting at start.
 */
const inTerminal = process.stdout.isTTY === true || process.stderr.isTTY === true;

const argv = process.argv.slice(2);
const err = new OutputStream(process.stderr, 'The standard error');
const libraries = new StandardErrorLibraryOutput(err, isVerbose(argv));
const stop = new AbortController();
let finished = false;
let stoppedBy: StopSignal | undefined;

for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(name, () => {
    if (name === 'SIGHUP' && !inTerminal) return;
    if (stoppedBy !== undefined) endAtOnce(name);
    stoppedBy = name;
    stop.abort();
  });
}
process.on('exit', () => {
  removeTemporaries();
  const text = describeLibraryText(libraries.release());
  // Thrown outside of any command: the runtime prints it afterwards.
  if (!finished && text !== '') err.write(`${text}\n`);
});

/**
 * A second signal does not wait for the engine to stop. `process.exit` would terminate the network's threads
 * during a computation, which crashes onnxruntime; ending by the signal itself is clean.
 */
function endAtOnce(name: StopSignal): void {
  removeTemporaries();
  libraries.release();
  process.removeAllListeners(name);
  process.kill(process.pid, name);
}

process.exitCode = await main(
  argv,
  { out: new OutputStream(process.stdout, 'The standard output'), err, libraries },
  stop.signal,
  () => stoppedBy,
);
finished = true;
