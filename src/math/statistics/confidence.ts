/**
 * FDR confidence map (method 2): each voxel's value is tested against the noise found in boxes outside
 * the particle, p = 1 - Phi((v - mean) / sd), p = 1 below the mean; q by Benjamini and Yekutieli over the
 * voxels of a sphere; confidence = 1 - q inside the sphere, 0 outside.
 */
import { LocScaleError, named } from '../../errors.ts';
import { type Shape, voxelCount } from '../grid.ts';
import { fromOrderKey, keyAbove, keyAtLeast } from './float-order.ts';
import { normalUpperTail } from './normal-tail.ts';

export interface NoiseBox {
  /** First voxel (z, y, x). */
  readonly start: readonly [z: number, y: number, x: number];
  /** Edge in voxels. */
  readonly size: number;
}

/** Edge of the noise boxes: 10 % of the box along z, rounded up to even. */
export function defaultNoiseBoxSize(shape: Shape): number {
  const edge = Math.ceil(shape[0] * 0.1);
  return edge % 2 === 0 ? edge : edge + 1;
}

/**
 * The four default boxes, in the original's order: y low, y high, x low, x high. They touch 2 % and 98 %
 * of one axis and are centred on the others.
 */
export function defaultNoiseBoxes(shape: Shape, size: number): NoiseBox[] {
  const [nz, ny, nx] = shape;
  const centred = (n: number): number => Math.trunc(0.5 * n - 0.5 * size);
  const low = (n: number): number => Math.trunc(0.02 * n);
  const high = (n: number): number => Math.trunc(0.98 * n) - size;
  return checkedBoxes(shape, size, [
    [centred(nz), low(ny), centred(nx)],
    [centred(nz), high(ny), centred(nx)],
    [centred(nz), centred(ny), low(nx)],
    [centred(nz), centred(ny), high(nx)],
  ]);
}

/**
 * Boxes in the eight corners, for particles that reach the middle of the faces, where the default boxes are.
 */
export function cornerNoiseBoxes(shape: Shape, size: number): NoiseBox[] {
  const ends = shape.map((n) => [Math.trunc(0.02 * n), Math.trunc(0.98 * n) - size] as const);
  return checkedBoxes(
    shape,
    size,
    Array.from({ length: 8 }, (_, corner) => [
      ends[0][corner >> 2],
      ends[1][(corner >> 1) & 1],
      ends[2][corner & 1],
    ]),
  );
}

/** Boxes set by the user: `starts` are first voxels (z, y, x). */
export function userNoiseBoxes(
  shape: Shape,
  size: number,
  starts: readonly (readonly [number, number, number])[],
): NoiseBox[] {
  if (starts.length === 0) {
    throw new LocScaleError('usage', 'No noise box was given.', {
      hint: 'Give the first voxel z, y, x of at least one box.',
    });
  }
  return checkedBoxes(shape, size, starts);
}

function checkedBoxes(
  shape: Shape,
  size: number,
  starts: readonly (readonly [number, number, number])[],
): NoiseBox[] {
  return starts.map((start) => {
    const inside = start.every((s, axis) => Number.isInteger(s) && s >= 0 && s + size <= shape[axis]);
    if (!Number.isInteger(size) || size < 1 || !inside) {
      throw new LocScaleError('usage', 'A noise box does not lie inside the map.', {
        hint: `Choose a smaller noise window (${named('fdrWindow')}) or other first voxels.`,
        expected: `z, y, x within ${shape.join(', ')} voxels`,
        found: `first voxel ${start.join(', ')}, edge ${size}`,
      });
    }
    return { start, size };
  });
}

/** Mean and variance (divided by N) of all voxels of the boxes, and of each box. */
export interface NoiseEstimate {
  readonly mean: number;
  readonly variance: number;
  readonly perBox: readonly { readonly mean: number; readonly variance: number }[];
}

