/**
 * Scaling in soft frequency bands (math/soft-scaling/), streamed band by band over worker threads (band-tasks.ts).
 *
 *   spectra   of the mean of the half maps, of half their difference, of the reference: once
 *   per band  and spectrum: columns along z, weighted; planes, and the squares of their voxels in blocks. The cross
 *             power of the half maps is the power of the mean less that of half the difference. Blocks are weighted
 *             with the window, gains made of them, and the mean's voxels times the gains added to the result.
 *
 * Beside the maps it holds the spectra, one band, the result, and two to four values a block.
 */
import type { BandScalingJob, OperationHooks } from '../engine/engine.ts';
import { spectrumPitch } from '../math/fourier/fft-plan.ts';
import { voxelCount } from '../math/grid.ts';
import { type BandPlan, windowWeights } from '../math/soft-scaling/bands.ts';
import type { BandInputs, MapSum } from '../math/soft-scaling/inputs.ts';
import type { BandSummary, BandSums, GainRule, TargetPlan } from '../math/soft-scaling/targets.ts';
import { type BlockFields, bandPlaneFloats, bandRowPitch, bandRowRanges } from './band-tasks.ts';
import { ROWS_PER_TASK, type SharedSpectrum } from './fft.ts';
import type { VolumeMemory } from './memory.ts';
import type { Pool } from './pool.ts';

type BandJob = Pick<BandScalingJob, 'half2' | 'reference' | 'profile'>;

/** Planes a task, rounded up to whole blocks. */
const LEAST_PLANES = 4;
const BLOCK_ROWS_PER_TASK = 8;
/** Seconds per transform and n log2 n, one core of a 2020s x86 server, all else included. */
const SECONDS_PER_OPERATION = 4.5e-10;

/** Shared memory beside the maps and the result, and kernel memory of the threads. */
export function bandScalingBytes(plan: BandPlan, job: BandJob, threads: number): number {
  const [nz, ny, nx] = plan.shape;
  const spectra = countSpectra(job);
  const fields = spectra + (job.profile ? 1 : 0);
  const spectrumFloats = 2 * nz * ny * spectrumPitch(nx);
  const shared = (spectra + 1) * spectrumFloats + fields * voxelCount(plan.windows.blocks);
  return 4 * shared + threads * kernelBytes(plan);
}

export function bandScalingSeconds(plan: BandPlan, job: BandJob, threads: number): number {
  const voxels = voxelCount(plan.shape);
  const transforms = countSpectra(job) * (plan.count + 1);
  return (SECONDS_PER_OPERATION * transforms * voxels * Math.log2(voxels)) / threads;
}

function countSpectra({ half2, reference }: BandJob): number {
  return 1 + (half2 ? 1 : 0) + (reference ? 1 : 0);
}

/** Most kernel memory of one thread: columns along z, planes, or blocks; plans of transforms. */
function kernelBytes(plan: BandPlan): number {
  const [nz, ny, nx] = plan.shape;
  const [bz, by, bx] = plan.windows.blocks;
  const [pitch, rowPitch] = [spectrumPitch(nx), bandRowPitch(nx)];
  const [reachZ, reachY] = ([0, 1] as const).map((axis) => windowWeights(plan.windows, axis).length - 1);
  const height = Math.max(8, ny);
  const columns = 2 * (nz + 1) * ROWS_PER_TASK * pitch;
  const planes = height * (3 * rowPitch + 4 * pitch) + by * bx + 16 * (nx + 12);
  const gains = 2 * ny * rowPitch + 3 * by * (bx + 4);
  const windows = Math.max((2 * by + reachY) * (bx + 4), (4 * bz + reachZ) * (BLOCK_ROWS_PER_TASK * bx + 4));
  const plans = 80 * (nz + ny + nx);
  return 4 * (Math.max(columns, planes, gains, windows) + plans) + 65536;
}

export interface BandVolumes {
  readonly inputs: BandInputs<Float32Array>;
  readonly mask: Float32Array | undefined;
  /** 0 before. */
  readonly out: Float32Array;
}

