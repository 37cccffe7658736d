/**
 * Plan of a scaling in soft frequency bands on the GPU (band-scaling.ts): transforms in slabs, fields of one
 * value per block, and the bytes that all of it takes and moves.
 */
import type { BandScalingSettings } from '../engine/engine.ts';
import { LocScaleError, named } from '../errors.ts';
import { voxelCount } from '../math/grid.ts';
import { type BandPlan, highestIndex, squaredBandFrequencies } from '../math/soft-scaling/bands.ts';
import { refinesGains, usesProfile, usesReference } from '../math/soft-scaling/targets.ts';
import { shellCount } from '../math/soft-scaling/tilts.ts';
import type { GpuDevice, GpuLimits } from './device.ts';
import type { Planned } from './fft-lines.ts';
import { planSlabFft, type SlabFftPlan } from './fft-slabs.ts';
import { linearWorkgroups } from './workgroups.ts';

/** Blocks per workgroup of the entry point `powers`. */
export const BLOCKS_PER_GROUP = 64;
/** Lines per workgroup of `window`, and blocks of each. */
export const WINDOW_LINES = 8;
export const WINDOW_STRETCH = 128;
/** Voxels of a row per workgroup of `accumulate`. */
export const ROW_STRETCH = 256;
/** Parameters and tables. */
const SMALL_BUFFERS_BYTES = 512 * 1024;

/** Workgroups at most of the shader `band-shells`, per slab of a spectrum. */
export const SHELL_GROUPS = 256;

/** What of the settings decides how many spectra and fields a job has. */
type PlannedJob = Pick<BandScalingSettings, 'halfMaps' | 'target' | 'unrefined'>;

/** Sizes of all buffers of a job; made without a device, so that memory is known before the run. */
export interface GpuBandPlan {
  /** Bands and blocks, the same on both engines. */
  readonly bands: BandPlan;
  /** Slabs and strips of every spectrum. */
  readonly fft: SlabFftPlan;
  /** Of the mean, half the difference, the reference, and the band at work. */
  readonly spectra: number;
  /** Buffers of one value per block. */
  readonly fields: number;
  /** Pairs of partial sums that `powers` may write, one per workgroup. */
  readonly parts: number;
  /** Workgroups of the entry point `gains`, which leave two sums each per band. */
  readonly gainGroups: number;
  /** Gains are measured once more. */
  readonly refines: boolean;
  /** All of it, besides the maps and the result. */
  readonly bytes: number;
}

/** `freeBytes`: besides the maps and the result. */
export function planGpuBands(
  bands: BandPlan,
  job: PlannedJob,
  limits: GpuLimits,
  freeBytes: number,
): Planned<GpuBandPlan> {
  const { shape, windows } = bands;
  const inputs = 1 + (job.halfMaps ? 1 : 0) + (usesReference(job.target) ? 1 : 0);
  // Two more for the result of a window and the gains.
  const refines = refinesGains(job);
  const kept = refines ? (job.halfMaps ? 2 : 1) : 0;
  const level = (usesProfile(job.target) ? 1 : 0) + (job.target.kind === 'hybrid' ? 1 : 0);
  const fields = inputs + 2 + level + kept;
  const blocks = voxelCount(windows.blocks);
  if (4 * blocks > Math.min(limits.bindingBytes, limits.bufferBytes)) {
    return { ok: false, reason: `local powers of ${4 * blocks} bytes exceed the binding limit` };
  }
  // A slab may begin and end in the middle of blocks.
  const planeBlocks = windows.blocks[1] * windows.blocks[2];
  const slabs = Math.ceil((4 * voxelCount(shape)) / limits.slabBytes) + 1;
  const parts = Math.ceil((blocks + slabs * planeBlocks) / BLOCKS_PER_GROUP) + 2 * slabs * 64;
  const maskBits = 4 * Math.ceil(voxelCount(shape) / 32) + 16 * slabs;
  const [groupsX, groupsY] = linearWorkgroups({ limits }, blocks);
  const gainGroups = groupsX * groupsY;
  const shells = refines ? SHELL_GROUPS * shellCount(bands) : 0;
  const sums = 8 * (parts + bands.count * gainGroups) + 4 * shells;
  const fixed = 4 * voxelCount(shape) + maskBits + 4 * fields * blocks + sums + SMALL_BUFFERS_BYTES;
  const planned = planSlabFft(shape, limits, inputs + 1, freeBytes - fixed);
  if (!planned.ok) return planned;
  const fft = planned.plan;
  const planeBytes = 8 * shape[1] * fft.pitch;
  const strips = fft.planesPerSlab === shape[0] ? 0 : 2 * 8 * shape[0] * fft.rowsPerStrip * fft.pitch;
  const bytes = fixed + (inputs + 1) * shape[0] * planeBytes + strips;
  return { ok: true, plan: { bands, fft, spectra: inputs + 1, fields, parts, gainGroups, refines, bytes } };
}

