/**
 * Fields of one value per block of a scaling in soft frequency bands on the GPU: squares of a band summed
 * over blocks, Gaussian windows over them, and the gains that follow (shaders/band-scaling.wgsl).
 */
import type { BandSpectrum } from '../engine/band-run.ts';
import type { BandScalingSettings } from '../engine/engine.ts';
import { voxelCount } from '../math/grid.ts';
import { windowWeights } from '../math/soft-scaling/bands.ts';
import { type AmplitudeSums, type GainRule, usesProfile } from '../math/soft-scaling/targets.ts';
import { type BandKernels, fieldsOf, NAME, TARGETS } from './band-kernels.ts';
import type { GpuDevice } from './device.ts';
import { type GpuBandPlan, WINDOW_LINES, WINDOW_STRETCH } from './plan-bands.ts';
import { type Scratch, submitPass } from './scratch.ts';
import type { UniformSlots } from './uniform-slots.ts';
import { linearWorkgroups } from './workgroups.ts';

/**
 * Sums of squares per block: of the mean P, and of half the difference of the half maps, which becomes the
 * signal S.
 */
interface Powers {
  /** sum m(v)^2 over a block, m being a band of the mean of the half maps. */
  power: GPUBuffer;
  /** sum d(v)^2, d being half the difference: noise alone. Undefined for a single map. */
  difference: GPUBuffer | undefined;
}

/** All fields of a job, as float32 (z, y, x) over the blocks. */
export class BandFields {
  /** Factor of the band per block; `accumulate` interpolates it between block centres. */
  readonly gains: GPUBuffer;
  private readonly gpu: GpuDevice;
  private readonly plan: GpuBandPlan;
  private readonly kernels: BandKernels;
  /** Parameters; each method resets them and submits once. */
  private readonly slots: UniformSlots;
  /** Factor of every gain, so that results have the scale that the caller wants. */
  readonly outputScale: number;
  /** Blocks in the box: values of every field. */
  private readonly count: number;
  /** Weights of the Gaussian window over blocks along z, y and x, in this order. */
  private readonly weights: readonly GPUBuffer[];
  /** Two float32 sums per band and workgroup, read back when the host wants amplitudes. */
  private readonly gainParts: GPUBuffer;
  /** Sums of the band at work; smoothed in place. */
  private readonly powers: Powers;
  /** Sums as they are measured, where their windows are wanted twice: the second time times the gains. */
  private readonly measured: Powers | undefined;
  /** sum of squares of the reference's band; undefined for targets without a reference. */
  private reference: GPUBuffer | undefined;
  /** Takes the result of a window. */
  private spare: GPUBuffer;
  /** Signal summed over bands: the local level that an average profile is scaled to. */
  readonly level: GPUBuffer | undefined;
  /** Share of each block's window inside the difference mask, 0 to 1: there the profile is the target. */
  readonly share: GPUBuffer | undefined;

  /** `share`: of the window of each block inside the difference mask. */
  constructor(
    gpu: GpuDevice,
    plan: GpuBandPlan,
    kernels: BandKernels,
    scratch: Scratch,
    slots: UniformSlots,
    { halfMaps, target }: Pick<BandScalingSettings, 'halfMaps' | 'target'>,
    outputScale: number,
    share: Float32Array | undefined,
  ) {
    this.gpu = gpu;
    this.plan = plan;
    this.kernels = kernels;
    this.slots = slots;
    this.outputScale = outputScale;
    const { bands } = plan;
    this.count = voxelCount(bands.windows.blocks);
    this.weights = ([0, 1, 2] as const).map((axis) =>
      scratch.table('window', windowWeights(bands.windows, axis)),
    );
    this.gainParts = scratch.storage('amplitudes', 8 * bands.count * plan.gainGroups);
    const field = (): GPUBuffer => scratch.storage('blocks', 4 * this.count);
    const powers = (): Powers => ({ power: field(), difference: halfMaps ? field() : undefined });
    this.powers = powers();
    this.measured = plan.refines ? powers() : undefined;
    this.reference = target.kind === 'profile' ? undefined : field();
    this.spare = field();
    this.level = usesProfile(target) ? field() : undefined;
    this.share = share && scratch.table('share', share);
    this.gains = field();
  }

  /** Where squares of a band are summed up; undefined for a map that the job does not have. */
  squaresOf(name: BandSpectrum): GPUBuffer | undefined {
    const { power, difference } = this.measured ?? this.powers;
    return { mean: power, difference, reference: this.reference }[name];
  }

