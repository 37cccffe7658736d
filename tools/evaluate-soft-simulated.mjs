#!/usr/bin/env node
/**
 * Soft scaling and LocScale's scheme on the simulated half maps of tools/simulate-half-maps.py. Not part of
 * any build, test or command: it needs those folders and a built dist/.
 *
 *   node tools/evaluate-soft-simulated.mjs --cases FOLDER [--out FILE] [--methods NAME,...]
 *
 * Score: correlation with the ideal map (target.mrc) inside mask.mrc. Amplitudes: sqrt of the power of result
 * over that of the target in shells, relative to 0.1 1/A, with truth.mrc as both half maps: no noise. What
 * FILE holds already is not computed again; the table and the acceptance lines are printed from it.
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { createCpuEngine } from '../dist/cpu-fallback/index.js';
import { bandScaling, openNetwork, proteinProfile, readMapFile, runLocScale } from '../dist/index.js';

const { values } = parseArgs({
  options: {
    cases: { type: 'string' },
    out: { type: 'string', default: 'bench/results/soft-scaling/simulated.json' },
    methods: { type: 'string' },
  },
});
const engine = await createCpuEngine();
let network;

/** From half maps, mask and target to a volume. */
const METHODS = {
  input: async ({ half1, half2 }) => engine.average(...(await uploaded(half1, half2))),
  locscaleTrue: (maps) => locscale(maps, { kind: 'model-map', map: maps.target }),
  // Hann windows, low-passed at the resolution of the half maps within the mask.
  hannTrue: (maps) => locscale(maps, { kind: 'model-map', map: maps.target }, { windowTaper: 'hann' }),
  async locscaleDefault(maps) {
    network ??= await openNetwork();
    return locscale(maps, { kind: 'network', predictor: network });
  },
  softTrue: async (maps) =>
    soft(maps, { reference: (await uploaded(maps.target))[0], target: { kind: 'reference' } }),
  softProfile: (maps) => soft(maps, { target: { kind: 'profile', profile: proteinProfile() } }),
};
const chosen = values.methods?.split(',') ?? Object.keys(METHODS);

/** Copies: engine and pipeline take arrays over. */
const copyOf = (image) => ({ ...image, data: image.data.slice() });
const uploaded = (...images) =>
  Promise.all(images.map(({ data, grid }) => engine.upload(data.slice(), grid.shape)));

async function locscale({ half1, half2, mask }, reference, parameters = {}) {
  // Without noise there is one map only.
  const input =
    half1 === half2
      ? { kind: 'map', map: copyOf(half1) }
      : { kind: 'half-maps', half1: copyOf(half1), half2: copyOf(half2) };
  const job = {
    input,
    mask: copyOf(mask),
    reference: reference.map ? { ...reference, map: copyOf(reference.map) } : reference,
    // Nothing is to be held down where there is no noise.
    parameters: { ...parameters, fadeOutput: parameters.windowTaper !== undefined && half1 !== half2 },
  };
  const { scaled } = await runLocScale(job, { engine });
  return scaled;
}

async function soft({ half1, half2, mask }, target) {
  const [first, second, inside] = await uploaded(half1, half2, mask);
  const { voxelSize } = half1.grid;
  const job = { half1: first, half2: second, mask: inside, voxelSize, ...target };
  const { scaled } = await bandScaling(engine, job);
  engine.release(first, second, inside, ...(target.reference ? [target.reference] : []));
  return scaled;
}

function correlation(a, b, mask) {
  const at = [...mask.keys()].filter((i) => mask[i] > 0.5);
  const mean = (v) => at.reduce((sum, i) => sum + v[i], 0) / at.length;
  const [ma, mb] = [mean(a), mean(b)];
  const sum = (f) => at.reduce((total, i) => total + f(a[i] - ma, b[i] - mb), 0);
  return sum((x, y) => x * y) / Math.sqrt(sum((x) => x * x) * sum((_, y) => y * y));
}

