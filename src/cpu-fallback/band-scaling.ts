/**
 * Scaling in soft frequency bands (math/soft-scaling/), streamed band by band over worker threads
 * (band-tasks.ts, band-gains.ts).
 *
 *   spectra   of the mean of the half maps, of half their difference, of the reference: once
 *   per band  and spectrum: columns along z, weighted; planes, and the squares of their voxels in blocks. The
 *             cross power of the half maps is the power of the mean less that of half the difference. Blocks
 *             are weighted with the window, gains made of them, and the mean's voxels times the gains added
 *             to the result.
 *
 * Besides the maps it holds the spectra, one band, the result, and a few values per block.
 */
import { type BandDevice, type BandSpectrum, createBandRun } from '../engine/band-run.ts';
import { bandRegion, checkBandMaps, checkBandSettings } from '../engine/checks.ts';
import type {
  BandScalingMaps,
  BandScalingRun,
  BandScalingSettings,
  OpenedBandScaling,
  Volume,
  VolumeStatistics,
} from '../engine/engine.ts';
import { LocScaleError, named } from '../errors.ts';
import { gibibytes } from '../math/bytes.ts';
import { spectrumPitch } from '../math/fourier/fft-plan.ts';
import type { RadialTransfer } from '../math/fourier/radial-transfer.ts';
import { voxelCount } from '../math/grid.ts';
import { type BandPlan, planBands, windowWeights } from '../math/soft-scaling/bands.ts';
import { fadeTransfer } from '../math/soft-scaling/fade.ts';
import { type BandInputs, type MapSum, type MeasuredMap, planInputs } from '../math/soft-scaling/inputs.ts';
import {
  type AmplitudeSums,
  type BandSums,
  type GainRule,
  refinesGains,
  TargetPlan,
  usesProfile,
  usesReference,
  windowSigmaOf,
} from '../math/soft-scaling/targets.ts';
import { type BandTilt, LEVEL } from '../math/soft-scaling/tilts.ts';
import { windowShare } from '../math/soft-scaling/windows.ts';
import type { BlockFields, SmoothedBand } from './band-gains.ts';
import { bandPlaneFloats, bandRowPitch, bandRowRanges } from './band-tasks.ts';
import { ROWS_PER_TASK, type SharedSpectrum } from './fft.ts';
import type { CpuVolume, VolumeMemory } from './memory.ts';
import type { Pool } from './pool.ts';
import type { TaskArguments, TaskName, TaskResult } from './tasks.ts';

/** Planes per task, rounded up to whole blocks. */
const LEAST_PLANES = 4;
/** Rows of blocks per task: short enough to balance threads, long enough to hide the messages. */
const BLOCK_ROWS_PER_TASK = 8;
const VOXELS_PER_TASK = 1 << 20;
/** Seconds per transform and n log2 n, one core of a 2020s x86 server, all else included. */
const SECONDS_PER_OPERATION = 4.5e-10;
/** Floats per block of the streamed local measures and of what they are made of. */
const LOCAL_FIELDS = 12;

/** Compiled code and garbage of the rules for the bands, on the calling thread: measured. */
export const CALLER_BYTES = 6 * 2 ** 20;

/** Settings that decide which spectra and fields exist. */
type Planned = Pick<BandScalingSettings, 'halfMaps' | 'target' | 'unrefined' | 'measureLocal'>;

/** What soft scaling needs of the engine. */
export interface BandTools {
  readonly pool: Pool;
  readonly memory: VolumeMemory;
  readonly memoryLimitBytes: number;
  statistics(volume: Volume): Promise<VolumeStatistics>;
  /** Voxels of a mask that are above 0.5. */
  maskVoxels(mask: Volume): Promise<number>;
  radialFilter(volume: Volume, transfer: RadialTransfer): Promise<CpuVolume>;
}

