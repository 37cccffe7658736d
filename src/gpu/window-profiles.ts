/**
 * Radial profiles of the windows around the voxels of a tile (shaders/window-profiles.wgsl): plan, then
 * dispatches recorded into a command encoder. Sums along z go through memory; those along x and y never leave
 * the workgroups that use them.
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
import { type Bound, createTable, type Kernel } from './kernel.ts';
import { getKernel } from './kernel-cache.ts';
import { UNIT_ROWS } from './tile-units.ts';
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
  /** Whether the z sums under a unit fit workgroup memory, one c at a time. */
  readonly copiesPlane: boolean;
  readonly tileSize: Shape;
  /** Input box (z, y, x): its rows and planes are the pitches of the input. */
  readonly box: Shape;
  readonly counts: Float64Array;
  readonly unitCapacity: number;
  readonly zSumBytes: number;
  /** Bytes of one set of profiles. */
  readonly profileBytes: number;
}

/** A plan, or the reason why the device does not support it. */
export type Support<T> =
  | { readonly ok: true; readonly plan: T }
  | { readonly ok: false; readonly reason: string };

/** Values of c that a thread of slide_z serves, all of a window of 24: BATCH of the shader. */
const COLUMN_BATCH = 14;
/** Workgroup memory above which too few workgroups would run concurrently. */
const GROUP_BYTES = 32 * 1024;
/** Bytes of a complex number. */
const COMPLEX = 8;

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
  const group = planWorkgroup(windowVoxels, limits);
  if (group === undefined) {
    return {
      ok: false,
      reason: `a window of ${windowVoxels} voxels needs larger workgroups than this GPU has`,
    };
  }
  const { lanes } = group;
  const [tz, ty, tx] = tileSize;
  if (tz % UNIT_ROWS !== 0 || ty % UNIT_ROWS !== 0 || tx % lanes !== 0)
    return { ok: false, reason: `a tile of ${tileSize.join(' x ')} does not split into units` };
  const unitCapacity = tz * (ty / UNIT_ROWS) * (tx / lanes);
  const plan: WindowProfilesPlan = {
    windowVoxels,
    kind,
    taper,
    inset,
    shellCount,
    ...group,
    tileSize,
    box,
    counts: shellWeights(windowVoxels, kind).counts,
    unitCapacity,
    zSumBytes: COMPLEX * shellCount * tz * (ty + windowVoxels - 1) * (tx + windowVoxels - 1),
    profileBytes: 4 * shellCount * unitCapacity * lanes * UNIT_ROWS,
  };
  if (Math.max(plan.zSumBytes, plan.profileBytes) > Math.min(limits.bindingBytes, limits.bufferBytes))
    return { ok: false, reason: `a tile of ${tileSize.join(' x ')} exceeds the buffer limit of this GPU` };
  return { ok: true, plan };
}

/** Workgroups of slide_plane: with a copy of the z sums even if they are smaller for it. */
function planWorkgroup(
  windowVoxels: number,
  { workgroupBytes, workgroupInvocations }: GpuLimits,
): Pick<WindowProfilesPlan, 'lanes' | 'copiesPlane'> | undefined {
  const most = Math.min(workgroupBytes, GROUP_BYTES);
  for (const copiesPlane of [true, false])
    for (const lanes of [16, 8, 4, 2])
      if (
        lanes * shellCountOf(windowVoxels) <= workgroupInvocations &&
        groupBytes(windowVoxels, lanes, copiesPlane) <= most
      )
        return { lanes, copiesPlane };
  return undefined;
}

/** Of slide_plane: twiddles, z sums of one c, sums along x of one b, amplitudes. */
function groupBytes(windowVoxels: number, lanes: number, copiesPlane: boolean): number {
  const column = (UNIT_ROWS + windowVoxels - 1) * (lanes + 1);
  const values = windowVoxels + planeValues({ windowVoxels, lanes, copiesPlane }) + column;
  return COMPLEX * values + 4 * shellCountOf(windowVoxels) * UNIT_ROWS * lanes;
}

function planeValues({
  windowVoxels,
  lanes,
  copiesPlane,
}: Pick<WindowProfilesPlan, 'windowVoxels' | 'lanes' | 'copiesPlane'>): number {
  return copiesPlane ? (UNIT_ROWS + windowVoxels - 1) * (lanes + windowVoxels - 1) : 1;
}

/** Pairs (b, c) whose column of coefficients reaches into the last shell. */
export function pairCount({ shellCount, kind }: Pick<WindowProfilesPlan, 'shellCount' | 'kind'>): number {
  let count = 0;
  for (let c = 0; c < shellCount; c++)
    for (let b = 0; b * b + c * c < shellCount ** 2 && b < shellCount; b++)
      count += kind === 'sphere' && b > 0 && b < shellCount - 1 ? 2 : 1;
  return count;
}

