/**
 * Scaling in soft frequency bands, float64, whole arrays at a time, with full Gaussian matrices: the
 * definition of docs/method.md written down, to hold against both engines and against the prototype of the
 * study.
 */
import { type Shape, voxelCount } from '../../src/math/grid.ts';
import type { AmplitudeProfile } from '../../src/math/soft-scaling/profile.ts';
import type { SoftTarget } from '../../src/math/soft-scaling/targets.ts';
import { referenceFft3d, signedIndex } from './reference-fft.ts';

export interface DirectBandInput {
  readonly shape: Shape;
  readonly voxelSize: readonly [number, number, number];
  readonly half1: ArrayLike<number>;
  readonly half2?: ArrayLike<number>;
  readonly reference?: ArrayLike<number>;
  readonly differenceMask?: ArrayLike<number>;
  readonly target: SoftTarget;
  /** A. Default 10; 5 where gains are refined. */
  readonly windowSigma?: number;
  /** Gains of a reference as first measured, in bands that are not tilted. */
  readonly unrefined?: boolean;
  readonly mask?: ArrayLike<number>;
  readonly zeroOutside?: boolean;
  readonly fadeResolution?: number;
}

export interface DirectBand {
  readonly frequency: number;
  readonly signal: number;
  readonly power: number;
  readonly used: boolean;
  readonly wantedAmplitude: number;
  readonly reachedAmplitude: number;
}