/** Throws 'out-of-memory' with what does not fit. */
export function requireBandPlan(
  gpu: GpuDevice,
  bands: BandPlan,
  job: PlannedJob,
  freeBytes: number,
): GpuBandPlan {
  const planned = planGpuBands(bands, job, gpu.limits, freeBytes);
  if (planned.ok) return planned.plan;
  throw new LocScaleError(
    'out-of-memory',
    `Scaling in bands does not fit the GPU ${gpu.name}: ${planned.reason}.`,
    {
      hint: `Use ${named('engine', 'cpu')}, or a GPU with more memory.`,
    },
  );
}

/**
 * Bytes that the dispatches read and write, each value counted once per dispatch, and those of as many whole
 * real transforms: two (with a reference three) to begin with and as many per band.
 */
export function bandTraffic(
  { bands, spectra, refines }: Pick<GpuBandPlan, 'bands' | 'spectra' | 'refines'>,
  hasMask: boolean,
  hasLevel: boolean,
): { readonly bytes: number; readonly transformBytes: number } {
  const [nz, ny, nx] = bands.shape;
  const voxels = voxelCount(bands.shape);
  const blocks = voxelCount(bands.windows.blocks);
  const inputs = spectra - 1;
  const lines = nz * ny;
  const half = lines * (Math.floor(nx / 2) + 1);
  const rows = 4 * voxels + 8 * half;
  const transform = rows + 2 * 16 * half;
  // With half maps, whose spectra are read to find the tilt of the bands.
  const isTilted = refines && inputs === 3;
  let bytes = inputs * (12 * voxels + transform + (isTilted ? 8 * half : 0));
  // All but the reference: kept, times the gains, and windows once more.
  const refined = refines ? 4 * blocks * ((inputs - 1) * (2 + 3 + 6) + (isTilted ? 3 : 0) + inputs + 2) : 0;
  const alongY = squaredBandFrequencies(bands, 1, ny);
  const alongX = squaredBandFrequencies(bands, 2, Math.floor(nx / 2) + 1);
  for (let i = 0; i < bands.count; i++) {
    const bins = highestIndex(bands, 2, i) + 1;
    let columns = 0;
    for (const y of alongY) for (let x = 0; x < bins; x++) if (y + alongX[x] < (i + 1) ** 2) columns++;
    const filter = 8 * nz * (ny * bins + columns);
    const measure = 4 * voxels + (hasMask ? voxels / 8 : 0) + 8 * blocks;
    const windows = 3 * 8 * blocks;
    bytes += inputs * (filter + 16 * lines * bins + rows + measure + windows);
    const gains = 4 * blocks * (inputs + 1 + (hasLevel ? 4 : 0) + 3);
    bytes += gains + refined + 12 * voxels + 4 * blocks;
  }
  return { bytes, transformBytes: inputs * (bands.count + 1) * transform };
}
