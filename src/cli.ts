#!/usr/bin/env node
/**
 * The program `locscale-gpu` (dist/cli.js under Node, this file under Deno). Only what belongs to the
 * process is here: signals, closed pipes, the exit code. Everything else is cli/main.ts.
 */
import process from 'node:process';
import type { StopSignal } from './cli/exit-codes.ts';
import { main } from './cli/main.ts';
import { OutputStream } from './cli/output-stream.ts';
import { removeTemporaries } from './cli/temporary-files.ts';

/**
 * A terminal that closes ends the run that shows its progress there. One that tells nothing to any terminal is
 * under nohup or in the background, and goes on; that nohup has asked so is lost when Node starts.
 */
const inTerminal = process.stdout.isTTY === true || process.stderr.isTTY === true;

const stop = new AbortController();
let stoppedBy: StopSignal | undefined;

for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(name, () => {
    if (name === 'SIGHUP' && !inTerminal) return;
    if (stoppedBy !== undefined) endAtOnce(name);
    stoppedBy = name;
    stop.abort();
  });
}
process.on('exit', removeTemporaries);

/**
 * The second signal does not wait for the engine to come to a halt. `process.exit` would take down the threads of the
 * network in the middle of a computation, which ends in a crash of onnxruntime; by the signal itself the end is a clean one.
 */
function endAtOnce(name: StopSignal): void {
  removeTemporaries();
  process.removeAllListeners(name);
  process.kill(process.pid, name);
}

process.exitCode = await main(
  process.argv.slice(2),
  {
    out: new OutputStream(process.stdout, 'The standard output'),
    err: new OutputStream(process.stderr, 'The standard error'),
  },
  stop.signal,
  () => stoppedBy,
);