export function directBandScaling(input: DirectBandInput): { scaled: Float64Array; bands: DirectBand[] } {
  const { shape, voxelSize, half1, half2, reference, target } = input;
  const isRefined = target.kind === 'reference' && input.unrefined !== true;
  const { windowSigma = isRefined ? 5 : 10 } = input;
  const profile = 'profile' in target ? target.profile : undefined;
  const locality = ('profile' in target ? target.locality : undefined) ?? 0.5;
  const isHybrid = target.kind === 'hybrid';
  const voxels = voxelCount(shape);
  const inMask = Array.from({ length: voxels }, (_, i) => (input.mask ? input.mask[i] > 0.5 : true));
  const inside = inMask.some(Boolean) ? inMask : inMask.map(() => true);
  const insideVoxels = inside.filter(Boolean).length;

  const nyquist = 0.5 / Math.max(...voxelSize);
  const last = Math.max(1, Math.ceil(nyquist / 0.05 - 1e-6));
  const d = nyquist / last;
  const frequency = frequencies(shape, voxelSize);
  const hat = (f: number, i: number): number => Math.max(0, 1 - Math.abs(f / d - i));
  const wanted = Array.from({ length: last + 1 }, (_, i) => (profile ? bandPower(profile, i, d) : 0));

  // The half maps are real and imaginary part of one transform: the weights are real and symmetric.
  const halves = referenceFft3d(half1, half2 ?? half1, shape);
  const third = reference && referenceFft3d(reference, undefined, shape);
  const window = gaussianWindow(shape, voxelSize, windowSigma);
  const out = new Float64Array(voxels);
  const bands: DirectBand[] = [];
  let level: Float64Array = new Float64Array(window.blocks);
  let levelAll = 0;
  const tilts = isRefined && half2 ? tiltsOf(halves, third!, frequency, shape, d, last) : undefined;
  const bandOf = (i: number, s: { re: Float64Array; im: Float64Array }) => {
    const tilt = (f: number): number => (tilts && s === halves ? tilts(i, f / d - i) : 1);
    const weight = frequency.map((f) => (hat(f, i) * tilt(f)) / voxels);
    return referenceFft3d(
      s.re.map((v, k) => v * weight[k]),
      s.im.map((v, k) => v * weight[k]),
      shape,
      true,
    );
  };
  const crossOf = (i: number): Float64Array => {
    const { re, im } = bandOf(i, halves);
    return re.map((v, k) => v * im[k]);
  };
  const referenceSquares = (i: number): Float64Array => (third ? bandOf(i, third).re : out).map((v) => v * v);
  const total = (values: Float64Array): number => meanOf(values, (k) => inside[k]);
  const share = isHybrid
    ? window.mean(Float64Array.from(input.differenceMask!, (v) => (v > 0.5 ? 1 : 0)))
    : new Float64Array(window.blocks);
  const box = window.mean(new Float64Array(voxels).fill(1));
  const m = share.map((v, k) => v / box[k]);
  const levels = [1, 2].filter((i) => isHybrid && i <= last);
  const ratio =
    levels.reduce((sum, i) => sum + total(crossOf(i)), 0) /
    levels.reduce((sum, i) => sum + total(referenceSquares(i)), 0);
  const c = ratio > 0 && Number.isFinite(ratio) ? ratio : 0;
  for (let i = 0; i <= last; i++) {
    const { re: b1, im: b2 } = bandOf(i, halves);
    const mean = b1.map((v, k) => (v + b2[k]) / 2);
    const cross = b1.map((v, k) => v * b2[k]);
    const square = mean.map((v) => v * v);
    const S = Float64Array.from(window.mean(cross), (v) => Math.max(v, 0));
    const boxPower = meanOf(square, () => true);
    const measured = window.mean(square);
    const P = measured.map((v) => Math.max(v, 1e-8 * boxPower));
    const signal = total(cross);
    const power = total(square);
    if (i === 1 || i === 2) {
      level = level.map((v, k) => v + S[k]);
      levelAll += signal;
    }
    let T: Float64Array = S;
    let used = boxPower > 0;
    if (profile) {
      const shell = 4 * Math.PI * d ** 3 * (i * i + 1 / 6);
      const terms = shell * insideVoxels * voxelSize[0] * voxelSize[1] * voxelSize[2];
      let holds = signal > 0 && power > 0;
      if (i >= 2) holds &&= levelAll > 0 && signal >= (3 * power) / Math.sqrt(terms);
      const part = wanted[i] / (wanted[1] + wanted[2]);
      const everywhere = (part * levelAll) / signal;
      if (i >= 2 && holds)
        T = S.map((s, k) => (s > 0 ? (part * level[k]) ** locality * (s * everywhere) ** (1 - locality) : 0));
      if (!holds) T = new Float64Array(S.length);
      used &&= holds || isHybrid;
    }
    if (third) {
      const R = window.mean(referenceSquares(i)).map((v) => Math.max(v, 0));
      if (isHybrid) T = T.map((t, k) => m[k] * t + (1 - m[k]) * c * R[k]);
      else T = profile ? T.map((t, k) => Math.sqrt(t * R[k])) : R;
    }
    const gains = P.map((p, k) => (used ? Math.sqrt(T[k] * S[k]) / p : 0));
    let reached = gains.map((g, k) => g ** 2 * measured[k]);
    if (isRefined && used) {
      const [blocksP, blocksS] = [window.blockMeans(square), window.blockMeans(cross)];
      const floor = 1e-8 * boxPower;
      const scaled = (blocks: Float64Array) => window.smooth(blocks.map((v, k) => v * gains[k] ** 2));
      const [againP, againS] = [scaled(blocksP), scaled(blocksS)];
      const correction = gains.map((g, k) => {
        const p = Math.max(againP[k], g ** 2 * floor);
        return p > 0 ? Math.sqrt(T[k] * Math.max(0, againS[k])) / p : 0;
      });
      for (const [k, c] of correction.entries()) gains[k] *= c;
      reached = againP.map((p, k) => p * correction[k] ** 2);
    }
    const rms = (of: (k: number) => number): number =>
      used ? Math.sqrt((S.reduce((sum, _, k) => sum + of(k), 0) * window.blockVoxels) / voxels) : 0;
    bands.push({
      frequency: i * d,
      signal,
      power,
      used,
      wantedAmplitude: rms((k) => T[k]),
      reachedAmplitude: rms((k) => reached[k]),
    });
    if (!used) continue;
    const gain = window.spread(gains);
    for (let k = 0; k < voxels; k++) out[k] += mean[k] * gain[k];
  }
  let scaled: Float64Array = out;
  const { fadeResolution } = input;
  if (fadeResolution !== undefined) {
    const spectrum = referenceFft3d(out, undefined, shape);
    const fade = frequency.map((f) => 1 / (1 + Math.exp((f - 1 / fadeResolution) / 0.01)) / voxels);
    scaled = referenceFft3d(
      spectrum.re.map((v, k) => v * fade[k]),
      spectrum.im.map((v, k) => v * fade[k]),
      shape,
      true,
    ).re;
  }
  if (input.zeroOutside === true) scaled = scaled.map((v, k) => (inside[k] ? v : 0));
  return { scaled, bands };
}

