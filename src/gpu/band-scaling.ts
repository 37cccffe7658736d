/**
 * Scaling in soft frequency bands (math/soft-scaling/), streamed band by band as on the CPU engine: the spectra of the
 * mean of the half maps, of half their difference and of the reference stay on the device; a band is weighted and
 * transformed back along z in one pass (shaders/band-filter.wgsl), along y and x by the passes of fft-slabs.ts, and
 * measured, windowed and added to the result by shaders/band-scaling.wgsl.
 */
import type { BandScalingJob, OperationHooks } from '../engine/engine.ts';
import { LocScaleError } from '../errors.ts';
import { voxelCount } from '../math/grid.ts';
import {
  type BandPlan,
  highestIndex,
  squaredBandFrequencies,
  windowWeights,
} from '../math/soft-scaling/bands.ts';
import type { BandInputs, MapSum } from '../math/soft-scaling/inputs.ts';
import type { BandSummary, BandSums, GainRule, TargetPlan } from '../math/soft-scaling/targets.ts';
import type { GpuDevice, GpuLimits } from './device.ts';
import { prepareColumns } from './fft-axes.ts';
import { dispatchSize, lineKernel, lineTableBuffer, type Planned } from './fft-lines.ts';
import {
  copyStrip,
  createSpectrum,
  planSlabFft,
  restorePlanes,
  type SlabFftPlan,
  type Spectrum,
  stripsOf,
  transformPlanes,
} from './fft-slabs.ts';
import type { Bound, Kernel, UniformField } from './kernel.ts';
import { getKernel } from './kernel-cache.ts';
import { makeVolume, type Scratch, submitPass, withScratch } from './scratch.ts';
import { slabVoxels } from './slabs.ts';
import { createUniformSlots, type UniformSlots } from './uniform-slots.ts';
import { createVolume, destroyVolume, type GpuVolume } from './volume.ts';
import { linearWorkgroups } from './workgroups.ts';

const NAME = 'band-scaling';
/** Blocks per workgroup of the entry point `powers`. */
const BLOCKS_PER_GROUP = 64;
/** Parameters and tables. */
const SMALL_BUFFERS_BYTES = 512 * 1024;
const TARGETS = { reference: 0, profile: 1, 'geometric-mean': 2 } as const;

type BandJob = Pick<BandScalingJob, 'half2' | 'reference' | 'profile'>;

export interface GpuBandPlan {
  readonly bands: BandPlan;
  readonly fft: SlabFftPlan;
  /** Of the mean, half the difference, the reference, and the band at work. */
  readonly spectra: number;
  /** Buffers of one value per block. */
  readonly fields: number;
  readonly parts: number;
  /** All of it, beside the maps and the result. */
  readonly workingBytes: number;
}

/** `freeBytes`: beside the maps and the result. */
export function planGpuBands(
  bands: BandPlan,
  job: BandJob,
  limits: GpuLimits,
  freeBytes: number,
): Planned<GpuBandPlan> {
  const { shape, windows } = bands;
  const inputs = 1 + (job.half2 ? 1 : 0) + (job.reference ? 1 : 0);
  // One more for the result of a window.
  const fields = inputs + 1 + (job.profile ? 1 : 0);
  const blocks = voxelCount(windows.blocks);
  if (4 * blocks > Math.min(limits.bindingBytes, limits.bufferBytes)) {
    return { ok: false, reason: `local powers of ${4 * blocks} bytes exceed the binding limit` };
  }
  // A slab may begin and end in the middle of blocks.
  const planeBlocks = windows.blocks[1] * windows.blocks[2];
  const slabs = Math.ceil((4 * voxelCount(shape)) / limits.slabBytes) + 1;
  const parts = Math.ceil((blocks + slabs * planeBlocks) / BLOCKS_PER_GROUP) + 2 * slabs * 64;
  const maskBits = 4 * Math.ceil(voxelCount(shape) / 32) + 16 * slabs;
  const fixed = 4 * voxelCount(shape) + maskBits + 4 * fields * blocks + 8 * parts + SMALL_BUFFERS_BYTES;
  const planned = planSlabFft(shape, limits, inputs + 1, freeBytes - fixed);
  if (!planned.ok) return planned;
  const fft = planned.plan;
  const planeBytes = 8 * shape[1] * fft.pitch;
  const strips = fft.planesPerSlab === shape[0] ? 0 : 2 * 8 * shape[0] * fft.rowsPerStrip * fft.pitch;
  const workingBytes = fixed + (inputs + 1) * shape[0] * planeBytes + strips;
  return { ok: true, plan: { bands, fft, spectra: inputs + 1, fields, parts, workingBytes } };
}

