#!/usr/bin/env node
/**
 * The program `locscale-gpu` (dist/cli.js under Node, this file under Deno). Only what belongs to the
 * process is here: signals, closed pipes, the exit code. Everything else is cli/main.ts.
 */
import process from 'node:process';
import { exitCodes } from './cli/exit-codes.ts';
import { main } from './cli/main.ts';
import { removeTemporaries } from './cli/write-file.ts';

const stop = new AbortController();
let stoppedBy: 'SIGINT' | 'SIGTERM' | undefined;

for (const name of ['SIGINT', 'SIGTERM'] as const) {
  process.on(name, () => {
    // The second signal does not wait for the engine to come to a halt.
    if (stoppedBy !== undefined)
      process.exit(name === 'SIGINT' ? exitCodes.interrupted : exitCodes.terminated);
    stoppedBy = name;
    stop.abort();
  });
}
process.on('exit', removeTemporaries);
// `locscale-gpu fsc a b | head` closes the pipe early: that is no failure of the run.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
});

process.exitCode = await main(
  process.argv.slice(2),
  { out: process.stdout, err: process.stderr },
  stop.signal,
  () => stoppedBy,
);
