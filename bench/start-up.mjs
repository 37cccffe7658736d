/**
 * `node bench/start-up.mjs [CHECKOUT...] [--rounds N] [--edge N] [--out FILE]`: what a command costs before and beside
 * its GPU work: LocScale's scaling of two half maps of 256^3 by a reference map, on the software GPU of the tests. Of the
 * time of every step that is left out in which the program only waited for the GPU or its driver. The molecule is small, so
 * that a software GPU is soon done with it; reading, FSC, mask and writing are those of the box. Other checkouts, built as
 * this one is, run in turn with it.
 */
import { spawn, spawnSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import process from 'node:process';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string', default: '2' },
    edge: { type: 'string', default: '256' },
    out: { type: 'string' },
    profile: { type: 'string' },
    /** A sentence for docs/speed.md. */
    note: { type: 'string' },
    /** Description of another software driver (…/icd.d/lvp_icd.json). */
    driver: { type: 'string' },
    /** This checkout where it is not the one that the script lies in. */
    this: { type: 'string' },
  },
});
const edge = Number(values.edge);
const VOXEL_SIZE = 1.05;
/** Enough for a mask that nobody doubts (3 kDa). */
const ATOMS = 160;
/** Voxels. */
const RADIUS = 12;
/** --profile FOLDER: what the main thread does, for Chrome's developer tools. */
const profile =
  values.profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${resolve(values.profile)}`];

/** Seeded, uniform in [-1, 1). */
function numbers(seed) {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  };
}

/** Blobs in a ball in the middle of the box, `width` voxels wide. */
function molecule(width) {
  const next = numbers(1);
  const map = new Float32Array(edge ** 3);
  const reach = Math.ceil(4 * width);
  for (let atom = 0; atom < ATOMS; ) {
    const at = [next(), next(), next()].map((u) => RADIUS * u);
    if (Math.hypot(...at) > RADIUS) continue;
    atom++;
    const centre = at.map((a) => edge / 2 + a);
    const first = centre.map((c) => Math.round(c) - reach);
    for (let z = first[0]; z <= first[0] + 2 * reach; z++)
      for (let y = first[1]; y <= first[1] + 2 * reach; y++)
        for (let x = first[2]; x <= first[2] + 2 * reach; x++) {
          const square = (z - centre[0]) ** 2 + (y - centre[1]) ** 2 + (x - centre[2]) ** 2;
          map[(z * edge + y) * edge + x] += Math.exp(-square / (2 * width ** 2));
        }
  }
  return map;
}

function withNoise(map, seed) {
  const next = numbers(seed);
  return map.map((value) => value + 0.1 * (next() + next() + next()));
}

/** Mode 2, little-endian. */
function writeMap(path, map) {
  const header = new DataView(new ArrayBuffer(1024));
  const ints = [edge, edge, edge, 2, 0, 0, 0, edge, edge, edge];
  header.setInt32(88, 1, true);
  ints.forEach((value, i) => {
    header.setInt32(4 * i, value, true);
  });
  for (let i = 0; i < 3; i++) header.setFloat32(40 + 4 * i, edge * VOXEL_SIZE, true);
  for (let i = 0; i < 3; i++) header.setFloat32(52 + 4 * i, 90, true);
  for (let i = 0; i < 3; i++) header.setInt32(64 + 4 * i, i + 1, true);
  'MAP '.split('').forEach((letter, i) => {
    header.setUint8(208 + i, letter.charCodeAt(0));
  });
  [0x44, 0x44, 0, 0].forEach((byte, i) => {
    header.setUint8(212 + i, byte);
  });
  writeFileSync(path, Buffer.concat([Buffer.from(header.buffer), Buffer.from(map.buffer)]));
}

/** Lines of the program that begin a step. */
const STEPS = [
  ['start', /^/],
  ['engine', /^Engine: /],
  ['read', /^Reading half1/],
  ['FSC', /^(Measuring the )?FSC/i],
  ['mask', /mask/i],
  ['reference', /^Reading reference/],
  ['scaling', /^Scaling/],
  ['write', /^Writing/],
];

/** The hook where a checkout's own packages are found: Dawn is loaded once a package. */
function hookOf(checkout) {
  const cache = join(checkout, 'node_modules/.cache');
  mkdirSync(cache, { recursive: true });
  const path = join(cache, 'start-up-hook.mjs');
  copyFileSync(new URL('./start-up-hook.mjs', import.meta.url), path);
  return pathToFileURL(path).href;
}

function commitOf(checkout) {
  const git = (...args) => spawnSync('git', ['-C', checkout, ...args], { encoding: 'utf8' }).stdout.trim();
  return (
    git('rev-parse', '--short=7', 'HEAD') +
    (git('status', '--porcelain', 'src') === '' ? '' : ' with changes')
  );
}

async function runOnce(checkout, folder, cache, args) {
  const report = join(folder, 'report.json');
  const env = { ...process.env, ...driver(), LOCSCALE_CACHE: cache, LOCSCALE_START_UP: report };
  const child = spawn(
    process.execPath,
    [...profile, '--import', hookOf(checkout), join(checkout, 'dist/cli.js'), ...args],
    {
      cwd: folder,
      env,
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  let text = '';
  child.stdout.on('data', (piece) => {
    text += piece;
  });
  const code = await new Promise((done) => child.on('close', done));
  if (code !== 0) throw new Error(`${checkout}: exit code ${code}\n${text}`);
  return JSON.parse(readFileSync(report, 'utf8'));
}

/** The software GPU that the tests have unpacked (test/support/software-gpu.ts). */
function driver() {
  if (values.driver !== undefined) {
    const path = resolve(values.driver);
    return { VK_ICD_FILENAMES: path, VK_DRIVER_FILES: path };
  }
  const cache = join(root, 'node_modules/.cache');
  const name = readdirSync(cache).find((entry) => entry.startsWith('locscale-swiftshader-'));
  if (name === undefined) throw new Error('Run a test with a GPU first: it unpacks the software GPU.');
  const files = join(cache, name);
  const description = join(files, 'vk_swiftshader_icd.json');
  return { VK_ICD_FILENAMES: description, VK_DRIVER_FILES: description, LD_LIBRARY_PATH: files };
}

/**
 * Milliseconds of each step, less what the program only waited for the GPU: by the clock, and of the main thread's
 * processor time, which other programs do not lengthen much.
 */
function stepsOf({ wall, mainThread, waits, lines }) {
  const marks = [{ step: 'start', at: 0, processor: 0 }];
  for (const { line, at, processor } of lines) {
    const found = STEPS.slice(1).find(
      ([step, pattern]) => pattern.test(line) && !marks.some((m) => m.step === step),
    );
    if (found && STEPS.findIndex(([s]) => s === found[0]) > STEPS.findIndex(([s]) => s === marks.at(-1).step))
      marks.push({ step: found[0], at, processor });
  }
  const steps = {};
  marks.forEach(({ step, at, processor }, i) => {
    const end = marks[i + 1]?.at ?? wall;
    const processorEnd = marks[i + 1]?.processor ?? mainThread;
    // A wait is divided among the steps that it lies in.
    const idle = waits.reduce((sum, { from, to, idle: all }) => {
      const common = Math.min(to, end) - Math.max(from, at);
      return common > 0 && to > from ? sum + (all * common) / (to - from) : sum;
    }, 0);
    steps[step] = { wall: end - at - idle, processor: processorEnd - processor, wait: idle };
  });
  return steps;
}

const folder = mkdtempSync(join(tmpdir(), 'locscale-start-up-'));
try {
  const sharp = molecule(1.2);
  writeMap(join(folder, 'half1.mrc'), withNoise(sharp, 2));
  writeMap(join(folder, 'half2.mrc'), withNoise(sharp, 3));
  writeMap(join(folder, 'reference.mrc'), molecule(0.9));
  const own = values.this === undefined ? root : resolve(values.this);
  const checkouts = [...positionals.map((path) => resolve(path)), own];
  const runs = new Map(checkouts.map((checkout) => [checkout, []]));
  // The first of each also verifies what later ones know.
  for (let round = 0; round <= Number(values.rounds); round++)
    for (const checkout of checkouts) {
      const version = JSON.parse(readFileSync(join(checkout, 'package.json'), 'utf8')).version;
      // The default since; version 0.1.0 has no other scheme.
      const hasSoft = existsSync(join(checkout, 'dist/math/soft-scaling'));
      const job = ['-hm', 'half1.mrc', 'half2.mrc', '-mm', 'reference.mrc', '-o', 'out.mrc'];
      const args = [
        ...job,
        '--engine',
        'gpu',
        '--allow_software_gpu',
        ...(hasSoft ? ['--scaling', 'locscale'] : []),
      ];
      // A result that is there already would have to be removed.
      rmSync(join(folder, 'out.mrc'), { force: true });
      const measured = await runOnce(
        checkout,
        folder,
        join(folder, `cache-${checkouts.indexOf(checkout)}`),
        args,
      );
      const idle = measured.waits.reduce((sum, wait) => sum + wait.idle, 0);
      const program = measured.wall - idle;
      measured.mainThread -= measured.inDriver.thread;
      console.log(
        `${round === 0 ? 'first' : `round ${round}`} ${version} ${checkout === own ? '(this)' : checkout}: ` +
          `${(program / 1000).toFixed(2)} s of its own, main thread ${(measured.mainThread / 1000).toFixed(2)} s, ` +
          `${(idle / 1000).toFixed(2)} s waiting for the GPU, ${measured.counts.pipelines} pipelines`,
      );
      runs.get(checkout).push({ own: program, idle, ...measured, steps: stepsOf(measured) });
    }
  const best = (list) => list.reduce((least, next) => (next.own < least.own ? next : least));
  const results = checkouts.map((checkout) => {
    const [first, ...later] = runs.get(checkout);
    const describe = ({ own, mainThread, idle, counts, labels, steps }) => ({
      ownSeconds: round(own / 1000),
      mainThreadSeconds: round(mainThread / 1000),
      gpuWaitSeconds: round(idle / 1000),
      ...counts,
      pipelinesCompiled: labels,
      steps: Object.fromEntries(
        Object.entries(steps).map(([step, { wall, processor, wait }]) => [
          step,
          {
            wallSeconds: round(wall / 1000),
            mainThreadSeconds: round(processor / 1000),
            gpuWaitSeconds: round(wait / 1000),
          },
        ]),
      ),
    });
    return {
      commit: commitOf(checkout),
      first: describe(first),
      later: describe(best(later)),
    };
  });
  function round(value) {
    return Math.round(1000 * value) / 1000;
  }
  const report = {
    date: new Date().toISOString().slice(0, 10),
    edge,
    cpu: cpus()[0].model.trim(),
    cores: cpus().length,
    driver: values.driver === undefined ? 'SwiftShader' : basename(values.driver).replace(/\..*/, ''),
    node: process.version,
    rounds: Number(values.rounds),
    note: values.note,
    results,
  };
  console.log(JSON.stringify(report, null, 1));
  if (values.out !== undefined) writeFileSync(values.out, `${JSON.stringify(report, null, 1)}\n`);
} finally {
  rmSync(folder, { recursive: true });
}
