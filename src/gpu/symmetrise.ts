/**
 * Averages over symmetry operators (math/symmetry/rotation-plan.ts): voxels moved by the operators that map
 * the grid onto itself, then, for the others, the fine grid (resample.ts, with the interpolation kernel's
 * factors on its spectrum) and one thread per voxel that gathers from all copies. Every slab of a result
 * reads every slab of its source.
 */
import { LocScaleError, named } from '../errors.ts';
import { weightTable } from '../math/symmetry/rotation-kernel.ts';
import type { GridMaps, Interpolation, SymmetrisePlan } from '../math/symmetry/rotation-plan.ts';
import { symmetriseBytes } from '../math/symmetry/rotation-plan.ts';
import type { GpuDevice } from './device.ts';
import { splitWork } from './dispatch-work.ts';
import type { Kernel, UniformField } from './kernel.ts';
import { resample, type StripFilter } from './resample.ts';
import { makeVolume, type Scratch, submitPass, withScratch } from './scratch.ts';
import { slabVoxels } from './slabs.ts';
import { packCopies } from './symmetry-copies.ts';
import { getVerifiedKernel } from './verified-kernel.ts';
import { destroyVolume, type GpuVolume, type Slab } from './volume.ts';
import { linearWorkgroups, VOXEL_THREADS } from './workgroups.ts';

/** Memory is checked first: fine grid and result exist at the same time. */
export async function symmetrise(
  gpu: GpuDevice,
  volume: GpuVolume,
  plan: SymmetrisePlan,
): Promise<GpuVolume> {
  const { maps, interpolation } = plan;
  const need = symmetriseBytes(plan);
  if (gpu.allocatedBytes + need > gpu.limits.totalBytes) {
    throw new LocScaleError(
      'out-of-memory',
      `The GPU ${gpu.name} cannot average over the symmetry: ${need} bytes are needed.`,
      { hint: `Use ${named('engine', 'cpu')}, or a GPU with more memory.` },
    );
  }
  if (interpolation === undefined) return moveVoxels(gpu, volume, maps);
  // One map is the identity.
  const moved = maps.count > 1 ? await moveVoxels(gpu, volume, maps) : undefined;
  try {
    const fine = await prefiltered(gpu, moved ?? volume, interpolation);
    try {
      return await gatherCopies(gpu, volume, fine, maps, interpolation);
    } finally {
      destroyVolume(gpu, fine);
    }
  } finally {
    if (moved) destroyVolume(gpu, moved);
  }
}

/** Average over the operators that map the grid onto itself; exact. */
async function moveVoxels(gpu: GpuDevice, volume: GpuVolume, maps: GridMaps): Promise<GpuVolume> {
  const kernel = await getVerifiedKernel(gpu, 'symmetrise', 'move_voxels');
  const { volume: moved } = await makeVolume(gpu, 'symmetrise', volume.shape, (out) =>
    withScratch(gpu, async (scratch) => {
      const tables = scratch.table('grid maps', new Uint32Array(maps.tables.buffer));
      const fields = {
        fine: volume.shape,
        count: 0,
        maps: maps.count,
        planar: false,
        first: [0, 0, 0],
        last: [0, 0, 0],
        perVoxel: 4 * maps.count,
      };
      runSlabs(gpu, scratch, kernel, volume, out, fields, { tables });
    }),
  );
  return moved;
}

/** Average over the cosets, interpolated on the fine grid. */
async function gatherCopies(
  gpu: GpuDevice,
  volume: GpuVolume,
  fine: GpuVolume,
  maps: GridMaps,
  { copies, planar, first, last }: Interpolation,
): Promise<GpuVolume> {
  const kernel = await getVerifiedKernel(gpu, 'symmetrise', 'gather');
  const { volume: gathered } = await makeVolume(gpu, 'symmetrise', volume.shape, (out) =>
    withScratch(gpu, async (scratch) => {
      const bound = {
        tables: scratch.table('grid maps', new Uint32Array(maps.tables.buffer)),
        copies: scratch.table('copies', packCopies(copies)),
        weights: scratch.table('weights', weightTable()),
      };
      const perVoxel = gatherWork(copies.length, planar);
      const fields = {
        fine: fine.shape,
        count: copies.length,
        maps: maps.count,
        planar,
        first,
        last,
        perVoxel,
      };
      runSlabs(gpu, scratch, kernel, fine, out, fields, bound);
    }),
  );
  return gathered;
}