/**
 * Weights within bands: from centre to centre the spectrum of the map follows that of the reference, both
 * summed over shells of d / 4 that begin 0.0123 of it early.
 */
function tiltsOf(
  halves: { re: Float64Array; im: Float64Array },
  reference: { re: Float64Array; im: Float64Array },
  frequency: Float64Array,
  shape: Shape,
  d: number,
  last: number,
): (band: number, beyond: number) => number {
  const shells = 4 * (last + 1);
  const [mean, cross, wanted] = [0, 1, 2].map(() => new Float64Array(shells));
  const [nz, ny, nx] = shape;
  frequency.forEach((f, at) => {
    const s = Math.floor((4 * f) / d + 0.0123);
    if (at === 0 || s >= shells) return;
    const [z, y, x] = [Math.floor(at / (ny * nx)), Math.floor(at / nx) % ny, at % nx];
    const mate = (((nz - z) % nz) * ny + ((ny - y) % ny)) * nx + ((nx - x) % nx);
    // Both half maps are in one transform: F1 = (H + conj H(-k)) / 2, F2 = (H - conj H(-k)) / 2i.
    const [a, b] = [halves.re[at], halves.im[at]];
    const [c, e] = [halves.re[mate], -halves.im[mate]];
    const [re1, im1, re2, im2] = [(a + c) / 2, (b + e) / 2, (b - e) / 2, (c - a) / 2];
    mean[s] += ((re1 + re2) / 2) ** 2 + ((im1 + im2) / 2) ** 2;
    cross[s] += re1 * re2 + im1 * im2;
    wanted[s] += reference.re[at] ** 2 + reference.im[at] ** 2;
  });
  const points: { x: number; y: number }[] = [];
  for (let i = 0; i <= last; i++) {
    const sum = (of: (s: number, f: number) => number): number => {
      let total = 0;
      for (let s = 0; s < shells; s++) {
        const f = (s + 0.5 - 0.0123) / 4;
        total += Math.max(0, 1 - Math.abs(f - i)) ** 2 * of(s, f);
      }
      return total;
    };
    const shared = (s: number): number => Math.sqrt(Math.max(0, cross[s] * wanted[s]));
    const signal = sum((s) => cross[s]);
    if (!(signal > 0.1 * sum((s) => mean[s]))) break;
    points.push({
      x: sum((s, f) => f * shared(s)) / sum(shared),
      y: 0.5 * Math.log(sum((s) => wanted[s]) / signal),
    });
  }
  // Through the points, straight on beyond the first and the last, read at the centres; behind the last band too.
  const read = points.length === last + 1 ? [...points, undefined] : points;
  const centres = read.map((_, i) => {
    const k = Math.max(0, Math.min(points.length - 2, points.filter(({ x }) => x < i).length - 1));
    const [p, q] = [points[k], points[k + 1]];
    return q ? p.y + ((q.y - p.y) * (i - p.x)) / (q.x - p.x) : 0;
  });
  const slope = (i: number): number =>
    i < 0 || i + 1 >= centres.length ? 0 : Math.max(-4, Math.min(4, centres[i + 1] - centres[i]));
  return (band, beyond) => Math.exp(beyond * slope(beyond < 0 ? band - 1 : band));
}

function meanOf(values: Float64Array, where: (k: number) => boolean): number {
  let sum = 0;
  let count = 0;
  values.forEach((v, k) => {
    if (!where(k)) return;
    sum += v;
    count++;
  });
  return sum / count;
}

/** 1/A, of every coefficient. */
function frequencies([nz, ny, nx]: Shape, [vz, vy, vx]: readonly [number, number, number]): Float64Array {
  return Float64Array.from({ length: nz * ny * nx }, (_, i) =>
    Math.hypot(
      signedIndex(Math.floor(i / (ny * nx)), nz) / (nz * vz),
      signedIndex(Math.floor(i / nx) % ny, ny) / (ny * vy),
      signedIndex(i % nx, nx) / (nx * vx),
    ),
  );
}