/** Plans the bands and their memory. `start` throws 'out-of-memory' if it does not fit by then. */
export async function openBands(settings: BandScalingSettings, tools: BandTools): Promise<OpenedBandScaling> {
  checkBandSettings(settings);
  const plan = planBands(settings, windowSigmaOf(settings));
  const { size: threads } = tools.pool;
  const workingBytes = bandScalingBytes(plan, settings, threads) + CALLER_BYTES;
  const volumeBytes = 4 * voxelCount(settings.shape);
  // Local measures become volumes when the spectra are gone.
  const need = Math.max(workingBytes + volumeBytes, settings.measureLocal ? 4 * volumeBytes : 0);
  const checkMemory = (): void => {
    const { memory, memoryLimitBytes } = tools;
    if (memory.volumeBytes + need <= memoryLimitBytes) return;
    throw new LocScaleError('out-of-memory', 'Scaling in bands does not fit the memory limit.', {
      expected: `at most ${gibibytes(memoryLimitBytes)}`,
      found: gibibytes(memory.volumeBytes + need),
      hint: `Raise ${named('memoryLimitBytes')}.`,
    });
  };
  checkMemory();
  return {
    estimate: { bands: plan.count, workingBytes, seconds: bandScalingSeconds(plan, settings, threads) },
    async start(maps) {
      checkBandMaps(settings, maps);
      checkMemory();
      return startBands(settings, maps, plan, tools);
    },
  };
}

/** Shared memory besides the maps and the result, and kernel memory of the threads. */
export function bandScalingBytes(plan: BandPlan, job: Planned, threads: number): number {
  const [nz, ny, nx] = plan.shape;
  const spectra = countSpectra(job);
  // Level and share of a hybrid are fields of their own.
  const level = [usesProfile(job.target), job.target.kind === 'hybrid'].filter(Boolean).length;
  // A refined gain is made from first sums once more, so these stay.
  const kept = refinesGains(job) ? (job.halfMaps ? 2 : 1) : 0;
  const extra = level + kept;
  const fields = spectra + extra + (job.measureLocal ? LOCAL_FIELDS : 0);
  const spectrumFloats = 2 * nz * ny * spectrumPitch(nx);
  const shared = (spectra + 1) * spectrumFloats + fields * voxelCount(plan.windows.blocks);
  return 4 * shared + threads * kernelBytes(plan);
}

/** Expected wall time: transforms of bands and of inputs, n log n each, divided among the threads. */
export function bandScalingSeconds(plan: BandPlan, job: Planned, threads: number): number {
  const voxels = voxelCount(plan.shape);
  const transforms = countSpectra(job) * (plan.count + 1);
  return (SECONDS_PER_OPERATION * transforms * voxels * Math.log2(voxels)) / threads;
}

/** Spectra that live side by side: the mean, the difference of half maps, the reference. */
function countSpectra({ halfMaps, target }: Planned): number {
  return 1 + (halfMaps ? 1 : 0) + (usesReference(target) ? 1 : 0);
}

/** Most kernel memory of one thread: columns along z, planes, or blocks; plans of transforms. */
function kernelBytes(plan: BandPlan): number {
  const [nz, ny, nx] = plan.shape;
  const [bz, by, bx] = plan.windows.blocks;
  const [pitch, rowPitch] = [spectrumPitch(nx), bandRowPitch(nx)];
  const [reachZ, reachY] = ([0, 1] as const).map((axis) => windowWeights(plan.windows, axis).length - 1);
  const height = Math.max(8, ny);
  const columns = 2 * (nz + 1) * ROWS_PER_TASK * pitch;
  const planes = height * (3 * rowPitch + 2 * pitch) + by * bx + 16 * (nx + 12);
  const gains = 2 * ny * rowPitch + 3 * by * (bx + 4);
  const windows = Math.max((2 * by + reachY) * (bx + 4), (2 * bz + reachZ) * (BLOCK_ROWS_PER_TASK * bx + 4));
  // Twiddles and work of three lengths.
  const plans = 80 * (nz + ny + nx);
  return 4 * (Math.max(columns, planes, gains, windows) + plans) + 65536;
}

