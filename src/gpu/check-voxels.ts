/**
 * Kernels that work voxel by voxel on a GPU and driver that have not been seen yet: those of averages,
 * statistics, masks and confidence maps, on small volumes that hold every case, against float64.
 */
import { binWeight } from '../math/fourier/local-filter.ts';
import { confidenceSphere } from '../math/statistics/confidence.ts';
import { keyAbove, keyAtLeast, orderKey } from '../math/statistics/float-order.ts';
import { finishStatistics, mergeStatistics, NO_VOXELS } from '../math/statistics/moments.ts';
import { createRandom } from '../math/statistics/random.ts';
import type { KernelUnderTest } from './kernel-under-test.ts';
import { decodePart, PART_WORDS } from './statistics-parts.ts';
import { relativeError } from './verification.ts';
import { linearWorkgroups, PART_VOXELS } from './workgroups.ts';

/** More than a workgroup, and no multiple of one. */
const VOXELS = PART_VOXELS + 901;

/** Two volumes, voxel by voxel; buffers are longer than the volume. */
export async function checkAverage({ gpu, scratch, run, read }: KernelUnderTest): Promise<number> {
  const [a, b] = [noise(1, VOXELS + 99), noise(2, VOXELS + 99)];
  const out = scratch.storage('average', 4 * (VOXELS + 99));
  const parameters = scratch.uniform('average', [['u32', VOXELS]]);
  run({ parameters, a: scratch.table('a', a), b: scratch.table('b', b), out }, linearWorkgroups(gpu, VOXELS));
  // Nothing beyond the last voxel.
  const expected = Float64Array.from({ length: VOXELS + 99 }, (_, i) => (i < VOXELS ? (a[i] + b[i]) / 2 : 0));
  return relativeError(new Float32Array(await read(out)), expected);
}

/** All voxels, those inside a mask, those outside: counts, extremes, moments. */
export async function checkStatistics({ gpu, scratch, run, read }: KernelUnderTest): Promise<number> {
  const values = noise(3, VOXELS).map((value) => 2 + value);
  // Zeros of both signs count as zeros; what is not finite counts by itself.
  values.set([0, -0, Number.NaN, Number.POSITIVE_INFINITY, 0, Number.NEGATIVE_INFINITY], 40);
  const inside = noise(4, VOXELS).map((value) => (value > 0.3 ? 1 : 0));
  const [volume, mask] = [scratch.table('volume', values), scratch.table('mask', inside)];
  const [x, y] = linearWorkgroups(gpu, VOXELS, PART_VOXELS);
  const errors: number[] = [];
  for (const choice of [0, 1, 2]) {
    // Parts begin at 1, as in a second slab.
    const parts = scratch.storage('statistics parts', 4 * PART_WORDS * (1 + x * y));
    const parameters = scratch.uniform('statistics', [
      ['u32', VOXELS],
      ['u32', choice],
      ['u32', 1],
    ]);
    run({ parameters, volume, mask, parts }, [x, y]);
    const words = new Uint32Array(await read(parts));
    let total = NO_VOXELS;
    for (let i = 1; i <= x * y; i++) total = mergeStatistics(total, decodePart(words, i * PART_WORDS));
    const found = finishStatistics(total);
    const chosen = Array.from(values).filter((_, i) => choice === 0 || inside[i] === (choice === 1 ? 1 : 0));
    const finite = chosen.filter((value) => Number.isFinite(value));
    const mean = finite.reduce((sum, value) => sum + value, 0) / finite.length;
    const squares = finite.reduce((sum, value) => sum + (value - mean) ** 2, 0);
    const expected = [
      [found.count, finite.length],
      [total.zeros, finite.filter((value) => value === 0).length],
      [total.nonFinite, chosen.length - finite.length],
      [found.min, Math.min(...finite)],
      [found.max, Math.max(...finite)],
      [total.mean, mean],
      [total.squares, squares],
    ];
    errors.push(...expected.map(([ours, right]) => relativeError([ours], [right])));
  }
  // NaN stays NaN.
  return Math.max(...errors);
}

