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
 * A terminal that closes ends the run that shows its progress there. One that tells nothing to any terminal
 * is under nohup or in the background, and goes on; that nohup has asked so is lost when Node starts.
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
  // Something was thrown outside every command: the runtime prints it after this.
  if (!finished && text !== '') err.write(`${text}\n`);
});

/**
 * The second signal does not wait for the engine to come to a halt. `process.exit` would take down the
 * threads of the network in the middle of a computation, which ends in a crash of onnxruntime; by the signal
 * itself the end is a clean one.
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
