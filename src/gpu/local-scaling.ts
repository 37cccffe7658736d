/**
 * Local scaling on the GPU by tiles: gather, profiles of reference and map, scale factors, shell
 * convolutions, results to the mask voxels. Nothing is read back; two tiles are in flight.
 */

import { checkScalingMaps, checkScalingSettings, chooseTiles, NOTHING_TO_SCALE } from '../engine/checks.ts';
import type {
  LocalScalingJob,
  LocalScalingMaps,
  LocalScalingResult,
  LocalScalingSettings,
  OpenedScaling,
  ScalingRun,
  Volume,
} from '../engine/engine.ts';
import { nothingToRun } from '../engine/jobs.ts';
import { LocScaleError, named } from '../errors.ts';
import { shellKernelVoxels } from '../math/fourier/shell-kernels.ts';
import { type Shape, voxelCount } from '../math/grid.ts';
import { OCCUPANCY_BLOCK } from '../math/scaling/occupancy.ts';
import { checkScaling } from './check-scaling.ts';
import type { GpuDevice } from './device.ts';
import { compileRealFft3d } from './fft.ts';
import { buildJob, type Destroyable, withRecovery, withSmallerPlans } from './job.ts';
import { type GpuTile, type GpuTilePlan, planGpuTiles } from './plan-tiles.ts';
import { runTiles } from './run-tiles.ts';
import { compileScaleFactors, createScaleFactors } from './scale-factors.ts';
import { compileConvolutions, createShellConvolutions } from './shell-convolutions.ts';
import type { TileCopy } from './tile-copy.ts';
import { createCollectedSlots } from './uniform-slots.ts';
import type { GpuVolume } from './volume.ts';
import { blockOccupancy } from './volume-operations.ts';
import { compileWindowProfiles, createWindowProfiles } from './window-profiles.ts';

/** Inputs and outputs of a job as GPU volumes. */
export interface ScalingVolumes {
  readonly map: GpuVolume;
  readonly reference: GpuVolume | undefined;
  readonly mask: GpuVolume;
  readonly differenceMask: GpuVolume | undefined;
  readonly scaled: GpuVolume;
  readonly bFactor: GpuVolume | undefined;
  readonly quality: GpuVolume | undefined;
}

/** What a job needs of its engine. */
export interface ScalingTools {
  readonly gpu: GpuDevice;
  readonly copy: TileCopy;
  /** Multiply-adds per second assumed for the expected time. */
  readonly operationsPerSecond: number;
  /** Bytes for the buffers of a job, in addition to this number of result volumes yet to be allocated. */
  jobBudget(results: number, shape: Shape): number;
  own(volume: Volume): GpuVolume;
  /** A new volume of the engine; throws 'out-of-memory'. */
  make(label: string, shape: Shape): Promise<GpuVolume>;
  release(...volumes: Volume[]): void;
}

/** Counts the mask per block and plans the tiles; nothing is allocated before the run starts. */
export async function openScaling(
  settings: LocalScalingSettings,
  tools: ScalingTools,
): Promise<OpenedScaling> {
  checkScalingSettings(settings);
  const { gpu } = tools;
  const { mask, windowVoxels, profileKind, windowTaper, rule, measureBFactors } = settings;
  const { shape } = mask;
  const occupancy = await blockOccupancy(gpu, tools.own(mask), OCCUPANCY_BLOCK);
  const planWithin = (budgetBytes: number, tileSize?: Shape): GpuTilePlan | undefined => {
    const support = planGpuTiles({
      occupancy,
      windowVoxels,
      kind: profileKind,
      taper: windowTaper,
      profiledMaps: rule.kind === 'no-reference' ? 1 : 2,
      limits: gpu.limits,
      budgetBytes,
      tileSize,
    });
    if (support.ok) return support.plan;
    throw new LocScaleError(
      'out-of-memory',
      `Local scaling does not fit the GPU ${gpu.name}: ${support.reason}.`,
      {
        hint: `Use a smaller window (${named('windowVoxels')}), a GPU with more memory, or ${named('engine', 'cpu')}.`,
      },
    );
  };
  const budget = (): number => tools.jobBudget(measureBFactors ? 3 : 1, shape);
  const plan = planWithin(budget());
  return {
    estimate: plan === undefined ? NOTHING_TO_SCALE : estimateOf(plan, tools.operationsPerSecond),
    prepare: () => plan && compileTiles(gpu, plan, measureBFactors),
    async start(maps, tileSize) {
      checkScalingMaps(settings, maps);
      const changed = tileSize !== undefined || (plan?.bytes ?? 0) > budget();
      const first = plan && changed ? planWithin(budget(), tileSize) : plan;
      return startScaling(settings, maps, first, tileSize === undefined ? planWithin : undefined, tools);
    },
  };
}