/** Voxels at, below and above the threshold, and such that are no numbers. */
export async function checkBinarise({ gpu, scratch, run, read }: KernelUnderTest): Promise<number> {
  const threshold = 0.25;
  const values = noise(5, VOXELS);
  values.set([threshold, threshold * (1 - 2 ** -24), Number.NaN, Number.POSITIVE_INFINITY, -0], 30);
  const [mask, counts] = [scratch.storage('mask', 4 * VOXELS), scratch.storage('counts', 8)];
  const parameters = scratch.uniform('binarise', [
    ['u32', VOXELS],
    ['u32', keyAtLeast(threshold)],
    ['u32', 1],
  ]);
  const volume = scratch.table('volume', values);
  run({ parameters, volume, mask, counts }, linearWorkgroups(gpu, VOXELS, PART_VOXELS));
  const expected = Float64Array.from(values, (value) => (value >= threshold ? 1 : 0));
  const ones = expected.reduce((sum, value) => sum + value, 0);
  return Math.max(
    relativeError(new Float32Array(await read(mask)), expected),
    relativeError(new Uint32Array(await read(counts)), [0, ones]),
  );
}

/** Two slabs whose border divides blocks. */
export async function checkOccupancy({ scratch, run, read }: KernelUnderTest): Promise<number> {
  const [nz, ny, nx] = [11, 9, 13];
  const [block, first] = [4, 6];
  const values = noise(6, nz * ny * nx);
  values.set([0.5, 0.5 + 2 ** -24, Number.NaN], 100);
  const [bz, by, bx] = [nz, ny, nx].map((n) => Math.ceil(n / block));
  const counts = scratch.storage('counts', 4 * bz * by * bx);
  for (const [from, to] of [
    [0, first],
    [first, nz],
  ]) {
    const firstBlock = Math.floor(from / block);
    const fields = [block, firstBlock, from, to - from, ny, nx];
    const parameters = scratch.uniform(
      'occupancy',
      fields.map((value) => ['u32', value] as const),
    );
    const mask = scratch.table('mask', values.slice(from * ny * nx, to * ny * nx));
    run({ parameters, mask, counts }, [bx, by, Math.ceil(to / block) - firstBlock]);
  }
  const expected = new Float64Array(bz * by * bx);
  values.forEach((value, i) => {
    const [z, y, x] = [Math.floor(i / (ny * nx)), Math.floor(i / nx) % ny, i % nx];
    const at = (Math.floor(z / block) * by + Math.floor(y / block)) * bx + Math.floor(x / block);
    if (value > 0.5) expected[at]++;
  });
  return relativeError(new Uint32Array(await read(counts)), expected);
}

/** A small box: the sphere in it leaves out the corners. */
const SPHERE_EDGE = 18;
/** Values up to the first have a confidence of 0, from the second on of 1. */
const [THRESHOLD, CERTAIN] = [0.4, 1.75];

/** A volume with voxels that are no numbers, its rows within the sphere, and the keys that are tested. */
function confidenceCase() {
  const n = SPHERE_EDGE;
  const values = noise(7, n ** 3);
  const middle = (n ** 3 + n * n + n) / 2;
  values.set([THRESHOLD, CERTAIN, Number.NaN, Number.POSITIVE_INFINITY, -0], middle);
  const { rowStart, rowEnd } = confidenceSphere([n, n, n]);
  const rows = Uint32Array.from({ length: n * n }, (_, i) => rowStart[i] + 0x10000 * rowEnd[i]);
  const tested = Array.from(values, (value, i) => {
    const [row, x] = [Math.floor(i / n), i % n];
    return x >= rowStart[row] && x < rowEnd[row] && value > Math.fround(THRESHOLD);
  });
  const [threshold, certain] = [keyAbove(Math.fround(THRESHOLD)), keyAtLeast(CERTAIN)];
  const fields = (entries: number, clear: number) =>
    [n ** 3, n, threshold, certain, 2, entries, clear].map((value) => ['u32', value] as const);
  const uncertain = values.filter((value, k) => tested[k] && value < CERTAIN);
  const above = values.filter((value, k) => tested[k] && value >= CERTAIN).length;
  return { n, values, rows, tested, uncertain, above, fields };
}

/** The keys, in whatever order, and how many. */
export async function checkCollect({ gpu, scratch, run, read }: KernelUnderTest): Promise<number> {
  const { n, values, rows, uncertain, above, fields } = confidenceCase();
  const keysOut = scratch.storage('keys', 4 * n ** 3);
  const counts = scratch.storage('counts', 16);
  const bound = {
    parameters: scratch.uniform('confidence', fields(0, 0)),
    volume: scratch.table('volume', values),
    rows: scratch.table('rows', rows),
    keys_out: keysOut,
    counts,
  };
  run(bound, linearWorkgroups(gpu, n ** 3, PART_VOXELS));
  const expected = Array.from(uncertain, orderKey).sort((a, b) => a - b);
  const keys = new Uint32Array(await read(keysOut)).slice(0, expected.length).sort();
  return Math.max(
    relativeError(new Uint32Array(await read(counts)), [0, 0, expected.length, above]),
    // Keys are near each other.
    keys.every((key, i) => key === expected[i]) ? 0 : 1,
  );
}

