/**
 * Memory of one run on the CPU engine: node [MEMORY_FLAGS] memory-program.mjs MODE EDGE THREADS. Prints a
 * line: the predicted peak, and what the process held at most beyond the idle engine, bytes. A small run of
 * the same mode on another engine leaves the code in memory that any run needs. Linux: the kernel's own
 * high-water mark, which no counter of the program touches.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import process from 'node:process';
import { memoryJob } from './memory-modes.mjs';

const load = (path) => import(new URL(`../../dist/${path}`, import.meta.url).href);
const { runLocScale } = await load('index.js');
const { createCpuEngine } = await load('cpu-fallback/index.js');
const { createMrcHeader } = await load('formats/mrc-header.js');
const [mode, edge, threads] = process.argv.slice(2);

/** Edge of the small runs: the windows of a local resolution fit. */
const SMALL = 48;

/** Bytes of a line of /proc/self/status. */
function processBytes(line) {
  const status = readFileSync('/proc/self/status', 'utf8');
  return 1024 * Number(status.match(new RegExp(`^${line}:\\s*(\\d+)`, 'm'))[1]);
}

async function run(engine, n) {
  let plan;
  const result = await runLocScale(memoryJob(mode, n, engine, createMrcHeader), {
    engine,
    consumeInputs: true,
    onPlan: (given) => {
      plan = given;
    },
  });
  engine.release(...Object.values(result).filter((value) => Array.isArray(value?.shape)));
  return plan;
}

const first = await createCpuEngine({ threads: Number(threads) });
for (let i = 0; i < 2; i++) await run(first, SMALL);
await first.dispose();
const engine = await createCpuEngine({ threads: Number(threads) });
// The threads have started when they have done something.
engine.release(
  await engine.average(...Array(2).fill(await engine.upload(engine.allocateHost(64), [4, 4, 4]))),
);
for (let i = 0; i < 3; i++) globalThis.gc();
const idle = processBytes('VmRSS');
// The high-water mark starts again from here.
writeFileSync('/proc/self/clear_refs', '5');
const { peakBytes, peakStep } = await run(engine, Number(edge));
const measured = processBytes('VmHWM') - idle;
process.stdout.write(`${JSON.stringify({ mode, predicted: peakBytes, step: peakStep, measured })}\n`);
await engine.dispose();
