#!/usr/bin/env node
/**
 * Every mode on real maps with fitted models, as a user would run it. Decides defaults. Not part of any build
 * or test: it needs a folder of maps with their models, and a built dist/.
 *
 *   node tools/real-map-table.mjs [--maps FOLDER] [--more FOLDER] [--only NAME,...] [--modes NAME,...] [--write]
 *
 * Score: correlation, within 3 A of the model's atoms, with the map of the model at B = 20 and at B = 60 A^2
 * throughout; both maps low-passed at the resolution of the data first. "own" is the same with the model's
 * own B factors, "best" with the uniform B of the highest correlation: a blurred target rewards not
 * sharpening, so these two decide nothing. "FSC" is the mean map-model FSC from 1/20 1/A to the resolution
 * inside a mask with a soft edge.
 * --more: a folder of folders, each with meta.json: { name, maps: [map] or [half1, half2], model, resolution
 * }.
 * --write puts the figures into bench/results/soft-scaling/real-maps.json (docs tables are made of it).
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { placeModel } from '../dist/atoms/place-model.js';
import { createCpuEngine } from '../dist/cpu-fallback/index.js';
import { readMapFile, readModelFile } from '../dist/files.js';
import { atomSetOf } from '../dist/math/atoms/atom-set.js';
import { fourierShellCorrelation } from '../dist/math/fourier/fsc.js';
import { tabulateTransfer, tanhLowPass } from '../dist/math/fourier/radial-transfer.js';
import { correlation, distances, MASK_RADIUS, mapsWithModels, TARGETS } from './model-score.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const { values } = parseArgs({
  options: {
    maps: { type: 'string', default: join(root, '../shared/maps') },
    more: { type: 'string' },
    only: { type: 'string' },
    modes: { type: 'string' },
    write: { type: 'boolean', default: false },
  },
});

const MAPS = mapsWithModels(values.maps);
if (values.more !== undefined)
  for (const folder of readdirSync(values.more)) {
    const meta = join(values.more, folder, 'meta.json');
    if (!existsSync(meta)) continue;
    const { name, maps, model, resolution } = JSON.parse(readFileSync(meta, 'utf8'));
    const here = (file) => join(values.more, folder, file);
    MAPS.push({ name, maps: maps.map(here), model: here(model), resolution });
  }

/** What each mode adds to `-em MAP -res R` (or `-hm HALF1 HALF2`). */
const MODES = {
  default: () => [],
  'soft profile': () => ['--scaling', 'soft', '--reference', 'profile'],
  'soft model': ({ model }) => ['--scaling', 'soft', '-mc', model],
  'LocScale network': () => ['--scaling', 'locscale', '--reference', 'network'],
  'LocScale -mc': ({ model }) => ['-mc', model],
  // Inside the mask of soft scaling, the second map of its run.
  'LocScale in the mask of soft': ({ model }) => ['--scaling', 'soft', '-mc', model, '--also', 'locscale'],
  'LocScale -mc hann': ({ model }) => ['-mc', model, '--window_taper', 'hann', '--fade_output'],
  'LocScale no reference': () => ['--no_reference'],
  // What the bundled network itself writes.
  'feature enhance': () => ['-no_mc'],
};

/** Modes whose map is another one of those that their run writes. */
const SUFFIX = { 'LocScale in the mask of soft': '_locscale' };

const wanted = (list, name) => list === undefined || list.split(',').includes(name);
const BEST = Array.from({ length: 16 }, (_, i) => 20 * i);
const FSC_START = 1 / 20;
const work = mkdtempSync(join(tmpdir(), 'locscale-table-'));
const engine = await createCpuEngine();

async function lowPassed(data, grid, resolution) {
  const volume = await engine.upload(data, grid.shape);
  const filtered = await engine.radialFilter(volume, tanhLowPass(resolution, grid.voxelSize[2]));
  const voxels = Float32Array.from(await engine.download(filtered));
  engine.release(volume, filtered);
  return voxels;
}

async function simulate(atoms, grid) {
  const volume = await engine.simulateMap(atomSetOf(atoms), grid);
  const voxels = Float32Array.from(await engine.download(volume));
  engine.release(volume);
  return voxels;
}

/** Mean FSC in the mask, soft over 6 A beyond 3 A from the atoms. */
async function meanFsc(a, b, nearest, grid, resolution) {
  const soft = (data) =>
    Float32Array.from(data, (value, i) => {
      const beyond = Math.min(1, Math.max(0, (nearest[i] - MASK_RADIUS) / 6));
      return (value * (1 + Math.cos(Math.PI * beyond))) / 2;
    });
  const volumes = [await engine.upload(soft(a), grid.shape), await engine.upload(soft(b), grid.shape)];
  const curve = fourierShellCorrelation(await engine.shellSpectra(...volumes), grid.voxelSize[2]);
  engine.release(...volumes);
  const inside = curve.correlation.filter(
    (_, r) => curve.frequency[r] >= FSC_START && curve.frequency[r] <= 1 / resolution,
  );
  return inside.reduce((sum, value) => sum + value, 0) / inside.length;
}