  /**
   * Smooths the sums, adds to the level and makes the gains, as the rule says. Buffers of smoothed fields are
   * swapped, not copied.
   */
  makeGains(index: number, rule: GainRule): void {
    const { gpu, kernels, slots, plan, outputScale, powers } = this;
    slots.reset();
    this.loadMeasured();
    const groups = linearWorkgroups(gpu, this.count);
    submitPass(gpu, NAME, (pass) => {
      this.smoothPowers(pass, powers);
      if (this.reference) this.reference = this.smooth(pass, this.reference);
      const { power, difference: signal = power } = powers;
      const { level, share, reference } = this;
      if (level && rule.addsToLevel) {
        const count = slots.write(fieldsOf({ count: this.count }));
        kernels.addLevel.run(pass, { parameters: count, signal, out: level }, groups);
      }
      if (!rule.contributes) return;
      const parameters = slots.write(
        fieldsOf({
          count: this.count,
          first_part: index * plan.gainGroups,
          target_kind: TARGETS[rule.target],
          evenly: rule.evenly,
          level_factor: rule.levelFactor,
          locality: rule.locality,
          reference_factor: rule.referenceFactor,
          floor: rule.floor,
          output_scale: outputScale,
        }),
      );
      // What the target does not use is not read.
      const unused = { reference: reference ?? power, level: level ?? power, share: share ?? power };
      const bound = { parameters, power, signal, ...unused, out: this.gains, parts: this.gainParts };
      kernels.gains.run(pass, bound, groups);
    });
  }

  /** Windows work in place, on copies of what is wanted once more. */
  private loadMeasured(): void {
    const { gpu, measured, powers } = this;
    if (!measured) return;
    const encoder = gpu.device.createCommandEncoder({ label: NAME });
    for (const name of ['power', 'difference'] as const) {
      const [from, to] = [measured[name], powers[name]];
      if (from && to) encoder.copyBufferToBuffer(from, 0, to, 0, 4 * this.count);
    }
    gpu.check();
    gpu.device.queue.submit([encoder.finish()]);
  }

  /** Gains once more: sums of the unscaled band times the gains, smoothed, against the reference. */
  refineGains(index: number, rule: GainRule): void {
    const { gpu, kernels, slots, plan, outputScale, measured, reference, gains } = this;
    if (!measured || !reference) return;
    slots.reset();
    const groups = linearWorkgroups(gpu, this.count);
    submitPass(gpu, NAME, (pass) => {
      const parameters = slots.write(
        fieldsOf({
          count: this.count,
          first_part: index * plan.gainGroups,
          floor: rule.floor,
          output_scale: outputScale,
        }),
      );
      for (const out of [measured.power, measured.difference])
        if (out) kernels.rescale.run(pass, { parameters, b: gains, out }, groups);
      this.smoothPowers(pass, measured);
      const { power, difference: signal = power } = measured;
      const bound = { parameters, power, signal, reference, out: gains, parts: this.gainParts };
      kernels.refine.run(pass, bound, groups);
    });
  }

  /** The signal takes the place of the noise, windows that of both. */
  private smoothPowers(pass: GPUComputePassEncoder, powers: Powers): void {
    const { gpu, kernels, slots, count } = this;
    if (powers.difference) {
      const bound = {
        parameters: slots.write(fieldsOf({ count })),
        a: powers.power,
        out: powers.difference,
      };
      kernels.subtract.run(pass, bound, linearWorkgroups(gpu, count));
      powers.difference = this.smooth(pass, powers.difference);
    }
    powers.power = this.smooth(pass, powers.power);
  }

  /** Windows over a field; its buffer is spare from now on. */
  private smooth(pass: GPUComputePassEncoder, field: GPUBuffer): GPUBuffer {
    const smoothed = this.spare;
    this.window(pass, field, smoothed);
    this.spare = field;
    return smoothed;
  }

  /** Sums of target and reached amplitudes over the blocks, added on the host in a fixed order. */
  async amplitudes(index: number): Promise<AmplitudeSums> {
    const { gainGroups } = this.plan;
    const bytes = 8 * gainGroups;
    const values = new Float32Array(await this.gpu.read(this.gainParts, index * bytes, bytes));
    let [wanted, reached] = [0, 0];
    for (let i = 0; i < values.length; i += 2) {
      wanted += values[i];
      reached += values[i + 1];
    }
    return { wanted, reached };
  }

  /** S and P behind the windows of the gains as they were first. */
  async readPowers(): Promise<{ signal: Float32Array; power: Float32Array }> {
    const { power, difference } = this.powers;
    const powers = await this.read(power);
    return { signal: difference ? await this.read(difference) : powers, power: powers };
  }

  /** Gains per block. */
  readGains(): Promise<Float32Array> {
    return this.read(this.gains);
  }

  /** One value per block. */
  private async read(buffer: GPUBuffer): Promise<Float32Array> {
    return new Float32Array(await this.gpu.read(buffer, 0, 4 * this.count));
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
      const length = windows.blocks[axis];
      const parameters = slots.write(fieldsOf({ count: this.count, stride, length, reach }));
      const bound = { parameters, a: from, weights: weights[axis], out: to };
      const lines = Math.ceil(this.count / length / WINDOW_LINES);
      kernels.window.run(pass, bound, linearWorkgroups(gpu, lines * Math.ceil(length / WINDOW_STRETCH), 1));
    }
  }
}
