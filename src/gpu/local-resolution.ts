/** Local resolution on the GPU, tile by tile (shaders/local-resolution.wgsl); two tiles are in flight. */

import { checkResolutionHalves, checkResolutionSettings, NOTHING_TO_SCALE } from '../engine/checks.ts';
import type {
  LocalResolutionJob,
  OpenedResolution,
  OperationHooks,
  ResolutionSettings,
} from '../engine/engine.ts';
import { LocScaleError, named } from '../errors.ts';
import { type Shape, voxelCount } from '../math/grid.ts';
import { OCCUPANCY_BLOCK } from '../math/scaling/occupancy.ts';
import { checkResolution } from './check-resolution.ts';
import type { GpuDevice } from './device.ts';
import { splitWork, type WorkRange } from './dispatch-work.ts';
import { buildJob, type Destroyable, withRecovery, withSmallerPlans } from './job.ts';
import { type Bound, createIndexTable, type Kernel, type UniformField, unneededKernel } from './kernel.ts';
import { getKernel } from './kernel-cache.ts';
import type { ScalingTools } from './local-scaling.ts';
import {
  batchesOf,
  type GpuResolutionPlan,
  planGpuResolution,
  resolutionWork,
} from './plan-local-resolution.ts';
import { runTiles } from './run-tiles.ts';
import type { TileCopy } from './tile-copy.ts';
import { RUN } from './tile-units.ts';
import { createCollectedSlots, type UniformSlots } from './uniform-slots.ts';
import type { GpuVolume, Slab } from './volume.ts';
import { blockOccupancy } from './volume-operations.ts';
import { type FrequencyRange, windowSumsCode } from './window-sums-code.ts';

