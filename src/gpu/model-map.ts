/**
 * Sums atoms on a grid (math/atoms/splat-plan.ts): the host lists the atoms of every block of voxels, and one
 * workgroup per block adds them. Blocks are submitted in runs of planes whose lists fit a buffer.
 */
import { BLOCK_EDGE, BLOCK_RECORD, countAtomBlocks, listAtomBlocks } from '../math/atoms/atom-blocks.ts';
import { finerGrid, largestReach, type SplatPlan } from '../math/atoms/splat-plan.ts';
import type { Grid } from '../math/grid.ts';
import type { GpuDevice } from './device.ts';
import { makeVolume, submitPass, withScratch } from './scratch.ts';
import { getVerifiedKernel } from './verified-kernel.ts';
import type { GpuVolume } from './volume.ts';
import { linearWorkgroups } from './workgroups.ts';

/** List entries per submission, eight bytes each. */
const MOST_ENTRIES = 4 * 2 ** 20;
/** An entry is a pair of u32. */
const ENTRY_BYTES = 8;

/** The volume has the blur of the plan, which the caller removes in Fourier space. */
export async function splatAtoms(gpu: GpuDevice, plan: SplatPlan): Promise<GpuVolume> {
  const fill = (volume: GpuVolume): Promise<void> => splat(gpu, plan, volume);
  return (await makeVolume(gpu, 'model-map', plan.grid.shape, fill)).volume;
}

/**
 * Bytes of the lists of a submission: every atom in all blocks it may reach, up to the limit of one
 * submission.
 */
export function listBytes(atoms: number, grid: Grid): number {
  const { shape, voxelSize } = finerGrid(grid);
  const reach = largestReach(grid);
  const along = shape.map((n) => Math.ceil(n / BLOCK_EDGE));
  const felt = along.map((blocks, axis) =>
    Math.min(blocks, Math.ceil((2 * reach) / (BLOCK_EDGE * voxelSize[axis])) + 1),
  );
  const product = ([z, y, x]: readonly number[]): number => z * y * x;
  return ENTRY_BYTES * Math.min(MOST_ENTRIES, atoms * product(felt)) + 4 * BLOCK_RECORD * product(along);
}

/** A run of planes of one slab. */
interface PlaneRun {
  /** First plane, counted in the volume. */
  readonly from: number;
  /** Plane after the last. */
  readonly to: number;
}

/**
 * Runs of whole blocks whose lists have at most `most` entries, or a single layer of blocks if that has more.
 */
export function planPlaneRuns(
  records: Float32Array,
  grid: Grid,
  from: number,
  to: number,
  most: number,
): PlaneRun[] {
  if (to - from <= BLOCK_EDGE || countAtomBlocks(records, grid, from, to) <= most) return [{ from, to }];
  const layers = Math.ceil((to - from) / BLOCK_EDGE);
  const middle = from + BLOCK_EDGE * Math.ceil(layers / 2);
  return [
    ...planPlaneRuns(records, grid, from, middle, most),
    ...planPlaneRuns(records, grid, middle, to, most),
  ];
}

/** Atoms are uploaded once, lists per submission. */
async function splat(gpu: GpuDevice, { records, grid }: SplatPlan, sum: GpuVolume): Promise<void> {
  if (records.length === 0) return;
  const kernel = await getVerifiedKernel(gpu, 'model-map');
  const [nz, ny, nx] = grid.shape;
  const [stepZ, stepY, stepX] = grid.voxelSize;
  await withScratch(gpu, async (scratch) => {
    const atoms = scratch.table('model-map atoms', records);
    for (const slab of sum.slabs) {
      const end = slab.firstPlane + slab.planes;
      for (const { from, to } of planPlaneRuns(records, grid, slab.firstPlane, end, MOST_ENTRIES)) {
        const { blockCount, blocks, entries } = listAtomBlocks(records, grid, from, to);
        if (blockCount === 0) continue;
        // Blocks are counted from the first plane of the run, voxels from that of the slab.
        const shift = from - slab.firstPlane;
        for (let i = 0; i < blocks.length; i += BLOCK_RECORD) blocks[i] += shift;
        await withScratch(gpu, async (lists) => {
          const bound = {
            parameters: lists.uniform('model-map', [
              ['u32', blockCount],
              ['u32', slab.planes],
              ['u32', ny],
              ['u32', nx],
              ['u32', nz],
              ['u32', slab.firstPlane],
              ['f32', stepZ],
              ['f32', stepY],
              ['f32', stepX],
            ]),
            atoms,
            blocks: lists.table('model-map blocks', blocks),
            entries: lists.table('model-map entries', entries),
            out: slab.buffer,
          };
          submitPass(gpu, 'model-map', (pass) =>
            kernel.run(pass, bound, linearWorkgroups(gpu, blockCount, 1)),
          );
        });
      }
    }
  });
}
