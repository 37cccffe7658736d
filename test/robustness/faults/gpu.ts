/**
 * A GPU that is lost while it works: every verb of the engine says so, nothing hangs, and a new one can be
 * opened.
 */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { gpuEntryOptions, gpuEnvironment } from '../../support/software-gpu.ts';
import type { Scenario } from './campaign.ts';

const EDGE = 32;

/**
 * Runs as a process of its own, on the built package: `node lost.mjs DIST MILLISECONDS VERB`. Calls the verb
 * again and again until the device goes, then says as JSON what came of it.
 */
const PROGRAM = `
const [, , dist, after, verb, entryOptions] = process.argv;
const load = (path) => import(dist + path);
const { loadGpu } = await load('platform/index.js');
const { localResolution, localScaling } = await load('engine/jobs.js');
const { listAdapters, openDevice } = await load('gpu/adapters.js');
const { createGpuEngine } = await load('gpu/index.js');
const say = (what) => process.stdout.write(JSON.stringify(what) + '\\n');
const entry = await loadGpu(JSON.parse(entryOptions));
if ('reason' in entry) { say({ missing: entry.reason }); process.exit(0); }
const { adapters } = await listAdapters(entry);
const adapter = adapters[0];
if (adapter === undefined) { say({ missing: 'no GPU was found' }); process.exit(0); }
const edge = ${EDGE};
const shape = [edge, edge, edge];
const voxels = (seed) => Float32Array.from({ length: edge ** 3 }, (_, i) => Math.sin(i * seed) + Math.sin(i * 0.01));
const ball = Float32Array.from({ length: edge ** 3 }, (_, i) => {
  const at = [Math.floor(i / edge ** 2), Math.floor(i / edge) % edge, i % edge].map((k) => k - edge / 2);
  return Number(Math.hypot(...at) < 4);
});
const open = async () => {
  const device = await openDevice(adapter, { totalBytes: 2 ** 28 });
  const engine = await createGpuEngine(device, { kind: adapter.kind });
  const put = async (data) => {
    const host = engine.allocateHost(data.length);
    host.set(data);
    return engine.upload(host, shape);
  };
  const [a, b, mask] = [await put(voxels(1.7)), await put(voxels(2.9)), await put(ball)];
  const scaling = { map: a, reference: b, mask, windowVoxels: 12, profileKind: 'octant', rule: { kind: 'reference-profile' },
    padValues: { map: 0, reference: 0 }, measureBFactors: false };
  const resolving = { half1: a, half2: b, mask, windowVoxels: 12, weights: 'box', voxelSize: 1.5, threshold: 0.5,
    padValues: [0, 0] };
  const verbs = {
    upload: async () => engine.release(await put(voxels(3.3))),
    download: () => engine.download(a),
    average: async () => engine.release(await engine.average(a, b)),
    statistics: () => engine.statistics(a),
    binarise: async () => engine.release((await engine.binarise(a, 0.5)).mask),
    resample: async () => engine.release(await engine.resample(a, [40, 40, 40])),
    shellSpectra: () => engine.shellSpectra(a, b),
    confidenceMap: async () => engine.release(await engine.confidenceMap(a, { mean: 0, variance: 1 })),
    openLocalScaling: () => engine.openLocalScaling(scaling),
    localScaling: async () => engine.release((await localScaling(engine, scaling)).scaled),
    localResolution: async () => engine.release((await localResolution(engine, resolving)).resolution),
  };
  return { device, engine, verbs };
};
const { device, engine, verbs } = await open();
let lost = 0;
let calls = 0;
// Once undisturbed: what fails here is no matter of the loss.
await verbs[verb]();
setTimeout(() => { lost = performance.now(); device.device.destroy(); }, Number(after));
let error;
while (error === undefined) {
  try { await verbs[verb](); calls++; } catch (thrown) { error = thrown; }
  await new Promise((resolve) => setTimeout(resolve, 0));
  if (error === undefined && lost > 0 && performance.now() - lost > 20000) error = new Error('no rejection in 20 s');
}
const seconds = (performance.now() - lost) / 1000;
const second = await verbs[verb]().then(() => 'resolved', (thrown) => thrown.tag ?? String(thrown));
await engine.dispose();
const again = await open();
await again.verbs[verb]();
await again.engine.dispose();
again.device.destroy();
device.destroy();
say({ tag: error.tag ?? String(error), message: error.message, second, calls, seconds, before: lost === 0 });
process.exit(0);
`;

const VERBS = [
  'localScaling',
  'localResolution',
  'shellSpectra',
  'statistics',
  'download',
  'resample',
  'average',
  'binarise',
  'upload',
  'confidenceMap',
];

interface Outcome {
  readonly missing?: string;
  readonly tag?: string;
  readonly message?: string;
  /** Of the next call. */
  readonly second?: string;
  readonly seconds?: number;
  readonly before?: boolean;
}

export const deviceLost: Scenario = {
  name: 'device-lost',
  title: 'A GPU that is lost in the middle of each verb of the engine',
  async run(campaign) {
    const { tally, options } = campaign;
    const script = join(campaign.folder, 'lost.mjs');
    writeFileSync(script, PROGRAM);
    const dist = `${pathToFileURL(options.dist).href}/`;
    await campaign.repeat(
      campaign.size(20, 1),
      (index) => ({
        verb: VERBS[index % VERBS.length] as string,
        after: Math.round(400 * campaign.random.uniform()),
      }),
      async ({ verb, after }) => {
        if (tally.skipped !== undefined) return;
        const args = [dist, String(after), verb, JSON.stringify(gpuEntryOptions())];
        const { code, signal, stdout, stderr, hung } = await campaign.run({
          folder: campaign.folder,
          script,
          args,
          env: gpuEnvironment(),
        });
        const what = `${verb}, lost after ${after} ms`;
        const line = stdout.trim().split('\n').at(-1) ?? '';
        if (hung || code !== 0 || !line.startsWith('{')) {
          tally.fault(
            `${what}: ${hung ? 'did not end' : `exit ${code ?? signal}`}: ${stderr.trim().slice(0, 400)}`,
          );
          return;
        }
        const outcome = JSON.parse(line) as Outcome;
        if (outcome.missing !== undefined) {
          tally.skipped = outcome.missing;
          return;
        }
        tally.count(`${outcome.tag}, and a new engine works`);
        tally.measure('seconds until reported', outcome.seconds ?? 0);
        if (outcome.before === true) tally.fault(`${what}: failed before: ${outcome.message}`);
        if (outcome.tag !== 'no-device' || outcome.second !== 'no-device')
          tally.fault(`${what}: ${outcome.tag} (${outcome.message}), then ${outcome.second}`);
      },
    );
  },
};
