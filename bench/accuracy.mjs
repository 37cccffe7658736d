/**
 * `node bench/accuracy.mjs [--engine cpu|gpu] [--check]`: runs the program on the reference data of the
 * original one and stores the differences in bench/results/accuracy/<engine>.json (`--check` only prints them), then
 * fills the tables of the documentation. The data is looked for in LOCSCALE_SHARED, else in
 * shared/ beside the checkout; it is not part of the repository.
 *
 * Whole maps go through the public API as the command line uses it (half maps in, mask and reference
 * given), so that the derived numbers are compared too. One setting is taken from the original: its
 * resolution, which it rounds to 0.1 A.
 */
import { spawnSync } from 'node:child_process';
import {
  createReadStream,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const shared = process.env.LOCSCALE_SHARED ?? join(root, '../shared');
const results = join(root, 'bench/results/accuracy');
const { values } = parseArgs({
  options: { engine: { type: 'string', default: 'cpu' }, check: { type: 'boolean', default: false } },
});

if (!existsSync(join(shared, 'golden'))) {
  process.stderr.write(
    'accuracy: the reference data of the original program is not here.\n' +
      'hint: set LOCSCALE_SHARED to the folder that holds golden/. The figures measured last are in bench/results/accuracy/.\n',
  );
  process.exit(3);
}
const ready = spawnSync(process.execPath, [join(root, 'tools/ensure-ready.mjs')], { stdio: 'inherit' });
if (ready.status !== 0) process.exit(ready.status ?? 1);

const { defaultParameters, readMrc, runLocScale, selectEngine } = await import('../dist/index.js');
const { runFsc, runMask } = await import('../dist/pipeline/index.js');
const { tanhLowPass } = await import('../dist/math/radial-transfer.js');
const { runDemoOn } = await import('../dist/cli/demo.js');
const { runtimeName } = await import('../dist/runtime.js');
const { packageVersion } = await import('../dist/cli/version.js');

async function readMap(...parts) {
  const path = join(shared, 'golden', ...parts);
  return readMrc(
    { bytes: createReadStream(path), byteLength: statSync(path).size },
    { name: parts.at(-1), allocate: (voxels) => new Float32Array(voxels) },
  );
}

function readJson(...parts) {
  return JSON.parse(readFileSync(join(shared, 'golden', ...parts), 'utf8'));
}

/** Euclidean norm of the difference over that of the original, and the largest single difference. */
function compare(title, ours, original) {
  if (ours.length !== original.length)
    throw new Error(`${title}: ${ours.length} and ${original.length} values`);
  let [squares, norm, largest] = [0, 0, 0];
  for (let i = 0; i < ours.length; i++) {
    const difference = ours[i] - original[i];
    squares += difference ** 2;
    norm += original[i] ** 2;
    largest = Math.max(largest, Math.abs(difference));
  }
  const result = {
    title,
    values: ours.length,
    relativeL2: Math.sqrt(squares / norm),
    largestDifference: largest,
    rms: Math.sqrt(norm / ours.length),
  };
  process.stdout.write(
    `${title}: relative L2 ${result.relativeL2.toExponential(2)}, largest difference ${largest.toExponential(2)}\n`,
  );
  return result;
}

/** TRPV1, 96^3: every mode of the original on whole maps. */
async function compareWholeMaps(engine) {
  const folder = 'trpv1-c4';
  const expected = readJson(folder, 'expected.json');
  const golden = async (name) => (await readMap(folder, `expected_${name}.mrc`)).data;
  const halfMaps = async () => ({
    half1: await readMap(folder, 'half1.mrc'),
    half2: await readMap(folder, 'half2.mrc'),
  });
  const context = { engine };
  const results = [];

  const { half1, half2 } = await halfMaps();
  const { fsc } = await runFsc(half1, half2, context);
  results.push(compare('FSC curve', fsc.correlation, expected.fsc));

  const full = await engine.average(
    await engine.upload(half1.data.slice(), half1.grid.shape),
    await engine.upload(half2.data.slice(), half2.grid.shape),
  );
  const lowPassed = await engine.radialFilter(full, tanhLowPass(5, expected.voxel_size));
  results.push(compare('low-pass at 5 Å', await engine.download(lowPassed), await golden('lowpass_5A')));
  engine.release(full, lowPassed);

  const made = await runMask(
    { kind: 'half-maps', half1, half2 },
    { ...defaultParameters, fdrFilter: 5 },
    context,
  );
  results.push(
    compare(
      'FDR confidence map, low-passed at 5 Å',
      await engine.download(made.confidence),
      await golden('confidence_5A'),
    ),
  );
  const confidentVoxels = { ours: made.maskVoxels, original: expected.fdr_5A.voxels_at_0p99 };
  engine.release(made.mask, made.confidence);

  const profile = expected.theoretical_profile;
  const modes = {
    model_map: ['reference map (-mm)', (map) => ({ kind: 'model-map', map })],
    pseudomodel: [
      'theoretical profile (--activate_pseudomodel)',
      (map) => ({ kind: 'pseudo-model-map', map }),
    ],
    no_reference: ['--no_reference', () => ({ kind: 'none' })],
    hybrid: [
      'hybrid (--difference_mask)',
      (map, differenceMask) => ({ kind: 'hybrid-map', map, differenceMask }),
    ],
  };
  for (const [name, [title, referenceOf]] of Object.entries(modes)) {
    const result = await runLocScale(
      {
        input: { kind: 'half-maps', half1, half2 },
        mask: await readMap(folder, 'mask.mrc'),
        reference: referenceOf(
          await readMap(folder, 'reference.mrc'),
          await readMap(folder, 'difference_mask.mrc'),
        ),
        parameters: {
          ...defaultParameters,
          resolution: expected.fsc_resolution,
          theoreticalProfile: { frequency: profile.freq, amplitude: profile.amplitude },
          measureBFactors: name === 'pseudomodel',
        },
      },
      context,
    );
    results.push(compare(`scaled map, ${title}`, await engine.download(result.scaled), await golden(name)));
    if (name === 'pseudomodel') {
      const measured = [
        ['B factor map', result.bFactor, 'pseudomodel_bfactor'],
        ['quality map', result.quality, 'pseudomodel_qfit'],
      ];
      for (const [what, volume, file] of measured) {
        results.push(compare(`${what}, ${title}`, await engine.download(volume), await golden(file)));
        engine.release(volume);
      }
    }
    engine.release(result.scaled, result.mask);
  }
  return { results, confidentVoxels };
}

/** One real 40^3 window of EMD-5778: its centre voxel scaled, B factor and fit quality. */
async function compareWindow(engine) {
  const folder = 'emd5778-window-1';
  const expected = readJson(folder, 'expected.json');
  const map = await readMap(folder, 'emmap_window.mrc');
  const reference = await readMap(folder, 'modmap_window.mrc');
  const { shape } = map.grid;
  const edge = expected.window;
  const centre = (edge / 2) * (edge * edge + edge + 1);
  const mask = new Float32Array(edge ** 3);
  mask[centre] = 1;
  const { conditions } = expected;
  const common = { voxelSize: expected.voxel_size, fscCutoff: conditions.fsc_cutoff };
  const rules = {
    model_map: ['reference map', { kind: 'reference-profile', ...common, wilsonCutoff: 10 }],
    pseudomodel: [
      'theoretical profile',
      {
        kind: 'theoretical-profile',
        ...common,
        wilsonCutoff: conditions.wilson,
        nyquistCutoff: conditions.nyquist,
        boost: conditions.boost_secondary_structure,
        theoreticalProfile: expected.theoretical_profile.amplitude,
      },
    ],
  };
  const results = [];
  for (const [mode, [title, rule]] of Object.entries(rules)) {
    const volumes = {
      map: await engine.upload(map.data.slice(), shape),
      reference: await engine.upload(reference.data.slice(), shape),
      mask: await engine.upload(mask.slice(), shape),
    };
    const { scaled, bFactor, quality } = await engine.localScaling({
      ...volumes,
      windowVoxels: edge,
      profileKind: 'octant',
      rule,
      padValues: { map: 0, reference: 0 },
      measureBFactors: true,
    });
    const at = async (volume) => [(await engine.download(volume))[centre]];
    const original = expected[mode];
    results.push(
      compare(`EMD-5778 window, ${title}: centre voxel`, await at(scaled), [original.centre_voxel]),
    );
    results.push(compare(`EMD-5778 window, ${title}: B factor`, await at(bFactor), [original.bfactor]));
    results.push(compare(`EMD-5778 window, ${title}: quality`, await at(quality), [original.quality_fit]));
    engine.release(scaled, bFactor, quality, ...Object.values(volumes));
  }
  return results;
}

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

async function runDemo(engine) {
  const folder = mkdtempSync(join(tmpdir(), 'locscale-demo-'));
  try {
    const { before, after, resolution } = await runDemoOn(engine, {
      outputFolder: folder,
      seed: 1,
      print: () => {},
      warn: () => {},
    });
    process.stdout.write(
      `demo: correlation with the truth ${before.toFixed(4)} before, ${after.toFixed(4)} after\n`,
    );
    return { before, after, resolution };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const { engine } = await selectEngine({ engine: values.engine });
try {
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
    const demo = engine.name === 'cpu' ? { demo: await runDemo(engine) } : {};
    mkdirSync(results, { recursive: true });
    writeFileSync(
      join(results, `${engine.name}.json`),
      `${JSON.stringify({ ...measured, ...demo }, null, 1)}\n`,
    );
    process.stdout.write(`wrote bench/results/accuracy/${engine.name}.json\n`);
    await import('./fill-tables.mjs');
  }
} finally {
  await engine.dispose();
}
