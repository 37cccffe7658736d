/** Local resolution on the GPU, tile by tile (shaders/local-resolution.wgsl); two tiles are in flight. */

import { checkResolutionHalves, checkResolutionSettings, NOTHING_TO_SCALE } from '../engine/checks.ts';
import type {
  LocalResolutionJob,
  OpenedResolution,
  OperationHooks,
  ResolutionSettings,
} from '../engine/engine.ts';
import { LocScaleError, named } from '../errors.ts';
import { voxelCount } from '../math/grid.ts';
import { roundedShells, type WindowWeights, windowWeights } from '../math/scaling/local-resolution.ts';
import { OCCUPANCY_BLOCK } from '../math/scaling/occupancy.ts';
import type { GpuDevice } from './device.ts';
import { splitWork } from './dispatch-work.ts';
import { buildJob, type Destroyable, type JobBuffers, withSmallerPlans } from './job.ts';
import { type Bound, createIndexTable, createTable, type Kernel, type UniformField } from './kernel.ts';
import { getKernel } from './kernel-cache.ts';
import type { ScalingTools } from './local-scaling.ts';
import { type GpuResolutionPlan, planGpuResolution, resolutionWork } from './plan-local-resolution.ts';
import { runTiles } from './run-tiles.ts';
import type { TileCopy } from './tile-copy.ts';
import { RUN } from './tile-units.ts';
import { createCollectedSlots } from './uniform-slots.ts';
import type { GpuVolume } from './volume.ts';
import { blockOccupancy } from './volume-operations.ts';

/** Inputs and outputs of a measurement, owned by the caller. */
export interface ResolutionVolumes {
  readonly half1: GpuVolume;
  readonly half2: GpuVolume;
  readonly mask: GpuVolume;
  readonly resolution: GpuVolume;
  readonly correlations: readonly { readonly shell: number; readonly volume: GpuVolume }[];
}

/** Plans the tiles; nothing is allocated before the run starts. */
export async function openResolution(
  settings: ResolutionSettings,
  tools: ScalingTools,
): Promise<OpenedResolution> {
  checkResolutionSettings(settings);
  const { gpu, copy } = tools;
  const { mask, windowVoxels, correlationShells = [] } = settings;
  const { shape } = mask;
  const occupancy = await blockOccupancy(gpu, tools.own(mask), OCCUPANCY_BLOCK);
  const planWithin = (budgetBytes: number): GpuResolutionPlan | undefined => {
    const support = planGpuResolution(occupancy, windowVoxels, gpu.limits, budgetBytes);
    if (support.ok) return support.plan;
    throw new LocScaleError(
      'out-of-memory',
      `The local resolution does not fit the GPU ${gpu.name}: ${support.reason}.`,
      {
        hint: `Use a smaller window (${named('windowAngstrom')}), a GPU with more memory, or ${named('engine', 'cpu')}.`,
      },
    );
  };
  const budget = (): number => tools.jobBudget(1 + correlationShells.length, shape);
  const plan = planWithin(budget());
  return {
    estimate: plan === undefined ? NOTHING_TO_SCALE : estimateOf(plan, tools.operationsPerSecond),
    async run(halves, hooks = {}) {
      checkResolutionHalves(settings, halves);
      const made: GpuVolume[] = [];
      const make = (label: string): GpuVolume => {
        const volume = tools.make(label, shape);
        made.push(volume);
        return volume;
      };
      try {
        const resolution = make('local resolution');
        const correlations = correlationShells.map((shell) => ({ shell, volume: make(`FSC ${shell}`) }));
        const [half1, half2] = [halves.half1, halves.half2].map((half) => tools.own(half));
        const volumes = { half1, half2, mask: tools.own(mask), resolution, correlations };
        const first = plan !== undefined && plan.bytes > budget() ? planWithin(budget()) : plan;
        if (first !== undefined)
          await withSmallerPlans(
            gpu,
            first,
            (bytes) => planWithin(bytes) as GpuResolutionPlan,
            (fitting) => runPlan(gpu, fitting, { ...settings, ...halves }, volumes, copy, hooks),
          );
        return { resolution, correlations: correlations.map(({ volume }) => volume) };
      } catch (error) {
        tools.release(...made);
        throw error;
      }
    },
  };
}