/** Compiles in the background; what fails does so again when it is used. */
function compileTiles(gpu: GpuDevice, { profiles, fft }: GpuTilePlan, placesFits: boolean): void {
  const { shellCount, lanes } = profiles;
  const compiling: readonly Promise<unknown>[] = [
    compileWindowProfiles(gpu, profiles),
    compileScaleFactors(gpu, shellCount, lanes),
    compileConvolutions(gpu, lanes, placesFits),
    compileRealFft3d(gpu, fft),
  ];
  for (const work of compiling) work.catch(() => undefined);
}

/** Time from the assumed rate of the device; the pipeline corrects it by measured rounds. */
function estimateOf(plan: GpuTilePlan, operationsPerSecond: number): OpenedScaling['estimate'] {
  const { maskVoxels, tileSize, tiles, bytes, cost } = plan;
  return { maskVoxels, workingBytes: bytes, seconds: cost / operationsPerSecond, tileSize, tiles };
}

/** An allocated plan. */
interface ReadyTiles extends Destroyable {
  readonly plan: GpuTilePlan;
  readonly encode: (tile: GpuTile) => GPUCommandEncoder;
}

/** Checks that all volumes are live volumes of this engine. */
function ownVolumes(
  mask: Volume,
  maps: LocalScalingMaps,
  { scaled, bFactor, quality }: LocalScalingResult,
  tools: ScalingTools,
): ScalingVolumes {
  return {
    map: tools.own(maps.map),
    reference: maps.reference && tools.own(maps.reference),
    mask: tools.own(mask),
    differenceMask: maps.differenceMask && tools.own(maps.differenceMask),
    scaled: tools.own(scaled),
    bFactor: bFactor && tools.own(bFactor),
    quality: quality && tools.own(quality),
  };
}

/** `planWithin`: undefined if another process has fixed the tile size. */
async function startScaling(
  settings: LocalScalingSettings,
  maps: LocalScalingMaps,
  first: GpuTilePlan | undefined,
  planWithin: ((bytes: number) => GpuTilePlan | undefined) | undefined,
  tools: ScalingTools,
): Promise<ScalingRun> {
  const { gpu, copy } = tools;
  const { mask, measureBFactors } = settings;
  const made: GpuVolume[] = [];
  const make = async (label: string): Promise<GpuVolume> => {
    const volume = await withRecovery(gpu, () => tools.make(label, mask.shape));
    made.push(volume);
    return volume;
  };
  try {
    const result: LocalScalingResult = {
      scaled: await make('scaled map'),
      ...(measureBFactors ? { bFactor: await make('B factors'), quality: await make('fit quality') } : {}),
    };
    if (first === undefined) return nothingToRun(result);
    const volumes = ownVolumes(mask, maps, result, tools);
    const prepare = async (plan: GpuTilePlan): Promise<ReadyTiles> => ({
      ...(await prepareTiles(gpu, plan, { ...settings, ...maps }, volumes, copy)),
      plan,
    });
    /** Retries with half the bytes while the tile size may still change. */
    const smaller = (bytes: number): GpuTilePlan => planWithin?.(bytes) as GpuTilePlan;
    const allocate = (plan: GpuTilePlan): Promise<ReadyTiles> =>
      planWithin === undefined
        ? withRecovery(gpu, () => prepare(plan))
        : withSmallerPlans(gpu, plan, smaller, prepare);
    let ready = await allocate(first);
    let begun = false;
    return {
      get tileSize() {
        return ready.plan.tileSize;
      },
      get tiles() {
        return ready.plan.tiles;
      },
      result,
      async run(hooks = {}, starts) {
        const scale = (): Promise<void> =>
          runTiles(gpu, chooseTiles(ready.plan.tiles, starts), ready.encode, hooks);
        // Once a tile has been computed, the tile size is fixed.
        if (begun || starts !== undefined || planWithin === undefined) {
          begun = true;
          return scale();
        }
        begun = true;
        await withSmallerPlans(gpu, ready.plan, smaller, async (plan) => {
          if (plan !== ready.plan) {
            ready.destroy();
            ready = await prepare(plan);
          }
          await scale();
        });
      },
      async close() {
        ready.destroy();
      },
    };
  } catch (error) {
    tools.release(...made);
    throw error;
  }
}

/** Stages of a tile, in order. */
const PARTS = ['gather', 'scale', 'convolve', 'place'] as const;
type Part = (typeof PARTS)[number];

/** Verifies the kernels on this device, at the first use of each, before any tile is scaled. */
async function prepareTiles(
  gpu: GpuDevice,
  plan: GpuTilePlan,
  job: LocalScalingJob,
  volumes: ScalingVolumes,
  copy: TileCopy,
): Promise<{ encode(tile: GpuTile): GPUCommandEncoder } & Destroyable> {
  const ready = await buildTiles(gpu, plan, job, volumes, copy);
  const { buffers, record, kernels } = ready;
  const submit = (part: Part) => (tile: GpuTile) => gpu.device.queue.submit([record(tile, [part]).finish()]);
  try {
    const { kind } = job.rule;
    await gpu.verification?.verify(`local scaling (${kind}, ${job.profileKind})`, kernels, () =>
      checkScaling({
        ...{ gpu, plan, job, volumes, buffers },
        gather: submit('gather'),
        scale: (tile) => gpu.device.queue.submit([record(tile, ['scale', 'convolve']).finish()]),
        convolve: submit('convolve'),
        place: submit('place'),
      }),
    );
  } catch (error) {
    ready.destroy();
    throw error;
  }
  return { encode: (tile) => record(tile, PARTS), destroy: ready.destroy };
}