/** Integral of (amplitude hat)^2 f^2, log-linear amplitude. */
function bandPower({ frequency, amplitude }: AmplitudeProfile, i: number, d: number): number {
  const steps = 20000;
  let sum = 0;
  // The first point of the profile at or above f, which only grows.
  let k = 0;
  for (let s = 0; s < steps; s++) {
    const f = d * (Math.max(0, i - 1) + ((s + 0.5) * (i === 0 ? 1 : 2)) / steps);
    while (k < frequency.length && frequency[k] < f) k++;
    const between = (f - frequency[k - 1]) / (frequency[k] - frequency[k - 1]);
    const a =
      k === 0
        ? amplitude[0]
        : k === frequency.length
          ? amplitude[k - 1]
          : Math.exp((1 - between) * Math.log(amplitude[k - 1]) + between * Math.log(amplitude[k]));
    sum += (a * Math.max(0, 1 - Math.abs(f / d - i)) * f) ** 2 * (i === 0 ? 1 : 2);
  }
  return sum;
}

/** Means over blocks, then a Gaussian with zeros outside; back by linear interpolation. */
function gaussianWindow(shape: Shape, voxelSize: readonly number[], sigmaAngstrom: number) {
  // Blocks of a third of the window; in one below 10 A of up to 1 / 1.5 of it, at most 10 A / 3.
  const edge = Math.max(sigmaAngstrom / 3, Math.min(sigmaAngstrom / 1.5, 10 / 3));
  const factor = voxelSize.map((v) => Math.max(1, Math.floor(edge / v)));
  const counts = shape.map((n, axis) => Math.ceil(n / factor[axis]));
  const blocks = counts[0] * counts[1] * counts[2];
  const alongAxis = (
    values: Float64Array,
    lengths: number[],
    axis: number,
    matrix: Float64Array[],
  ): Float64Array => {
    const inner = lengths.slice(axis + 1).reduce((a, b) => a * b, 1);
    const outer = lengths.slice(0, axis).reduce((a, b) => a * b, 1);
    const n = lengths[axis];
    const to = new Float64Array(outer * matrix.length * inner);
    for (let o = 0; o < outer; o++)
      for (let j = 0; j < matrix.length; j++)
        for (let i = 0; i < n; i++) {
          const w = matrix[j][i];
          if (w === 0) continue;
          for (let q = 0; q < inner; q++)
            to[(o * matrix.length + j) * inner + q] += w * values[(o * n + i) * inner + q];
        }
    return to;
  };
  const gauss = counts.map((n, axis) => {
    const sigma = sigmaAngstrom / voxelSize[axis] / factor[axis];
    return Array.from({ length: n }, (_, j) =>
      Float64Array.from(
        { length: n },
        (_, i) => Math.exp(-(((i - j) / sigma) ** 2) / 2) / (Math.sqrt(2 * Math.PI) * sigma),
      ),
    );
  });
  const interpolate = counts.map((n, axis) =>
    Array.from({ length: shape[axis] }, (_, v) => {
      const k = factor[axis];
      const at = Math.min(Math.max((v - (k - 1) / 2) / k, 0), n - 1);
      return Float64Array.from({ length: n }, (_, i) => Math.max(0, 1 - Math.abs(at - i)));
    }),
  );
  const blockMeans = (values: Float64Array): Float64Array => {
    const sums = new Float64Array(blocks);
    values.forEach((v, i) => {
      const z = Math.floor(i / (shape[1] * shape[2]) / factor[0]);
      const y = Math.floor((Math.floor(i / shape[2]) % shape[1]) / factor[1]);
      const x = Math.floor((i % shape[2]) / factor[2]);
      sums[(z * counts[1] + y) * counts[2] + x] += v / (factor[0] * factor[1] * factor[2]);
    });
    return sums;
  };
  const smooth = (means: Float64Array): Float64Array =>
    [0, 1, 2].reduce((values, axis) => alongAxis(values, counts, axis, gauss[axis]), means);
  return {
    blocks,
    blockVoxels: factor[0] * factor[1] * factor[2],
    blockMeans,
    smooth,
    mean: (values: Float64Array): Float64Array => smooth(blockMeans(values)),
    spread(gains: Float64Array): Float64Array {
      let values = gains;
      const lengths = [...counts];
      for (const axis of [0, 1, 2]) {
        values = alongAxis(values, lengths, axis, interpolate[axis]);
        lengths[axis] = shape[axis];
      }
      return values;
    },
  };
}
