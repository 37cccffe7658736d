/**
 * The engine's other verbs on the GPU, each compared with the CPU engine on the same volumes. Results
 * that are numbers include their way back to the host.
 */

import type { BlobMaps } from '../src/bench/blob-map.ts';
import { checkGate, type Gate } from '../src/bench/gate.ts';
import type { Engine, Volume } from '../src/engine/engine.ts';
import { bandScaling } from '../src/engine/jobs.ts';
import { tanhLowPass } from '../src/math/fourier/radial-transfer.ts';
import type { Shape } from '../src/math/grid.ts';
import { proteinProfile } from '../src/math/soft-scaling/profile.ts';
import { defaultNoiseBoxes, defaultNoiseBoxSize } from '../src/math/statistics/confidence.ts';
import { pointGroup } from '../src/math/symmetry/point-group.ts';
import { describeTiming, type GpuBenchContext, measureGpu, unlessTooLarge } from './gpu-context.ts';
import { gigabytes } from './gpu-copy.bench.ts';
import { benchMaps } from './gpu-inputs.ts';
import type { VerbResult } from './gpu-results.ts';

const EDGES = [64, 128, 256, 512];
const BINARISE_AT = 0.1;

interface Volumes {
  readonly map: Volume;
  readonly reference: Volume;
  readonly mask: Volume;
}

interface Verb {
  readonly name: string;
  /** Relative L2 against the CPU engine. */
  readonly limit: number;
  run(engine: Engine, volumes: Volumes): Promise<unknown>;
  /** Numbers or voxels to compare; releases what the verb made. */
  valuesOf(engine: Engine, result: unknown): Promise<ArrayLike<number>>;
}

export async function benchVerbs(context: GpuBenchContext): Promise<VerbResult[]> {
  const edges = context.quick ? [48] : EDGES.filter((edge) => edge <= context.maxSize);
  const results: VerbResult[] = [];
  for (const edge of edges) {
    await unlessTooLarge(context, `verbs ${edge}^3`, () => benchEdge(context, edge, results));
  }
  return results;
}

async function benchEdge(context: GpuBenchContext, edge: number, results: VerbResult[]): Promise<void> {
  const { engine, cpu } = context;
  const maps = await benchMaps(cpu, edge, context.maskVoxels);
  const add = (result: VerbResult): void => {
    results.push(result);
    const { busBytes, timing } = result;
    const bus = busBytes === undefined ? '' : `; ${gigabytes(busBytes / timing.wall.median)} GB/s`;
    context.say(
      `  ${edge}^3 ${result.verb}: ${describeTiming(timing)}${bus}; CPU engine ${(result.cpuSeconds * 1000).toPrecision(3)} ms`,
    );
  };
  const [onCpu, onGpu] = [await uploadAll(cpu, maps), await uploadAll(engine, maps)];
  try {
    for (const result of await benchBus(context, maps)) add(result);
    for (const verb of verbs(maps)) add(await benchVerb(context, edge, verb, onCpu, onGpu));
  } finally {
    cpu.release(onCpu.map, onCpu.reference, onCpu.mask);
    engine.release(onGpu.map, onGpu.reference, onGpu.mask);
  }
}

async function uploadAll(engine: Engine, maps: BlobMaps): Promise<Volumes> {
  const upload = (data: Float32Array): Promise<Volume> => engine.upload(hostCopy(engine, data), maps.shape);
  return {
    map: await upload(maps.map),
    reference: await upload(maps.reference),
    mask: await upload(maps.mask),
  };
}

function hostCopy(engine: Engine, data: Float32Array): Float32Array {
  const host = engine.allocateHost(data.length);
  host.set(data);
  return host;
}

async function benchVerb(
  { engine, cpu, timer, quick }: GpuBenchContext,
  edge: number,
  verb: Verb,
  onCpu: Volumes,
  onGpu: Volumes,
): Promise<VerbResult> {
  const begun = performance.now();
  const reference = await verb.run(cpu, onCpu);
  const cpuSeconds = (performance.now() - begun) / 1000;
  const expected = Float64Array.from(await verb.valuesOf(cpu, reference));
  const found = await verb.valuesOf(engine, await verb.run(engine, onGpu));
  const gate = checkGate(`${verb.name} ${edge}^3 against the CPU engine`, found, expected, verb.limit);
  const made: unknown[] = [];
  const timing = await measureGpu(timer, async () => made.push(await verb.run(engine, onGpu)), {
    runs: quick ? 1 : 7,
    warmUps: quick ? 0 : 1,
  });
  for (const result of made) engine.release(...volumesIn(result));
  return { verb: verb.name, edge, gate, timing, cpuSeconds };
}

