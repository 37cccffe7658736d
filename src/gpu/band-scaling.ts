/**
 * Scaling in soft frequency bands (math/soft-scaling/), streamed band by band as on the CPU engine: planned,
 * started, and finished here; what happens to one band is in band-device.ts.
 */
import { createBandRun } from '../engine/band-run.ts';
import { bandRegion, checkBandMaps, checkBandSettings } from '../engine/checks.ts';
import type {
  BandScalingMaps,
  BandScalingRun,
  BandScalingSettings,
  OpenedBandScaling,
  Volume,
} from '../engine/engine.ts';
import { voxelCount } from '../math/grid.ts';
import { type BandPlan, planBands } from '../math/soft-scaling/bands.ts';
import { type MeasuredMap, planInputs } from '../math/soft-scaling/inputs.ts';
import { TargetPlan, usesProfile, windowSigmaOf } from '../math/soft-scaling/targets.ts';
import { windowShare } from '../math/soft-scaling/windows.ts';
import { type BandVolumes, type EngineVolumes, GpuBands } from './band-device.ts';
import { compileBands, NAME } from './band-kernels.ts';
import { checkBands } from './check-bands.ts';
import { type GpuDevice, STORAGE } from './device.ts';
import { buildJob, withSmallerPlans } from './job.ts';
import { createUniform } from './kernel.ts';
import type { ScalingTools } from './local-scaling.ts';
import { type GpuBandPlan, requireBandPlan } from './plan-bands.ts';
import { allocateVolume, type Scratch } from './scratch.ts';
import { createUniformSlots } from './uniform-slots.ts';
import { createVolume, destroyVolume, type GpuVolume, readVolume } from './volume.ts';
import { statistics } from './volume-operations.ts';

/** What soft scaling needs of the engine. */
export interface BandTools extends Pick<ScalingTools, 'gpu' | 'operationsPerSecond' | 'own' | 'release'> {
  /** From now on a volume of the engine. */
  adopt(volume: GpuVolume): GpuVolume;
}

/**
 * Plans the bands and their memory. If other volumes have taken memory by the time of `start`, the plan
 * shrinks.
 */
export async function openBands(settings: BandScalingSettings, tools: BandTools): Promise<OpenedBandScaling> {
  checkBandSettings(settings);
  const { gpu } = tools;
  const { shape, measureLocal = false } = settings;
  const bands = planBands(settings, windowSigmaOf(settings));
  const resultBytes = (measureLocal ? 4 : 1) * 4 * voxelCount(shape);
  const planWithin = (bytes: number): GpuBandPlan => requireBandPlan(gpu, bands, settings, bytes);
  const freeBytes = (): number => gpu.limits.totalBytes - gpu.allocatedBytes - resultBytes;
  const plan = planWithin(freeBytes());
  // Multiply-adds of a transform: 2.5 n log2 n; as many again for all else.
  const voxels = voxelCount(shape);
  const operations = (plan.spectra - 1) * (bands.count + 1) * 5 * voxels * Math.log2(voxels);
  return {
    estimate: {
      bands: bands.count,
      workingBytes: plan.bytes,
      seconds: operations / tools.operationsPerSecond,
    },
    prepare: () => {
      // Whether there is a mask is not known yet. What fails does so again when it is used.
      const uses = {
        difference: settings.halfMaps,
        level: usesProfile(settings.target),
        refined: plan.refines,
      };
      compileBands(gpu, plan.fft, { ...uses, mask: false, zeroOutside: false }).catch(() => undefined);
    },
    async start(maps) {
      checkBandMaps(settings, maps);
      const first = plan.bytes > freeBytes() ? planWithin(freeBytes()) : plan;
      return startBands(settings, maps, bands, { first, planWithin }, tools);
    },
  };
}

/**
 * Builds the device with the largest plan that the GPU grants, verifies its kernels and transforms the maps.
 */
