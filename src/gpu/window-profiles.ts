/**
 * Radial profiles of the windows around the voxels of a tile (shaders/window-profiles.wgsl): plan, then
 * dispatches recorded into a command encoder.
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
import { type Bound, createIndexTable, createTable } from './kernel.ts';
import { getKernel } from './kernel-cache.ts';
import { RUN } from './tile-units.ts';
import type { UniformSlots } from './uniform-slots.ts';

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
  /** b mod w, c, b^2 + c^2, weight of every pair, ascending in b^2 + c^2. */
  readonly pairs: Uint32Array;
  readonly pairsPerBatch: number;
  readonly counts: Float64Array;
  readonly unitCapacity: number;
  readonly xSumBytes: number;
  readonly ySumBytes: number;
  readonly slotBytes: number;
  /** Bytes of one set of profiles. */
  readonly profileBytes: number;
}

export type Support<T> =
  | { readonly ok: true; readonly plan: T }
  | { readonly ok: false; readonly reason: string };

/** Bytes that the y sums of one batch of pairs may take where the limits allow more. */
const LARGEST_Y_BATCH_BYTES = 256 * 2 ** 20;

export function planWindowProfiles(
  windowVoxels: number,
  kind: RadialProfileKind,
  tileSize: Shape,
  box: Shape,
  limits: GpuLimits,
  { taper, inset = 0 }: { readonly taper?: WindowTaper; readonly inset?: number } = {},
): Support<WindowProfilesPlan> {
  const shellCount = shellCountOf(windowVoxels);
  const lanes = [16, 8, 4].find(
    (n) =>
      n * shellCount <= limits.workgroupInvocations &&
      workgroupBytes(n, windowVoxels) <= limits.workgroupBytes,
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
  const pairCount = pairs.length / 4;
  const planes = tz + windowVoxels - 1;
  const perPair = 8 * planes * ty * tx;
  const largest = Math.min(limits.bindingBytes, limits.bufferBytes);
  const pairsPerBatch = Math.min(pairCount, Math.floor(Math.min(largest, LARGEST_Y_BATCH_BYTES) / perPair));
  const unitCapacity = (tz / RUN) * ty * (tx / lanes);
  const unitVoxels = unitCapacity * lanes * RUN;
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
    pairsPerBatch,
    counts: shellWeights(windowVoxels, kind).counts,
    unitCapacity,
    xSumBytes: 8 * shellCount * planes * (ty + windowVoxels - 1) * tx,
    ySumBytes: pairsPerBatch * perPair,
    slotBytes: 2 * shellCount * (shellCount + 1) * unitVoxels,
    profileBytes: 4 * shellCount * unitVoxels,
  };
  if (pairsPerBatch < 1 || Math.max(plan.xSumBytes, plan.slotBytes, plan.profileBytes) > largest) {
    return { ok: false, reason: `a tile of ${tileSize.join(' x ')} exceeds the buffer limit of this GPU` };
  }
  return { ok: true, plan };
}

function workgroupBytes(lanes: number, windowVoxels: number): number {
  return 8 * ((RUN + windowVoxels - 1) * lanes + windowVoxels);
}

/**
 * All (b, c) whose column reaches into the last shell. In the sphere the planes 0 < c < h stand for c and
 * -c (weight 2), the planes 0 and h hold both of their Friedel mates.
 */
function frequencyPairs(w: number, kind: RadialProfileKind): Uint32Array {
  const h = w / 2;
  const list: [number, number, number, number][] = [];
  for (let c = 0; c <= h; c++) {
    const weight = kind === 'sphere' && c > 0 && c < h ? 2 : 1;
    for (let b = kind === 'sphere' ? 1 - h : 0; b <= h; b++) {
      const square = b * b + c * c;
      if (square < (h + 1) ** 2) list.push([(b + w) % w, c, square, weight]);
    }
  }
  list.sort((one, other) => one[2] - other[2]);
  return Uint32Array.from(list.flat());
}

export interface WindowProfiles {
  readonly plan: WindowProfilesPlan;
  /**
   * Records the profiles of `unitCount` units of the input box; `profiles` gets [shell][unit voxel].
   * One at a time: the intermediate sums are reused.
   */
  encode(
    encoder: GPUCommandEncoder,
    input: Bound,
    units: Bound,
    unitCount: number,
    profiles: Bound,
    uniforms: UniformSlots,
  ): void;
  destroy(): void;
}

