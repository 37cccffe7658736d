/**
 * Radial profiles of the windows around the voxels of a tile (shaders/window-profiles.wgsl): plan, then
 * dispatches recorded into a command encoder. The y sums of a tile are computed and consumed a few rows at a
 * time, so that they stay in the device's last-level cache.
 */
import { LocScaleError } from '../errors.ts';
import type { Shape } from '../math/grid.ts';
import {
  HANN_MEAN_SQUARE,
  type RadialProfileKind,
  shellCountOf,
  shellWeights,
  type WindowTaper,
} from '../math/scaling/windows.ts';
import { type GpuDevice, type GpuLimits, STORAGE } from './device.ts';
import { splitWork } from './dispatch-work.ts';
import { type Bound, createIndexTable, createTable, type Kernel } from './kernel.ts';
import { getKernel } from './kernel-cache.ts';
import { RUN } from './tile-units.ts';
import type { UniformSlots } from './uniform-slots.ts';

/** Sizes of buffers and dispatches for one window size and tile size. */
export interface WindowProfilesPlan {
  readonly windowVoxels: number;
  readonly kind: RadialProfileKind;
  readonly taper: WindowTaper | undefined;
  /** Voxels of the input before the first window, along each axis. */
  readonly inset: number;
  readonly shellCount: number;
  /** Voxels along x per unit, so that lanes * shellCount threads fit a workgroup. */
  readonly lanes: number;
  readonly tileSize: Shape;
  /** Input box (z, y, x): its rows and planes are the pitches of the input. */
  readonly box: Shape;
  /** b, c, b^2 + c^2, weight of every pair, ascending in b^2 + c^2. */
  readonly pairs: readonly FrequencyPair[];
  /** Rows y per batch of y sums. */
  readonly rowsPerBatch: number;
  readonly counts: Float64Array;
  readonly unitCapacity: number;
  readonly xSumBytes: number;
  readonly ySumBytes: number;
  /** Bytes of one set of profiles. */
  readonly profileBytes: number;
}

/** A column of coefficients (b, c) with all its a. */
export interface FrequencyPair {
  readonly b: number;
  readonly c: number;
  readonly square: number;
  readonly weight: number;
}

/** A plan, or the reason why the device does not support it. */
export type Support<T> =
  | { readonly ok: true; readonly plan: T }
  | { readonly ok: false; readonly reason: string };

/** Bytes of y sums per batch: about the last-level cache of a GPU. Fewer would cost more dispatches. */
const Y_BATCH_BYTES = 64 * 2 ** 20;
/** Values of c that a thread of slide_x serves at a time: BATCH of the shader. */
const COLUMN_BATCH = 8;
/**
 * Pairs of one c that a thread of slide_y serves at a time, all of a window of 24: ROW_BATCH of the shader.
 */
const ROW_BATCH = 14;
/** Threads along z of slide_z, PARTS of the shader. */
const PARTS = RUN / 16;
/**
 * Workgroup memory above which too few workgroups would run concurrently, unless fewer lanes are possible.
 */
const GROUP_BYTES = 32 * 1024;

/**
 * `inset`: voxels between the input box and the first window, where the box is larger than the windows need.
 */