/** Time from the assumed rate of the device; the pipeline corrects it by measured tiles. */
function estimateOf(plan: GpuResolutionPlan, operationsPerSecond: number): OpenedResolution['estimate'] {
  const { maskVoxels, bytes, cost } = plan;
  return { maskVoxels, workingBytes: bytes, seconds: cost / operationsPerSecond };
}

/** Runs all tiles of a plan; its buffers are destroyed at the end. */
async function runPlan(
  gpu: GpuDevice,
  plan: GpuResolutionPlan,
  job: LocalResolutionJob,
  volumes: ResolutionVolumes,
  copy: TileCopy,
  hooks: OperationHooks,
): Promise<void> {
  const ready = await prepare(gpu, plan, job, volumes, copy);
  try {
    await runTiles(gpu, plan.tiles, ready.encode, hooks);
  } finally {
    ready.destroy();
  }
}

const NAME = 'local-resolution';

/** Entry points, in the order in which they run. */
function compile(
  gpu: GpuDevice,
  { windowVoxels, shellCount, lanes }: GpuResolutionPlan,
): Promise<readonly Kernel[]> {
  const of = (entryPoint: string, constants: Record<string, number>): Promise<Kernel> =>
    getKernel(gpu, NAME, entryPoint, constants);
  const [window_voxels, shell_count] = [windowVoxels, shellCount];
  return Promise.all([
    of('rows', { window_voxels, shell_count }),
    of('columns', { window_voxels }),
    of('windows', { window_voxels, lanes }),
    of('resolve', { shell_count, lanes }),
    of('shell_correlation', { lanes }),
  ]);
}

/** Tables that depend on the window only: twiddles times weights, columns of coefficients, rounded radii. */
function createTables(
  gpu: GpuDevice,
  { windowVoxels, columns }: GpuResolutionPlan,
  weights: WindowWeights,
  own: JobBuffers['own'],
) {
  const owned = (buffer: GPUBuffer): GPUBuffer => {
    own({ destroy: () => gpu.destroyBuffer(buffer) });
    return buffer;
  };
  return {
    twiddles: owned(createTable(gpu, `${NAME} twiddles`, twiddleTable(windowVoxels, weights))),
    columnList: owned(createIndexTable(gpu, `${NAME} columns`, columns)),
    shellOf: owned(createIndexTable(gpu, `${NAME} shells`, roundedShells(windowVoxels))),
  };
}

type Tile = GpuResolutionPlan['tiles'][number];

/**
 * Buffers, kernels, and a function that records one tile: gather, sums along x, y and z, crossing of the
 * curves.
 */
