/**
 * `node bench/versions.mjs CHECKOUT [--rounds N] [--only NAME] [--out FILE]`: processor time of the CPU engine's
 * operations against that of another checkout, built as this one is. Versions alternate, a process each, one thread;
 * user seconds, because others may share the machine. Results must have the same bits, unless the line says otherwise.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import process from 'node:process';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';

const program = fileURLToPath(import.meta.url);
const ownRoot = join(dirname(program), '..');
const EDGE = 128;
/** Timed calls of a process, after one that is not. */
const CALLS = 3;

/** The same numbers in every version. */
function noise(length, seed = 1) {
  let state = seed;
  return Float32Array.from({ length }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  });
}

function ball(n, radius) {
  const mask = new Float32Array(n ** 3);
  for (let z = 0, i = 0; z < n; z++)
    for (let y = 0; y < n; y++)
      for (let x = 0; x < n; x++, i++) mask[i] = Math.hypot(z - n / 2, y - n / 2, x - n / 2) < radius ? 1 : 0;
  return mask;
}

function atomsIn(n, count) {
  const at = noise(5 * count, 7);
  return {
    count,
    positions: Float64Array.from({ length: 3 * count }, (_, i) => n * (0.5 + 0.3 * at[i])),
    elements: Array.from({ length: count }, (_, i) => ['C', 'C', 'N', 'O'][i % 4]),
    bFactors: Float64Array.from({ length: count }, (_, i) => 70 + 50 * at[3 * count + i]),
    occupancies: new Float64Array(count).fill(1),
  };
}

const shapeOf = (n) => [n, n, n];
const gridOf = (n) => ({ shape: shapeOf(n), voxelSize: [1, 1, 1], origin: [0, 0, 0] });
/** Values between frequency 0 and the corner of Fourier space. */
const gaussian = {
  maxFrequency: Math.sqrt(3) / 2,
  table: Float32Array.from({ length: 2049 }, (_, i) => Math.exp(-((i / 400) ** 2))),
};

/** A verb that makes a volume of one. */
const onVolume =
  (work, n = EDGE) =>
  async (engine) => {
    const volume = await engine.upload(noise(n ** 3), shapeOf(n));
    return async () => {
      const made = await work(engine, volume);
      const voxels = Float32Array.from(await engine.download(made));
      engine.release(made);
      return voxels;
    };
  };

const localScaling = (windowVoxels, extra) => async (engine, load) => {
  const own = engine.openLocalScaling && (await load('engine/jobs.js')).localScaling;
  const put = (data) => engine.upload(data, shapeOf(EDGE));
  const [map, reference, mask] = [
    await put(noise(EDGE ** 3, 2)),
    await put(noise(EDGE ** 3, 3)),
    await put(ball(EDGE, 30)),
  ];
  const cutoffs = { voxelSize: 1.2, wilsonCutoff: 10, fscCutoff: 3.4 };
  const rule = { kind: 'reference-profile', ...cutoffs };
  const settings = { profileKind: 'octant', measureBFactors: false, padValues: { map: 0, reference: 0 } };
  const job = { map, reference, mask, windowVoxels, rule, ...settings, ...extra };
  return async () => {
    const { scaled } = await (own ? own(engine, job) : engine.localScaling(job));
    const voxels = Float32Array.from(await engine.download(scaled));
    engine.release(scaled);
    return voxels;
  };
};

