/**
 * `npm run web:campaign -- [options]`: what the page promises and CI has no time or quiet for. Each part compares
 * the page with the command line on the same maps, on this machine; bits and memory are judged always, times only
 * where nothing else computes. Figures go to bench/results/web/campaign.json.
 *
 *   --only demo,cancel,box256,gpu256,hidden,headers,large    these parts; default: all but large
 *   --repeats 3      runs of which the shortest counts, page and command line in turns
 *   --edge 256       of the box of box256 and gpu256, voxels
 */
import { spawnSync } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { gzipSync } from 'node:zlib';
import {
  choose,
  isFinished,
  isReady,
  pageMap,
  run,
  seconds,
  start,
  until,
  voxelsOf,
  withPage,
} from './web-campaign-page.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const built = (path) => import(pathToFileURL(join(root, 'dist', path)).href);
const out = join(root, 'bench/results/web/campaign.json');
/** Share of the cores that others may take before a part begins; above it times are to be measured again. */
const IDLE_SHARE = 0.15;
const VIEW_MILLISECONDS = 1000;
const HEADER_MILLISECONDS = 300;
const CANCEL_MILLISECONDS = 2500;
const CANCELS = 10;
/** After Cancel there is an outcome, or never. */
const CANCEL_PATIENCE_MILLISECONDS = 60_000;

const { values: options } = parseArgs({
  options: {
    only: { type: 'string', default: 'demo,cancel,headers,hidden,box256,gpu256' },
    repeats: { type: 'string', default: '3' },
    edge: { type: 'string', default: '256' },
  },
});
const repeats = Number(options.repeats);
const edge = Number(options.edge);
const work = mkdtempSync(join(tmpdir(), 'locscale-web-campaign-'));
// Chromium is unpacked there: next to another one a SwiftShader.ini may lie, which SwiftShader obeys.
process.env.TMPDIR = work;

const { mapToBlob } = await built('browser.js');
const { createRandom } = await built('math/statistics/random.js');
const { generateDemoData } = await built('synthetic/half-maps.js');
const { makeMapImage } = await built('synthetic/map-image.js');

// The command line.

function relativeL2(a, b) {
  let [difference, norm] = [0, 0];
  for (let i = 0; i < b.length; i++) {
    difference += (a[i] - b[i]) ** 2;
    norm += b[i] ** 2;
  }
  return Math.sqrt(difference / norm);
}

/** Report included, as the page makes one. */
function commandLine(halves) {
  const output = join(work, 'command.mrc');
  const begun = performance.now();
  const { status, stderr } = spawnSync(
    process.execPath,
    [
      join(root, 'dist/cli.js'),
      '-hm',
      ...halves,
      '--engine',
      'cpu',
      '-np',
      String(cpus().length),
      '--print_report',
      '-o',
      output,
    ],
    { cwd: work, encoding: 'utf8' },
  );
  if (status !== 0) throw new Error(stderr);
  return { seconds: (performance.now() - begun) / 1000, map: voxelsOf(readFileSync(output)) };
}

async function writeHalves(name, settings) {
  const { half1, half2 } = generateDemoData(settings);
  const paths = [];
  for (const [i, half] of [half1, half2].entries()) {
    const path = join(work, `${name}_half_map_${i + 1}.mrc`);
    writeFileSync(path, Buffer.from(await (await mapToBlob(half, 'campaign')).arrayBuffer()));
    paths.push(path);
  }
  return paths;
}

/** The generated particle of 256³ in the middle of a larger box; around it, noise like that of its corner. */
async function writeLargeHalves(edge) {
  const small = generateDemoData({ shape: [256, 256, 256] });
  const paths = [];
  for (const [i, { name, grid, data }] of [small.half1, small.half2].entries()) {
    const random = createRandom(1, i);
    const corner = data.subarray(0, 256 * 256);
    const deviation = Math.sqrt(corner.reduce((sum, value) => sum + value * value, 0) / corner.length);
    const voxels = new Float32Array(edge ** 3);
    for (let at = 0; at < voxels.length; at++) voxels[at] = deviation * random.gaussian();
    const start = (edge - 256) / 2;
    for (let z = 0; z < 256; z++)
      for (let y = 0; y < 256; y++)
        voxels.set(
          data.subarray((z * 256 + y) * 256, (z * 256 + y + 1) * 256),
          ((z + start) * edge + y + start) * edge + start,
        );
    const large = makeMapImage(name, { ...grid, shape: [edge, edge, edge] }, voxels);
    paths.push(join(work, `large_half_map_${i + 1}.mrc`));
    writeFileSync(paths[i], Buffer.from(await (await mapToBlob(large, 'campaign')).arrayBuffer()));
  }
  return paths;
}

/** What all cores did in three seconds: the load average still has this campaign's part before. */
async function busyShare() {
  const sum = () => {
    const times = cpus().map((core) => core.times);
    const all = times.flatMap((core) => Object.values(core)).reduce((a, b) => a + b);
    return { all, idle: times.reduce((total, { idle }) => total + idle, 0) };
  };
  const before = sum();
  await new Promise((done) => setTimeout(done, 3000));
  const after = sum();
  return 1 - (after.idle - before.idle) / (after.all - before.all);
}