/** Transforms the maps, of which no voxel is needed afterwards except those of the mask. */
async function startBands(
  settings: BandScalingSettings,
  maps: BandScalingMaps,
  plan: BandPlan,
  { pool, memory, statistics, maskVoxels, radialFilter }: BandTools,
): Promise<BandScalingRun> {
  const { target } = settings;
  const measured = async (volume: Volume): Promise<MeasuredMap<Float32Array>> => ({
    map: memory.own(volume),
    ...(await statistics(volume)),
  });
  const { half1, half2, reference, mask: given } = maps;
  const inputs = planInputs(
    await measured(half1),
    half2 && (await measured(half2)),
    reference && (await measured(reference)),
    target.kind,
  );
  // Counted before the spectra are made: the voxels of the mask decide the region.
  const inMask = given ? await maskVoxels(given) : 0;
  const region = bandRegion(settings, given, inMask);
  const mask = region.mask && memory.own(region.mask);
  const share = maps.differenceMask && windowShare(plan, memory.own(maps.differenceMask));
  const targets = new TargetPlan(plan, target, region.voxels, inputs);
  const device = new CpuBands(
    pool,
    memory,
    plan,
    {
      inputs,
      mask,
      share,
      needsLevel: targets.needsLevel,
      keepsPower: settings.measureLocal === true,
      refines: refinesGains(settings),
    },
    {
      fade: (volume) =>
        settings.fadeResolution === undefined
          ? undefined
          : radialFilter(volume, fadeTransfer(settings.fadeResolution, settings.voxelSize)),
      zeroOutside: settings.zeroOutside === true,
    },
  );
  try {
    await device.transform(inputs);
    return await createBandRun(device, plan, targets, settings, inputs.powerScale);
  } catch (error) {
    await device.close();
    throw error;
  }
}

/** Maps of the job, and which fields its bands need. */
interface CpuBandVolumes {
  readonly inputs: BandInputs<Float32Array>;
  readonly mask: Float32Array | undefined;
  readonly share: Float32Array | undefined;
  readonly needsLevel: boolean;
  /** Local measures read the powers later: gains get a field of their own. */
  readonly keepsPower: boolean;
  readonly refines: boolean;
}

/** What happens to the sum of the bands. */
interface Finishing {
  fade(volume: Volume): Promise<CpuVolume> | undefined;
  readonly zeroOutside: boolean;
}

/** The bands on worker threads: one spectrum per input, and one band at a time in voxels. */
class CpuBands implements BandDevice {
  private readonly pool: Pool;
  private readonly memory: VolumeMemory;
  private readonly plan: BandPlan;
  private readonly mask: Float32Array | undefined;
  private readonly outputScale: number;
  private readonly finishing: Finishing;
  /** All working memory, so that it can be released at once. */
  private readonly taken: Float32Array[] = [];
  /** Of the inputs, computed once and read by every band. */
  private readonly spectra: Partial<Record<BandSpectrum, SharedSpectrum>> = {};
  /** The band at work in voxels (z, y, x). */
  private readonly band: Float32Array;
  private readonly fields: BlockFields;
  private readonly pitch: number;
  /** By band; a refined band replaces its first sums. */
  private readonly sums: AmplitudeSums[] = [];
  /** Slopes within the bands; empty until they are known. */
  private tilts: readonly BandTilt[] = [];
  /** Sum of the bands so far; undefined once the caller has taken it. */
  private result: CpuVolume | undefined;

  constructor(
    pool: Pool,
    memory: VolumeMemory,
    plan: BandPlan,
    { inputs, mask, share, needsLevel, keepsPower, refines }: CpuBandVolumes,
    finishing: Finishing,
  ) {
    this.pool = pool;
    this.memory = memory;
    this.plan = plan;
    this.mask = mask;
    this.outputScale = inputs.outputScale;
    this.finishing = finishing;
    this.pitch = spectrumPitch(plan.shape[2]);
    const field = (): Float32Array => this.take(voxelCount(plan.windows.blocks));
    this.band = this.take(plan.shape[0] * bandPlaneFloats({ shape: plan.shape, pitch: this.pitch }));
    const shared = share && field();
    if (share) shared?.set(share);
    const power = field();
    this.fields = {
      power,
      difference: inputs.difference && field(),
      reference: inputs.reference && field(),
      level: needsLevel ? field() : undefined,
      share: shared,
      // In the place of the power that they are made of, unless that is read, too.
      gains: keepsPower ? field() : power,
      measured: refines ? { power: field(), difference: inputs.difference && field() } : undefined,
    };
  }

  /** Memory for the life of the job. */
  private take(floats: number): Float32Array {
    const array = this.memory.allocate(floats);
    this.taken.push(array);
    return array;
  }