async function startBands(
  settings: BandScalingSettings,
  maps: BandScalingMaps,
  bands: BandPlan,
  plans: { readonly first: GpuBandPlan; readonly planWithin: (bytes: number) => GpuBandPlan },
  tools: BandTools,
): Promise<BandScalingRun> {
  const { gpu, own } = tools;
  const measured = async (volume: Volume): Promise<MeasuredMap<GpuVolume>> => ({
    map: own(volume),
    ...(await statistics(gpu, own(volume))),
  });
  const { half1, half2, reference, mask: given, differenceMask } = maps;
  const inputs = planInputs(
    await measured(half1),
    half2 && (await measured(half2)),
    reference && (await measured(reference)),
    settings.target.kind,
  );
  const inMask = given ? (await statistics(gpu, own(given), { mask: own(given), inside: true })).count : 0;
  const region = bandRegion(settings, given, inMask);
  const targets = new TargetPlan(bands, settings.target, region.voxels, inputs);
  const download = (volume: GpuVolume): Promise<Float32Array> =>
    readVolume(gpu, volume, new Float32Array(voxelCount(volume.shape)));
  const volumes = {
    inputs,
    mask: region.mask && own(region.mask),
    share: differenceMask && windowShare(bands, await download(own(differenceMask))),
  };
  const build = async (plan: GpuBandPlan): Promise<GpuBands> => {
    const device = await buildBandDevice(gpu, plan, volumes, settings, {
      make: (label) => tools.adopt(createVolume(gpu, label, settings.shape)),
      allocate: async (label) => tools.adopt(await allocateVolume(gpu, label, settings.shape)),
      adopt: tools.adopt,
      release: tools.release,
      download,
    });
    try {
      const { kind } = settings.target;
      const kernels = Object.values(device.kernels);
      await gpu.verification?.verify(`soft scaling (${kind})`, kernels, () => checkBands(device));
      await device.transform(inputs);
      return device;
    } catch (error) {
      await device.close();
      throw error;
    }
  };
  const device = await withSmallerPlans(gpu, plans.first, plans.planWithin, build);
  try {
    return await createBandRun(device, bands, targets, settings, inputs.powerScale);
  } catch (error) {
    await device.close();
    throw error;
  }
}

/** All buffers at once: memory that is missing is an 'out-of-memory' error here. */
async function buildBandDevice(
  gpu: GpuDevice,
  plan: GpuBandPlan,
  volumes: BandVolumes,
  settings: BandScalingSettings,
  engine: EngineVolumes,
): Promise<GpuBands> {
  const kernels = await compileBands(gpu, plan.fft, {
    difference: volumes.inputs.difference !== undefined,
    mask: volumes.mask !== undefined,
    level: usesProfile(settings.target),
    refined: plan.refines,
    zeroOutside: settings.zeroOutside === true,
  });
  const { bands, destroy } = await buildJob(gpu, NAME, async ({ storage, own }) => {
    const scratch: Scratch = {
      storage,
      uniform: (label, fields) => {
        const buffer = createUniform(gpu, label, fields);
        own({ destroy: () => gpu.destroyBuffer(buffer) });
        return buffer;
      },
      table: (label, values) => {
        const buffer = gpu.createBuffer(label, values.byteLength, STORAGE);
        own({ destroy: () => gpu.destroyBuffer(buffer) });
        gpu.device.queue.writeBuffer(buffer, 0, values as Float32Array<ArrayBuffer>);
        return buffer;
      },
    };
    const slots = own(createUniformSlots(gpu, NAME));
    const band = createVolume(gpu, 'band', plan.bands.shape);
    own({ destroy: () => destroyVolume(gpu, band) });
    const device = new GpuBands(gpu, plan, kernels, scratch, slots, band, volumes, settings, engine);
    own({ destroy: () => device.dropResult() });
    return { bands: device };
  });
  bands.buffers = { destroy };
  return bands;
}