/** In turns, so that what else the machine does meets both. */
async function compared(halves, hash) {
  const times = { page: [], commandLine: [] };
  let error = 0;
  for (let i = 0; i < repeats; i++) {
    const here = commandLine(halves);
    times.commandLine.push(here.seconds);
    await withPage('chromium', hash, async (page) => {
      await choose(page, ...halves);
      times.page.push(await run(page));
      times.view = Math.min(times.view ?? Infinity, await seconds(page, 'chosen', 'view'));
      error = Math.max(error, relativeL2(await pageMap(page), here.map));
    });
  }
  const [page, command] = [Math.min(...times.page), Math.min(...times.commandLine)];
  return {
    pageSeconds: page,
    commandLineSeconds: command,
    ratio: page / command,
    firstViewSeconds: times.view,
    relativeL2: error,
  };
}

const judged = (name, value, limit, kind) => ({ name, value, limit, kind, ok: value <= limit });

// Parts.

const parts = {
  async demo() {
    const found = await compared(await writeHalves('demo', undefined), '#engine=cpu');
    const { ratio, firstViewSeconds, relativeL2: error } = found;
    return [
      { ...found, box: 108 },
      judged('time of the demo, page : command line', ratio, 1.5, 'time'),
      judged('first view of the map, s', firstViewSeconds, VIEW_MILLISECONDS / 1000, 'time'),
      judged('map of the page against that of the command line', error, 0, 'bits'),
    ];
  },

  async box256() {
    const found = await compared(await bigHalves(), '#engine=cpu');
    return [
      { ...found, box: edge },
      judged(`time of ${edge}³, page : command line`, found.ratio, 1.3, 'time'),
      judged(`map of ${edge}³ against that of the command line`, found.relativeL2, 0, 'bits'),
    ];
  },

  async gpu256() {
    const halves = await bigHalves();
    const here = commandLine(halves);
    return withPage('chromium', '#engine=gpu', async (page) => {
      await choose(page, ...halves);
      const pageSeconds = await run(page);
      const error = relativeL2(await pageMap(page), here.map);
      return [
        { box: edge, pageSeconds, relativeL2: error },
        judged(
          `map of ${edge}³ on the software GPU against the command line on the CPU`,
          error,
          5e-6,
          'bits',
        ),
      ];
    });
  },

  async cancel() {
    const halves = await writeHalves('demo', undefined);
    return withPage('chromium', '#engine=cpu&b=1&locres=1', async (page) => {
      await choose(page, ...halves);
      const first = await run(page);
      const expected = await pageMap(page);
      let whole = first;
      let endedFirst = 0;
      await page.evaluate('document.getElementById("edit").click()');
      const times = [];
      for (let i = 0; times.length < CANCELS && endedFirst < CANCELS; i++) {
        await until(page, isReady);
        await start(page);
        // Golden ratio: all over the run, and at other places each time.
        await new Promise((resolve) => setTimeout(resolve, 900 * whole * ((i * 0.618) % 1)));
        await page.evaluate('at.stopped = undefined, document.getElementById("cancel").click()');
        await until(page, `at.stopped !== undefined || ${isFinished}`, {
          patience: CANCEL_PATIENCE_MILLISECONDS,
        });
        const failure = await page.evaluate('failure.hidden ? "" : failure.innerText');
        if (failure !== '') throw new Error(failure);
        if (await page.evaluate('at.stopped !== undefined')) {
          times.push(await seconds(page, 'cancelled', 'stopped'));
          continue;
        }
        // Faster than the first one, it had ended before: its result is on show.
        endedFirst++;
        whole = Math.min(whole, await seconds(page, 'started', 'finished'));
        await page.evaluate('document.getElementById("edit").click()');
      }
      if (times.length < CANCELS)
        throw new Error(`${endedFirst} runs had ended before they could be cancelled.`);
      await until(page, isReady);
      await run(page);
      const error = relativeL2(await pageMap(page), expected);
      return [
        { wholeSeconds: first, stopSeconds: times, endedFirst },
        judged(
          'longest way from Cancel to a page that is ready, s',
          Math.max(...times),
          CANCEL_MILLISECONDS / 1000,
          'time',
        ),
        judged('map of the run after them', error, 0, 'bits'),
      ];
    });
  },

  /** What headers say, of files that nothing reads whole. */
  async headers() {
    const path = join(work, 'large_half_map_1.mrc');
    const [demo] = await writeHalves('demo', undefined);
    const header = readFileSync(demo).subarray(0, 1024);
    for (const at of [0, 4, 8, 28, 32, 36]) header.writeInt32LE(512, at);
    for (const at of [40, 44, 48]) header.writeFloatLE(512, at);
    writeFileSync(path, header);
    truncateSync(path, 1024 + 4 * 512 ** 3);
    writeFileSync(`${path}.gz`, gzipSync(Buffer.concat([header, Buffer.alloc(4 * 512 ** 3)])));
    const found = {};
    for (const file of [path, `${path}.gz`])
      found[file.endsWith('.gz') ? 'gzSeconds' : 'seconds'] = await withPage('chromium', '', async (page) => {
        await choose(page, file);
        await until(page, 'at.header !== undefined || document.querySelector(".problem") !== null');
        return seconds(page, 'chosen', 'header');
      });
    return [
      found,
      judged(
        'header of 512³ voxels, s',
        Math.max(...Object.values(found)),
        HEADER_MILLISECONDS / 1000,
        'time',
      ),
    ];
  },

  /** In Firefox: headless Chromium hides no tab. */
  async hidden() {
    const halves = await writeHalves('demo', undefined);
    const times = { visible: [], hidden: [] };
    for (let i = 0; i < repeats; i++)
      for (const name of ['visible', 'hidden'])
        await withPage('firefox', '#engine=cpu&b=1&locres=1', async (page, browser) => {
          await choose(page, ...halves);
          await until(page, isReady);
          if (name === 'hidden') await (await browser.newPage()).bringToFront();
          const begun = performance.now();
          await start(page);
          await until(page, '!document.getElementById("result").hidden');
          if (name !== (await page.evaluate('document.visibilityState')))
            throw new Error(`The tab is not ${name}.`);
          times[name].push((performance.now() - begun) / 1000);
        });
    const ratio = Math.min(...times.hidden) / Math.min(...times.visible);
    return [times, judged('time in a hidden tab : in a visible one', ratio, 2, 'time')];
  },

  /** 512³ to a reference map: what the browser's processes take at most against what the plan announces. */
  async large() {
    const halves = await writeLargeHalves(512);
    return withPage('chromium', '#engine=cpu&ref=map', async (page, browser) => {
      const reference = join(work, 'reference.mrc');
      writeFileSync(reference, readFileSync(halves[0]));
      await choose(page, ...halves, reference);
      await until(page, isReady);
      const announced = await page.evaluate(
        'document.getElementById("plan").innerText.match(/about ([\\d.]+) GB/)[1] * 2 ** 30',
      );
      const pageSeconds = await run(page);
      const peak = Math.max(...rendererPeaks(browser.process().pid));
      return [
        { box: 512, announcedBytes: announced, peakBytes: peak, pageSeconds },
        judged('peak of 512³ against 1.3 × what the plan announces', peak, 1.3 * announced, 'memory'),
      ];
    });
  },
};