export async function createWindowProfiles(
  gpu: GpuDevice,
  plan: WindowProfilesPlan,
): Promise<WindowProfiles> {
  const { windowVoxels, shellCount, lanes, tileSize, box, taper, inset } = plan;
  const name = 'window-profiles';
  const hann = taper === undefined ? 0 : 1;
  const constants = { window_voxels: windowVoxels, shell_count: shellCount, lanes, taper: hann };
  const needed: Record<string, (keyof typeof constants)[]> = {
    slide_x: ['window_voxels', 'shell_count', 'taper'],
    slide_y: ['window_voxels', 'taper'],
    slide_z: ['window_voxels', 'shell_count', 'lanes', 'taper'],
    reduce: ['shell_count', 'lanes'],
  };
  const [slideX, slideY, slideZ, reduce] = await Promise.all(
    Object.entries(needed).map(([entryPoint, keys]) =>
      getKernel(gpu, name, entryPoint, Object.fromEntries(keys.map((key) => [key, constants[key]]))),
    ),
  );
  const buffers: GPUBuffer[] = [];
  const keep = (buffer: GPUBuffer): GPUBuffer => {
    buffers.push(buffer);
    return buffer;
  };
  const { twiddles, pairs, shellOf, norms } = createTables(gpu, name, plan);
  buffers.push(twiddles, pairs, shellOf, norms);
  const xSums = keep(gpu.createBuffer(`${name} x sums`, plan.xSumBytes, STORAGE));
  const ySums = keep(gpu.createBuffer(`${name} y sums`, plan.ySumBytes, STORAGE));
  const slots = keep(gpu.createBuffer(`${name} slots`, plan.slotBytes, STORAGE));
  const [tz, ty, tx] = tileSize;
  const pairCount = plan.pairs.length / 4;
  const rowGroups = Math.ceil(tx / 64);

  return {
    plan,
    encode(encoder, input, units, unitCount, profiles, uniforms) {
      if (unitCount > plan.unitCapacity)
        throw new LocScaleError('internal', 'A tile has more units than were planned.');
      const parametersOf = (firstPair: number, pairsNow: number): Bound =>
        uniforms.write([
          ...tileSize.map((n) => ['u32', n] as const),
          ['u32', box[2]],
          ['u32', box[1] * box[2]],
          ['u32', firstPair],
          ['u32', pairsNow],
          ['u32', unitCount],
          ['u32', inset * (box[1] * box[2] + box[2] + 1)],
          ['u32', plan.kind === 'sphere' ? 1 : 0],
        ]);
      encoder.clearBuffer(slots);
      const pass = encoder.beginComputePass({ label: name });
      const first = parametersOf(0, 0);
      slideX.run(pass, { parameters: first, tile: input, twiddles, x_sums: xSums }, [
        rowGroups,
        ty + windowVoxels - 1,
        tz + windowVoxels - 1,
      ]);
      for (let pair = 0; pair < pairCount; pair += plan.pairsPerBatch) {
        const pairsNow = Math.min(plan.pairsPerBatch, pairCount - pair);
        const parameters = parametersOf(pair, pairsNow);
        slideY.run(pass, { parameters, twiddles, x_sums: xSums, pairs, y_sums: ySums }, [
          rowGroups,
          tz + windowVoxels - 1,
          pairsNow,
        ]);
        slideZ.run(pass, { parameters, twiddles, pairs, y_sums: ySums, units, shell_of: shellOf, slots }, [
          unitCount,
        ]);
      }
      const voxels = unitCount * RUN * lanes;
      reduce.run(pass, { parameters: first, slots, norms, profiles }, [Math.ceil(voxels / 64)]);
      pass.end();
    },
    destroy() {
      for (const buffer of buffers) gpu.destroyBuffer(buffer);
    },
  };
}

function createTables(
  gpu: GpuDevice,
  name: string,
  { windowVoxels, shellCount, pairs, counts, taper }: WindowProfilesPlan,
) {
  const shells = Array.from({ length: shellCount ** 2 }, (_, n) => Math.floor(Math.sqrt(n)));
  // White noise has the profile that it has in windows without weights.
  const weights = taper === undefined ? 1 : Math.sqrt(HANN_MEAN_SQUARE);
  const norms = Array.from(counts, (n) => 1 / (n * weights * windowVoxels ** 1.5));
  return {
    twiddles: createTable(gpu, `${name} twiddles`, twiddleTable(windowVoxels)),
    pairs: createIndexTable(gpu, `${name} pairs`, pairs),
    shellOf: createIndexTable(gpu, `${name} shells`, shells),
    norms: createTable(gpu, `${name} norms`, norms),
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

/** Bytes of all buffers of `createWindowProfiles`, profiles not counted. */
export function windowProfilesBytes(plan: WindowProfilesPlan): number {
  const tables = plan.pairs.byteLength + 4 * (plan.shellCount ** 2 + plan.shellCount + 2 * plan.windowVoxels);
  return plan.xSumBytes + plan.ySumBytes + plan.slotBytes + tables;
}