/** Each makes its inputs and returns the call that is timed, which returns numbers. */
const OPERATIONS = {
  'local scaling, window 18': localScaling(18),
  'local scaling, window 26': localScaling(26),
  'FFT, filter, inverse, 180^3': onVolume((engine, volume) => engine.radialFilter(volume, gaussian), 180),
  'resample 128^3 to 150^3': onVolume((engine, volume) => engine.resample(volume, shapeOf(150))),
  'symmetrise D7': async (engine, load) => {
    const { pointGroup } = await load('math/symmetry/point-group.js', 'math/point-group.js');
    return onVolume((_, volume) => engine.symmetrise(volume, pointGroup('D7')))(engine);
  },
  'confidence map': onVolume((engine, volume) => engine.confidenceMap(volume, { mean: 0, variance: 0.3 })),
  'shell spectra, 180^3': async (engine) => {
    const a = await engine.upload(noise(180 ** 3, 4), shapeOf(180));
    const b = await engine.upload(noise(180 ** 3, 5), shapeOf(180));
    return async () => (await engine.shellSpectra(a, b)).cross;
  },
  'model map, 20,000 atoms': async (engine) => {
    const atoms = atomsIn(EDGE, 20_000);
    return async () => {
      const map = await engine.simulateMap(atoms, gridOf(EDGE));
      const voxels = Float32Array.from(await engine.download(map));
      engine.release(map);
      return voxels;
    };
  },
  'refinement of B, 3 cycles': async (engine, load) => {
    const { refineBFactors } = await load(
      'atoms/bfactors/refine-bfactors.js',
      'reference/bfactors/refine-bfactors.js',
    );
    const atoms = atomsIn(96, 8000);
    const grid = gridOf(96);
    const map = await engine.simulateMap(atoms, grid);
    const start = { ...atoms, bFactors: new Float64Array(atoms.count).fill(60) };
    return () =>
      refineBFactors({ engine, grid, map, halves: undefined, fscCutoff: 4, cycles: 3, atoms: start });
  },
  'pseudo-model, 20,000 atoms': async (_, load) => {
    const folder = ['atoms/pseudo-model', 'reference/pseudo-model'];
    const { solvePseudoModel } = await load(...folder.map((name) => `${name}/solve.js`));
    const { placeAtoms } = await load(...folder.map((name) => `${name}/place-atoms.js`));
    const mask = ball(96, 36);
    const place = { mask, shape: shapeOf(96), voxelSize: 1.4, origin: [0, 0, 0], seed: 1 };
    const positions = placeAtoms({ ...place, count: 20_000 });
    const job = { ...place, map: noise(96 ** 3, 6), positions, method: 'gradient', iterations: 20 };
    return async () => {
      const { positions: moved } = await solvePseudoModel({ ...job, distanceAngstrom: 1.2 });
      return moved;
    };
  },
};

/** One version, one operation: its least user seconds, and what it computed. */
async function measure(root, name) {
  const load = (...paths) =>
    import(pathToFileURL(paths.map((path) => join(root, 'dist', path)).find(existsSync)).href);
  const { createCpuEngine } = await load('cpu-fallback/index.js');
  const engine = await createCpuEngine({ threads: 1 });
  const call = await OPERATIONS[name](engine, load);
  const result = await call();
  const seconds = [];
  for (let i = 0; i < CALLS; i++) {
    const before = process.cpuUsage();
    await call();
    seconds.push(process.cpuUsage(before).user / 1e6);
  }
  await engine.dispose();
  const bytes = new Uint8Array(result.buffer, result.byteOffset, result.byteLength);
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  process.stdout.write(JSON.stringify({ seconds: Math.min(...seconds), sha256 }));
}

function inProcess(root, name) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, '--measure', root, name], {
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`${name} in ${root}: ${stderr}`);
  return JSON.parse(stdout);
}

const commitOf = (root) =>
  spawnSync('git', ['-C', root, 'rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).stdout.trim();
const median = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];

function compare(other, { rounds, only, out }) {
  const names = Object.keys(OPERATIONS).filter((name) => only === undefined || name.includes(only));
  const operations = [];
  console.log('user seconds                  before     now   ratio');
  for (const name of names) {
    const [before, now] = [[], []];
    for (let i = 0; i < rounds; i++) {
      before.push(inProcess(other, name));
      now.push(inProcess(ownRoot, name));
    }
    const [old, own] = [before, now].map((list) => median(list.map(({ seconds }) => seconds)));
    // Of neighbours in time, so that a busy minute slows both.
    const ratio = median(now.map(({ seconds }, i) => seconds / before[i].seconds));
    const sameBits = before[0].sha256 === now[0].sha256;
    operations.push({ name, before: old, now: own, ratio, sameBits });
    const figures = [old.toFixed(3), own.toFixed(3), ratio.toFixed(3)]
      .map((text) => text.padStart(8))
      .join('');
    console.log(`${name.padEnd(28)}${figures}${sameBits ? '' : '  other bits'}`);
  }
  const machine = `${cpus()[0].model}, ${cpus().length} cores, Node ${process.versions.node}`;
  const results = { before: commitOf(other), now: commitOf(ownRoot), machine, rounds, operations };
  if (out !== undefined) writeFileSync(out, `${JSON.stringify(results, null, 2)}\n`);
}

if (process.argv[2] === '--measure') await measure(process.argv[3], process.argv[4]);
else {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { rounds: { type: 'string', default: '5' }, only: { type: 'string' }, out: { type: 'string' } },
  });
  if (positionals.length !== 1) throw new Error('Name the folder of the other checkout.');
  compare(resolve(positionals[0]), { ...values, rounds: Number(values.rounds) });
}