let big;
function bigHalves() {
  big ??= writeHalves('big', { shape: [edge, edge, edge] });
  return big;
}

/** Peaks of resident memory, bytes, of the processes under `pid` that run pages. */
function rendererPeaks(pid) {
  const text = (path) => {
    try {
      return readFileSync(path, 'utf8');
    } catch {
      return '';
    }
  };
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((name) => text(`/proc/${name}/cmdline`).includes('--type=renderer'))
    .filter((name) => descends(Number(name), pid, text))
    .map((name) => 1024 * Number(/VmHWM:\s+(\d+)/.exec(text(`/proc/${name}/status`))?.[1] ?? 0));
}

function descends(pid, ancestor, text) {
  for (let at = pid; at > 1; at = Number(/PPid:\s+(\d+)/.exec(text(`/proc/${at}/status`))?.[1] ?? 0))
    if (at === ancestor) return true;
  return false;
}

/** Parts that are not measured now keep their figures. */
function write(results) {
  const earlier =
    statSync(out, { throwIfNoEntry: false }) === undefined ? {} : JSON.parse(readFileSync(out, 'utf8')).parts;
  mkdirSync(dirname(out), { recursive: true });
  writeFileSync(out, `${JSON.stringify({ schema: 1, parts: { ...earlier, ...results } }, null, 1)}\n`);
}

let failed = false;
try {
  for (const name of options.only.split(',')) {
    if (parts[name] === undefined)
      throw new Error(`There is no part ${name}: ${Object.keys(parts).join(', ')}.`);
    const busy = await busyShare();
    const begun = new Date();
    const { stdout: commit } = spawnSync('git', ['rev-parse', '--short=10', 'HEAD'], {
      cwd: root,
      encoding: 'utf8',
    });
    const [figures, ...checks] = await parts[name]();
    const isIdle = busy < IDLE_SHARE;
    write({
      [name]: {
        date: begun.toISOString().slice(0, 10),
        commit: commit.trim(),
        machine: {
          processor: cpus()[0].model,
          cores: cpus().length,
          runtime: `Node ${process.versions.node}`,
        },
        busyBefore: Number(busy.toFixed(3)),
        // Times of a machine that does something else, too, are no measurement.
        ...(isIdle ? {} : { timesToBeMeasuredAgain: true }),
        figures,
        checks,
      },
    });
    for (const { name: what, value, limit, kind, ok } of checks) {
      const counts = kind !== 'time' || isIdle;
      failed ||= counts && !ok;
      const verdict = ok ? 'ok' : counts ? 'FAILED' : 'over, on a loaded machine';
      process.stdout.write(
        `${name}: ${what}: ${Number(value.toPrecision(3))}, at most ${limit}: ${verdict}\n`,
      );
    }
  }
} finally {
  rmSync(work, { recursive: true, force: true });
}
process.exitCode = failed ? 1 : 0;