export function requireBandPlan(
  gpu: GpuDevice,
  bands: BandPlan,
  job: BandJob,
  freeBytes: number,
): GpuBandPlan {
  const planned = planGpuBands(bands, job, gpu.limits, freeBytes);
  if (planned.ok) return planned.plan;
  throw new LocScaleError(
    'out-of-memory',
    `Scaling in bands does not fit the GPU ${gpu.name}: ${planned.reason}.`,
    {
      hint: 'Use --engine cpu, or a GPU with more memory.',
    },
  );
}

/**
 * Bytes that the dispatches read and write, each value counted once per dispatch, and those of as many whole real
 * transforms: two (with a reference three) to begin with and as many per band.
 */
export function bandTraffic(
  { bands, spectra }: Pick<GpuBandPlan, 'bands' | 'spectra'>,
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
  let bytes = inputs * (12 * voxels + transform);
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
    bytes += gains + 12 * voxels + 4 * blocks;
  }
  return { bytes, transformBytes: inputs * (bands.count + 1) * transform };
}

export interface GpuBandVolumes {
  readonly inputs: BandInputs<GpuVolume>;
  readonly mask: GpuVolume | undefined;
}

/** The scaled map. */
export async function scaleBands(
  gpu: GpuDevice,
  plan: GpuBandPlan,
  targets: TargetPlan,
  { inputs, mask }: GpuBandVolumes,
  hooks: OperationHooks,
): Promise<{ volume: GpuVolume; result: BandSummary[] }> {
  const kernels = await compile(gpu, plan.fft);
  return makeVolume(gpu, NAME, plan.bands.shape, (out) =>
    withScratch(gpu, async (scratch) => {
      const band = createVolume(gpu, 'band', plan.bands.shape);
      const slots = createUniformSlots(gpu, NAME);
      try {
        const run = new BandRun(gpu, plan, kernels, scratch, slots, band, mask);
        return await run.scale(inputs, targets, out, hooks);
      } finally {
        slots.destroy();
        destroyVolume(gpu, band);
      }
    }),
  );
}

/** 0 where the mask is not above 0.5. */
export async function clearOutside(gpu: GpuDevice, volume: GpuVolume, mask: GpuVolume): Promise<void> {
  const kernel = await getKernel(gpu, NAME, 'clear');
  await withScratch(gpu, async (scratch) => {
    submitPass(gpu, NAME, (pass) => {
      volume.slabs.forEach((slab, i) => {
        const count = slabVoxels(volume, slab);
        const parameters = scratch.uniform(NAME, fieldsOf({ count }));
        const bound = { parameters, mask: mask.slabs[i].buffer, out: slab.buffer };
        kernel.run(pass, bound, linearWorkgroups(gpu, count));
      });
    });
  });
}

interface BandKernels {
  readonly filter: Kernel;
  readonly combine: Kernel;
  readonly pack: Kernel;
  readonly powers: Kernel;
  readonly subtract: Kernel;
  readonly window: Kernel;
  readonly addLevel: Kernel;
  readonly gains: Kernel;
  readonly accumulate: Kernel;
}

async function compile(gpu: GpuDevice, fft: SlabFftPlan): Promise<BandKernels> {
  const of = (entry: string): Promise<Kernel> => getKernel(gpu, NAME, entry);
  const [filter, combine, pack, powers, subtract, window, addLevel, gains, accumulate] = await Promise.all([
    lineKernel(gpu, fft.z, 'band-filter', 'main'),
    of('combine'),
    of('pack'),
    of('powers'),
    of('subtract'),
    of('window'),
    of('addLevel'),
    of('gains'),
    of('accumulate'),
  ]);
  return { filter, combine, pack, powers, subtract, window, addLevel, gains, accumulate };
}

class BandRun {
  private readonly gpu: GpuDevice;
  private readonly plan: GpuBandPlan;
  private readonly kernels: BandKernels;
  private readonly scratch: Scratch;
  private readonly slots: UniformSlots;
  private readonly band: GpuVolume;
  /** Bits per slab of the mask. */
  private readonly inside: readonly GPUBuffer[] | undefined;
  private readonly squares: GPUBuffer;
  private readonly weights: readonly GPUBuffer[];
  private readonly parts: GPUBuffer;
  private readonly strips: { readonly source: GPUBuffer; readonly result: GPUBuffer } | undefined;
  private readonly blockCount: number;