/** `data` is (z, y, x), x fastest. A voxel in two boxes counts twice, as in the original. */
export function noiseEstimate(
  data: ArrayLike<number>,
  shape: Shape,
  boxes: readonly NoiseBox[],
): NoiseEstimate {
  const perBox = boxes.map((box) => {
    const count = box.size ** 3;
    let mean = 0;
    forBoxVoxels(box, shape, (i) => {
      mean += data[i] / count;
    });
    let variance = 0;
    forBoxVoxels(box, shape, (i) => {
      variance += (data[i] - mean) ** 2 / count;
    });
    return { mean, variance };
  });
  return { ...combineNoise(boxes, perBox), perBox };
}

/** Mean and variance over several boxes from those of each. */
export function combineNoise(
  boxes: readonly NoiseBox[],
  perBox: readonly { readonly mean: number; readonly variance: number }[],
): { mean: number; variance: number } {
  const total = boxes.reduce((sum, box) => sum + box.size ** 3, 0);
  const weight = boxes.map((box) => box.size ** 3 / total);
  const mean = perBox.reduce((sum, box, i) => sum + weight[i] * box.mean, 0);
  const variance = perBox.reduce(
    (sum, box, i) => sum + weight[i] * (box.variance + (box.mean - mean) ** 2),
    0,
  );
  return { mean, variance };
}

function forBoxVoxels(box: NoiseBox, shape: Shape, visit: (index: number) => void): void {
  const [z0, y0, x0] = box.start;
  for (let z = z0; z < z0 + box.size; z++) {
    for (let y = y0; y < y0 + box.size; y++) {
      const row = (z * shape[1] + y) * shape[2];
      for (let x = x0; x < x0 + box.size; x++) visit(row + x);
    }
  }
}

/** Ratio of the boxes' standard deviations above which the noise counts as inhomogeneous. */
const LARGEST_SD_RATIO = 3;
/** Tolerated difference of means, in units of the smallest standard deviation. */
const LARGEST_MEAN_SPREAD = 2;
/**
 * Share of the map's standard deviation that noise has at least. Measured: 0.2 to 0.8 on whole maps, 0.02 on
 * a soft-masked one, whose boxes hold only ripples.
 */
const SMALLEST_NOISE_SHARE = 0.05;

/**
 * Warning if the boxes do not hold plain noise, else undefined. `mapSd`: standard deviation of the whole map,
 * if known.
 */
export function noiseBoxWarning(noise: NoiseEstimate, mapSd?: number): string | undefined {
  const advice = `the confidence mask is not reliable: give a mask (${named('mask')}) or set the noise boxes`;
  if (noise.variance === 0)
    return `The noise boxes hold no noise (variance 0), the map is masked; ${advice}.`;
  const sds = noise.perBox.map((box) => Math.sqrt(box.variance));
  const means = noise.perBox.map((box) => box.mean);
  const smallest = Math.min(...sds);
  const largest = Math.max(...sds);
  const empty = sds.filter((sd) => sd === 0).length;
  if (empty > 0)
    return `${empty} of ${sds.length} noise boxes hold no noise (variance 0), the map is masked; ${advice}.`;
  if (mapSd !== undefined && Math.sqrt(noise.variance) < SMALLEST_NOISE_SHARE * mapSd) {
    return (
      `The noise boxes hold almost nothing (sd ${number(Math.sqrt(noise.variance))}, map ` +
      `${number(mapSd)}), the map seems masked; ${advice}.`
    );
  }
  if (largest > LARGEST_SD_RATIO * smallest) {
    return (
      `The noise boxes differ strongly (sd ${number(smallest)} to ${number(largest)}), one may ` +
      `hold part of the particle; ${advice}.`
    );
  }
  if (Math.max(...means) - Math.min(...means) > LARGEST_MEAN_SPREAD * smallest) {
    return (
      `The noise boxes differ strongly (mean ${number(Math.min(...means))} to ` +
      `${number(Math.max(...means))}, sd ${number(smallest)}), one may hold part of the particle; ` +
      `${advice}.`
    );
  }
  return undefined;
}

function number(x: number): string {
  return x.toPrecision(3);
}

/**
 * The sphere of the test. Per axis the n coordinates run evenly from -floor(n/2) to -floor(n/2) + n
 * inclusive, a spacing of n / (n - 1): the original's quirk, retained so that the same voxels are tested.
 */
