#!/usr/bin/env node
/**
 * The program `locscale-gpu` (dist/cli.js under Node, this file under Deno). Only what belongs to the
 * process is here: signals, closed pipes, the exit code. Everything else is cli/main.ts.
 */
import process from 'node:process';
import { exitCodes } from './cli/exit-codes.ts';
import { main } from './cli/main.ts';
import { OutputStream } from './cli/output-stream.ts';
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

process.exitCode = await main(
  process.argv.slice(2),
  {
    out: new OutputStream(process.stdout, 'The standard output'),
    err: new OutputStream(process.stderr, 'The standard error'),
  },
  stop.signal,
  () => stoppedBy,
);