/** Inputs and outputs of a measurement, owned by the caller. */
export interface ResolutionVolumes {
  /** First half map, float32 (z, y, x). */
  readonly half1: GpuVolume;
  /** Second half map, on the same grid. */
  readonly half2: GpuVolume;
  /** Only its voxels, above 0.5, are measured. */
  readonly mask: GpuVolume;
  /** Output, A, at the voxels of the mask. */
  readonly resolution: GpuVolume;
  /** Outputs: the windows' correlation in one shell each. */
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
        hint:
          `Use a smaller window (${named('windowAngstrom')}), a GPU with more memory, ` +
          `or ${named('engine', 'cpu')}.`,
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
      const make = async (label: string): Promise<GpuVolume> => {
        const volume = await withRecovery(gpu, () => tools.make(label, shape));
        made.push(volume);
        return volume;
      };
      try {
        const resolution = await make('local resolution');
        const correlations: { shell: number; volume: GpuVolume }[] = [];
        for (const shell of correlationShells)
          correlations.push({ shell, volume: await make(`FSC ${shell}`) });
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

/** Shader file, and label of buffers. */
const NAME = 'local-resolution';

/** The job's kernels by what they are called in the shader, `windows` once per range of frequencies. */
async function compile(
  gpu: GpuDevice,
  plan: GpuResolutionPlan,
  { weights, correlationShells }: LocalResolutionJob,
) {
  const { windowVoxels, shellCount, lanes, rowsPerBatch, columns: tables } = plan;
  const of = (
    entryPoint: string,
    constants: Record<string, number>,
    range?: FrequencyRange,
  ): Promise<Kernel> =>
    getKernel(gpu, NAME, entryPoint, constants, windowSumsCode(entryPoint, windowVoxels, weights, range));
  const [window_voxels, shell_count] = [windowVoxels, shellCount];
  const [rows, columns, resolve, shellCorrelation, ...windows] = await Promise.all([
    of('rows', { window_voxels }),
    of('columns', { window_voxels, lanes, batch_rows: rowsPerBatch }),
    of('resolve', { shell_count, lanes }),
    correlationShells?.length ? of('shell_correlation', { lanes }) : unneededKernel(NAME),
    ...tables.ranges.map((range) => of('windows', { window_voxels, lanes }, range)),
  ]);
  return { rows, columns, windows, resolve, shellCorrelation };
}

/** Stages of a tile, in order. */
const PARTS = ['gather', 'measure', 'place'] as const;
/** One name of `PARTS`. */
type Part = (typeof PARTS)[number];
/** A tile as planned, with its units. */
type Tile = GpuResolutionPlan['tiles'][number];

/** Verifies the kernels on this device, at their first use, before any tile is measured. */
async function prepare(
  gpu: GpuDevice,
  plan: GpuResolutionPlan,
  job: LocalResolutionJob,
  volumes: ResolutionVolumes,
  copy: TileCopy,
): Promise<{ encode(tile: Tile): GPUCommandEncoder } & Destroyable> {
  const kernels = await compile(gpu, plan, job);
  const { record, buffers, destroy } = await buildTiles(gpu, plan, job, volumes, copy, kernels);
  const submit = (part: Part) => (tile: Tile) => gpu.device.queue.submit([record(tile, [part]).finish()]);
  const { rows, columns, windows, resolve, shellCorrelation } = kernels;
  const used = [...copy.kernels, rows, columns, ...windows, resolve, shellCorrelation];
  try {
    await gpu.verification?.verify(`local resolution (${job.weights})`, used, () =>
      checkResolution({
        ...{ gpu, plan, job, volumes, buffers },
        gather: submit('gather'),
        measure: submit('measure'),
        place: submit('place'),
      }),
    );
  } catch (error) {
    destroy();
    throw error;
  }
  return { encode: (tile) => record(tile, PARTS), destroy };
}

/** Allocates the buffers of one tile, which all tiles reuse, and returns the recorder of its stages. */
function buildTiles(
  gpu: GpuDevice,
  plan: GpuResolutionPlan,
  job: LocalResolutionJob,
  volumes: ResolutionVolumes,
  copy: TileCopy,
  kernels: Awaited<ReturnType<typeof compile>>,
) {
  const { windowVoxels, tileSize, box } = plan;
  return buildJob(gpu, NAME, async ({ storage, own }) => {
    const uniforms = own(createCollectedSlots(gpu, NAME));
    const indices = (label: string, values: Uint32Array): GPUBuffer => {
      const buffer = createIndexTable(gpu, `${NAME} ${label}`, values);
      own({ destroy: () => gpu.destroyBuffer(buffer) });
      return buffer;
    };
    const buffers: TileBuffers = {
      half1: storage('half 1', 4 * voxelCount(box)),
      half2: storage('half 2', 4 * voxelCount(box)),
      inside: storage('mask', 4 * voxelCount(tileSize)),
      units: storage('units', 16 * plan.unitCapacity),
      xSums: storage('x sums', plan.xSumBytes),
      ySums: storage('y sums', plan.ySumBytes),
      sums: storage('sums', plan.sumBytes),
      columnNumbers: indices('column numbers', plan.columns.numbers),
      columnLists: plan.columns.ranges.map(({ records }) => indices('columns', records)),
    };
    const recorder = { gpu, plan, job, volumes, copy, kernels, buffers, uniforms };
    const corner = (start: Shape) => start.map((n) => n - windowVoxels / 2) as unknown as Shape;
    const record = (tile: Tile, parts: readonly Part[]): GPUCommandEncoder => {
      const { start, units } = tile;
      gpu.device.queue.writeBuffer(buffers.units, 0, units as Uint32Array<ArrayBuffer>);
      const encoder = gpu.device.createCommandEncoder({ label: NAME });
      if (parts.includes('measure')) encoder.clearBuffer(buffers.sums);
      const pass = encoder.beginComputePass({ label: NAME });
      if (parts.includes('gather')) {
        copy.gather(pass, volumes.half1, corner(start), box, job.padValues[0], buffers.half1);
        copy.gather(pass, volumes.half2, corner(start), box, job.padValues[1], buffers.half2);
        copy.gather(pass, volumes.mask, start, tileSize, 0, buffers.inside);
      }
      if (parts.includes('measure')) recordSums(pass, recorder, tile);
      if (parts.includes('place')) recordResults(pass, recorder, tile);
      pass.end();
      // The caller submits next; later writes to the same slots are queued after that.
      copy.submitted();
      uniforms.reset();
      return encoder;
    };
    return { record, buffers };
  });
}

/** Buffers of one tile at work; the next tile overwrites them. */
interface TileBuffers {
  /** Input box of the first half map. */
  readonly half1: GPUBuffer;
  /** Input box of the second. */
  readonly half2: GPUBuffer;
  /** The tile's mask. */
  readonly inside: GPUBuffer;
  /** List of the tile's units. */
  readonly units: GPUBuffer;
  /** Sums along x, per row of the box. */
  readonly xSums: GPUBuffer;
  /** Sums along y of a batch of rows. */
  readonly ySums: GPUBuffer;
  /** Sums over shells per unit voxel: cross power and both powers. */
  readonly sums: GPUBuffer;
  /** `ColumnTables.numbers`. */
  readonly columnNumbers: GPUBuffer;
  /** Records of each range of frequencies. */
  readonly columnLists: readonly GPUBuffer[];
}

/** What the recording of a tile's passes needs. */
interface Recorder {
  /** Limits decide how dispatches are split. */
  readonly gpu: GpuDevice;
  /** Sizes of everything. */
  readonly plan: GpuResolutionPlan;
  /** Threshold, weights and shells. */
  readonly job: LocalResolutionJob;
  /** Inputs and outputs of the whole job. */
  readonly volumes: ResolutionVolumes;
  /** As compiled; `windows` has one per range of frequencies. */
  readonly kernels: Awaited<ReturnType<typeof compile>>;
  /** Of the tile. */
  readonly buffers: TileBuffers;
  /** One slot per dispatch. */
  readonly uniforms: UniformSlots;
}

/** What differs between the dispatches of a tile. */
interface DispatchFields {
  /** First row y of the batch, in the tile. */
  readonly firstRow?: number;
  /** First voxel x of the dispatch. */
  readonly firstX?: number;
  /** Columns of a range of frequencies. */
  readonly columns?: number;
  /** Shell whose correlation is written. */
  readonly shell?: number;
  /** Slab of the output. */
  readonly slab?: Slab;
  /** Index of the first item of a part of a long dispatch. */
  readonly first?: number;
}

/** In the order of the shader's struct. */
function parametersOf(
  { plan, job, volumes, uniforms }: Recorder,
  { start, unitCount }: Tile,
  { firstRow = 0, firstX = 0, columns = 0, shell = 0, slab, first = 0 }: DispatchFields,
): Bound {
  const { tileSize, box, windowVoxels } = plan;
  const [, ny, nx] = volumes.resolution.shape;
  const unsigned = (...values: number[]) => values.map((value): UniformField => ['u32', value]);
  return uniforms.write([
    ...unsigned(
      ...tileSize,
      box[2],
      box[1] * box[2],
      firstRow,
      firstX,
      plan.columns.count,
      columns,
      unitCount,
      shell,
    ),
    ['f32', job.threshold],
    ['f32', windowVoxels * job.voxelSize],
    ...[...start, slab?.firstPlane ?? 0, slab?.planes ?? 0, ny, nx].map((n): UniformField => ['i32', n]),
    ['u32', first],
  ]);
}

/** Sums along x of the whole box; along y and z for a few rows of the tile at a time. */
function recordSums(pass: GPUComputePassEncoder, recorder: Recorder, tile: Tile): void {
  const { gpu, plan, kernels, buffers } = recorder;
  const { tileSize, box, lanes, rowsPerBatch, shellCount } = plan;
  const { half1, half2, inside, units, xSums, ySums, sums, columnNumbers, columnLists } = buffers;
  const work = resolutionWork(plan);
  for (const { first, count } of splitWork(box[0], work.rowsPerPlane, gpu.limits)) {
    const parameters = parametersOf(recorder, tile, { first });
    const groups = [Math.ceil(tileSize[2] / 64), box[1], count] as const;
    kernels.rows.run(pass, { parameters, half1, half2, x_sums: xSums }, groups);
  }
  for (const { firstRow, firstUnit, units: count } of batchesOf(tile, tileSize, rowsPerBatch)) {
    const { planes, x } = reachOf(tile.units.subarray(4 * firstUnit, 4 * (firstUnit + count)), plan);
    for (const part of splitWork(planes.count, work.columnsPerPlane, gpu.limits)) {
      const first = planes.first + part.first;
      const parameters = parametersOf(recorder, tile, { firstRow, firstX: x.first, first });
      const bound = { parameters, x_sums: xSums, column_numbers: columnNumbers, y_sums: ySums };
      kernels.columns.run(pass, bound, [x.count / lanes, part.count, shellCount]);
    }
    plan.columns.ranges.forEach(({ columns }, i) => {
      const tables = { units, column_list: columnLists[i], inside };
      for (const part of splitWork(count, work.perUnit[i], gpu.limits)) {
        const parameters = parametersOf(recorder, tile, { firstRow, columns, first: firstUnit + part.first });
        kernels.windows[i].run(pass, { parameters, ...tables, y_sums: ySums, sums }, [part.count]);
      }
    });
  }
}

/** Planes of the box, and voxels of the tile along x, whose y sums these units read. */
function reachOf(
  units: Uint32Array,
  { windowVoxels, lanes }: GpuResolutionPlan,
): { readonly planes: WorkRange; readonly x: WorkRange } {
  const rangeOf = (axis: 0 | 2, length: number): WorkRange => {
    const places = units.filter((_, i) => i % 4 === axis);
    const first = places.reduce((least, place) => Math.min(least, place));
    return { first, count: places.reduce((most, place) => Math.max(most, place)) + length - first };
  };
  return { planes: rangeOf(0, RUN + windowVoxels - 1), x: rangeOf(2, lanes) };
}

/** The tile's voxels in the slabs of the results. */
function recordResults(pass: GPUComputePassEncoder, recorder: Recorder, tile: Tile): void {
  const { plan, volumes, kernels, buffers } = recorder;
  const { units, sums } = buffers;
  const { start, unitCount } = tile;
  const groups: [number] = [Math.ceil((unitCount * plan.lanes * RUN) / 64)];
  const place = (kernel: Kernel, out: GpuVolume, shell: number): void => {
    out.slabs.forEach((slab, i) => {
      if (slab.firstPlane + slab.planes <= start[0] || slab.firstPlane >= start[0] + plan.tileSize[0]) return;
      const parameters = parametersOf(recorder, tile, { shell, slab });
      const mask = volumes.mask.slabs[i].buffer;
      kernel.run(pass, { parameters, units, sums, mask, volume: slab.buffer }, groups);
    });
  };
  place(kernels.resolve, volumes.resolution, 0);
  for (const { shell, volume } of volumes.correlations) place(kernels.shellCorrelation, volume, shell);
}
