/** Kernels of verbs, verified on buffers of their own the first time that a device uses them. */

import { checkModelMap, checkResample } from './check-grids.ts';
import { checkGather, checkMoveVoxels, checkPrefilter } from './check-symmetry.ts';
import {
  checkApply,
  checkAverage,
  checkBinarise,
  checkCollect,
  checkLocalFilter,
  checkOccupancy,
  checkStatistics,
  checkTileCopy,
} from './check-voxels.ts';
import type { GpuDevice } from './device.ts';
import type { Kernel } from './kernel.ts';
import { getKernel } from './kernel-cache.ts';
import { checkKernel, type KernelCheck } from './kernel-under-test.ts';

/** By shader and entry point: what it computes, in the words of a message, and its check. */
const CHECKS: Readonly<Record<string, readonly [subject: string, check: KernelCheck]>> = {
  'average.main': ['average', checkAverage],
  'statistics.main': ['statistics', checkStatistics],
  'binarise.main': ['binary mask', checkBinarise],
  'occupancy.main': ['count of mask voxels', checkOccupancy],
  'confidence-map.collect': ['choice of voxels for the confidence map', checkCollect],
  'confidence-map.apply': ['confidence map', checkApply],
  'tile-copy.gather': ['copy of a box', checkTileCopy],
  'local-filter.main': ['local filter', checkLocalFilter],
  'resample.main': ['resampling', checkResample],
  'model-map.main': ['map of a model', checkModelMap],
  'symmetrise.move_voxels': ['symmetry of the grid', checkMoveVoxels],
  'symmetrise.gather': ['average over rotated copies', checkGather],
  'symmetrise.prefilter': ['filter before rotations', checkPrefilter],
};

/** Under way or done; a check that was interrupted is done again. */
const verified = new WeakMap<Kernel, Promise<void>>();

/** As getKernel. Throws as the device's verification for a kernel that computes wrongly. */
export async function getVerifiedKernel(gpu: GpuDevice, name: string, entryPoint = 'main'): Promise<Kernel> {
  const kernel = await getKernel(gpu, name, entryPoint);
  await verifyKernel(gpu, kernel, entryPoint);
  return kernel;
}

/** Once for each kernel of a device. */
export async function verifyKernel(gpu: GpuDevice, kernel: Kernel, entryPoint: string): Promise<void> {
  const { verification } = gpu;
  if (verification === undefined) return;
  const [subject, check] = CHECKS[`${kernel.name}.${entryPoint}`];
  let work = verified.get(kernel);
  if (work === undefined) {
    work = verification.verify(subject, [kernel], () => checkKernel(gpu, kernel, check));
    work.catch(() => verified.delete(kernel));
    verified.set(kernel, work);
  }
  await work;
}