export interface ConfidenceSphere {
  readonly voxels: number;
  /** Per row (z * ny + y): first x inside and first x beyond. */
  readonly rowStart: Int32Array;
  readonly rowEnd: Int32Array;
}

export function confidenceSphere(shape: Shape): ConfidenceSphere {
  const [zs, ys, xs] = shape.map(sphereCoordinates);
  const radius = Math.floor(Math.max(...shape) / 2);
  const rowStart = new Int32Array(shape[0] * shape[1]);
  const rowEnd = new Int32Array(shape[0] * shape[1]);
  // The coordinate next to the centre: from there the distance rises both ways.
  const middle = xs.reduce((best, x, i) => (Math.abs(x) < Math.abs(xs[best]) ? i : best), 0);
  const isOutside = (x: number, rest: number): boolean => Math.sqrt(rest + xs[x] * xs[x]) > radius;
  let voxels = 0;
  // Ends of a row lie near those of the row before.
  let [start, end] = [0, 0];
  for (let z = 0; z < shape[0]; z++) {
    for (let y = 0; y < shape[1]; y++) {
      const rest = zs[z] * zs[z] + ys[y] * ys[y];
      // Rows outside the sphere stay empty: start = end = 0.
      if (isOutside(middle, rest)) continue;
      start = Math.min(start, middle);
      while (start > 0 && !isOutside(start - 1, rest)) start--;
      while (isOutside(start, rest)) start++;
      end = Math.max(end, middle + 1);
      while (end < shape[2] && !isOutside(end, rest)) end++;
      while (end > middle + 1 && isOutside(end - 1, rest)) end--;
      rowStart[z * shape[1] + y] = start;
      rowEnd[z * shape[1] + y] = end;
      voxels += end - start;
    }
  }
  return { voxels, rowStart, rowEnd };
}

function sphereCoordinates(n: number): Float64Array {
  const first = -Math.floor(n / 2);
  const step = n > 1 ? n / (n - 1) : 0;
  return Float64Array.from({ length: n }, (_, i) => (i === n - 1 && n > 1 ? first + n : first + i * step));
}

/** Approximate harmonic number of the Benjamini-Yekutieli factor, with the original's constants. */
export function harmonicNumber(n: number): number {
  return Math.log(n) + 0.5772 + 0.5 / n - 1 / (12 * n ** 2) + 1 / (120 * n ** 4);
}

/** Below half the distance from 1 to the float32 before it. */
const NEGLIGIBLE_Q = 2 ** -26;

/** Parameters of the test, besides the voxels. */
export interface ConfidenceTest {
  readonly sphere: ConfidenceSphere;
  readonly mean: number;
  readonly sd: number;
  /** Harmonic number of the voxels of the sphere. */
  readonly factor: number;
  /** Values up to this have confidence 0. */
  readonly threshold: number;
  /** Values from here on have confidence 1 regardless of the others. */
  readonly certain: number;
}

export function confidenceTest(shape: Shape, mean: number, variance: number): ConfidenceTest {
  if (!(variance > 0)) {
    throw new LocScaleError(
      'bad-input',
      `The map is masked, its noise boxes hold no noise (variance ${variance}): give a mask with ` +
        `${named('mask')}, or set the boxes with ${named('fdrNoiseBoxes')}.`,
      {
        hint:
          `${named('fdrNoiseBoxes')} takes the first voxel of a box (z,y,x) that lies where the map ` +
          'still holds noise.',
      },
    );
  }
  const sphere = confidenceSphere(shape);
  const factor = harmonicNumber(sphere.voxels);
  const sd = Math.sqrt(variance);
  return {
    sphere,
    mean,
    sd,
    factor,
    threshold: smallestTestedValue(mean, sd, 1 / factor),
    // q is at most p N H_N; half of it leaves room for rounding.
    certain: smallestValueBelow(mean, sd, NEGLIGIBLE_Q / (2 * sphere.voxels * factor)),
  };
}

/**
 * Confidence of each of `sorted`: values of the sphere above the threshold in ascending order, all of them or
 * all but the `more` highest.
 *
 * With N voxels in the sphere, sorted by rising p, q_i = min over j >= i of p_j N H_N / j, at most 1. It is
 * a function of the value alone (voxels of equal value get the same q), and since j <= N a voxel with
 * p >= 1 / H_N has q = 1. Only the values above that (z > 1.3 to 1.6) are sorted; the others are 0.
 */