/** Every second value has an entry; in a second part the others keep what is there. */
export async function checkApply({ gpu, scratch, run, read }: KernelUnderTest): Promise<number> {
  const { n, values, rows, tested, uncertain, fields } = confidenceCase();
  const keys = [...new Set(Array.from(uncertain, orderKey))].sort((a, b) => a - b);
  const out = scratch.table('out', noise(8, n ** 3));
  const [volume, rowTable] = [scratch.table('volume', values), scratch.table('rows', rows)];
  const confidenceOf = (key: number): number => 0.25 + keys.indexOf(key) / (2 * keys.length);
  for (const part of [0, 1]) {
    const entries = keys.filter((_, i) => i % 2 === part);
    const bound = {
      parameters: scratch.uniform('confidence', fields(entries.length, part === 0 ? 1 : 0)),
      volume,
      rows: rowTable,
      table_keys: scratch.table('keys', Uint32Array.from(entries)),
      table_values: scratch.table('values', Float32Array.from(entries, confidenceOf)),
      out,
    };
    run(bound, linearWorkgroups(gpu, n ** 3));
  }
  const expected = Array.from(values, (value, i) => {
    if (!tested[i]) return 0;
    return value >= CERTAIN ? 1 : confidenceOf(orderKey(value));
  });
  return relativeError(new Float32Array(await read(out)), expected);
}

/** A box that reaches beyond a slab on every side. */
export async function checkTileCopy({ gpu, scratch, run, read }: KernelUnderTest): Promise<number> {
  const [planes, ny, nx] = [4, 6, 5];
  const size = [7, 9, 8] as const;
  const start = [-2, -1, -2] as const;
  const [skipped, pad] = [1, 0.75];
  const values = noise(9, planes * ny * nx);
  const voxels = (size[0] - skipped) * size[1] * size[2];
  const tile = scratch.storage('tile', 4 * size[0] * size[1] * size[2]);
  const parameters = scratch.uniform('tile-copy', [
    ...[skipped, voxels, size[1], size[2]].map((value) => ['u32', value] as const),
    ...[...start, planes, ny, nx].map((value) => ['i32', value] as const),
    ['f32', pad],
  ]);
  run({ parameters, volume: scratch.table('volume', values), tile }, linearWorkgroups(gpu, voxels));
  const expected = Float64Array.from({ length: size[0] * size[1] * size[2] }, (_, i) => {
    const at = [Math.floor(i / (size[1] * size[2])), Math.floor(i / size[2]) % size[1], i % size[2]];
    if (at[0] < skipped) return 0;
    const [z, y, x] = at.map((n, axis) => n + start[axis]);
    const isInside = z >= 0 && z < planes && y >= 0 && y < ny && x >= 0 && x < nx;
    return isInside ? values[(z * ny + y) * nx + x] : pad;
  });
  return relativeError(new Float32Array(await read(tile)), expected);
}

/** Cut-offs below, within and above the bin, and voxels without one. */
export async function checkLocalFilter({ gpu, scratch, run, read }: KernelUnderTest): Promise<number> {
  const bin = { below: 0.1, at: 0.2, above: 0.35 };
  const [filtered, before] = [noise(10, VOXELS), noise(11, VOXELS)];
  const cutoffs = noise(12, VOXELS).map((value) => (value > 1 ? 0 : 1 / (0.05 + Math.abs(value) / 4)));
  const out = scratch.table('out', before);
  const parameters = scratch.uniform('local-filter', [
    ['u32', VOXELS],
    ...Object.values(bin).map((value) => ['f32', value] as const),
  ]);
  const [map, resolution] = [scratch.table('filtered', filtered), scratch.table('cutoffs', cutoffs)];
  run({ parameters, filtered: map, cutoffs: resolution, out }, linearWorkgroups(gpu, VOXELS));
  const expected = Float64Array.from(before, (value, i) => {
    if (cutoffs[i] === 0) return value;
    return value + binWeight(1 / cutoffs[i], bin.below, bin.at, bin.above) * filtered[i];
  });
  return relativeError(new Float32Array(await read(out)), expected);
}

/** Gaussian, the same in every run. */
function noise(seed: number, count: number): Float32Array {
  const random = createRandom(seed);
  return Float32Array.from({ length: count }, () => random.gaussian());
}