  constructor(
    gpu: GpuDevice,
    plan: GpuBandPlan,
    kernels: BandKernels,
    scratch: Scratch,
    slots: UniformSlots,
    band: GpuVolume,
    mask: GpuVolume | undefined,
  ) {
    this.gpu = gpu;
    this.plan = plan;
    this.kernels = kernels;
    this.scratch = scratch;
    this.slots = slots;
    this.band = band;
    const { bands, fft } = plan;
    const [nz, ny] = bands.shape;
    this.squares = scratch.table(
      'squared frequencies',
      Float32Array.from([
        ...squaredBandFrequencies(bands, 0, nz),
        ...squaredBandFrequencies(bands, 1, ny),
        ...squaredBandFrequencies(bands, 2, fft.pitch),
      ]),
    );
    this.weights = ([0, 1, 2] as const).map((axis) =>
      scratch.table('window', windowWeights(bands.windows, axis)),
    );
    this.parts = scratch.storage('powers', 8 * plan.parts);
    this.blockCount = voxelCount(bands.windows.blocks);
    this.inside = mask && this.pack(mask);
    if (fft.planesPerSlab < nz) {
      const bytes = 8 * nz * fft.rowsPerStrip * fft.pitch;
      this.strips = { source: scratch.storage('strip', bytes), result: scratch.storage('band strip', bytes) };
    }
  }

  async scale(
    inputs: BandInputs<GpuVolume>,
    targets: TargetPlan,
    out: GpuVolume,
    { signal, onProgress }: OperationHooks,
  ): Promise<BandSummary[]> {
    const { bands, fields, fft } = this.plan;
    const mean = await this.forward('mean', inputs.mean);
    const difference = inputs.difference && (await this.forward('difference', inputs.difference));
    const reference = inputs.reference && (await this.forward('reference', inputs.reference));
    const work = createSpectrum(this.scratch, 'band', fft);
    const level = targets.needsLevel ? this.blocks() : undefined;
    const free = Array.from({ length: fields - (level ? 1 : 0) }, () => this.blocks());
    const summaries: BandSummary[] = [];
    for (let i = 0; i < bands.count; i++) {
      signal?.throwIfAborted();
      const measure = async (from: Spectrum): Promise<{ sums: BandSums; blocks: GPUBuffer }> => {
        const blocks = free.pop()!;
        await this.filter(i, from, work);
        await restorePlanes(this.gpu, work, this.band, highestIndex(bands, 2, i) + 1);
        return { sums: await this.measure(blocks), blocks };
      };
      const referencePower = reference && (await measure(reference));
      const noise = difference && (await measure(difference));
      const power = await measure(mean);
      const { rule, summary } = targets.next(i, power.sums, noise?.sums);
      summaries.push(summary);
      const powers = { power: power.blocks, noise: noise?.blocks, reference: referencePower?.blocks, level };
      free.push(...this.apply(rule, powers, inputs.outputScale, free, out));
      this.slots.reset();
      onProgress?.(i + 1, bands.count);
    }
    await this.gpu.finish();
    return summaries;
  }

  private pack(mask: GpuVolume): GPUBuffer[] {
    const { gpu, kernels, scratch, slots } = this;
    const made = mask.slabs.map((slab) =>
      scratch.storage('mask bits', 4 * Math.ceil(slabVoxels(mask, slab) / 32)),
    );
    submitPass(gpu, NAME, (pass) => {
      mask.slabs.forEach((slab, i) => {
        const count = slabVoxels(mask, slab);
        const bound = { parameters: slots.write(fieldsOf({ count })), mask: slab.buffer, bits: made[i] };
        kernels.pack.run(pass, bound, linearWorkgroups(gpu, Math.ceil(count / 32)));
      });
    });
    return made;
  }

  private blocks(): GPUBuffer {
    return this.scratch.storage('blocks', 4 * this.blockCount);
  }

