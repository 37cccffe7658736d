/**
 * `node bench/accuracy.mjs [--engine cpu|gpu] [--allow-software-gpu] [--check | --demo]`: runs the program on
 * the reference data of the original one and stores the differences in bench/results/accuracy/<engine>.json
 * (`--check` only prints them), then fills the tables of the documentation. The data is looked for in
 * LOCSCALE_SHARED, else in shared/ beside the checkout; it is not part of the repository. `--demo` runs the
 * demo alone, which needs no data. The comparisons are in golden.mjs.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const shared = process.env.LOCSCALE_SHARED ?? join(root, '../shared');
const results = join(root, 'bench/results/accuracy');
const { values } = parseArgs({
  options: {
    engine: { type: 'string', default: 'cpu' },
    'allow-software-gpu': { type: 'boolean', default: false },
    check: { type: 'boolean', default: false },
    demo: { type: 'boolean', default: false },
  },
});

if (!values.demo && !existsSync(join(shared, 'golden'))) {
  process.stderr.write(
    'accuracy: the reference data of the original program is not here.\n' +
      'hint: set LOCSCALE_SHARED to the folder that holds golden/. The figures measured last are in bench/results/accuracy/.\n',
  );
  process.exit(3);
}
const ready = spawnSync(process.execPath, [join(root, 'tools/ensure-ready.mjs')], { stdio: 'inherit' });
if (ready.status !== 0) process.exit(ready.status ?? 1);

const { selectEngine } = await import('../dist/index.js');
const { openGolden } = await import('./golden.mjs');
const { runtimeName } = await import('../dist/platform/index.js');
const { packageVersion } = await import('../dist/cli/version.js');
const { readMap, readJson, compare, compareWholeMaps, compareWindow } = openGolden(shared, (line) =>
  process.stdout.write(`${line}\n`),
);

/** Radial profiles of that window by the CPU engine's kernel; the authors stored their own. */
async function compareProfiles() {
  const { Kernels } = await import('../dist/cpu-fallback/kernels/kernels.js');
  const { gatherTile, gatherTileMask, makeTileShape } = await import('../dist/cpu-fallback/tile.js');
  const { WindowProfiler } = await import('../dist/cpu-fallback/window-profiles.js');
  const folder = 'emd5778-window-1';
  const expected = readJson(folder, 'expected.json');
  const edge = expected.window;
  const shape = [edge, edge, edge];
  const module = new WebAssembly.Module(readFileSync(join(root, 'dist/cpu-fallback/kernels/kernels.wasm')));
  const mask = new Float32Array(edge ** 3);
  mask[(edge / 2) * (edge * edge + edge + 1)] = 1;
  const results = [];
  for (const [file, name, title] of [
    ['emmap_window.mrc', 'authors_em_profile', 'map'],
    ['modmap_window.mrc', 'authors_ref_profile', 'model map'],
  ]) {
    const { data } = await readMap(folder, file);
    const kernels = new Kernels(module);
    const tile = makeTileShape(edge, [8, 8, 8], [48, 48, 48]);
    const start = [16, 16, 16];
    const profiler = new WindowProfiler(kernels, tile, 'octant');
    const input = kernels.allocate(4 * tile.inputFloats);
    const tileMask = gatherTileMask(kernels, tile, mask, shape, start, kernels.allocate(64));
    const out = kernels.allocate(4 * profiler.shells);
    gatherTile(kernels, tile, data, shape, start, 0, input);
    profiler.run(input, tileMask, out);
    const profile = kernels.floats(out, profiler.shells);
    results.push(compare(`EMD-5778 window, profile of the ${title} (authors' own)`, profile, expected[name]));
  }
  return results;
}

function runDemo() {
  const folder = mkdtempSync(join(tmpdir(), 'locscale-demo-'));
  try {
    const words = ['demo', '-o', folder, '--engine', values.engine];
    if (values['allow-software-gpu']) words.push('--allow_software_gpu');
    const { status, stderr } = spawnSync(process.execPath, [join(root, 'dist/cli.js'), ...words], {
      encoding: 'utf8',
    });
    if (status !== 0) throw new Error(`The demo ended with ${status}: ${stderr}`);
    const { demo, fsc } = JSON.parse(readFileSync(join(folder, 'demo.json'), 'utf8'));
    const { before, locscaleScheme, soft } = demo.correlationWithTruth;
    process.stdout.write(
      `demo: correlation with the truth ${before.toFixed(4)} before, ${locscaleScheme.toFixed(4)} LocScale's scheme, ${soft.toFixed(4)} soft scaling\n`,
    );
    return { before, locscaleScheme, soft, resolution: fsc.resolution };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function store(measured) {
  mkdirSync(results, { recursive: true });
  writeFileSync(stored, `${JSON.stringify(measured, null, 1)}\n`);
  process.stdout.write(`wrote bench/results/accuracy/${engine.name}.json\n`);
  await import('./fill-tables.mjs');
}

async function measure() {
  const whole = await compareWholeMaps(engine);
  const window = await compareWindow(engine);
  const profiles = engine.name === 'cpu' ? await compareProfiles() : [];
  const measured = {
    schema: 1,
    description: engine.description,
    runtime: runtimeName(),
    version: packageVersion(),
    date: new Date().toISOString().slice(0, 10),
    results: [...whole.results, ...profiles, ...window],
    confidentVoxels: whole.confidentVoxels,
  };
  const worst = measured.results.reduce((a, b) => (a.relativeL2 > b.relativeL2 ? a : b));
  process.stdout.write(`largest relative L2: ${worst.relativeL2.toExponential(2)} (${worst.title})\n`);
  // Every engine computes in float32; 1e-5 is the bound of the method, more is a fault.
  if (worst.relativeL2 > 1e-5) {
    process.stderr.write('accuracy: above the bound of 1e-5; nothing was stored.\n');
    process.exitCode = 1;
  } else if (!values.check) {
    const demo = engine.name === 'cpu' ? { demo: runDemo() } : {};
    await store({ ...measured, ...demo });
  }
}

const { engine } = await selectEngine({
  engine: values.engine,
  allowSoftwareGpu: values['allow-software-gpu'],
  vulkanLoader: process.env.LOCSCALE_VULKAN_LOADER,
});
const stored = join(results, `${engine.name}.json`);
try {
  if (values.demo) await store({ ...JSON.parse(readFileSync(stored, 'utf8')), demo: runDemo() });
  else await measure();
} finally {
  await engine.dispose();
}