export function confidenceOfSorted(test: ConfidenceTest, sorted: Float32Array, more = 0): Float32Array {
  const count = sorted.length;
  const tests = test.sphere.voxels;
  const confidence = new Float32Array(count);
  // Ascending values are falling p: the running minimum of the procedure starts at the largest p.
  let q = 1;
  for (let i = 0; i < count; i++) {
    if (i === 0 || sorted[i] !== sorted[i - 1]) {
      const p = normalUpperTail((sorted[i] - test.mean) / test.sd);
      q = Math.min(q, p * (tests / (count + more - i)) * test.factor);
      // From here on q vanishes when 1 - q is rounded to float32, and q only decreases.
      if (q < NEGLIGIBLE_Q) return confidence.fill(1, i);
    }
    confidence[i] = 1 - q;
  }
  return confidence;
}

/** Intervals of values that `significantKeys` counts in; at most. */
const KEY_BINS = 4096;
/** Far above the rounding of a tail probability. */
const CERTAINLY_ONE = 1 + 1e-9;

/**
 * Those of the order keys whose confidence may exceed 0, moved to the front of `keys`, which lie above the threshold
 * and below certainty, in any order. `above`: values beyond them. In noise p is about rank / N, so that q is about H_N:
 * of the 2 to 8 % of the voxels that reach the threshold few are left to be sorted.
 *
 * All values of an interval have q = 1 if even the highest of them, at the lowest of their ranks, has
 * p N H_N / rank >= 1, and so has every interval below it.
 */
export function significantKeys(test: ConfidenceTest, keys: Uint32Array, above: number): Uint32Array {
  const first = keyAbove(test.threshold);
  const end = keyAtLeast(test.certain);
  const range = end - first;
  let shift = 0;
  while (range / 2 ** shift > KEY_BINS) shift++;
  const counts = new Uint32Array(Math.ceil(range / 2 ** shift));
  for (let i = 0; i < keys.length; i++) counts[(keys[i] - first) >>> shift]++;
  let rank = above + keys.length;
  let bin = 0;
  for (; bin < counts.length; bin++) {
    if (counts[bin] === 0) continue;
    const highest = fromOrderKey(Math.min(first + (bin + 1) * 2 ** shift, end) - 1);
    const p = normalUpperTail((highest - test.mean) / test.sd);
    if (p * (test.sphere.voxels / rank) * test.factor < CERTAINLY_ONE) break;
    rank -= counts[bin];
  }
  const lowest = first + bin * 2 ** shift;
  let count = 0;
  for (let i = 0; i < keys.length; i++) if (keys[i] >= lowest) keys[count++] = keys[i];
  return keys.subarray(0, count);
}

/**
 * Confidence of every voxel. `data` (z, y, x); `mean`, `variance` of the noise; `out` is written and
 * returned if given (data.length values), else allocated. Memory beyond `data` and `out`: 12 bytes per
 * sorted value, typically 2-10 % of the voxels, plus 8 bytes per row of the map.
 */
export function confidenceFromMap(
  data: Float32Array,
  shape: Shape,
  mean: number,
  variance: number,
  out: Float32Array = new Float32Array(voxelCount(shape)),
): Float32Array {
  const test = confidenceTest(shape, mean, variance);
  const rows = { from: 0, to: shape[0] * shape[1] };
  const { count, above } = collectTested(data, shape[2], test, rows, out);
  const ranked = {
    sorted: out.slice(0, count),
    confidence: new Float32Array(count),
    buckets: new Uint32Array(bucketCount(count)),
  };
  rankTested(test, above, ranked);
  fillConfidence(data, shape[2], test, ranked, rows, out);
  return out;
}

/** Rows of x (z * ny + y) from <= row < to. */
interface RowRange {
  readonly from: number;
  readonly to: number;
}