const SHELL = 0.02;
/** Amplitudes of a result over those of the target from 0.05 1/A to the resolution, relative to 0.1 1/A. */
async function amplitudeRatios(result, target, voxel, resolution) {
  const { powerA, powerB } = await engine.shellSpectra(result, target);
  const edge = Math.min(...result.shape);
  const shells = [];
  for (let r = 0; r < powerA.length; r++) {
    const i = Math.floor((r + 0.5) / edge / voxel / SHELL);
    shells[i] = { a: (shells[i]?.a ?? 0) + powerA[r], b: (shells[i]?.b ?? 0) + powerB[r] };
  }
  const ratio = shells.map(({ a, b }) => Math.sqrt(a / b));
  const at = (f) => ratio[Math.floor(f / SHELL)];
  const kept = ratio
    .map((value, i) => ({ frequency: (i + 0.5) * SHELL, ratio: value / at(0.1) }))
    .filter(({ frequency }) => frequency >= 0.05 && frequency <= 1 / resolution);
  return kept.map(({ frequency, ratio: v }) => [Number(frequency.toFixed(3)), Number(v.toFixed(3))]);
}

const results = existsSync(values.out) ? JSON.parse(readFileSync(values.out, 'utf8')) : {};
const names = readdirSync(values.cases).filter((name) => existsSync(join(values.cases, name, 'case.json')));
for (const name of names.sort()) {
  const folder = join(values.cases, name);
  const about = JSON.parse(readFileSync(join(folder, 'case.json'), 'utf8'));
  const entry = { ...about, scores: {}, amplitudes: {}, ...results[name] };
  results[name] = entry;
  const wanted = chosen.filter((method) => entry.scores[method] === undefined);
  if (wanted.length === 0) continue;
  const maps = {};
  for (const key of ['half1', 'half2', 'target', 'mask', 'truth'])
    maps[key] = await readMapFile(join(folder, `${key}.mrc`), { kind: 'mask' });
  for (const method of wanted) {
    const started = performance.now();
    const volume = await METHODS[method](maps);
    const score = correlation(await engine.download(volume), maps.target.data, maps.mask.data);
    engine.release(volume);
    entry.scores[method] = Number(score.toFixed(4));
    if (method.endsWith('True')) {
      const noiseless = { ...maps, half1: maps.truth, half2: maps.truth };
      const clean = await METHODS[method](noiseless);
      const [target] = await uploaded(maps.target);
      entry.amplitudes[method] = await amplitudeRatios(clean, target, about.voxel, about.resolution);
      engine.release(clean, target);
    }
    console.error(
      `${name} ${method} ${score.toFixed(4)} ${((performance.now() - started) / 1000).toFixed(1)} s`,
    );
  }
  const lines = Object.entries(results).map(([key, value]) => ` "${key}": ${JSON.stringify(value)}`);
  writeFileSync(values.out, `{\n${lines.join(',\n')}\n}\n`);
}
await network?.dispose();
await engine.dispose();

const methods = Object.keys(METHODS).filter((method) => names.every((name) => results[name].scores[method]));
const table = Object.entries(results).map(
  ([name, { structure, voxel, resolution, overallB, special, scores }]) => [
    `${name} ${structure}`,
    `${voxel}, ${resolution} A, B ${overallB}${Object.entries(special).map(([k, v]) => `, ${k} ${v}`)}`,
    ...methods.map((method) => scores[method].toFixed(3)),
  ],
);
const mean = (list) => list.reduce((sum, v) => sum + v, 0) / list.length;
const column = (method) => Object.values(results).map(({ scores }) => scores[method]);
table.push(['mean', '', ...methods.map((method) => mean(column(method)).toFixed(3))]);
console.log(`| case | | ${methods.join(' | ')} |\n|${' - |'.repeat(methods.length + 2)}`);
for (const row of table) console.log(`| ${row.join(' | ')} |`);
for (const [better, worse] of [
  ['softTrue', 'locscaleTrue'],
  ['hannTrue', 'locscaleTrue'],
  ['softProfile', 'locscaleDefault'],
]) {
  if (!methods.includes(better) || !methods.includes(worse)) continue;
  const gains = column(better).map((v, i) => v - column(worse)[i]);
  const wins = gains.filter((v) => v >= 0).length;
  console.log(
    `${better} - ${worse}: ${wins} of ${gains.length} cases, mean ${mean(gains).toFixed(3)}, worst ${Math.min(...gains).toFixed(3)}`,
  );
}
for (const method of ['softTrue', 'locscaleTrue', 'hannTrue']) {
  const all = Object.values(results).flatMap(({ amplitudes }) =>
    (amplitudes[method] ?? []).map(([, v]) => v),
  );
  if (all.length > 0)
    console.log(
      `${method}, no noise: amplitudes ${Math.min(...all)} to ${Math.max(...all)} of the reference's`,
    );
}