  /** The transform of a sum of maps, its mean in the coefficient of frequency 0. */
  private async forward(label: string, sum: MapSum<GpuVolume>): Promise<Spectrum> {
    const { gpu, band, kernels, slots } = this;
    const { fft } = this.plan;
    submitPass(gpu, NAME, (pass) => {
      band.slabs.forEach((slab, i) => {
        const count = slabVoxels(band, slab);
        const parameters = slots.write(
          fieldsOf({
            count,
            centre_a: sum.centres[0],
            centre_b: sum.centres[1],
            factor_a: sum.factors[0],
            factor_b: sum.factors[1],
          }),
        );
        const bound = { parameters, a: sum.a.slabs[i].buffer, b: sum.b.slabs[i].buffer, out: slab.buffer };
        kernels.combine.run(pass, bound, linearWorkgroups(gpu, count));
      });
    });
    const spectrum = createSpectrum(this.scratch, label, fft);
    await transformPlanes(gpu, band, spectrum);
    const buffer = this.strips?.source ?? spectrum.slabs[0].buffer;
    for (const strip of stripsOf(fft)) {
      const columns = strip.rows * fft.pitch;
      const range = { columns, blocks: 1, blockStride: 0, elementStride: columns };
      const alongZ = await prepareColumns(gpu, fft.z, range);
      const encoder = gpu.device.createCommandEncoder({ label: NAME });
      copyStrip(encoder, spectrum, strip, buffer, 'gather');
      const pass = encoder.beginComputePass({ label: NAME });
      alongZ.forward(pass, buffer);
      pass.end();
      copyStrip(encoder, spectrum, strip, buffer, 'scatter');
      gpu.check();
      gpu.device.queue.submit([encoder.finish()]);
      alongZ.destroy();
    }
    const constant = Float32Array.of(sum.constant * voxelCount(fft.shape), 0);
    gpu.device.queue.writeBuffer(spectrum.slabs[0].buffer, 0, constant);
    slots.reset();
    return spectrum;
  }

  /** One band of a spectrum, transformed back along z, to `work`. */
  private async filter(index: number, from: Spectrum, work: Spectrum): Promise<void> {
    const { gpu, kernels, slots, squares } = this;
    const { fft, bands } = this.plan;
    const table = lineTableBuffer(gpu, fft.z);
    const source = this.strips?.source ?? from.slabs[0].buffer;
    const result = this.strips?.result ?? work.slabs[0].buffer;
    const bins = highestIndex(bands, 2, index) + 1;
    for (const strip of stripsOf(fft)) {
      const parameters = slots.write([
        ['u32', strip.rows],
        ['u32', fft.pitch],
        ['u32', fft.shape[1]],
        ['u32', strip.firstRow],
        ['u32', bins],
        ['f32', index],
      ]);
      const encoder = gpu.device.createCommandEncoder({ label: 'band-filter' });
      copyStrip(encoder, from, strip, source, 'gather');
      const pass = encoder.beginComputePass({ label: 'band-filter' });
      kernels.filter.run(
        pass,
        { table, parameters, source, squares, result },
        dispatchSize(strip.rows * Math.ceil(bins / fft.z.lines), gpu.limits),
      );
      pass.end();
      copyStrip(encoder, work, strip, result, 'scatter');
      gpu.check();
      gpu.device.queue.submit([encoder.finish()]);
    }
  }

  /** Sums of squares of the band in blocks, and over mask and box. */
  private async measure(blocks: GPUBuffer): Promise<BandSums> {
    const { gpu, band, inside: bits, kernels, slots, parts } = this;
    const { windows } = this.plan.bands;
    const [, by, bx] = windows.blocks;
    const encoder = gpu.device.createCommandEncoder({ label: NAME });
    encoder.clearBuffer(blocks);
    const pass = encoder.beginComputePass({ label: NAME });
    let firstPart = 0;
    band.slabs.forEach((slab, i) => {
      const first = Math.floor(slab.firstPlane / windows.factor[0]);
      const end = Math.ceil((slab.firstPlane + slab.planes) / windows.factor[0]);
      const count = (end - first) * by * bx;
      const groups = linearWorkgroups(gpu, count, BLOCKS_PER_GROUP);
      const parameters = slots.write(
        fieldsOf({
          ...blockFields(this.plan.bands),
          count,
          first_plane: slab.firstPlane,
          planes: slab.planes,
          first_block: first,
          has_mask: bits ? 1 : 0,
          first_part: firstPart,
        }),
      );
      const bound = {
        parameters,
        a: slab.buffer,
        // Not read without a mask.
        inside: bits ? bits[i] : slab.buffer,
        out: blocks,
        parts,
      };
      kernels.powers.run(pass, bound, groups);
      firstPart += groups[0] * groups[1];
    });
    pass.end();
    gpu.check();
    gpu.device.queue.submit([encoder.finish()]);
    const values = new Float32Array(await gpu.read(parts, 0, 8 * firstPart));
    let inside = 0;
    let all = 0;
    for (let i = 0; i < values.length; i += 2) {
      inside += values[i];
      all += values[i + 1];
    }
    return { inside, all };
  }

