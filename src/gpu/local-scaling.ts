/**
 * Local scaling on the GPU, tile by tile: gather, profiles of reference and map, scale factors, shell
 * convolutions, results to the mask voxels. Nothing is read back; two tiles are in flight.
 */
import type { LocalScalingJob, OperationHooks } from '../engine.ts';
import { LocScaleError } from '../errors.ts';
import { voxelCount } from '../math/grid.ts';
import { type GpuDevice, STORAGE } from './device.ts';
import { createRealFft3d } from './fft.ts';
import type { GpuTile, GpuTilePlan } from './plan-tiles.ts';
import { runTiles } from './run-tiles.ts';
import { createScaleFactors } from './scale-factors.ts';
import { createShellConvolutions } from './shell-convolutions.ts';
import type { TileCopy } from './tile-copy.ts';
import { createUniformSlots } from './uniform-slots.ts';
import type { GpuVolume } from './volume.ts';
import { createWindowProfiles } from './window-profiles.ts';

export interface ScalingVolumes {
  readonly map: GpuVolume;
  readonly reference: GpuVolume | undefined;
  readonly mask: GpuVolume;
  readonly differenceMask: GpuVolume | undefined;
  readonly scaled: GpuVolume;
  readonly bFactor: GpuVolume | undefined;
  readonly quality: GpuVolume | undefined;
}

export async function scaleTiles(
  gpu: GpuDevice,
  plan: GpuTilePlan,
  tiles: readonly GpuTile[],
  job: LocalScalingJob,
  volumes: ScalingVolumes,
  copy: TileCopy,
  hooks: OperationHooks,
): Promise<void> {
  const machine = await prepareTiles(gpu, plan, job, volumes, copy);
  try {
    await runTiles(gpu, tiles, machine.encode, hooks);
  } finally {
    machine.destroy();
  }
}

/** Allocates the job's buffers; an allocation that the GPU refuses is an 'out-of-memory' error here, not later. */
async function prepareTiles(
  gpu: GpuDevice,
  plan: GpuTilePlan,
  job: LocalScalingJob,
  volumes: ScalingVolumes,
  copy: TileCopy,
) {
  const { profiles: profilePlan, tileSize, box, fft: fftPlan } = plan;
  const { shellCount, lanes } = profilePlan;
  const unitVoxels = profilePlan.profileBytes / 4 / shellCount;
  const parts: { destroy(): void }[] = [];
  const keep = <T extends { destroy(): void }>(part: T): T => {
    parts.push(part);
    return part;
  };
  const make = (label: string, bytes: number): GPUBuffer => {
    const buffer = gpu.createBuffer(`local-scaling ${label}`, bytes, STORAGE);
    parts.push({ destroy: () => gpu.destroyBuffer(buffer) });
    return buffer;
  };
  const destroy = (): void => {
    for (const part of parts.reverse()) part.destroy();
  };
  gpu.device.pushErrorScope('out-of-memory');
  try {
    const uniforms = keep(createUniformSlots(gpu, 'local-scaling'));
    const windowProfiles = keep(await createWindowProfiles(gpu, profilePlan));
    const scaleFactors = keep(await createScaleFactors(gpu, job.rule, shellCount, tileSize, lanes));
    const fft = keep(await createRealFft3d(gpu, fftPlan));
    const convolutions = keep(
      await createShellConvolutions(gpu, fft, job.windowVoxels, box, tileSize, lanes),
    );
    const mapBox = make('map box', 4 * voxelCount(box));
    const referenceBox = volumes.reference ? make('reference box', 4 * voxelCount(box)) : undefined;
    const factors = make('factors', profilePlan.profileBytes);
    const reference = make('reference profiles', profilePlan.profileBytes);
    const fits = make('fits', 8 * unitVoxels);
    const scaled = make('scaled', 4 * unitVoxels);
    const units = make('units', 16 * profilePlan.unitCapacity);
    const differenceMask = make('difference mask', volumes.differenceMask ? 4 * voxelCount(tileSize) : 16);

    const encode = ({ start, units: list, unitCount }: GpuTile): GPUCommandEncoder => {
      const { device } = gpu;
      device.queue.writeBuffer(units, 0, list as Uint32Array<ArrayBuffer>);
      const encoder = device.createCommandEncoder({ label: 'local-scaling' });
      const h = job.windowVoxels / 2;
      const corner = start.map((n) => n - h) as unknown as [number, number, number];
      const inPass = (label: string, record: (pass: GPUComputePassEncoder) => void): void => {
        const pass = encoder.beginComputePass({ label });
        record(pass);
        pass.end();
      };
      inPass('gather', (pass) => {
        copy.gather(pass, volumes.map, corner, box, job.padValues.map, mapBox);
        if (volumes.reference && referenceBox) {
          copy.gather(pass, volumes.reference, corner, box, job.padValues.reference, referenceBox);
        }
        if (volumes.differenceMask)
          copy.gather(pass, volumes.differenceMask, start, tileSize, 0, differenceMask);
      });
      if (referenceBox) windowProfiles.encode(encoder, referenceBox, units, unitCount, reference, uniforms);
      windowProfiles.encode(encoder, mapBox, units, unitCount, factors, uniforms);
      inPass('scale', (pass) => {
        scaleFactors.encode(pass, { factors, reference, units, differenceMask, fits }, unitCount, uniforms);
        convolutions.encode(pass, mapBox, units, unitCount, factors, scaled, uniforms);
        const { bFactor, quality } = volumes;
        const fitted = bFactor && quality ? { fits, bFactor, quality } : undefined;
        convolutions.encodePlace(
          pass,
          units,
          unitCount,
          start,
          scaled,
          volumes.mask,
          volumes.scaled,
          fitted,
          uniforms,
        );
      });
      // Later writes to the same slots queue up behind the work just recorded.
      copy.submitted();
      uniforms.reset();
      return encoder;
    };
    await throwIfOutOfMemory(gpu);
    return { encode, destroy };
  } catch (error) {
    if (!(error instanceof OutOfScope)) await gpu.device.popErrorScope().catch(() => null);
    destroy();
    throw error instanceof OutOfScope ? error.error : error;
  }
}

class OutOfScope extends Error {
  readonly error: LocScaleError;
  constructor(error: LocScaleError) {
    super(error.message);
    this.error = error;
  }
}

async function throwIfOutOfMemory(gpu: GpuDevice): Promise<void> {
  const refused = await gpu.device.popErrorScope();
  if (!refused) return;
  throw new OutOfScope(
    new LocScaleError('out-of-memory', `The GPU ${gpu.name} ran out of memory.`, {
      hint: 'Close other programs that use the GPU, use a smaller window (-wn), or --engine cpu.',
      cause: refused,
    }),
  );
}