/** Copies between host and device; the CPU engine's are those of shared memory. */
async function benchBus(context: GpuBenchContext, maps: BlobMaps): Promise<VerbResult[]> {
  const { engine, timer, quick } = context;
  const [edge] = maps.shape;
  const runs = { runs: quick ? 1 : 5 };
  const sent = await engine.upload(hostCopy(engine, maps.map), maps.shape);
  const gate = (name: string, found: Float32Array): Gate =>
    checkGate(`${name} ${edge}^3, bit for bit`, found, maps.map, 0);
  const gates = gate('upload and download', await engine.download(sent));
  const uploaded: Volume[] = [];
  const host = hostCopy(engine, maps.map);
  const upload = await measureGpu(
    timer,
    async () => uploaded.push(await engine.upload(host, maps.shape)),
    runs,
  );
  engine.release(...uploaded);
  const download = await measureGpu(timer, () => engine.download(sent), runs);
  engine.release(sent);
  const common = { edge, gate: gates, cpuSeconds: 0, busBytes: 4 * edge ** 3 };
  return [
    { verb: 'upload', timing: upload, ...common },
    { verb: 'download', timing: download, ...common },
  ];
}

function volumesIn(result: unknown): Volume[] {
  const candidates = [result, (result as { mask?: unknown }).mask];
  return candidates.filter((c): c is Volume => typeof c === 'object' && c !== null && 'shape' in c);
}

/** Float32 sums in another order: 1e-6 for transforms, 5e-6 where shells or parts are added up. */
function verbs(maps: BlobMaps): Verb[] {
  const voxels = async (engine: Engine, result: unknown): Promise<ArrayLike<number>> => {
    const [volume] = volumesIn(result);
    const data = Float32Array.from(await engine.download(volume));
    engine.release(volume);
    return data;
  };
  // As from 1.3 A to 1 A.
  const [nz, ny, nx] = maps.shape.map((n) => Math.round(1.3 * n));
  const networkShape: Shape = [nz, ny, nx];
  const boxes = defaultNoiseBoxes(maps.shape, defaultNoiseBoxSize(maps.shape));
  return [
    {
      name: 'radialFilter',
      limit: 1e-6,
      run: (engine, { map }) => engine.radialFilter(map, tanhLowPass(5, 1)),
      valuesOf: voxels,
    },
    {
      name: 'resample',
      limit: 2e-6,
      run: (engine, { map }) => engine.resample(map, networkShape),
      valuesOf: voxels,
    },
    {
      name: 'shellSpectra',
      limit: 5e-6,
      run: (engine, { map, reference }) => engine.shellSpectra(map, reference),
      valuesOf: async (_, result) => {
        const { cross, powerA, powerB, counts } = result as Record<string, Float64Array>;
        return [...cross, ...powerA, ...powerB, ...counts];
      },
    },
    {
      name: 'statistics',
      limit: 5e-6,
      run: (engine, { map }) => engine.statistics(map),
      valuesOf: async (_, result) => {
        const { min, max, mean, sd, count, zeros } = result as Record<string, number>;
        // Count and zeros are exact; as shares they weigh as much as the rest.
        return [min, max, mean, sd, count / maps.map.length, zeros / maps.map.length];
      },
    },
    {
      name: 'binarise',
      limit: 0,
      run: (engine, { map }) => engine.binarise(map, BINARISE_AT),
      valuesOf: voxels,
    },
    {
      name: 'average',
      limit: 0,
      run: (engine, { map, reference }) => engine.average(map, reference),
      valuesOf: voxels,
    },
    {
      name: 'noiseStatistics',
      limit: 5e-6,
      run: (engine, { map }) => engine.noiseStatistics(map, boxes),
      valuesOf: async (_, result) => {
        const { mean, variance } = result as { mean: number; variance: number };
        return [mean, variance];
      },
    },
    {
      name: 'confidenceMap',
      limit: 1e-5,
      run: async (engine, { map }) => engine.confidenceMap(map, await engine.noiseStatistics(map, boxes)),
      valuesOf: voxels,
    },
    {
      name: 'bandScaling',
      limit: 5e-6,
      run: async (engine, { map, reference, mask }) => {
        const job = {
          half1: map,
          half2: reference,
          mask,
          voxelSize: [1, 1, 1],
          target: { kind: 'profile', profile: proteinProfile() },
        } as const;
        return (await bandScaling(engine, job)).scaled;
      },
      valuesOf: voxels,
    },
    // Last: their fine grids take the most memory.
    ...['C4', 'D7', 'I'].map(
      (group): Verb => ({
        name: `symmetrise ${group}`,
        limit: 1e-5,
        run: (engine, { map }) => engine.symmetrise(map, pointGroup(group)),
        valuesOf: voxels,
      }),
    ),
  ];
}