export function planWindowProfiles(
  windowVoxels: number,
  kind: RadialProfileKind,
  tileSize: Shape,
  box: Shape,
  limits: GpuLimits,
  { taper, inset = 0 }: { readonly taper?: WindowTaper; readonly inset?: number } = {},
): Support<WindowProfilesPlan> {
  const shellCount = shellCountOf(windowVoxels);
  const most = Math.min(limits.workgroupBytes, GROUP_BYTES);
  const lanes = [16, 8, 4, 2].find(
    (n) => n * shellCount * PARTS <= limits.workgroupInvocations && workgroupBytes(n, windowVoxels) <= most,
  );
  if (lanes === undefined) {
    return {
      ok: false,
      reason: `a window of ${windowVoxels} voxels needs larger workgroups than this GPU has`,
    };
  }
  const [tz, ty, tx] = tileSize;
  if (tz % RUN !== 0 || tx % lanes !== 0)
    return { ok: false, reason: `a tile of ${tileSize.join(' x ')} does not split into units` };
  const pairs = frequencyPairs(windowVoxels, kind);
  const planes = tz + windowVoxels - 1;
  const perRow = 8 * pairs.length * planes * tx;
  const largest = Math.min(limits.bindingBytes, limits.bufferBytes);
  const mostRows = Math.floor(Math.min(largest, Math.max(Y_BATCH_BYTES, perRow)) / perRow);
  const unitCapacity = (tz / RUN) * ty * (tx / lanes);
  const unitVoxels = unitCapacity * lanes * RUN;
  if (mostRows < 1)
    return { ok: false, reason: `a tile of ${tileSize.join(' x ')} exceeds the buffer limit of this GPU` };
  const rowsPerBatch = Math.ceil(ty / Math.ceil(ty / mostRows));
  const plan: WindowProfilesPlan = {
    windowVoxels,
    kind,
    taper,
    inset,
    shellCount,
    lanes,
    tileSize,
    box,
    pairs,
    rowsPerBatch,
    counts: shellWeights(windowVoxels, kind).counts,
    unitCapacity,
    xSumBytes: 8 * shellCount * planes * (ty + windowVoxels - 1) * tx,
    ySumBytes: rowsPerBatch * perRow,
    profileBytes: 4 * shellCount * unitVoxels,
  };
  if (Math.max(plan.xSumBytes, plan.profileBytes) > largest)
    return { ok: false, reason: `a tile of ${tileSize.join(' x ')} exceeds the buffer limit of this GPU` };
  return { ok: true, plan };
}

/** Of slide_z: a column of y sums and the profiles of a unit. */
function workgroupBytes(lanes: number, windowVoxels: number): number {
  return 8 * (RUN + windowVoxels - 1) * lanes + 4 * shellCountOf(windowVoxels) * RUN * lanes;
}

/**
 * All (b, c) whose column reaches into the last shell. In the sphere the planes 0 < c < h represent c and -c
 * (weight 2); the planes 0 and h contain both Friedel mates.
 */
function frequencyPairs(w: number, kind: RadialProfileKind): FrequencyPair[] {
  const h = w / 2;
  const list: FrequencyPair[] = [];
  for (let c = 0; c <= h; c++) {
    const weight = kind === 'sphere' && c > 0 && c < h ? 2 : 1;
    for (let b = kind === 'sphere' ? 1 - h : 0; b <= h; b++) {
      const square = b * b + c * c;
      if (square < (h + 1) ** 2) list.push({ b, c, square, weight });
    }
  }
  return list.sort((one, other) => one.square - other.square);
}

/**
 * Tables of the pairs for slide_z: per pair, and for a sentinel after the last, b^2 + c^2 (beyond every shell
 * for the sentinel), weight and number of rounds; per (pair, a) the round in which the thread's sums move to
 * their shell, 0 if they stay.
 */
export function shellRounds(
  pairs: readonly FrequencyPair[],
  shellCount: number,
): { readonly pairs: Uint32Array; readonly rounds: Uint32Array } {
  const shells = new Array<number>(shellCount).fill(shellCount);
  const table = new Uint32Array(pairs.length + 1);
  const rounds = new Uint32Array((pairs.length + 1) * shellCount);
  for (let p = 0; p <= pairs.length; p++) {
    const { square, weight } = pairs[p] ?? { square: shellCount ** 2, weight: 0 };
    /** Threads that move sums to a shell before this pair. */
    const moves = new Map<number, number>();
    for (let a = 0; a < shellCount; a++) {
      const shell = Math.min(shellCount, Math.floor(Math.sqrt(a * a + square)));
      if (shell !== shells[a] && shells[a] < shellCount) {
        const round = 1 + (moves.get(shells[a]) ?? 0);
        moves.set(shells[a], round);
        rounds[p * shellCount + a] = round;
      }
      shells[a] = shell;
    }
    table[p] = square + 2 ** 16 * weight + 2 ** 24 * Math.max(0, ...moves.values());
  }
  return { pairs: table, rounds };
}

/**
 * Per thread of slide_y the pairs of one c with up to ROW_BATCH values of b in a row, as many times {first b
 * mod w, c, number of the pair}.
 */