  /** Windows, level, gains; the band times the gains to `out`. Returns the buffers that are free again. */
  private apply(
    rule: GainRule,
    fields: {
      readonly power: GPUBuffer;
      readonly noise: GPUBuffer | undefined;
      readonly reference: GPUBuffer | undefined;
      readonly level: GPUBuffer | undefined;
    },
    outputScale: number,
    free: GPUBuffer[],
    out: GpuVolume,
  ): GPUBuffer[] {
    const { gpu, band, kernels, slots, plan } = this;
    const { power, noise, reference, level } = fields;
    const used = [power, noise, reference].filter((buffer) => buffer !== undefined);
    if (!rule.contributes && !rule.addsToLevel) return used;
    const groups = linearWorkgroups(gpu, this.blockCount);
    const returned: GPUBuffer[] = [];
    submitPass(gpu, NAME, (pass) => {
      const count = slots.write(fieldsOf({ count: this.blockCount }));
      if (noise) kernels.subtract.run(pass, { parameters: count, a: power, out: noise }, groups);
      let spare = free.pop()!;
      const smooth = (field: GPUBuffer): GPUBuffer => {
        const result = spare;
        this.window(pass, field, result);
        spare = field;
        return result;
      };
      const P = smooth(power);
      const S = noise ? smooth(noise) : P;
      const R = reference && smooth(reference);
      if (level && rule.addsToLevel)
        kernels.addLevel.run(pass, { parameters: count, signal: S, out: level }, groups);
      if (rule.contributes) {
        const parameters = slots.write(
          fieldsOf({
            count: this.blockCount,
            target_kind: TARGETS[rule.target],
            evenly: rule.evenly,
            level_factor: rule.levelFactor,
            locality: rule.locality,
            floor: rule.floor,
            output_scale: outputScale,
          }),
        );
        const bound = { parameters, power: P, signal: S, reference: R ?? P, level: level ?? P, out: spare };
        kernels.gains.run(pass, bound, groups);
        out.slabs.forEach((slab, i) => {
          const voxels = slabVoxels(out, slab);
          const where = slots.write(
            fieldsOf({ ...blockFields(plan.bands), count: voxels, first_plane: slab.firstPlane }),
          );
          const both: Record<string, Bound> = {
            parameters: where,
            a: band.slabs[i].buffer,
            b: spare,
            out: slab.buffer,
          };
          kernels.accumulate.run(pass, both, linearWorkgroups(gpu, voxels));
        });
      }
      returned.push(P, spare, ...(S === P ? [] : [S]), ...(R ? [R] : []));
    });
    return returned;
  }

  /** Along x to `result`, along y back to `field`, along z to `result`. */
  private window(pass: GPUComputePassEncoder, field: GPUBuffer, result: GPUBuffer): void {
    const { gpu, kernels, slots, weights } = this;
    const { windows } = this.plan.bands;
    const [, by, bx] = windows.blocks;
    const steps = [
      { axis: 2, stride: 1, from: field, to: result },
      { axis: 1, stride: bx, from: result, to: field },
      { axis: 0, stride: by * bx, from: field, to: result },
    ] as const;
    for (const { axis, stride, from, to } of steps) {
      const reach = (windowWeights(windows, axis).length - 1) / 2;
      const parameters = slots.write(
        fieldsOf({ count: this.blockCount, stride, length: windows.blocks[axis], reach }),
      );
      const bound = { parameters, a: from, weights: weights[axis], out: to };
      kernels.window.run(pass, bound, linearWorkgroups(gpu, this.blockCount));
    }
  }
}

/** The struct of shaders/band-scaling.wgsl, in its order. */
const FIELDS = [
  ...[
    'count height width first_plane planes factor_z factor_y factor_x blocks_z blocks_y blocks_x first_block',
    'has_mask first_part stride length reach target_kind',
  ]
    .join(' ')
    .split(' ')
    .map((name) => [name, 'u32'] as const),
  ...'centre_a factor_a centre_b factor_b evenly level_factor locality floor output_scale'
    .split(' ')
    .map((name) => [name, 'f32'] as const),
];

/** 0 where nothing is given: the entry point does not read it. */
function fieldsOf(values: Readonly<Record<string, number>>): UniformField[] {
  return FIELDS.map(([name, kind]) => [kind, values[name] ?? 0]);
}

function blockFields({ shape, windows }: BandPlan): Record<string, number> {
  const [factor_z, factor_y, factor_x] = windows.factor;
  const [blocks_z, blocks_y, blocks_x] = windows.blocks;
  return { height: shape[1], width: shape[2], factor_z, factor_y, factor_x, blocks_z, blocks_y, blocks_x };
}
