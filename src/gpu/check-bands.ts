/**
 * Soft scaling on a GPU and driver that have not been seen yet: the job's own kernels on its own box, against
 * float64. In the place of the mean's spectrum stand a few plane waves below Nyquist, whose bands are known
 * at every voxel:
 *   the sum of squares of every band, by Parseval's theorem; its sums over blocks;
 *   signal, windows and gains of blocks, from powers that are read back;
 *   where gains are refined, the powers of shells, the power of a tilted band, and the gains once more;
 *   with the same gains for all bands, the result at voxels: the sum of all bands, which is the map, times
 *   them.
 */
import { voxelCount } from '../math/grid.ts';
import { type BandPlan, bandWeight, planInterpolation, windowWeights } from '../math/soft-scaling/bands.ts';
import { type GainRule, gainCorrection } from '../math/soft-scaling/targets.ts';
import { shellAt, shellCount } from '../math/soft-scaling/tilts.ts';
import { createRandom } from '../math/statistics/random.ts';
import type { GpuBands } from './band-device.ts';
import type { Spectrum } from './fft-slabs.ts';
import { relativeError } from './verification.ts';

/** Axis order of volumes, here for voxels, blocks and frequencies. */
type Triple = readonly [z: number, y: number, x: number];

/** amplitude cos(2 pi k.x / n + phase). */
interface Wave {
  /** Cycles per box along each axis. */
  readonly k: Triple;
  /** 1/A. */
  readonly frequency: number;
  /** In units of the map. */
  readonly amplitude: number;
  /** Radians at voxel (0, 0, 0). */
  readonly phase: number;
}

/** In directions and at frequencies spread over the bands. */
const WAVES = 6;
/** Voxels, and blocks, that are compared. */
const PLACES = 10;

/** The worst relative error. Leaves nothing behind that the job reads. */
export async function checkBands(bands: GpuBands): Promise<number> {
  const { gpu, fields, plan, result } = bands;
  const { bands: bandPlan } = plan;
  const waves = chooseWaves(bandPlan);
  writeWaves(bands, waves);
  const random = createRandom(5);
  const gains = Float32Array.from(
    { length: voxelCount(bandPlan.windows.blocks) },
    () => 1 + random.uniform(),
  );
  const middle = Math.floor(bandPlan.count / 2);
  const errors: number[] = [];
  const voxels = voxelCount(bandPlan.shape);
  const power = (weight: (wave: Wave) => number): number =>
    waves.reduce((sum, wave) => sum + (voxels / 2) * (weight(wave) * wave.amplitude) ** 2, 0);
  for (let band = 0; band < bandPlan.count; band++) {
    const { all } = await bands.measure(band, 'mean');
    const expected = power(({ frequency }) => bandWeight(frequency, band, bandPlan.spacing));
    errors.push(Math.abs(all - expected) / power(() => 1));
    if (band === middle) {
      errors.push(...(await checkBlocks(bands, waves, band)));
      if (plan.refines && fields.squaresOf('difference'))
        errors.push(await checkShells(bands, waves), await checkTilt(bands, waves, band));
    }
    gpu.device.queue.writeBuffer(fields.gains, 0, gains);
    await bands.accumulate();
  }
  errors.push(await checkResult(bands, waves, gains));
  const encoder = gpu.device.createCommandEncoder({ label: 'self-test' });
  for (const { buffer } of result?.slabs ?? []) encoder.clearBuffer(buffer);
  if (fields.level) encoder.clearBuffer(fields.level);
  await gpu.finish(encoder);
  // NaN stays NaN.
  return Math.max(...errors);
}