function rowBatches(pairs: readonly FrequencyPair[], w: number): Uint32Array {
  const none = 0xffffffff;
  const list: number[] = [];
  for (let c = 0; c <= w / 2; c++) {
    const numbers = new Map(pairs.flatMap((pair, number) => (pair.c === c ? [[pair.b, number]] : [])));
    const last = Math.max(...numbers.keys());
    for (let first = Math.min(...numbers.keys()); first <= last; first += ROW_BATCH)
      for (let k = 0; k < ROW_BATCH; k++) list.push((first + w) % w, c, numbers.get(first + k) ?? none, 0);
  }
  return Uint32Array.from(list);
}

/** Prepared kernels and buffers, reused for every tile. */
export interface WindowProfiles {
  readonly plan: WindowProfilesPlan;
  readonly kernels: readonly Kernel[];
  /**
   * Records the profiles of the units of a tile, ordered by rows (gpu/tile-units.ts), from the input box;
   * `profiles` receives [shell][unit voxel]. Not concurrently: the intermediate sums are reused.
   */
  encode(
    encoder: GPUCommandEncoder,
    input: Bound,
    units: Bound,
    list: Uint32Array,
    profiles: Bound,
    uniforms: UniformSlots,
  ): void;
  destroy(): void;
}

const NAME = 'window-profiles';

export function compileWindowProfiles(
  gpu: GpuDevice,
  { windowVoxels, shellCount, lanes, taper: tapered }: WindowProfilesPlan,
): Promise<[Kernel, Kernel, Kernel]> {
  const taper = tapered === undefined ? 0 : 1;
  const constants = { window_voxels: windowVoxels, shell_count: shellCount, taper };
  return Promise.all([
    getKernel(gpu, NAME, 'slide_x', constants),
    getKernel(gpu, NAME, 'slide_y', { window_voxels: windowVoxels, taper }),
    getKernel(gpu, NAME, 'slide_z', { ...constants, lanes }),
  ]);
}

/** Buffers for one tile; the tables depend on the window only. */
export async function createWindowProfiles(
  gpu: GpuDevice,
  plan: WindowProfilesPlan,
): Promise<WindowProfiles> {
  const { windowVoxels, tileSize, box, rowsPerBatch, inset } = plan;
  const name = NAME;
  const [slideX, slideY, slideZ] = await compileWindowProfiles(gpu, plan);
  const { twiddles, yBatches, pairs, rounds, norms, batches } = createTables(gpu, name, plan);
  const xSums = gpu.createBuffer(`${name} x sums`, plan.xSumBytes, STORAGE);
  const ySums = gpu.createBuffer(`${name} y sums`, plan.ySumBytes, STORAGE);
  const [tz, ty, tx] = tileSize;
  const planes = tz + windowVoxels - 1;
  const boxRows = ty + windowVoxels - 1;
  const rowGroups = Math.ceil(tx / 64);
  const work = profileWork(plan);

  return {
    plan,
    kernels: [slideX, slideY, slideZ],
    encode(encoder, input, units, list, profiles, uniforms) {
      const unitCount = list.length / 4;
      if (unitCount > plan.unitCapacity)
        throw new LocScaleError('internal', 'A tile has more units than were planned.');
      const parametersOf = (firstRow: number, firstPlane: number, firstUnit: number): Bound =>
        uniforms.write([
          ['u32', tz],
          ['u32', tx],
          ['u32', box[2]],
          ['u32', box[1] * box[2]],
          ['u32', boxRows],
          ['u32', firstRow],
          ['u32', Math.min(rowsPerBatch, ty - firstRow)],
          ['u32', plan.pairs.length],
          ['u32', firstPlane],
          ['u32', firstUnit],
          ['u32', unitCount],
          ['u32', inset * (box[1] * box[2] + box[2] + 1)],
          ['u32', plan.kind === 'sphere' ? 1 : 0],
        ]);
      const pass = encoder.beginComputePass({ label: name });
      for (const { first, count } of splitWork(planes, work.xPerPlane, gpu.limits)) {
        const parameters = parametersOf(0, first, 0);
        slideX.run(pass, { parameters, tile: input, twiddles, x_sums: xSums }, [rowGroups, boxRows, count]);
      }
      for (let firstRow = 0, unit = 0; firstRow < ty; firstRow += rowsPerBatch) {
        const firstUnit = unit;
        let [from, to] = [tz, 0];
        for (; unit < unitCount && list[4 * unit + 1] < firstRow + rowsPerBatch; unit++) {
          from = Math.min(from, list[4 * unit]);
          to = Math.max(to, list[4 * unit] + RUN);
        }
        // Also for rows without units, so that slots, and hence bind groups, are the same for every tile.
        const parameters = parametersOf(firstRow, from, firstUnit);
        if (unit === firstUnit) continue;
        const atFirst = (plane: number, number: number): Bound =>
          plane === from && number === firstUnit ? parameters : parametersOf(firstRow, plane, number);
        for (const { first, count } of splitWork(to - from + windowVoxels - 1, work.yPerPlane, gpu.limits)) {
          const bound = { parameters: atFirst(from + first, firstUnit), x_sums: xSums, y_sums: ySums };
          slideY.run(pass, { ...bound, twiddles, y_batches: yBatches }, [rowGroups, count, batches]);
        }
        for (const { first, count } of splitWork(unit - firstUnit, work.zPerUnit, gpu.limits)) {
          const bound = { parameters: atFirst(from, firstUnit + first), y_sums: ySums, units, profiles };
          slideZ.run(pass, { ...bound, twiddles, pairs, rounds, norms }, [count]);
        }
      }
      pass.end();
    },
    destroy() {
      for (const buffer of [twiddles, yBatches, pairs, rounds, norms, xSums, ySums])
        gpu.destroyBuffer(buffer);
    },
  };
}

