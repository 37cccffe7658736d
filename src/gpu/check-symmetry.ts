/**
 * Averages over a symmetry on a GPU and driver that have not been seen yet: their kernels on small boxes,
 * against float64. Operators that map the grid onto itself, rotations about z and about all axes.
 */
import { type Shape, voxelCount } from '../math/grid.ts';
import { createRandom } from '../math/statistics/random.ts';
import { pointGroup } from '../math/symmetry/point-group.ts';
import {
  TABLE_PITCH,
  TABLE_STEPS,
  TAPS,
  TAPS_BEFORE,
  weightTable,
} from '../math/symmetry/rotation-kernel.ts';
import {
  type Copy,
  type GridMaps,
  type Interpolation,
  planSymmetrise,
} from '../math/symmetry/rotation-plan.ts';
import type { UniformField } from './kernel.ts';
import type { KernelUnderTest } from './kernel-under-test.ts';
import { packCopies } from './symmetry-copies.ts';
import { relativeError } from './verification.ts';
import { linearWorkgroups } from './workgroups.ts';

/** Axis order of volumes. */
type Triple = readonly [z: number, y: number, x: number];

/** Small, as the right results are sums over all copies and neighbours. */
const EDGE = 8;
/** A cube, in which rotations may exchange the axes. */
const SHAPE: Shape = [EDGE, EDGE, EDGE];
/** Slabs of the sources end here, so that sums continue in the next. */
const SLAB = 3;

/** D4 about a point away from the middle: some copies lie outside. */
export async function checkMoveVoxels(kernel: KernelUnderTest): Promise<number> {
  const { maps } = planSymmetrise(SHAPE, pointGroup('D4'), { centre: [3, 4, 4] });
  const source = noise(1, voxelCount(SHAPE));
  const tables = kernel.scratch.table('tables', new Uint32Array(maps.tables.buffer));
  const found = await average(kernel, SHAPE, source, { maps }, { tables });
  const expected = Float64Array.from(source, (_, i) => {
    const images = imagesOf(maps, i).filter((image) => image >= 0);
    return images.reduce((sum, image) => sum + source[image], 0) / images.length;
  });
  return relativeError(found, expected);
}

/** C3 and I: neighbours in one plane, and in six. */
export async function checkGather(kernel: KernelUnderTest): Promise<number> {
  const errors: number[] = [];
  for (const group of ['C3', 'I']) {
    const { maps, interpolation } = planSymmetrise(SHAPE, pointGroup(group));
    if (interpolation === undefined) throw new Error(`${group} rotates by right angles only`);
    const { fine, copies } = interpolation;
    const source = noise(2, voxelCount(fine));
    const weights = weightTable();
    const bound = {
      tables: kernel.scratch.table('tables', new Uint32Array(maps.tables.buffer)),
      copies: kernel.scratch.table('copies', packCopies(copies)),
      weights: kernel.scratch.table('weights', weights),
    };
    const found = await average(kernel, fine, source, { maps, interpolation }, bound);
    const values = new Map<number, number>();
    const expected = Float64Array.from(found, (_, i) => {
      const own = Math.min(i, ...imagesOf(maps, i));
      const value = values.get(own) ?? interpolate(source, interpolation, weights, positionOf(own));
      values.set(own, value);
      return value;
    });
    errors.push(relativeError(found, expected));
  }
  return Math.max(...errors);
}

/** Runs a kernel from a source in two slabs to a result in two slabs. */
async function average(
  { gpu, scratch, run, read }: KernelUnderTest,
  fine: Shape,
  source: Float32Array,
  { maps, interpolation }: { readonly maps: GridMaps; readonly interpolation?: Interpolation },
  bound: Readonly<Record<string, GPUBuffer>>,
): Promise<Float32Array> {
  const plane = EDGE * EDGE;
  const result = new Float32Array(EDGE * plane);
  const { copies = [], planar = false, first = [0, 0, 0], last = [0, 0, 0] } = interpolation ?? {};
  for (const [from, to] of slabsOf(EDGE)) {
    const out = scratch.storage('out', 4 * (to - from) * plane);
    slabsOf(fine[0]).forEach(([sourceFirst, sourceEnd], i) => {
      const fields: UniformField[] = [
        ...[to - from, EDGE, EDGE, EDGE, from, sourceFirst, sourceEnd - sourceFirst, ...fine].map(unsigned),
        ...[copies.length, planar ? 1 : 0, i, maps.count].map(unsigned),
        ...[...first, ...last].map((value): UniformField => ['f32', value]),
        unsigned(0),
      ];
      const voxels = source.slice(sourceFirst * fine[1] * fine[2], sourceEnd * fine[1] * fine[2]);
      const parameters = scratch.uniform('symmetrise', fields);
      const slab = scratch.table('source', voxels);
      run({ parameters, source: slab, out, ...bound }, linearWorkgroups(gpu, (to - from) * plane));
    });
    result.set(new Float32Array(await read(out)), from * plane);
  }
  return result;
}