  /** Tasks of a few milliseconds: none waits for a message. */
  private map<T extends TaskName>(task: T, list: readonly TaskArguments<T>[]): Promise<TaskResult<T>[]> {
    return this.pool.map(task, list, { ahead: true });
  }

  /** One spectrum after the other: each keeps all threads busy. */
  async transform({ mean, difference, reference }: BandInputs<Float32Array>): Promise<void> {
    this.spectra.mean = await this.forward(mean);
    if (difference) this.spectra.difference = await this.forward(difference);
    if (reference) this.spectra.reference = await this.forward(reference);
  }

  /** The transform of a sum of maps, its mean in the coefficient of frequency 0. */
  private async forward(sum: MapSum<Float32Array>): Promise<SharedSpectrum> {
    const { pitch } = this;
    const { shape } = this.plan;
    const [nz, ny] = shape;
    const floats = nz * ny * pitch;
    const spectrum: SharedSpectrum = { shape, pitch, re: this.take(floats), im: this.take(floats) };
    await this.map(
      'forwardSumPlanes',
      split(nz, LEAST_PLANES).map((range) => ({ ...range, sum, spectrum })),
    );
    await this.map(
      'forwardColumns',
      split(ny, ROWS_PER_TASK).map((range) => ({ ...range, spectrum })),
    );
    spectrum.re[0] = sum.constant * voxelCount(shape);
    spectrum.im[0] = 0;
    return spectrum;
  }

  /** Band `index` of one spectrum in voxels, and its block sums; returns its sums over the mask. */
  async measure(index: number, name: BandSpectrum): Promise<BandSums> {
    const { plan, band, mask, pitch } = this;
    const spectrum = this.spectra[name];
    const blocks = this.blocksOf(name);
    const tilt = name === 'reference' ? LEVEL : (this.tilts[index] ?? LEVEL);
    await this.map(
      'bandColumns',
      bandRowRanges(plan, index, ROWS_PER_TASK).map((range) => ({
        ...range,
        plan,
        index,
        tilt,
        spectrum: spectrum as SharedSpectrum,
        band,
      })),
    );
    const shared = { plan, index, pitch, band, blocks: blocks as Float32Array, mask, keep: name === 'mean' };
    const parts = await this.map(
      'bandPlanes',
      planeRanges(plan).map((range) => ({ ...range, ...shared })),
    );
    return parts.reduce((sum, part) => ({ inside: sum.inside + part.inside, all: sum.all + part.all }));
  }

  /** Where the block sums of a spectrum go. */
  private blocksOf(name: BandSpectrum): Float32Array | undefined {
    const { fields } = this;
    if (name === 'reference') return fields.reference;
    const { power, difference } = fields.measured ?? fields;
    return name === 'mean' ? power : difference;
  }

  /** Power per shell of a spectrum, for the slopes of the bands. */
  async shellPowers(name: BandSpectrum): Promise<Float64Array> {
    const { plan } = this;
    const spectrum = this.spectra[name] as SharedSpectrum;
    const parts = await this.map(
      'shellPowers',
      split(plan.shape[0], LEAST_PLANES).map((range) => ({ ...range, plan, spectrum })),
    );
    return parts.reduce((sum, part) => sum.map((value, i) => value + part[i]));
  }

  tilt(tilts: readonly BandTilt[]): void {
    this.tilts = tilts;
  }

  /** Gains per block from smoothed sums. */
  makeGains(index: number, rule: GainRule): Promise<void> {
    return this.gainsOf('measured', index, rule);
  }

  /** Gains once more, from the sums of the band that was scaled with the first ones. */
  refineGains(index: number, rule: GainRule): Promise<void> {
    return this.gainsOf('scaled', index, rule);
  }

  /** Smooths the block sums, then makes the gains. */
  private async gainsOf(of: SmoothedBand, index: number, rule: GainRule): Promise<void> {
    const { plan, fields, outputScale } = this;
    const [bz, by] = plan.windows.blocks;
    await this.map(
      'smoothBlockPlanes',
      split(bz, 1).map((range) => ({ ...range, plan, fields, of, outputScale })),
    );
    const parts = await this.map(
      'blockGains',
      split(by, BLOCK_ROWS_PER_TASK).map((range) => ({ ...range, plan, fields, of, rule, outputScale })),
    );
    this.sums[index] = parts.reduce((sum, part) => ({
      wanted: sum.wanted + part.wanted,
      reached: sum.reached + part.reached,
    }));
  }