async function prepare(
  gpu: GpuDevice,
  plan: GpuResolutionPlan,
  job: LocalResolutionJob,
  volumes: ResolutionVolumes,
  copy: TileCopy,
): Promise<{ encode(tile: Tile): GPUCommandEncoder } & Destroyable> {
  const { windowVoxels, lanes, tileSize, box } = plan;
  const [rows, columns, windows, resolve, shellCorrelation] = await compile(gpu, plan);
  return buildJob(gpu, NAME, async ({ storage, own }) => {
    const uniforms = own(createCollectedSlots(gpu, NAME));
    const { twiddles, columnList, shellOf } = createTables(gpu, plan, job.weights, own);
    const half1 = storage('half 1', 4 * voxelCount(box));
    const half2 = storage('half 2', 4 * voxelCount(box));
    const units = storage('units', 16 * plan.unitCapacity);
    const xSums = storage('x sums', plan.xSumBytes);
    const ySums = storage('y sums', plan.ySumBytes);
    const sums = storage('sums', plan.sumBytes);
    const columnCount = plan.columns.length / 4;
    const work = resolutionWork(plan);

    const encode = ({ start, units: list, unitCount }: Tile): GPUCommandEncoder => {
      gpu.device.queue.writeBuffer(units, 0, list as Uint32Array<ArrayBuffer>);
      const corner = start.map((n) => n - windowVoxels / 2) as unknown as [number, number, number];
      const parametersOf = (
        batch: [first: number, count: number],
        shell: number,
        slab: number[],
        first = 0,
      ): Bound =>
        uniforms.write([
          ...[...tileSize, box[2], box[1] * box[2], ...batch, unitCount, shell].map(asUnsigned),
          ['f32', job.threshold],
          ['f32', windowVoxels * job.voxelSize],
          ...[...start, ...slab].map((n): UniformField => ['i32', n]),
          ['u32', first],
        ]);
      const encoder = gpu.device.createCommandEncoder({ label: NAME });
      encoder.clearBuffer(sums);
      const pass = encoder.beginComputePass({ label: NAME });
      copy.gather(pass, volumes.half1, corner, box, job.padValues[0], half1);
      copy.gather(pass, volumes.half2, corner, box, job.padValues[1], half2);
      for (const { first, count } of splitWork(box[0], work.rowsPerPlane, gpu.limits)) {
        const parameters = parametersOf([0, 0], 0, [0, 0, 0, 0], first);
        const groups = [Math.ceil(tileSize[2] / 64), box[1], count] as const;
        rows.run(pass, { parameters, half1, half2, twiddles, x_sums: xSums }, groups);
      }
      for (let column = 0; column < columnCount; column += plan.columnsPerBatch) {
        const now = Math.min(plan.columnsPerBatch, columnCount - column);
        const tables = { twiddles, column_list: columnList, y_sums: ySums };
        const from = (first: number): Bound => parametersOf([column, now], 0, [0, 0, 0, 0], first);
        for (const { first, count } of splitWork(box[0], now * work.columnPerPlane, gpu.limits)) {
          const groups = [Math.ceil((tileSize[1] * tileSize[2]) / 64), count, now] as const;
          columns.run(pass, { parameters: from(first), ...tables, x_sums: xSums }, groups);
        }
        for (const { first, count } of splitWork(unitCount, now * work.columnPerUnit, gpu.limits))
          windows.run(pass, { parameters: from(first), ...tables, units, shell_of: shellOf, sums }, [count]);
      }
      const groups: [number] = [Math.ceil((unitCount * lanes * RUN) / 64)];
      const place = (kernel: typeof resolve, out: GpuVolume, shell: number): void => {
        out.slabs.forEach((slab, i) => {
          if (slab.firstPlane + slab.planes <= start[0] || slab.firstPlane >= start[0] + tileSize[0]) return;
          const where = [slab.firstPlane, slab.planes, out.shape[1], out.shape[2]];
          const parameters = parametersOf([0, 0], shell, where);
          const mask = volumes.mask.slabs[i].buffer;
          kernel.run(pass, { parameters, units, sums, mask, volume: slab.buffer }, groups);
        });
      };
      place(resolve, volumes.resolution, 0);
      for (const { shell, volume } of volumes.correlations) place(shellCorrelation, volume, shell);
      pass.end();
      // The caller submits next; later writes to the same slots are queued after that.
      copy.submitted();
      uniforms.reset();
      return encoder;
    };
    return { encode };
  });
}

/** Signed coordinates travel as two's complement. */
function asUnsigned(n: number): UniformField {
  return ['u32', n];
}

/** t(d) {cos, sin} of 2 pi k d / w at [k][d + h], k = 0 ... w - 1, d = -h ... h - 1. */
function twiddleTable(w: number, weights: WindowWeights): Float64Array {
  const t = windowWeights(w, weights);
  const table = new Float64Array(2 * w * w);
  for (let k = 0, i = 0; k < w; k++) {
    for (let u = 0; u < w; u++) {
      const angle = (2 * Math.PI * ((k * (u + w / 2)) % w)) / w;
      table[i++] = t[u] * Math.cos(angle);
      table[i++] = t[u] * Math.sin(angle);
    }
  }
  return table;
}