/** In directions that meet all axes, from low frequencies to nearly Nyquist. */
function chooseWaves({ shape, voxelSize, spacing, count }: BandPlan): Wave[] {
  const random = createRandom(4);
  const waves = new Map<string, Wave>();
  for (let j = 0; j < WAVES; j++) {
    const wanted = ((j + 0.5) / WAVES) * spacing * (count - 1);
    const direction = [random.gaussian(), random.gaussian(), 1 + random.uniform()];
    const length = Math.hypot(...direction);
    const k = direction.map((d, axis) => {
      const edge = shape[axis] * voxelSize[axis];
      const most = Math.floor((shape[axis] - 1) / 2);
      return Math.max(-most, Math.min(most, Math.trunc((wanted * edge * d) / length)));
    }) as unknown as Triple;
    const frequency = Math.hypot(...k.map((value, axis) => value / (shape[axis] * voxelSize[axis])));
    // A wave of its own has a mate behind kx = 0, which is not stored.
    if (k[2] > 0) waves.set(k.join(), { k, frequency, amplitude: 0.2 + 0.1 * j, phase: 2 * j });
  }
  return [...waves.values()];
}

/** The mean's spectrum of these waves: nothing else in it. */
function writeWaves({ gpu, spectra, plan }: GpuBands, waves: readonly Wave[]): void {
  const { slabs } = spectra.mean as Spectrum;
  const [nz, ny, nx] = plan.bands.shape;
  const { device } = gpu;
  const encoder = device.createCommandEncoder({ label: 'self-test' });
  for (const { buffer } of slabs) encoder.clearBuffer(buffer);
  device.queue.submit([encoder.finish()]);
  for (const { k, amplitude, phase } of waves) {
    const [z, y, x] = [(k[0] + nz) % nz, (k[1] + ny) % ny, k[2]];
    const slab = slabs.find(({ firstPlane, planes }) => z >= firstPlane && z < firstPlane + planes);
    if (slab === undefined) continue;
    const size = (amplitude * nz * ny * nx) / 2;
    const at = ((z - slab.firstPlane) * ny + y) * plan.fft.pitch + x;
    const value = Float32Array.of(size * Math.cos(phase), size * Math.sin(phase));
    device.queue.writeBuffer(slab.buffer, 8 * at, value);
  }
}

/** Powers of the shells, of the whole spectrum. A wave next to the end of a shell belongs to either. */
async function checkShells(bands: GpuBands, waves: readonly Wave[]): Promise<number> {
  const { bands: plan } = bands.plan;
  const expected = new Float64Array(shellCount(plan));
  for (const { frequency, amplitude } of waves) {
    const at = shellAt(frequency / plan.spacing);
    if (Math.abs(at - Math.round(at)) < 1e-3) return 0;
    expected[Math.floor(at)] += (voxelCount(plan.shape) * amplitude) ** 2 / 2;
  }
  return relativeError(await bands.shellPowers('mean'), expected);
}

/** The power of the band where its weights rise, and as it was again. */
async function checkTilt(bands: GpuBands, waves: readonly Wave[], band: number): Promise<number> {
  const { bands: plan } = bands.plan;
  const [below, above] = [0.7, 1.3];
  bands.tilt(Array.from({ length: plan.count }, () => ({ below, above })));
  const { all } = await bands.measure(band, 'mean');
  bands.tilt([]);
  await bands.measure(band, 'mean');
  const powers = waves.map(({ frequency, amplitude }) => {
    const beyond = frequency / plan.spacing - band;
    const tilt = Math.exp(beyond * (beyond < 0 ? below : above));
    return (amplitude * bandWeight(frequency, band, plan.spacing) * tilt) ** 2;
  });
  const expected = (voxelCount(plan.shape) / 2) * powers.reduce((sum, power) => sum + power, 0);
  return expected > 0 ? Math.abs(all / expected - 1) : 0;
}

/** A band of the waves at a voxel; all of them without one. */
function valueAt(
  { shape, spacing }: BandPlan,
  waves: readonly Wave[],
  [z, y, x]: Triple,
  band?: number,
): number {
  return waves.reduce((sum, { k, frequency, amplitude, phase }) => {
    const weight = band === undefined ? 1 : bandWeight(frequency, band, spacing);
    const turns = (k[0] * z) / shape[0] + (k[1] * y) / shape[1] + (k[2] * x) / shape[2];
    return sum + weight * amplitude * Math.cos(2 * Math.PI * turns + phase);
  }, 0);
}

