/**
 * What LocScale's scaling of a box asks of a GPU, counted: calls and pipelines on a device that computes
 * nothing and has the limits of a graphics card; bytes that every shader reads and writes, no cache assumed,
 * on a software GPU. Counts do not depend on the machine's speed.
 */

import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { GateError } from '../src/bench/gate.ts';
import type { ScalingRun, Volume } from '../src/engine/engine.ts';
import type { GpuDevice } from '../src/gpu/device.ts';
import { createGpuEngine, type GpuEngine } from '../src/gpu/index.ts';
import type { Shape } from '../src/math/grid.ts';
import { OCCUPANCY_BLOCK } from '../src/math/scaling/occupancy.ts';
import { type Calls, type CountingDevice, countDevice, type PipelineUse } from './counting-device.ts';
import { createIdleDevice, wrapIdleDevice } from './idle-device.ts';
import {
  type KernelBytes,
  openSoftwareGpu,
  type PlanLimits,
  planLimits,
  sayKernels,
  sumKernels,
} from './kernel-bytes.ts';
import { ruleOf } from './local-scaling.bench.ts';

export interface CountedJob {
  readonly edge: number;
  readonly windowVoxels: number;
  /** Of a ball in the middle of the box. */
  readonly maskVoxels: number;
}

export interface JobCalls extends CountedJob {
  readonly tiles: number;
  readonly tileSize: Shape;
  /** Before the first tile, and for all tiles. */
  readonly setUp: Calls;
  readonly scaling: Calls;
  readonly pipelines: readonly string[];
  /** Host time to record all tiles, the second time. */
  readonly encodeSeconds: number;
}

export interface JobBytes extends CountedJob {
  readonly device: string;
  /** Its limits that decide how the engine cuts the work up. */
  readonly limits: PlanLimits;
  readonly tiles: number;
  readonly tileSize: Shape;
  /** Of all tiles. */
  readonly kernels: readonly KernelBytes[];
  readonly bytes: number;
}

/** 25 A at 1.05 A a voxel. */
const JOB: CountedJob = { edge: 256, windowVoxels: 24, maskVoxels: 1_000_000 };
const STORED = 'bench/results/gpu-model/counts.json';

/** Growth that is an error. Counts depend on code and limits only; a change of less is no accident either. */
const REGRESSION = 1.05;

export interface Counts {
  readonly calls: JobCalls;
  readonly bytes: JobBytes;
}

/** Calls and bytes of the job, on the software GPU of the tests. */
export async function benchCounts(options: {
  readonly root: string;
  readonly write: boolean;
  readonly say: (line: string) => void;
}): Promise<Counts> {
  const { root, write, say } = options;
  const { uses: _, ...calls } = await countCalls(JOB);
  const { setUp, scaling, pipelines, encodeSeconds } = calls;
  say(
    `  ${setUp.dispatches} + ${scaling.dispatches} dispatches, ${setUp.bindGroups} + ${scaling.bindGroups} bind groups, ` +
      `${pipelines.length} pipelines; recorded in ${(1000 * encodeSeconds).toFixed(1)} ms`,
  );
  const bytes = await countBytes(await openSoftwareGpu(), JOB);
  sayKernels(bytes.kernels, say);
  say(`  ${(bytes.bytes / 1e9).toFixed(1)} GB read and written`);
  const counts = { calls, bytes };
  const stored = join(root, STORED);
  if (!write && existsSync(stored))
    checkCounts(counts, JSON.parse(readFileSync(stored, 'utf8')) as Counts, (line) => say(`  ${line}`));
  if (write) {
    mkdirSync(dirname(stored), { recursive: true });
    writeFileSync(stored, `${JSON.stringify(counts, null, 1)}\n`);
    say(`wrote ${STORED}`);
  }
  return counts;
}

/** Throws where the job asks for more than was stored: calls, pipelines, bytes of each shader. */
export function checkCounts(now: Counts, stored: Counts, say: (line: string) => void): void {
  const faults = [
    ...grown('set-up', now.calls.setUp, stored.calls.setUp),
    ...grown('tiles', now.calls.scaling, stored.calls.scaling),
    ...grown('', { pipelines: now.calls.pipelines.length }, { pipelines: stored.calls.pipelines.length }),
    ...compareBytes(now.bytes, stored.bytes, say),
  ];
  if (faults.length > 0) throw new GateError(faults.join('; '));
}

/** Bytes that devices with other limits move are not compared, and `say` is told so. */
export function compareBytes(
  now: Pick<JobBytes, 'limits' | 'kernels' | 'bytes'>,
  stored: Pick<JobBytes, 'limits' | 'kernels' | 'bytes'>,
  say: (line: string) => void,
): string[] {
  if (JSON.stringify(now.limits) !== JSON.stringify(stored.limits)) {
    say(`NOT COMPARED: bytes; stored of a device with other limits (${JSON.stringify(stored.limits)})`);
    return [];
  }
  return [
    ...grown('', { bytes: now.bytes }, { bytes: stored.bytes }),
    ...now.kernels.flatMap(({ label, bytesRead, bytesWritten, localBytes, operations }) => {
      const before = stored.kernels.find((kernel) => kernel.label === label);
      return before ? grown(label, { bytesRead, bytesWritten, localBytes, operations }, { ...before }) : [];
    }),
  ];
}