  /** Sums of amplitudes over the band. */
  async amplitudes(index: number): Promise<AmplitudeSums> {
    return this.sums[index];
  }

  /** Copies of the smoothed sums per block, S and P. */
  async readPowers(): Promise<{ signal: Float32Array; power: Float32Array }> {
    const { power, difference = power } = this.fields;
    return { signal: Float32Array.from(difference), power: Float32Array.from(power) };
  }

  /**
   * Adds the band, times its gains, to the result. Bands come in ascending order, which fixes the sum's bits.
   */
  async accumulate(): Promise<void> {
    const { plan, pitch, band, memory, fields } = this;
    this.result ??= memory.create(plan.shape);
    const shared = { plan, pitch, band, gains: fields.gains, out: this.result.data };
    await this.map(
      'accumulateBand',
      planeRanges(plan).map((range) => ({ ...range, ...shared })),
    );
  }

  /** Voxels (z, y, x) without padding and gains, for another process. */
  async readBand(): Promise<{ voxels: Float32Array; gains: Float32Array }> {
    const voxels = new Float32Array(voxelCount(this.plan.shape));
    this.forEachRow((inVoxels, inBand, nx) => {
      voxels.set(this.band.subarray(inBand, inBand + nx), inVoxels);
    });
    return { voxels, gains: Float32Array.from(this.fields.gains) };
  }

  /** The opposite of `readBand`. */
  async writeBand(voxels: Float32Array, gains: Float32Array): Promise<void> {
    this.fields.gains.set(gains);
    this.forEachRow((inVoxels, inBand, nx) => {
      this.band.set(voxels.subarray(inVoxels, inVoxels + nx), inBand);
    });
  }

  /** Offsets of every row: in arrays without padding, and in the padded band. */
  private forEachRow(body: (inVoxels: number, inBand: number, nx: number) => void): void {
    const [nz, ny, nx] = this.plan.shape;
    const planeFloats = bandPlaneFloats({ shape: this.plan.shape, pitch: this.pitch });
    const rowPitch = bandRowPitch(nx);
    for (let z = 0; z < nz; z++)
      for (let y = 0; y < ny; y++) body((z * ny + y) * nx, z * planeFloats + y * rowPitch, nx);
  }

  /** The result, faded and masked. Working memory is released before the filter takes its own. */
  async takeResult(): Promise<CpuVolume> {
    const { memory, mask, finishing } = this;
    let result = this.result ?? memory.create(this.plan.shape);
    this.result = result;
    // The spectra are no longer needed; the filter has one of its own.
    this.recycle();
    const faded = await finishing.fade(result);
    if (faded) {
      memory.release([result]);
      result = faded;
      this.result = faded;
    }
    if (finishing.zeroOutside && mask) {
      const shared = { volume: result.data, mask };
      await this.map(
        'clearOutside',
        split(mask.length, VOXELS_PER_TASK).map((range) => ({ ...range, ...shared })),
      );
    }
    this.result = undefined;
    return result;
  }

  /** A volume that is filled from host arrays: local measures. */
  async publish(fill: (out: Float32Array, mask: Float32Array | undefined) => void): Promise<Volume> {
    const volume = this.memory.create(this.plan.shape);
    fill(volume.data, this.mask);
    return volume;
  }

  /** Of `publish`. */
  release(...volumes: Volume[]): void {
    this.memory.release(volumes);
  }

  /** Gives the working memory back; a second call does nothing. */
  private recycle(): void {
    this.memory.recycle(...this.taken.splice(0));
  }

  async close(): Promise<void> {
    this.recycle();
    if (this.result) this.memory.release([this.result]);
    this.result = undefined;
  }
}

/** Planes of whole blocks. */
function planeRanges({ shape, windows }: BandPlan): { from: number; to: number }[] {
  const [factor] = windows.factor;
  return split(shape[0], factor * Math.ceil(LEAST_PLANES / factor));
}

/** Ranges of at most `step` that cover 0 to `total`. */
function split(total: number, step: number): { from: number; to: number }[] {
  return Array.from({ length: Math.ceil(total / step) }, (_, i) => ({
    from: i * step,
    to: Math.min(total, (i + 1) * step),
  }));
}