function run(entry, args, name) {
  const out = join(work, `${name.replaceAll(/\W+/g, '_')}.mrc`);
  const input =
    entry.maps.length === 2
      ? ['-hm', ...entry.maps]
      : ['-em', entry.maps[0], '-res', String(entry.resolution)];
  const before = name === 'feature enhance' ? ['feature_enhance'] : [];
  const command = [join(root, 'dist/cli.js'), ...before, ...input, ...args, '--engine', 'cpu', '-o', out];
  const started = performance.now();
  try {
    execFileSync(process.execPath, command, { stdio: ['ignore', 'pipe', 'pipe'], cwd: work });
  } catch (error) {
    return { error: String(error.stderr).trim().split('\n')[0] };
  }
  const scored = out.replace(/\.mrc$/, `${SUFFIX[name] ?? ''}.mrc`);
  return { out: scored, seconds: (performance.now() - started) / 1000 };
}

/** What was not computed now stays. */
function store(scored) {
  const path = join(root, 'bench/results/soft-scaling/real-maps.json');
  const stored = existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : [];
  const merged = scored.map((one) => {
    const before = stored.find(({ name }) => name === one.name);
    return { ...one, rows: { ...before?.rows, ...one.rows } };
  });
  const others = stored.filter(({ name }) => !scored.some((one) => one.name === name));
  const rounded = (_, value) => (typeof value === 'number' ? Number(value.toFixed(4)) : value);
  writeFileSync(path, `${JSON.stringify([...others, ...merged], rounded, 1)}\n`);
}

const results = [];
for (const entry of MAPS) {
  const { name, maps, model, resolution } = entry;
  if (!wanted(values.only, name) || ![...maps, model].every(existsSync)) continue;
  const images = await Promise.all(maps.map((path) => readMapFile(path)));
  const { grid } = images[0];
  const { kept: atoms } = placeModel(await readModelFile(model), grid);
  const nearest = distances(atoms, grid, MASK_RADIUS + 6);
  const withB = (bFactor) => atoms.map((atom) => ({ ...atom, bFactor }));
  const targets = {};
  for (const b of [...TARGETS, ...BEST])
    targets[b] ??= await lowPassed(await simulate(withB(b), grid), grid, resolution);
  const own = await lowPassed(await simulate(atoms, grid), grid, resolution);
  const score = async (data) => {
    const voxels = await lowPassed(data, grid, resolution);
    const to = (target) => correlation(voxels, target, nearest);
    const best = BEST.map((b) => ({ b, value: to(targets[b]) })).reduce((m, x) =>
      x.value > m.value ? x : m,
    );
    return {
      b20: to(targets[20]),
      b60: to(targets[60]),
      own: to(own),
      best: best.value,
      bestB: best.b,
      fsc: await meanFsc(voxels, targets[20], nearest, grid, resolution),
    };
  };
  const raw =
    images.length === 2 ? images[0].data.map((v, i) => (v + images[1].data[i]) / 2) : images[0].data;
  const rows = { input: await score(raw) };
  for (const [mode, argsOf] of Object.entries(MODES)) {
    if (!wanted(values.modes, mode)) continue;
    const { out, seconds, error } = run(entry, argsOf(entry), mode);
    rows[mode] =
      error === undefined ? { ...(await score((await readMapFile(out)).data)), seconds } : { error };
  }
  // One B factor for the whole map, searched with the model: no global sharpening can do better.
  let best;
  for (let b = -400; wanted(values.modes, 'best global B') && b <= 200; b += 25) {
    const volume = await engine.upload(Float32Array.from(raw), grid.shape);
    const voxel = grid.voxelSize[2];
    const gain = tabulateTransfer((f) => Math.exp((-b * (f / voxel) ** 2) / 4));
    const shaped = await engine.radialFilter(volume, gain);
    const scores = await score(await engine.download(shaped));
    engine.release(volume, shaped);
    // On fine voxels the steepest gains exceed float32.
    if (!Number.isFinite(scores.b20)) continue;
    if (best === undefined || scores.b20 + scores.b60 > best.b20 + best.b60) best = { ...scores, b };
  }
  if (best !== undefined) rows['best global B'] = best;
  results.push({ name, resolution, halfMaps: maps.length === 2, rows });
  if (values.write) store(results);
  console.error(`${name}: done`);
}
await engine.dispose();
rmSync(work, { recursive: true, force: true });

const columns = [
  'input',
  'best global B',
  ...Object.keys(MODES).filter((mode) => wanted(values.modes, mode)),
];
const cell = (row, keys) =>
  row === undefined || row.error !== undefined ? '-' : keys.map((key) => row[key].toFixed(3)).join(' / ');
const mean = (column, key) => {
  const scored = results.map(({ rows }) => rows[column]?.[key]).filter((value) => value !== undefined);
  return scored.reduce((sum, value) => sum + value, 0) / scored.length;
};
for (const [title, keys] of [
  ['correlation at B = 20 / 60', ['b20', 'b60']],
  ["at the model's own B / best uniform B", ['own', 'best']],
  ['mean map-model FSC', ['fsc']],
]) {
  console.log(`\n${title}\n| map | A | ${columns.join(' | ')} |\n|${' - |'.repeat(columns.length + 2)}`);
  for (const { name, resolution, rows } of results)
    console.log(
      `| ${[name, resolution, ...columns.map((column) => cell(rows[column], keys))].join(' | ')} |`,
    );
  const means = columns.map((column) => keys.map((key) => mean(column, key).toFixed(3)).join(' / '));
  console.log(`| mean |  | ${means.join(' | ')} |`);
}
for (const { name, rows } of results)
  for (const [mode, { error }] of Object.entries(rows)) if (error) console.log(`${name}, ${mode}: ${error}`);
