/**
 * `node --import bench/start-up-hook.mjs dist/cli.js ...`: what of a run is the GPU's work and what the program's own.
 * Waits for Dawn are timed from outside; what the event loop was idle meanwhile is the GPU's and its driver's. With
 * LOCSCALE_START_UP=FILE they are written there at the end, in milliseconds since the process began.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import process from 'node:process';
import { globals } from 'webgpu';

const waits = [];
const labels = [];
let pending = 0;
let begun;
const counts = { pipelines: 0, modules: 0, submits: 0, maps: 0 };

function enter(kind) {
  if (pending++ > 0) return;
  begun = { kind, at: performance.now(), elu: performance.eventLoopUtilization() };
}

function leave() {
  if (--pending > 0) return;
  const { idle } = performance.eventLoopUtilization(begun.elu);
  waits.push({ kind: begun.kind, from: begun.at, to: performance.now(), idle });
}

/** A method whose promise the program waits for. */
function time(name, method, kind, count) {
  const { prototype } = globals[name];
  const original = prototype[method];
  prototype[method] = function (...args) {
    if (count) counts[count]++;
    if (count === 'pipelines') labels.push(args[0].label);
    enter(kind);
    const result = original.apply(this, args);
    Promise.resolve(result).then(leave, leave);
    return result;
  };
}

time('GPU', 'requestAdapter', 'device');
time('GPUAdapter', 'requestDevice', 'device');
time('GPUDevice', 'createComputePipelineAsync', 'compile', 'pipelines');
time('GPUShaderModule', 'getCompilationInfo', 'compile', 'modules');
time('GPUDevice', 'popErrorScope', 'work');
time('GPUQueue', 'onSubmittedWorkDone', 'work');
time('GPUBuffer', 'mapAsync', 'work', 'maps');

/** Nanoseconds that the main thread has run. */
const running = () =>
  Number(readFileSync(`/proc/self/task/${process.pid}/schedstat`, 'utf8').split(' ', 1)[0]);

/** Milliseconds that this measurement itself took of the main thread: reading a file of the system takes a while. */
let measuring = 0;

/** What a driver that computes on the CPU does on this thread, in submissions. */
const inDriver = { thread: 0, wall: 0 };
function timed(call) {
  const begun = performance.now();
  const [thread, wall] = [running(), performance.now()];
  try {
    return call();
  } finally {
    const took = performance.now() - wall;
    inDriver.thread += (running() - thread) / 1e6;
    inDriver.wall += took;
    if (took > 1) waits.push({ kind: 'driver', from: wall, to: wall + took, idle: took });
    const own = performance.now() - begun - took;
    measuring += own;
    waits.push({ kind: 'measurement', from: begun, to: begun + took + own, idle: own });
  }
}

const { submit } = globals.GPUQueue.prototype;
globals.GPUQueue.prototype.submit = function (...args) {
  counts.submits++;
  return timed(() => submit.apply(this, args));
};

/** Lines of the program, each with the processor time of the main thread until then. */
const lines = [];
const { write } = process.stdout;
process.stdout.write = function (chunk, ...args) {
  const at = performance.now();
  const processor = running() / 1e6 - inDriver.thread - measuring;
  for (const line of String(chunk).split('\n')) if (line !== '') lines.push({ line, at, processor });
  return write.call(this, chunk, ...args);
};

process.on('exit', () => {
  const path = process.env.LOCSCALE_START_UP;
  if (path === undefined) return;
  writeFileSync(
    path,
    JSON.stringify({
      origin: performance.timeOrigin,
      wall: performance.now(),
      mainThread: running() / 1e6 - measuring,
      inDriver,
      waits,
      counts,
      labels,
      lines,
    }),
  );
});