/** Sums over blocks of the band that was measured last, and what the steps up to its gains make of them. */
async function checkBlocks(bands: GpuBands, waves: readonly Wave[], band: number): Promise<number[]> {
  const { gpu, fields, plan } = bands;
  const { outputScale } = fields;
  const { windows } = plan.bands;
  const count = voxelCount(windows.blocks);
  const read = async (buffer: GPUBuffer): Promise<Float32Array> =>
    new Float32Array(await gpu.read(buffer, 0, 4 * count));
  const random = createRandom(6);
  const values = (): Float32Array<ArrayBuffer> =>
    Float32Array.from({ length: count }, () => 0.1 + random.uniform());
  const write = (buffer: GPUBuffer | undefined, scale: number): Float32Array | undefined => {
    if (buffer === undefined) return undefined;
    const made = values().map((value) => scale * value);
    gpu.device.queue.writeBuffer(buffer, 0, made);
    return made;
  };

  const power = await read(fields.squaresOf('mean') as GPUBuffer);
  const blocks = placesIn(count).map((i) => blockAt(windows.blocks, i));
  const sums = blocks.map((block) => blockSum(plan.bands, waves, block, band));
  const largest = power.reduce((most, value) => Math.max(most, value), 0);
  const noise = write(fields.squaresOf('difference'), 0.2 * largest);
  const reference = write(fields.squaresOf('reference'), largest);
  const level = write(fields.level, largest);
  const share = fields.share && (await read(fields.share));
  const rule = { ...PROBE, target: bands.settings.target.kind, floor: 1e-6 * largest };
  await bands.makeGains(band, rule);
  const gains = await read(fields.gains);

  const signal = noise ? power.map((p, i) => p - noise[i]) : power;
  const expected = blocks.map((block) => {
    const at = indexOf(windows.blocks, block);
    const [p, s] = [power, signal].map((field) => windowed(plan.bands, field, block));
    const r = reference ? windowed(plan.bands, reference, block) : 0;
    const amplitude = targetAmplitude(rule, s, Math.max(r, 0), level?.[at] ?? 0, share?.[at] ?? 0);
    return s > 0 ? (outputScale * amplitude * Math.sqrt(s)) / Math.max(p, rule.floor) : 0;
  });
  const atBlocks = (field: Float32Array): number[] =>
    blocks.map((block) => field[indexOf(windows.blocks, block)]);
  const errors = [relativeError(atBlocks(power), sums), relativeError(atBlocks(gains), expected)];
  if (!plan.refines) return errors;

  await bands.refineGains(band, rule);
  const squares = gains.map((gain) => (gain / outputScale) ** 2);
  const [scaledPower, scaledSignal] = [power, signal].map((field) => field.map((v, i) => v * squares[i]));
  const refined = blocks.map((block) => {
    const at = indexOf(windows.blocks, block);
    const [p, s] = [scaledPower, scaledSignal].map((field) => windowed(plan.bands, field, block));
    const r = reference ? windowed(plan.bands, reference, block) : 0;
    return gains[at] * gainCorrection(Math.sqrt(r), s, p, gains[at] / outputScale, rule.floor);
  });
  return [...errors, relativeError(atBlocks(await read(fields.gains)), refined)];
}

/** No case of a target is left out: locality raises, the reference counts. */
const PROBE: Omit<GainRule, 'target' | 'floor'> = {
  contributes: true,
  addsToLevel: false,
  evenly: 0.7,
  levelFactor: 1.3,
  locality: 0.5,
  referenceFactor: 0.8,
};

