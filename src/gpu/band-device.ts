/**
 * One soft frequency band at a time on the GPU: the spectra of the mean of the half maps, of half their
 * difference and of the reference stay on the device; a band is weighted and transformed back along z in one
 * pass (shaders/band-filter.wgsl), along y and x by the passes of fft-slabs.ts, and measured, windowed and
 * added to the result by shaders/band-scaling.wgsl.
 */
import type { BandDevice, BandSpectrum } from '../engine/band-run.ts';
import type { BandScalingSettings, Volume } from '../engine/engine.ts';
import { voxelCount } from '../math/grid.ts';
import { highestIndex, squaredBandFrequencies } from '../math/soft-scaling/bands.ts';
import { fadeTransfer } from '../math/soft-scaling/fade.ts';
import type { BandInputs, MapSum } from '../math/soft-scaling/inputs.ts';
import type { AmplitudeSums, BandSums, GainRule } from '../math/soft-scaling/targets.ts';
import { type BandTilt, LEVEL, shellCount } from '../math/soft-scaling/tilts.ts';
import { BandFields } from './band-fields.ts';
import { type BandKernels, blockFields, fieldsOf, NAME } from './band-kernels.ts';
import type { GpuDevice } from './device.ts';
import { prepareColumns } from './fft-axes.ts';
import { dispatchSize } from './fft-lines.ts';
import {
  copyStrip,
  createSpectrum,
  restorePlanes,
  type Spectrum,
  stripsOf,
  transformPlanes,
} from './fft-slabs.ts';
import type { Destroyable } from './job.ts';
import { BLOCKS_PER_GROUP, type GpuBandPlan, ROW_STRETCH, SHELL_GROUPS } from './plan-bands.ts';
import { radialFilter } from './radial-filter.ts';
import { type Scratch, submitPass, withScratch } from './scratch.ts';
import { slabVoxels } from './slabs.ts';
import type { UniformSlots } from './uniform-slots.ts';
import { type GpuVolume, readVolume, writeVolume } from './volume.ts';
import { linearWorkgroups } from './workgroups.ts';

/** Maps of the job on the engine, and what is known of its windows. */
export interface BandVolumes {
  /** Half maps or one map, and the reference where the rule needs one, float32 (z, y, x). */
  readonly inputs: BandInputs<GpuVolume>;
  /** Voxels above 0.5 count as inside. Without a mask, everything does. */
  readonly mask: GpuVolume | undefined;
  /** Per block: the share of its window inside the difference mask. */
  readonly share: Float32Array | undefined;
}

/** Volumes of the engine. */
export interface EngineVolumes {
  /** A volume of the job's shape, within the error scope of a job's buffers. */
  make(label: string): GpuVolume;
  /** On its own; throws 'out-of-memory'. */
  allocate(label: string): Promise<GpuVolume>;
  /** From now on the engine releases it. */
  adopt(volume: GpuVolume): GpuVolume;
  /** Frees the buffers; the caller must not use the volumes again. */
  release(...volumes: Volume[]): void;
  /** Copies voxels to the host, in (z, y, x) order. */
  download(volume: GpuVolume): Promise<Float32Array>;
}

/**
 * The bands on a GPU. One spectrum per input lives in GPU memory, and one band at a time in voxels; sums of
 * squares per block are all that is needed of a band before its gains are known.
 */
