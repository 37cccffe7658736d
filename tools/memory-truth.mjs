#!/usr/bin/env node
/**
 * Predicted against measured memory of every mode on the CPU engine: node tools/memory-truth.mjs [EDGE
 * [THREADS [MODE...]]]. Needs a build, and Linux. Ends with code 1 where a prediction is below what was
 * measured or above 1.15 times it.
 */
import { spawnSync } from 'node:child_process';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { MEMORY_FLAGS, MEMORY_MODES } from '../test/support/memory-modes.mjs';

const program = fileURLToPath(new URL('../test/support/memory-program.mjs', import.meta.url));
const [edge = '128', threads = '2', ...modes] = process.argv.slice(2);
const mebibytes = (bytes) => (bytes / 2 ** 20).toFixed(0).padStart(6);

let failed = false;
console.log(`${edge}^3 voxels, ${threads} threads, MiB\nmode              predicted measured ratio`);
for (const mode of modes.length > 0 ? modes : MEMORY_MODES) {
  const args = [...MEMORY_FLAGS, program, mode, edge, threads];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  if (status !== 0) {
    failed = true;
    console.log(`${mode.padEnd(18)} failed\n${stderr}`);
    continue;
  }
  const { predicted, measured } = JSON.parse(stdout);
  const ratio = predicted / measured;
  const holds = ratio >= 1 && ratio <= 1.15;
  failed ||= !holds;
  console.log(
    `${mode.padEnd(18)}${mebibytes(predicted)}   ${mebibytes(measured)}   ${ratio.toFixed(3)}${holds ? '' : '  <--'}`,
  );
}
process.exitCode = failed ? 1 : 0;