/** sqrt(T) of docs/soft-scaling.md from the powers in a block's window. */
function targetAmplitude(rule: GainRule, s: number, r: number, level: number, share: number): number {
  const ratio = (rule.levelFactor * level) / (rule.evenly * s);
  const profile = s > 0 ? Math.sqrt(rule.evenly * s) * ratio ** (rule.locality / 2) : 0;
  switch (rule.target) {
    case 'reference':
      return Math.sqrt(r);
    case 'profile':
      return profile;
    case 'geometric-mean':
      return Math.sqrt(Math.sqrt(r) * profile);
    case 'hybrid':
      return Math.sqrt(share * profile ** 2 + (1 - share) * rule.referenceFactor * r);
  }
}

/** Sum of squares of a band over the voxels of a block, in float64. */
function blockSum(plan: BandPlan, waves: readonly Wave[], block: Triple, band: number): number {
  const { shape, windows } = plan;
  const [first, last] = [0, 1].map((next) =>
    block.map((b, axis) => Math.min((b + next) * windows.factor[axis], shape[axis])),
  );
  let sum = 0;
  for (let z = first[0]; z < last[0]; z++)
    for (let y = first[1]; y < last[1]; y++)
      for (let x = first[2]; x < last[2]; x++) sum += valueAt(plan, waves, [z, y, x], band) ** 2;
  return sum;
}

/** Sum of a field under the window around a block. */
function windowed({ windows }: BandPlan, field: Float32Array, block: Triple): number {
  const axes = ([0, 1, 2] as const).map((axis) => {
    const weights = windowWeights(windows, axis);
    const reach = (weights.length - 1) / 2;
    const first = Math.max(0, block[axis] - reach);
    const last = Math.min(windows.blocks[axis] - 1, block[axis] + reach);
    return Array.from({ length: last - first + 1 }, (_, i) => ({
      at: first + i,
      weight: weights[first + i - block[axis] + reach],
    }));
  });
  let sum = 0;
  for (const z of axes[0])
    for (const y of axes[1])
      for (const x of axes[2])
        sum += z.weight * y.weight * x.weight * field[indexOf(windows.blocks, [z.at, y.at, x.at])];
  return sum;
}

/** The result at some voxels: the map there times gains interpolated between eight blocks. */
async function checkResult(
  { gpu, plan, result }: GpuBands,
  waves: readonly Wave[],
  gains: Float32Array,
): Promise<number> {
  const { bands } = plan;
  const [ours, expected]: [number[], number[]] = [[], []];
  const { shape, windows } = bands;
  const axes = ([0, 1, 2] as const).map((axis) => planInterpolation(bands, axis));
  for (const i of placesIn(voxelCount(shape))) {
    const voxel = blockAt(shape, i);
    const slab = result?.slabs.find(
      ({ firstPlane, planes }) => voxel[0] >= firstPlane && voxel[0] < firstPlane + planes,
    );
    if (slab === undefined) continue;
    const at = indexOf(shape, [voxel[0] - slab.firstPlane, voxel[1], voxel[2]]);
    ours.push(new Float32Array(await gpu.read(slab.buffer, 4 * at, 4))[0]);
    let gain = 0;
    for (let corner = 0; corner < 8; corner++) {
      let weight = 1;
      const block = voxel.map((v, axis) => {
        const next = (corner >> axis) & 1;
        const share = axes[axis].share[v];
        weight *= next === 1 ? share : 1 - share;
        return Math.min(axes[axis].lower[v] + next, windows.blocks[axis] - 1);
      }) as unknown as Triple;
      gain += weight * gains[indexOf(windows.blocks, block)];
    }
    expected.push(gain * valueAt(bands, waves, voxel));
  }
  return relativeError(ours, expected);
}

/** Indices all over a volume or field. */
function placesIn(count: number): number[] {
  const random = createRandom(7);
  return Array.from({ length: PLACES }, () => random.integer(0, count - 1));
}

/** Place (z, y, x) of index i in a box. */
function blockAt([, ny, nx]: Triple, i: number): Triple {
  return [Math.floor(i / (ny * nx)), Math.floor(i / nx) % ny, i % nx];
}

/** Linear index of a voxel, x fastest. */
function indexOf([, ny, nx]: Triple, [z, y, x]: Triple): number {
  return (z * ny + y) * nx + x;
}