/** Prepared kernels and buffers, reused for every tile. */
export interface WindowProfiles {
  readonly plan: WindowProfilesPlan;
  readonly kernels: readonly Kernel[];
  /**
   * Records the profiles of the units of a tile (gpu/tile-units.ts) from the input box; `profiles` receives
   * [shell][unit voxel]. Not concurrently: the intermediate sums are reused.
   */
  encode(
    pass: GPUComputePassEncoder,
    input: Bound,
    units: Bound,
    unitCount: number,
    profiles: Bound,
    uniforms: UniformSlots,
  ): void;
  destroy(): void;
}

const NAME = 'window-profiles';

export function compileWindowProfiles(gpu: GpuDevice, plan: WindowProfilesPlan): Promise<[Kernel, Kernel]> {
  const { windowVoxels, shellCount, lanes, taper } = plan;
  const constants = {
    window_voxels: windowVoxels,
    shell_count: shellCount,
    taper: taper === undefined ? 0 : 1,
  };
  return Promise.all([
    getKernel(gpu, NAME, 'slide_z', constants),
    getKernel(gpu, NAME, 'slide_plane', { ...constants, lanes, plane_values: planeValues(plan) }),
  ]);
}

/** Buffers for one tile; the tables depend on the window only. */
export async function createWindowProfiles(
  gpu: GpuDevice,
  plan: WindowProfilesPlan,
): Promise<WindowProfiles> {
  const { windowVoxels, tileSize, box, inset, shellCount } = plan;
  const [slideZ, slidePlane] = await compileWindowProfiles(gpu, plan);
  const { twiddles, norms } = createTables(gpu, plan);
  const zSums = gpu.createBuffer(`${NAME} z sums`, plan.zSumBytes, STORAGE);
  const [tz, ty, tx] = tileSize;
  const [height, width] = [ty + windowVoxels - 1, tx + windowVoxels - 1];
  const work = profileWork(plan);

  return {
    plan,
    kernels: [slideZ, slidePlane],
    encode(pass, input, units, unitCount, profiles, uniforms) {
      if (unitCount > plan.unitCapacity)
        throw new LocScaleError('internal', 'A tile has more units than were planned.');
      const parametersOf = (firstRun: number, firstUnit: number): Bound =>
        uniforms.write([
          ['u32', tz],
          ['u32', width],
          ['u32', height],
          ['u32', box[2]],
          ['u32', box[1] * box[2]],
          ['u32', firstRun],
          ['u32', firstUnit],
          ['u32', unitCount],
          ['u32', inset * (box[1] * box[2] + box[2] + 1)],
          ['u32', plan.kind === 'sphere' ? 1 : 0],
        ]);
      for (const { first, count } of splitWork(tz / UNIT_ROWS, work.perRun, gpu.limits)) {
        const bound = { parameters: parametersOf(first, 0), tile: input, twiddles, z_sums: zSums };
        slideZ.run(pass, bound, [
          Math.ceil((height * width) / 64),
          count,
          Math.ceil(shellCount / COLUMN_BATCH),
        ]);
      }
      for (const { first, count } of splitWork(unitCount, work.perUnit, gpu.limits)) {
        const parameters = parametersOf(0, first);
        slidePlane.run(pass, { parameters, twiddles, z_sums: zSums, units, norms, profiles }, [count]);
      }
    },
    destroy() {
      for (const buffer of [twiddles, norms, zSums]) gpu.destroyBuffer(buffer);
    },
  };
}

/** Multiply-adds of slide_z per UNIT_ROWS planes, and of slide_plane per unit. */
export function profileWork(plan: WindowProfilesPlan): {
  readonly perRun: number;
  readonly perUnit: number;
} {
  const { windowVoxels: w, shellCount, lanes, tileSize, kind, taper } = plan;
  const [, ty, tx] = tileSize;
  // A complex product and sum; the taper combines three neighbours.
  const step = 4 * (taper === undefined ? 1 : 3);
  const columns = COLUMN_BATCH * Math.ceil(shellCount / COLUMN_BATCH);
  // Seeds of w steps, then one step a voxel; along y its length, too.
  const alongX = (UNIT_ROWS + w - 1) * (w + lanes);
  const alongY = lanes * shellCount * (w + 2 * UNIT_ROWS) * (kind === 'sphere' ? 2 : 1);
  return {
    perRun: (ty + w - 1) * (tx + w - 1) * columns * step * (w + UNIT_ROWS),
    perUnit: pairCount(plan) * step * (alongX + alongY),
  };
}

/** Twiddles, and normalisation per shell. */
function createTables(gpu: GpuDevice, { windowVoxels, counts, taper }: WindowProfilesPlan) {
  // Normalised so that white noise has the same profile as in windows without weights.
  const weights = taper === undefined ? 1 : Math.sqrt(HANN_MEAN_SQUARE);
  return {
    twiddles: createTable(gpu, `${NAME} twiddles`, twiddleTable(windowVoxels)),
    norms: createTable(
      gpu,
      `${NAME} norms`,
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
export function windowProfilesBytes({ windowVoxels, shellCount, zSumBytes }: WindowProfilesPlan): number {
  return zSumBytes + COMPLEX * windowVoxels + 4 * shellCount;
}