/** First plane and end of both slabs. */
function slabsOf(planes: number): [number, number][] {
  return [
    [0, SLAB],
    [SLAB, planes],
  ];
}

/** A field of the uniform struct. */
function unsigned(value: number): UniformField {
  return ['u32', value];
}

/** Linear indices of the voxels that the maps take voxel i to; negative: outside. */
function imagesOf({ count, tables }: GridMaps, i: number): number[] {
  const [z, y, x] = positionOf(i);
  return Array.from({ length: count }, (_, k) => {
    const begin = 3 * EDGE * k;
    const parts = [tables[begin + z], tables[begin + EDGE + y], tables[begin + 2 * EDGE + x]];
    return parts.some((part) => part < 0) ? -1 : parts[0] + parts[1] + parts[2];
  });
}

/** Voxel (z, y, x) of a linear index. */
function positionOf(i: number): Triple {
  return [Math.floor(i / EDGE ** 2), Math.floor(i / EDGE) % EDGE, i % EDGE];
}

/** Mean of the copies that are inside, from their neighbours on the fine grid. */
function interpolate(
  source: Float32Array,
  { fine, planar, copies, first, last }: Interpolation,
  weights: Float32Array,
  voxel: Triple,
): number {
  let [sum, inside] = [0, 0];
  for (const copy of copies) {
    const position = placeOf(copy, voxel);
    if (position.some((p, axis) => p < first[axis] || p > last[axis])) continue;
    inside++;
    const axes = position.map((p, axis) =>
      axis === 0 && planar
        ? [{ at: Math.round(p) % fine[0], weight: 1 }]
        : neighbours(p, fine[axis], weights),
    );
    for (const z of axes[0])
      for (const y of axes[1])
        for (const x of axes[2])
          sum += z.weight * y.weight * x.weight * source[(z.at * fine[1] + y.at) * fine[2] + x.at];
  }
  return sum / Math.max(inside, 1);
}

/** Position on the fine grid of a copy of a voxel, in its voxels. */
function placeOf({ start, byZ, byY, byX }: Copy, [z, y, x]: Triple): number[] {
  return start.map((value, axis) => value + z * byZ[axis] + y * byY[axis] + x * byX[axis]);
}

/** Neighbours along one periodic axis with their weights, linear between the table's rows. */
function neighbours(position: number, n: number, weights: Float32Array): { at: number; weight: number }[] {
  const whole = Math.floor(position);
  const place = (position - whole) * TABLE_STEPS;
  const row = Math.floor(place);
  return Array.from({ length: TAPS }, (_, t) => {
    const [low, high] = [0, 1].map((next) => weights[(row + next) * TABLE_PITCH + t]);
    const at = whole - TAPS_BEFORE + t;
    return { at: ((at % n) + n) % n, weight: low + (place - row) * (high - low) };
  });
}

/** A strip of the fine half spectrum, for copies in a plane and in space. */
export async function checkPrefilter({ gpu, scratch, run, read }: KernelUnderTest): Promise<number> {
  const [fine, map]: [Triple, Triple] = [
    [10, 12, 14],
    [8, 9, 11],
  ];
  const [rows, firstRow, pitch] = [5, 6, 9];
  const gains = noise(3, fine[0] + fine[1] + fine[2]);
  const input = noise(4, 2 * fine[0] * rows * pitch);
  const errors: number[] = [];
  for (const planar of [false, true]) {
    const spectrum = scratch.table('spectrum', input);
    const fields = [fine[0], rows, firstRow, pitch, fine[1], ...map, planar ? 1 : 0];
    const strip = scratch.uniform('prefilter', fields.map(unsigned));
    const weights = scratch.table('gains', gains);
    run({ strip, spectrum, weights }, linearWorkgroups(gpu, fine[0] * rows * pitch));
    const square = (k: number, axis: 0 | 1 | 2): number =>
      ((2 * k > fine[axis] ? k - fine[axis] : k) / map[axis]) ** 2;
    const expected = Float64Array.from(input, (value, i) => {
      const at = Math.floor(i / 2);
      const [kz, ky, kx] = [
        Math.floor(at / (rows * pitch)),
        firstRow + (Math.floor(at / pitch) % rows),
        at % pitch,
      ];
      const sum = (planar ? 0 : square(kz, 0)) + square(ky, 1) + (kx / map[2]) ** 2;
      if (sum >= 0.25 - 1e-7) return 0;
      return value * gains[kz] * gains[fine[0] + ky] * gains[fine[0] + fine[1] + kx];
    });
    errors.push(relativeError(new Float32Array(await read(spectrum)), expected));
  }
  return Math.max(...errors);
}

/** Gaussian, the same in every run. */
function noise(seed: number, count: number): Float32Array {
  const random = createRandom(seed);
  return Float32Array.from({ length: count }, () => random.gaussian());
}