export class GpuBands implements BandDevice {
  /** Everything but the result; undefined once destroyed. */
  buffers: Destroyable | undefined;
  readonly gpu: GpuDevice;
  readonly plan: GpuBandPlan;
  readonly kernels: BandKernels;
  /** Parameters of the dispatches of one submission; reset before the next. */
  private readonly slots: UniformSlots;
  /** The band at work in voxels, as (z, y, x); overwritten by each band. */
  private readonly band: GpuVolume;
  /** In float32; sums over the mask read its bits, `inside`. */
  private readonly mask: GpuVolume | undefined;
  /** What the caller wants of the job; checked before this object is made. */
  readonly settings: BandScalingSettings;
  private readonly engine: EngineVolumes;
  /** Bits per slab of the mask. */
  private readonly inside: readonly GPUBuffer[] | undefined;
  /** Squared frequencies of the coefficients, from which the filter takes a band's weight. */
  private readonly squares: GPUBuffer;
  /** Partial sums of squares, one pair (mask, box) per workgroup. */
  private readonly parts: GPUBuffer;
  /** Sums per shell and workgroup of the shader band-shells; only where gains are refined. */
  private readonly shells: GPUBuffer | undefined;
  /** Slopes within the bands, found after the first pass; empty until then. */
  private tilts: readonly BandTilt[] = [];
  /**
   * Columns of one strip, where spectra have several slabs: kernels along z need all planes in one buffer.
   */
  private readonly strips: { readonly source: GPUBuffer; readonly result: GPUBuffer } | undefined;
  /** Everything with one value per block of voxels. */
  readonly fields: BandFields;
  /** The band that was filtered last, transformed back along z. */
  private readonly work: Spectrum;
  /** Half spectra of the inputs, computed once and read by every band. */
  readonly spectra: Partial<Record<BandSpectrum, Spectrum>>;
  /** Sum of the bands so far; undefined before the first, and once the caller has taken it. */
  result: GpuVolume | undefined;
  /** The band that `work` was written for last. */
  private widest = 0;

  constructor(
    gpu: GpuDevice,
    plan: GpuBandPlan,
    kernels: BandKernels,
    scratch: Scratch,
    slots: UniformSlots,
    band: GpuVolume,
    { inputs, mask, share }: BandVolumes,
    settings: BandScalingSettings,
    engine: EngineVolumes,
  ) {
    this.gpu = gpu;
    this.plan = plan;
    this.kernels = kernels;
    this.slots = slots;
    this.band = band;
    this.mask = mask;
    this.settings = settings;
    this.engine = engine;
    const { bands, fft } = plan;
    const [nz, ny] = bands.shape;
    // f^2 along z, y and x, one table after the other, as the filter reads them.
    this.squares = scratch.table(
      'squared frequencies',
      Float32Array.from([
        ...squaredBandFrequencies(bands, 0, nz),
        ...squaredBandFrequencies(bands, 1, ny),
        ...squaredBandFrequencies(bands, 2, fft.pitch),
      ]),
    );
    this.parts = scratch.storage('powers', 8 * plan.parts);
    this.inside = mask && this.pack(scratch, mask);
    if (fft.planesPerSlab < nz) {
      const bytes = 8 * nz * fft.rowsPerStrip * fft.pitch;
      this.strips = { source: scratch.storage('strip', bytes), result: scratch.storage('band strip', bytes) };
    }
    this.fields = new BandFields(gpu, plan, kernels, scratch, slots, settings, inputs.outputScale, share);
    this.shells = plan.refines ? scratch.storage('shells', 4 * SHELL_GROUPS * shellCount(bands)) : undefined;
    this.work = createSpectrum(scratch, 'band', fft);
    this.spectra = {
      mean: createSpectrum(scratch, 'mean', fft),
      difference: inputs.difference && createSpectrum(scratch, 'difference', fft),
      reference: inputs.reference && createSpectrum(scratch, 'reference', fft),
    };
    this.result = engine.make('scaled map');
  }