/** Multiply-adds of the three steps, per plane, plane and unit. */
export function profileWork(plan: WindowProfilesPlan): {
  readonly xPerPlane: number;
  readonly yPerPlane: number;
  readonly zPerUnit: number;
} {
  const { windowVoxels: w, shellCount, lanes, tileSize, pairs, rowsPerBatch, kind, taper } = plan;
  const [, ty, tx] = tileSize;
  // A complex product and sum; the taper combines three neighbours.
  const step = 4 * (taper === undefined ? 1 : 3);
  const columns = rowBatches(pairs, w).length / 4;
  return {
    xPerPlane: (ty + w - 1) * tx * COLUMN_BATCH * Math.ceil(shellCount / COLUMN_BATCH) * 4 * w,
    yPerPlane: tx * columns * step * (w + rowsPerBatch),
    // Seeds of w steps, then one step a voxel, and its length.
    zPerUnit: lanes * shellCount * PARTS * pairs.length * step * (w + 2 * 16) * (kind === 'sphere' ? 2 : 1),
  };
}

/** Twiddles, schedules of slide_y and slide_z, and normalisation per shell. */
function createTables(gpu: GpuDevice, name: string, plan: WindowProfilesPlan) {
  const { windowVoxels, shellCount, counts, taper } = plan;
  // Normalised so that white noise has the same profile as in windows without weights.
  const weights = taper === undefined ? 1 : Math.sqrt(HANN_MEAN_SQUARE);
  const yBatches = rowBatches(plan.pairs, windowVoxels);
  const { pairs, rounds } = shellRounds(plan.pairs, shellCount);
  return {
    twiddles: createTable(gpu, `${name} twiddles`, twiddleTable(windowVoxels)),
    yBatches: createIndexTable(gpu, `${name} y batches`, yBatches),
    batches: yBatches.length / 4 / ROW_BATCH,
    pairs: createIndexTable(gpu, `${name} pairs`, pairs),
    rounds: createIndexTable(gpu, `${name} rounds`, rounds),
    norms: createTable(
      gpu,
      `${name} norms`,
      Array.from(counts, (n) => 1 / (n * weights * windowVoxels ** 1.5)),
    ),
  };
}

/** {cos, sin} of 2 pi k / w, k < w. */
function twiddleTable(w: number): Float64Array {
  const table = new Float64Array(2 * w);
  for (let k = 0; k < w; k++) {
    table[2 * k] = Math.cos((2 * Math.PI * k) / w);
    table[2 * k + 1] = Math.sin((2 * Math.PI * k) / w);
  }
  return table;
}

/** Bytes of all buffers of `createWindowProfiles`, without the profiles. */
export function windowProfilesBytes(plan: WindowProfilesPlan): number {
  const { windowVoxels: w, shellCount, pairs } = plan;
  const tables =
    8 * w + 4 * rowBatches(pairs, w).length + 4 * (pairs.length + 1) * (1 + shellCount) + 4 * shellCount;
  return plan.xSumBytes + plan.ySumBytes + tables;
}