/** Values more than 5 % above those of the same name, in words. */
function grown(where: string, now: object, before: object): string[] {
  const old = before as Record<string, unknown>;
  return Object.entries(now as Record<string, number>)
    .filter(([key, value]) => typeof old[key] === 'number' && value > REGRESSION * (old[key] as number))
    .map(([key, value]) => `${where === '' ? '' : `${where}: `}${key} ${value}, stored ${old[key]}`);
}

/** Calls of a whole job. */
export async function countCalls(
  job: CountedJob,
): Promise<JobCalls & { readonly uses: readonly PipelineUse[] }> {
  const device = createIdleDevice();
  const counting = countDevice(device, { bytes: false });
  const mask = ball(job);
  const engine = await createGpuEngine(wrapIdleDevice(device, occupancyOf(mask, job.edge)));
  const run = await startJob(engine, job, mask, () => new Float32Array(mask.length));
  const setUp = { ...counting.calls };
  const pipelines = counting.pipelines.map(({ label }) => label).sort();
  counting.reset();
  await run.run();
  const scaling = { ...counting.calls };
  const begun = performance.now();
  await run.run(
    {},
    run.tiles.map(({ start }) => start),
  );
  const encodeSeconds = (performance.now() - begun) / 1000;
  const { length: tiles } = run.tiles;
  return {
    ...job,
    tiles,
    tileSize: run.tileSize,
    setUp,
    scaling,
    pipelines,
    encodeSeconds,
    uses: counting.pipelines,
  };
}

/**
 * Bytes of a whole job, on a device that computes. One tile is run: those of a ball in the middle are alike.
 */
export async function countBytes(gpu: GpuDevice, job: CountedJob): Promise<JobBytes> {
  const counting: CountingDevice = countDevice(gpu.device, { bytes: true });
  const engine = await createGpuEngine(gpu, { kind: 'software' });
  const noise = (seed: number): Float32Array =>
    Float32Array.from({ length: job.edge ** 3 }, (_, i) => (Math.sin(seed + i * 12.9898) * 43758.5453) % 1);
  const run = await startJob(engine, job, ball(job), noise);
  counting.reset();
  await run.run({}, [run.tiles[0].start]);
  const { bytesCleared } = counting.calls;
  await counting.settle();
  const { length: tiles } = run.tiles;
  const kernels = sumKernels(counting.pipelines, tiles);
  const moved = kernels.reduce((sum, k) => sum + k.bytesRead + k.bytesWritten, 0);
  return {
    ...job,
    device: gpu.name,
    limits: planLimits(gpu),
    tiles,
    tileSize: run.tileSize,
    kernels,
    bytes: moved + tiles * bytesCleared,
  };
}

async function startJob(
  engine: GpuEngine,
  job: CountedJob,
  mask: Float32Array,
  voxels: (seed: number) => Float32Array,
): Promise<ScalingRun> {
  const { edge, windowVoxels } = job;
  const shape: Shape = [edge, edge, edge];
  const upload = (data: Float32Array): Promise<Volume> => engine.upload(data, shape);
  const [map, reference, where] = [await upload(voxels(1)), await upload(voxels(2)), await upload(mask)];
  const opened = await engine.openLocalScaling({
    mask: where,
    windowVoxels,
    profileKind: 'octant',
    rule: ruleOf('reference-profile', windowVoxels),
    measureBFactors: false,
  });
  return opened.start({ map, reference, padValues: { map: 0, reference: 0 } });
}

export function ball({ edge, maskVoxels }: CountedJob): Float32Array {
  const mask = new Float32Array(edge ** 3);
  const squared = ((3 * maskVoxels) / (4 * Math.PI)) ** (2 / 3);
  const from = (n: number): number => n - edge / 2 + 0.5;
  for (let z = 0, i = 0; z < edge; z++) {
    for (let y = 0; y < edge; y++) {
      for (let x = 0; x < edge; x++, i++) {
        if (from(z) ** 2 + from(y) ** 2 + from(x) ** 2 < squared) mask[i] = 1;
      }
    }
  }
  return mask;
}

export function occupancyOf(mask: Float32Array, edge: number): Uint32Array {
  const blocks = Math.ceil(edge / OCCUPANCY_BLOCK);
  const counts = new Uint32Array(blocks ** 3);
  const blockOf = (n: number): number => Math.floor(n / OCCUPANCY_BLOCK);
  for (let i = 0; i < mask.length; i++) {
    if (mask[i] <= 0.5) continue;
    const [z, y, x] = [Math.floor(i / edge ** 2), Math.floor(i / edge) % edge, i % edge];
    counts[(blockOf(z) * blocks + blockOf(y)) * blocks + blockOf(x)]++;
  }
  return counts;
}