/** Fields of the shader's struct that are the same for all pairs of slabs. */
interface RunFields {
  /** Shape of the finer grid that is interpolated in. */
  readonly fine: readonly number[];
  /** Operators that interpolate. */
  readonly count: number;
  /** Operators that map the grid onto itself: these move voxels without interpolation. */
  readonly maps: number;
  /** All axes of rotation are along z: planes map onto planes. */
  readonly planar: boolean;
  /** Least position (z, y, x) on the finer grid that counts as inside the box. */
  readonly first: readonly number[];
  /** Largest position that does. */
  readonly last: readonly number[];
  /** Multiply-adds of a voxel. */
  readonly perVoxel: number;
}

/** Six neighbours along each axis, or in a plane, with their weights; and where they lie. */
export function gatherWork(copies: number, planar: boolean): number {
  return copies * (planar ? 100 : 6 * 6 * 8 + 60);
}

/** One dispatch per pair of slabs of result and source; the last one divides by the number of copies. */
function runSlabs(
  gpu: GpuDevice,
  scratch: Scratch,
  kernel: Kernel,
  source: GpuVolume,
  out: GpuVolume,
  { fine, count, maps, planar, first, last, perVoxel }: RunFields,
  bound: Readonly<Record<string, GPUBuffer>>,
): void {
  const [nz, ny, nx] = out.shape;
  const fieldsOf = (to: Slab, from: Slab, finish: boolean, firstGroup: number): UniformField[] => [
    ['u32', to.planes],
    ['u32', ny],
    ['u32', nx],
    ['u32', nz],
    ['u32', to.firstPlane],
    ['u32', from.firstPlane],
    ['u32', from.planes],
    ['u32', fine[0]],
    ['u32', fine[1]],
    ['u32', fine[2]],
    ['u32', count],
    ['u32', planar ? 1 : 0],
    ['u32', finish ? 1 : 0],
    ['u32', maps],
    ['f32', first[0]],
    ['f32', first[1]],
    ['f32', first[2]],
    ['f32', last[0]],
    ['f32', last[1]],
    ['f32', last[2]],
    ['u32', firstGroup],
  ];
  for (const to of out.slabs) {
    source.slabs.forEach((from, i) => {
      // Sums grow in `out` over the slabs of the source.
      const isLast = i === source.slabs.length - 1;
      const groups = Math.ceil(slabVoxels(out, to) / VOXEL_THREADS);
      for (const range of splitWork(groups, VOXEL_THREADS * perVoxel, gpu.limits)) {
        const parameters = scratch.uniform('symmetrise', fieldsOf(to, from, isLast, range.first));
        submitPass(gpu, 'symmetrise', (pass) =>
          kernel.run(
            pass,
            { parameters, source: from.buffer, out: to.buffer, ...bound },
            linearWorkgroups(gpu, range.count, 1),
          ),
        );
      }
    });
  }
}

/** Interpolation coefficients on the fine grid. */
async function prefiltered(
  gpu: GpuDevice,
  volume: GpuVolume,
  { fine, planar, gains }: Interpolation,
): Promise<GpuVolume> {
  const kernel = await getVerifiedKernel(gpu, 'symmetrise', 'prefilter');
  const [nz, ny, nx] = volume.shape;
  return withScratch(gpu, async (scratch) => {
    // Along z, y and x, one after the other.
    const all = new Float32Array(gains[0].length + gains[1].length + gains[2].length);
    all.set(gains[0]);
    all.set(gains[1], gains[0].length);
    all.set(gains[2], gains[0].length + gains[1].length);
    const weights = scratch.table('gains', all);
    const filter: StripFilter = (pass, spectrum, { firstRow, rows }, pitch) => {
      const strip = scratch.uniform('prefilter', [
        ['u32', fine[0]],
        ['u32', rows],
        ['u32', firstRow],
        ['u32', pitch],
        ['u32', fine[1]],
        ['u32', nz],
        ['u32', ny],
        ['u32', nx],
        ['u32', planar ? 1 : 0],
      ]);
      kernel.run(pass, { strip, spectrum, weights }, linearWorkgroups(gpu, fine[0] * rows * pitch));
    };
    return resample(gpu, volume, fine, filter);
  });
}