export async function scaleBands(
  pool: Pool,
  memory: VolumeMemory,
  plan: BandPlan,
  targets: TargetPlan,
  { inputs, mask, out }: BandVolumes,
  hooks: OperationHooks,
): Promise<BandSummary[]> {
  const taken: Float32Array[] = [];
  const take = (floats: number): Float32Array => {
    const array = memory.allocate(floats);
    taken.push(array);
    return array;
  };
  try {
    const pitch = spectrumPitch(plan.shape[2]);
    // One after the other: each keeps all threads busy.
    const mean = await forward(pool, plan, inputs.mean, take);
    const difference = inputs.difference && (await forward(pool, plan, inputs.difference, take));
    const reference = inputs.reference && (await forward(pool, plan, inputs.reference, take));
    const band = take(plan.shape[0] * bandPlaneFloats(mean));
    const blocks = voxelCount(plan.windows.blocks);
    const fields = {
      power: take(blocks),
      difference: difference && take(blocks),
      reference: reference && take(blocks),
      level: targets.needsLevel ? take(blocks) : undefined,
    };
    const summaries: BandSummary[] = [];
    for (let i = 0; i < plan.count; i++) {
      hooks.signal?.throwIfAborted();
      const measure = (from: SharedSpectrum, sums: Float32Array, keep: boolean): Promise<BandSums> =>
        measureBand(pool, plan, i, from, band, sums, mask, keep);
      if (reference && fields.reference) await measure(reference, fields.reference, false);
      const noise =
        difference && fields.difference ? await measure(difference, fields.difference, false) : undefined;
      const power = await measure(mean, fields.power, true);
      const { rule, summary } = targets.next(i, power, noise);
      summaries.push(summary);
      await makeGains(pool, plan, fields, rule, inputs.outputScale);
      if (rule.contributes) {
        const ranges = planeRanges(plan);
        const shared = { plan, pitch, band, gains: fields.power, out };
        await pool.map(
          'accumulateBand',
          ranges.map((range) => ({ ...range, ...shared })),
        );
      }
      hooks.onProgress?.(i + 1, plan.count);
    }
    return summaries;
  } finally {
    memory.recycle(...taken);
  }
}

/** The transform of a sum of maps, its mean in the coefficient of frequency 0. */
async function forward(
  pool: Pool,
  plan: BandPlan,
  sum: MapSum<Float32Array>,
  take: (floats: number) => Float32Array,
): Promise<SharedSpectrum> {
  const { shape } = plan;
  const [nz, ny, nx] = shape;
  const pitch = spectrumPitch(nx);
  const floats = nz * ny * pitch;
  const spectrum: SharedSpectrum = { shape, pitch, re: take(floats), im: take(floats) };
  await pool.map(
    'forwardSumPlanes',
    split(nz, LEAST_PLANES).map((range) => ({ ...range, sum, spectrum })),
  );
  await pool.map(
    'forwardColumns',
    split(ny, ROWS_PER_TASK).map((range) => ({ ...range, spectrum })),
  );
  spectrum.re[0] = sum.constant * voxelCount(shape);
  spectrum.im[0] = 0;
  return spectrum;
}

/** One band of a spectrum into `band`, and its squares in blocks. */
async function measureBand(
  pool: Pool,
  plan: BandPlan,
  index: number,
  spectrum: SharedSpectrum,
  band: Float32Array,
  blocks: Float32Array,
  mask: Float32Array | undefined,
  keep: boolean,
): Promise<BandSums> {
  await pool.map(
    'bandColumns',
    bandRowRanges(plan, index, ROWS_PER_TASK).map((range) => ({ ...range, plan, index, spectrum, band })),
  );
  const shared = { plan, index, pitch: spectrum.pitch, band, blocks, mask, keep };
  const parts = await pool.map(
    'bandPlanes',
    planeRanges(plan).map((range) => ({ ...range, ...shared })),
  );
  return parts.reduce((sum, part) => ({ inside: sum.inside + part.inside, all: sum.all + part.all }));
}

/** Windows over the sums in blocks; the gains replace the power. */
async function makeGains(
  pool: Pool,
  plan: BandPlan,
  fields: BlockFields,
  rule: GainRule,
  outputScale: number,
): Promise<void> {
  if (!rule.contributes && !rule.addsToLevel) return;
  const [bz, by] = plan.windows.blocks;
  await pool.map(
    'smoothBlockPlanes',
    split(bz, 1).map((range) => ({ ...range, plan, fields })),
  );
  await pool.map(
    'blockGains',
    split(by, BLOCK_ROWS_PER_TASK).map((range) => ({ ...range, plan, fields, rule, outputScale })),
  );
}

/** Planes of whole blocks. */
function planeRanges({ shape, windows }: BandPlan): { from: number; to: number }[] {
  const [factor] = windows.factor;
  return split(shape[0], factor * Math.ceil(LEAST_PLANES / factor));
}

function split(total: number, step: number): { from: number; to: number }[] {
  return Array.from({ length: Math.ceil(total / step) }, (_, i) => ({
    from: i * step,
    to: Math.min(total, (i + 1) * step),
  }));
}
