/**
 * Resampling and maps of models on a GPU and driver that have not been seen yet: their kernels on small
 * spectra and atoms, against float64.
 */
import { BLOCK_RECORD, listAtomBlocks } from '../math/atoms/atom-blocks.ts';
import { RECORD } from '../math/atoms/splat-plan.ts';
import type { Grid } from '../math/grid.ts';
import { createRandom } from '../math/statistics/random.ts';
import type { KernelUnderTest } from './kernel-under-test.ts';
import { relativeError } from './verification.ts';
import { linearWorkgroups } from './workgroups.ts';

/** No source line, in the table of the kernel. */
const NONE = 0xffffffff;

/** Blocks of lines that are cropped and padded: lines without a source, with one, with two. */
export async function checkResample({ gpu, scratch, run, read }: KernelUnderTest): Promise<number> {
  const [blocks, lines, pitch, sourceLines, sourcePitch] = [3, 7, 19, 5, 23];
  const [sourceBlock, resultBlock, bins, lastWeight, scale] = [1, 2, 17, 0.5, 1.25];
  const source = noise(1, 2 * (sourceBlock + blocks) * sourceLines * sourcePitch);
  const taps = [0, 1, 4, -1, -1, 3, 2].map((first, i) => ({
    first,
    second: i === 1 ? 3 : -1,
    weight: 1 - i / 8,
  }));
  const packed = new Uint32Array(4 * lines);
  taps.forEach(({ first, second, weight }, i) => {
    const bits = new Uint32Array(Float32Array.of(weight).buffer)[0];
    packed.set(
      [first, second, bits].map((value) => (value < 0 ? NONE : value)),
      4 * i,
    );
  });
  const result = scratch.storage('result', 8 * (resultBlock + blocks) * lines * pitch);
  const sizes = [blocks, lines, pitch, sourceLines, sourcePitch, sourceBlock, resultBlock, bins];
  const bound = {
    parameters: scratch.uniform('resample', [
      ...sizes.map((value) => ['u32', value] as const),
      ['f32', lastWeight],
      ['f32', scale],
    ]),
    source: scratch.table('source', source),
    taps: scratch.table('taps', packed),
    result,
  };
  run(bound, linearWorkgroups(gpu, blocks * lines * pitch));
  const expected = new Float64Array(2 * (resultBlock + blocks) * lines * pitch);
  for (let block = 0; block < blocks; block++)
    taps.forEach(({ first, second, weight }, line) => {
      for (let i = 0; i < 2 * bins; i++) {
        const at = (from: number): number =>
          from < 0 ? 0 : source[2 * ((sourceBlock + block) * sourceLines + from) * sourcePitch + i];
        const factor = scale * weight * (i >= 2 * (bins - 1) ? lastWeight : 1);
        const to = 2 * ((resultBlock + block) * lines + line) * pitch + i;
        expected[to] = factor * (at(first) + at(second));
      }
    });
  return relativeError(new Float32Array(await read(result)), expected);
}

/** Enough that blocks have none, one and several. */
const ATOMS = 40;
/** Per atom: math/atoms/splat-plan.ts. */
const GAUSSIANS = 5;

/** Atoms all over a periodic box that is no multiple of the blocks, in two slabs. */
export async function checkModelMap({ gpu, scratch, run, read }: KernelUnderTest): Promise<number> {
  const grid: Grid = { shape: [19, 12, 17], voxelSize: [0.9, 1.1, 1], origin: [0, 0, 0] };
  const [nz, ny, nx] = grid.shape;
  const [stepZ, stepY, stepX] = grid.voxelSize;
  const records = randomAtoms(grid);
  const atoms = scratch.table('atoms', records);
  const errors: number[] = [];
  for (const [from, to] of [
    [0, 11],
    [11, nz],
  ]) {
    const { blockCount, blocks, entries } = listAtomBlocks(records, grid, from, to);
    const out = scratch.storage('map', 4 * (to - from) * ny * nx);
    const bound = {
      parameters: scratch.uniform('model-map', [
        ...[blockCount, to - from, ny, nx, nz, from].map((value) => ['u32', value] as const),
        ...[stepZ, stepY, stepX].map((value) => ['f32', value] as const),
      ]),
      atoms,
      blocks: scratch.table('blocks', blocks),
      entries: scratch.table('entries', entries),
      out,
    };
    run(bound, linearWorkgroups(gpu, blockCount, 1));
    const expected = sumAtoms(records, grid, { from, to }, blocks, entries);
    errors.push(relativeError(new Float32Array(await read(out)), expected));
  }
  return Math.max(...errors);
}

function randomAtoms({ shape }: Grid): Float32Array {
  const random = createRandom(2);
  const records = new Float32Array(ATOMS * RECORD.length);
  for (let atom = 0; atom < ATOMS; atom++) {
    const at = atom * RECORD.length;
    for (let axis = 0; axis < 3; axis++) {
      records[at + RECORD.voxel + axis] = random.integer(0, shape[axis] - 1);
      records[at + RECORD.offset + axis] = random.uniform() - 0.5;
    }
    records[at + RECORD.reach] = 3;
    for (let g = 0; g < GAUSSIANS; g++) {
      records[at + RECORD.heights + g] = 0.2 + random.uniform();
      records[at + RECORD.exponents + g] = 0.3 + random.uniform();
    }
  }
  return records;
}

/** Sums of the atoms that the blocks list, at their voxels: tails beyond an atom's reach included. */
function sumAtoms(
  records: Float32Array,
  { shape: [nz, ny, nx], voxelSize }: Grid,
  { from, to }: { readonly from: number; readonly to: number },
  blocks: Uint32Array,
  entries: Uint32Array,
): Float64Array {
  const map = new Float64Array((to - from) * ny * nx);
  for (let at = 0; at < blocks.length; at += BLOCK_RECORD) {
    const [z0, y0, x0, first, count] = blocks.subarray(at, at + BLOCK_RECORD);
    for (let entry = first; entry < first + count; entry++) {
      const atom = records.subarray(entries[2 * entry] * RECORD.length);
      const image = entries[2 * entry + 1];
      const centre = [nz, ny, nx].map((n, axis) => {
        const box = ((image >> (10 * axis)) & 1023) - 512;
        return atom[RECORD.voxel + axis] + atom[RECORD.offset + axis] + box * n;
      });
      for (let z = z0; z < Math.min(z0 + 8, to - from); z++)
        for (let y = y0; y < Math.min(y0 + 8, ny); y++)
          for (let x = x0; x < Math.min(x0 + 8, nx); x++) {
            const position = [from + z, y, x];
            const square = position.reduce(
              (sum, p, axis) => sum + ((p - centre[axis]) * voxelSize[axis]) ** 2,
              0,
            );
            for (let g = 0; g < GAUSSIANS; g++)
              map[(z * ny + y) * nx + x] +=
                atom[RECORD.heights + g] * Math.exp(-atom[RECORD.exponents + g] * square);
          }
    }
  }
  return map;
}

/** Gaussian, the same in every run. */
function noise(seed: number, count: number): Float32Array {
  const random = createRandom(seed);
  return Float32Array.from({ length: count }, () => random.gaussian());
}