/**
 * Puts the values of these rows within the sphere, above the threshold and below certainty, at the beginning
 * of `values`, unordered. Returns how many there are, and how many are certain: most voxels of a molecule
 * are, and are neither sorted nor looked up.
 */
export function collectTested(
  data: Float32Array,
  nx: number,
  { sphere, threshold, certain }: ConfidenceTest,
  { from, to }: RowRange,
  values: Float32Array,
): { count: number; above: number } {
  let [count, above] = [0, 0];
  for (let row = from; row < to; row++) {
    const end = row * nx + sphere.rowEnd[row];
    for (let i = row * nx + sphere.rowStart[row]; i < end; i++) {
      const value = data[i];
      if (value >= certain) above++;
      else if (value > threshold) values[count++] = value;
    }
  }
  return { count, above };
}

/** Tested values and their confidences. */
export interface RankedValues {
  /** Ascending. */
  readonly sorted: Float32Array;
  /** Of each of them. */
  readonly confidence: Float32Array;
  /**
   * First index of each of equal intervals between the lowest and the highest value, and the end of the last.
   */
  readonly buckets: Uint32Array;
}

export function bucketCount(values: number): number {
  return Math.min(1 << 20, values) + 1;
}

/** Sorts the collected values in place, and fills in the rest. `above`: values beyond them. */
export function rankTested(
  test: ConfidenceTest,
  above: number,
  { sorted, confidence, buckets }: RankedValues,
): void {
  sorted.sort();
  confidence.set(confidenceOfSorted(test, sorted, above));
  const { first, scale } = intervals(sorted, buckets.length);
  let bucket = 0;
  for (let i = 0; i < sorted.length; i++) {
    const own = Math.floor((sorted[i] - first) * scale);
    while (bucket <= own) buckets[bucket++] = i;
  }
  buckets.fill(sorted.length, bucket);
}

/** Confidence of all voxels of these rows. */
export function fillConfidence(
  data: Float32Array,
  nx: number,
  { sphere, threshold, certain }: ConfidenceTest,
  { sorted, confidence, buckets }: RankedValues,
  { from, to }: RowRange,
  out: Float32Array,
): void {
  const { first, scale } = intervals(sorted, buckets.length);
  out.fill(0, from * nx, to * nx);
  for (let row = from; row < to; row++) {
    const end = row * nx + sphere.rowEnd[row];
    for (let i = row * nx + sphere.rowStart[row]; i < end; i++) {
      const value = data[i];
      if (value >= certain) out[i] = 1;
      else if (value > threshold) {
        const own = Math.floor((value - first) * scale);
        let low = buckets[own];
        let high = buckets[own + 1] - 1;
        while (low < high) {
          const middle = (low + high) >> 1;
          if (sorted[middle] < value) low = middle + 1;
          else high = middle;
        }
        out[i] = confidence[low];
      }
    }
  }
}

/** Where the intervals begin, and how many there are per unit of value. */
function intervals(sorted: Float32Array, buckets: number): { first: number; scale: number } {
  const span = sorted[sorted.length - 1] - sorted[0];
  return { first: sorted[0], scale: span > 0 ? (buckets - 2) / span : 0 };
}

/** A value whose p is just above `pLimit`: everything that can have q < 1 lies above it. */
function smallestTestedValue(mean: number, sd: number, pLimit: number): number {
  let low = 0;
  let high = 10;
  // p(0) = 1/2 > pLimit > p(10) for any map of 2 to 1e20 voxels; below 2 voxels everything above the mean is
  // tested.
  for (let step = 0; step < 50; step++) {
    const middle = (low + high) / 2;
    if (normalUpperTail(middle) > pLimit) low = middle;
    else high = middle;
  }
  return mean + sd * low;
}

/** A value whose p is below `pLimit`; infinite where no z up to 10 has such a p. */
function smallestValueBelow(mean: number, sd: number, pLimit: number): number {
  let low = 0;
  let high = 10;
  if (normalUpperTail(high) >= pLimit) return Number.POSITIVE_INFINITY;
  for (let step = 0; step < 50; step++) {
    const middle = (low + high) / 2;
    if (normalUpperTail(middle) < pLimit) high = middle;
    else low = middle;
  }
  return mean + sd * high;
}