/** Allocates the buffers of one tile, which all tiles reuse, and returns the recorder of its stages. */
function buildTiles(
  gpu: GpuDevice,
  plan: GpuTilePlan,
  job: LocalScalingJob,
  volumes: ScalingVolumes,
  copy: TileCopy,
) {
  const { profiles: profilePlan, tileSize, box, fft: fftPlan } = plan;
  const { shellCount, lanes } = profilePlan;
  const unitVoxels = profilePlan.profileBytes / 4 / shellCount;
  return buildJob(gpu, 'local-scaling', async (owner) => {
    const { storage, own } = owner;
    const uniforms = own(createCollectedSlots(gpu, 'local-scaling'));
    const windowProfiles = own(await createWindowProfiles(gpu, profilePlan));
    const scaleFactors = own(await createScaleFactors(gpu, job.rule, shellCount, tileSize, lanes));
    const placesFits = volumes.bFactor !== undefined;
    const convolutions = await createShellConvolutions(gpu, owner, fftPlan, profilePlan, placesFits);
    const mapBox = storage('map box', 4 * voxelCount(box));
    const referenceBox = volumes.reference ? storage('reference box', 4 * voxelCount(box)) : undefined;
    const factors = storage('factors', profilePlan.profileBytes);
    const reference = storage('reference profiles', profilePlan.profileBytes);
    const fits = storage('fits', 8 * unitVoxels);
    const scaled = storage('scaled', 4 * unitVoxels);
    const units = storage('units', 16 * profilePlan.unitCapacity);
    const differenceMask = storage('difference mask', volumes.differenceMask ? 4 * voxelCount(tileSize) : 16);

    const gather = (encoder: GPUCommandEncoder, { start }: GpuTile): void => {
      const margin = shellKernelVoxels(job.windowVoxels, job.windowTaper) / 2;
      const corner = start.map((n) => n - margin) as unknown as [number, number, number];
      inPass(encoder, 'gather', (pass) => {
        copy.gather(pass, volumes.map, corner, box, job.padValues.map, mapBox);
        if (volumes.reference && referenceBox)
          copy.gather(pass, volumes.reference, corner, box, job.padValues.reference, referenceBox);
        if (volumes.differenceMask)
          copy.gather(pass, volumes.differenceMask, start, tileSize, 0, differenceMask);
      });
    };
    const place = (pass: GPUComputePassEncoder, { start, unitCount }: GpuTile): void => {
      const { mask, scaled: out, bFactor, quality } = volumes;
      const fitted = bFactor && quality ? { fits, bFactor, quality } : undefined;
      convolutions.encodePlace(pass, units, unitCount, start, scaled, mask, out, fitted, uniforms);
    };
    const record = (tile: GpuTile, parts: readonly Part[]): GPUCommandEncoder => {
      const { units: list, unitCount } = tile;
      gpu.device.queue.writeBuffer(units, 0, list as Uint32Array<ArrayBuffer>);
      const encoder = gpu.device.createCommandEncoder({ label: 'local-scaling' });
      if (parts.includes('gather')) gather(encoder, tile);
      if (parts.includes('scale'))
        inPass(encoder, 'window-profiles', (pass) => {
          if (referenceBox) windowProfiles.encode(pass, referenceBox, units, unitCount, reference, uniforms);
          windowProfiles.encode(pass, mapBox, units, unitCount, factors, uniforms);
        });
      inPass(encoder, 'scale', (pass) => {
        if (parts.includes('scale'))
          scaleFactors.encode(pass, { factors, reference, units, differenceMask, fits }, unitCount, uniforms);
        if (parts.includes('convolve'))
          convolutions.encode(pass, mapBox, units, unitCount, factors, scaled, uniforms);
        if (parts.includes('place')) place(pass, tile);
      });
      // The caller submits next; later writes to the same slots are queued after that.
      copy.submitted();
      uniforms.reset();
      return encoder;
    };
    return {
      record,
      buffers: { mapBox, referenceBox, differenceMask, factors, scaled, fits },
      kernels: [copy, windowProfiles, scaleFactors, convolutions].flatMap((part) => part.kernels),
    };
  });
}

/** Records one compute pass. */
function inPass(
  encoder: GPUCommandEncoder,
  label: string,
  record: (pass: GPUComputePassEncoder) => void,
): void {
  const pass = encoder.beginComputePass({ label });
  record(pass);
  pass.end();
}