  /** Bits of the mask, 32 voxels per word: it is read once per band. */
  private pack(scratch: Scratch, mask: GpuVolume): GPUBuffer[] {
    const { gpu, kernels, slots } = this;
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

  /** Fills the spectra. */
  async transform(inputs: BandInputs<GpuVolume>): Promise<void> {
    for (const name of ['mean', 'difference', 'reference'] as const) {
      const [sum, spectrum] = [inputs[name], this.spectra[name]];
      if (sum && spectrum) await this.forward(sum, spectrum);
    }
    await this.gpu.finish();
  }

  /** The transform of a sum of maps, its mean in the coefficient of frequency 0. */
  private async forward(sum: MapSum<GpuVolume>, spectrum: Spectrum): Promise<void> {
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
  }

  /** A band is written up to its own width only: what a wider one has left behind it goes. */
  private clearAbove(index: number): void {
    if (index < this.widest) {
      const encoder = this.gpu.device.createCommandEncoder({ label: NAME });
      const { slabs } = this.work;
      for (const { buffer } of slabs) encoder.clearBuffer(buffer);
      // Strips are copied whole.
      if (this.strips) encoder.clearBuffer(this.strips.result);
      this.gpu.device.queue.submit([encoder.finish()]);
    }
    this.widest = index;
  }

  /** One band of a spectrum as voxels, and its sums of squares over blocks, mask and box. */
  async measure(index: number, name: BandSpectrum): Promise<BandSums> {
    const { gpu, fields, spectra, slots, work, band } = this;
    slots.reset();
    this.clearAbove(index);
    const tilt = name === 'reference' ? LEVEL : (this.tilts[index] ?? LEVEL);
    await this.filter(index, tilt, spectra[name] as Spectrum, work);
    // Columns beyond the band's width are 0 and not transformed.
    await restorePlanes(gpu, work, band, highestIndex(this.plan.bands, 2, index) + 1);
    return this.powers(fields.squaresOf(name) as GPUBuffer);
  }

  /**
   * Power of a spectrum per shell, for the slopes of bands. Groups sum rows in a fixed order, and their sums
   * are added in float64.
   */
  async shellPowers(name: BandSpectrum): Promise<Float64Array> {
    const { gpu, kernels, slots, squares, plan } = this;
    const { fft, bands } = plan;
    const parts = this.shells as GPUBuffer;
    const shells = shellCount(bands);
    const [depth, height, width] = fft.shape;
    const sums = new Float64Array(shells);
    slots.reset();
    for (const { buffer, firstPlane, planes } of (this.spectra[name] as Spectrum).slabs) {
      const rows = planes * height;
      const groupRows = Math.ceil(rows / SHELL_GROUPS);
      const groups = Math.ceil(rows / groupRows);
      const fields = [rows, firstPlane * height, groupRows, fft.pitch, depth, height, width, shells];
      const parameters = slots.write(fields.map((value) => ['u32', value] as const));
      submitPass(gpu, NAME, (pass) => {
        const bound = { parameters, source: buffer, squares, parts };
        kernels.shells.run(pass, bound, linearWorkgroups(gpu, groups, 1));
      });
      const values = new Float32Array(await gpu.read(parts, 0, 4 * groups * shells));
      for (const [i, value] of values.entries()) sums[i % shells] += value;
    }
    return sums;
  }

  /** Slopes of the bands in the filters that follow; level where none is given. */
  tilt(tilts: readonly BandTilt[]): void {
    this.tilts = tilts;
  }

  /** One band of a spectrum, transformed back along z, to `work`. */
  private async filter(index: number, tilt: BandTilt, from: Spectrum, work: Spectrum): Promise<void> {
    const { gpu, kernels, slots, squares } = this;
    const { fft, bands } = this.plan;
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
        ['f32', tilt.below],
        ['f32', tilt.above],
      ]);
      const encoder = gpu.device.createCommandEncoder({ label: 'band-filter' });
      copyStrip(encoder, from, strip, source, 'gather');
      const pass = encoder.beginComputePass({ label: 'band-filter' });
      kernels.filter.run(
        pass,
        { parameters, source, squares, result },
        dispatchSize(strip.rows * Math.ceil(bins / fft.z.lines), gpu.limits),
      );
      pass.end();
      copyStrip(encoder, work, strip, result, 'scatter');
      gpu.check();
      gpu.device.queue.submit([encoder.finish()]);
    }
  }

  /** Sums of squares of the band in blocks, and over mask and box. */
  private async powers(blocks: GPUBuffer): Promise<BandSums> {
    const { gpu, band, inside: bits, kernels, slots, parts } = this;
    const { windows } = this.plan.bands;
    const [, by, bx] = windows.blocks;
    const encoder = gpu.device.createCommandEncoder({ label: NAME });
    // A block that two slabs share is added to by both.
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

  /** Asynchronous like the CPU's, whose threads it waits for. */
  async makeGains(index: number, rule: GainRule): Promise<void> {
    // Recorded only; nothing waits for the GPU until sums are read.
    this.fields.makeGains(index, rule);
  }

  /** As `makeGains`: recorded, and not waited for. */
  async refineGains(index: number, rule: GainRule): Promise<void> {
    this.fields.refineGains(index, rule);
  }

  /** Waits for the GPU: the host decides from these sums how the band continues. */
  amplitudes(index: number): Promise<AmplitudeSums> {
    return this.fields.amplitudes(index);
  }

  /** Smoothed powers per block, (z, y, x) over the blocks: what the local measures are made of. */
  readPowers(): Promise<{ signal: Float32Array; power: Float32Array }> {
    return this.fields.readPowers();
  }

  /** Adds the band, times its gains interpolated between blocks, to the result. */
  async accumulate(): Promise<void> {
    const { gpu, band, fields, kernels, plan, result, slots } = this;
    if (!result) return;
    slots.reset();
    submitPass(gpu, NAME, (pass) => {
      result.slabs.forEach((slab, i) => {
        const count = slabVoxels(result, slab);
        const parameters = slots.write(
          fieldsOf({ ...blockFields(plan.bands), count, first_plane: slab.firstPlane }),
        );
        const bound = { parameters, a: band.slabs[i].buffer, b: fields.gains, out: slab.buffer };
        const width = plan.bands.shape[2];
        const stretches = (count / width) * Math.ceil(width / ROW_STRETCH);
        kernels.accumulate.run(pass, bound, linearWorkgroups(gpu, stretches, 1));
      });
    });
  }

  /** Voxels (z, y, x) and gains, for another process. */
  async readBand(): Promise<{ voxels: Float32Array; gains: Float32Array }> {
    const { gpu, band, fields } = this;
    const voxels = await readVolume(gpu, band, new Float32Array(voxelCount(band.shape)));
    return { voxels, gains: await fields.readGains() };
  }

  /** The opposite of `readBand`: the band as another process has measured it. */
  async writeBand(voxels: Float32Array, gains: Float32Array): Promise<void> {
    writeVolume(this.gpu, this.band, voxels);
    this.gpu.device.queue.writeBuffer(this.fields.gains, 0, gains as Float32Array<ArrayBuffer>);
  }

  /** The result, faded and masked. Spectra are released before the filter takes memory of its own. */
  async takeResult(): Promise<GpuVolume> {
    const { gpu, engine } = this;
    const { fadeResolution, voxelSize, zeroOutside } = this.settings;
    let result = this.result as GpuVolume;
    await gpu.finish();
    // The spectra are no longer needed; the filter has one of its own.
    this.result = undefined;
    await this.close();
    try {
      if (fadeResolution !== undefined) {
        const faded = engine.adopt(await radialFilter(gpu, result, fadeTransfer(fadeResolution, voxelSize)));
        engine.release(result);
        result = faded;
      }
      if (zeroOutside === true) await this.clearOutside(result);
      return result;
    } catch (error) {
      engine.release(result);
      throw error;
    }
  }

  /** Sets voxels outside the mask to 0. */
  private async clearOutside(result: GpuVolume): Promise<void> {
    const { gpu, kernels, mask } = this;
    if (!mask) return;
    await withScratch(gpu, async (scratch) => {
      submitPass(gpu, NAME, (pass) => {
        result.slabs.forEach((slab, i) => {
          const count = slabVoxels(result, slab);
          const parameters = scratch.uniform(NAME, fieldsOf({ count }));
          const bound = { parameters, mask: mask.slabs[i].buffer, out: slab.buffer };
          kernels.clear.run(pass, bound, linearWorkgroups(gpu, count));
        });
      });
      await gpu.finish();
    });
  }

  /** A volume that is filled on the host: local measures, computed in float64. */
  async publish(fill: (out: Float32Array, mask: Float32Array | undefined) => void): Promise<GpuVolume> {
    const { gpu, engine, mask } = this;
    const voxels = new Float32Array(voxelCount(this.plan.bands.shape));
    fill(voxels, mask && (await engine.download(mask)));
    const volume = await engine.allocate('local measure');
    writeVolume(gpu, volume, voxels);
    return volume;
  }

  /** For volumes that the bands made and handed out. */
  release(...volumes: Volume[]): void {
    this.engine.release(...volumes);
  }

  /** Unless it was taken. */
  dropResult(): void {
    if (this.result) this.engine.release(this.result);
    this.result = undefined;
  }

  /** Frees everything but the result. */
  async close(): Promise<void> {
    this.buffers?.destroy();
    this.buffers = undefined;
  }
}
