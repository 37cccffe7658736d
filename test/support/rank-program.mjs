/**
 * One rank of a test job: rank-program.mjs SCENARIO FOLDER. Prints one line of JSON; exits as a job would.
 *
 *   exchange   broadcasts from every root and gathers parts of unequal length; prints whether they are right
 *   wait       says that it is ready, then waits for ranks that never come
 *   abort      the last rank ends the job with code 7 while the others wait
 *   overlap    rank 1 comes last, after the others have turned the event loop 100 times while they waited for it
 */
import { Buffer } from 'node:buffer';
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import process from 'node:process';
import { setTimeout } from 'node:timers/promises';

// As the program does (cli/ranks.ts).
process.env.UCX_MEM_EVENTS ??= 'no';
const source =
  'Deno' in globalThis ? 'src/distributed/open-communicator.ts' : 'dist/distributed/open-communicator.js';
const { openCommunicator } = await import(new URL(`../../${source}`, import.meta.url).href);
const [scenario, sharedFolder] = process.argv.slice(2);

const warnings = [];
const communicator = await openCommunicator({
  mpi: true,
  environment: process.env,
  sharedFolder,
  onWarning: (sentence) => warnings.push(sentence),
  timings: JSON.parse(process.env.LOCSCALE_TEST_TIMINGS ?? '{}'),
});
const { rank, size } = communicator;

/** Bytes that say who made them. */
function pattern(length, seed) {
  const bytes = new Uint8Array(length);
  // It repeats itself after 64 KiB.
  const period = Math.min(length, 2 ** 16);
  for (let i = 0; i < period; i++) bytes[i] = (i * 7 + (i >> 8) * 13 + seed * 101) & 255;
  for (let at = period; at < length; at += period) bytes.copyWithin(at, 0, Math.min(period, length - at));
  return bytes;
}

const equal = (bytes, expected) => Buffer.compare(bytes, expected) === 0;
const print = (value) => process.stdout.write(`${JSON.stringify(value)}\n`);

async function exchange() {
  const megabyte = 2 ** 20;
  const broadcasts = [];
  for (let root = 0; root < size; root++) {
    for (const length of [0, 1, 1000, ...(root === 0 ? [17 * megabyte + 5] : [])]) {
      const bytes = await communicator.broadcast(rank === root ? pattern(length, root) : undefined, root);
      broadcasts.push(equal(bytes, pattern(length, root)));
    }
  }
  // Shared memory, as maps of the CPU engine are, and a view that does not start at 0.
  const shared = new Uint8Array(new SharedArrayBuffer(17 * megabyte * rank + 64)).subarray(rank);
  shared.set(pattern(shared.length, rank));
  // Started together: they take turns.
  const [parts, empty] = await Promise.all([
    communicator.gather(shared),
    communicator.gather(new Uint8Array(0)),
  ]);
  const part = await communicator.scatter(
    rank === 0 ? Array.from({ length: size }, (_, to) => pattern(17 * megabyte * to + to, to)) : undefined,
  );
  const scattered = equal(part, pattern(17 * megabyte * rank + rank, rank));
  await communicator.barrier();
  const gathered = parts?.map((part, from) => equal(part, pattern(17 * megabyte * from + 64 - from, from)));
  const { kind, description, localRank, localSize, traffic } = communicator;
  const lengths = empty?.map((part) => part.length);
  await communicator.close();
  print({
    rank,
    size,
    kind,
    description,
    localRank,
    localSize,
    traffic,
    broadcasts,
    gathered,
    scattered,
    lengths,
    warnings,
  });
}

async function wait() {
  print({ rank, size, ready: process.pid, kind: communicator.kind });
  await Promise.race([rank === 1 ? communicator.failure : communicator.barrier(), communicator.failure]);
}

async function abort() {
  await communicator.barrier();
  if (rank !== size - 1) return wait();
  process.stderr.write('the last rank gives up\n');
  communicator.abort(7, 'The last rank gives up.');
  process.exitCode = 7;
}

async function overlap() {
  const turned = Array.from({ length: size }, (_, of) => `${sharedFolder}.turned-${of}`);
  await communicator.barrier();
  const started = performance.now();
  const processor = process.cpuUsage();
  let turns = 0;
  const timer = setInterval(() => {
    if (++turns === 100) writeFileSync(turned[rank], '');
  }, 10);
  if (rank === 1) while (!turned.every((file) => existsSync(file))) await setTimeout(10);
  await communicator.gather(new Uint8Array(8));
  await communicator.broadcast(new Uint8Array(8));
  const { user, system } = process.cpuUsage(processor);
  const ms = performance.now() - started;
  clearInterval(timer);
  rmSync(turned[rank]);
  await communicator.close();
  print({ rank, turns, busy: (user + system) / 1000 / ms });
}

// A timer keeps the process while it waits for a failure.
const alive = setInterval(() => {}, 1000);
try {
  await { exchange, wait, abort, overlap }[scenario]();
} catch (error) {
  print({
    rank,
    error: error.name,
    message: error.message,
    announced: error.announced,
    exitCode: error.exitCode,
  });
  process.exitCode = error.exitCode ?? 1;
  if (communicator.kind === 'mpi') communicator.abort(process.exitCode, error.message);
}
clearInterval(alive);
