/** Shell sums on a GPU and driver that have not been seen yet: of small random spectra, against float64. */
import type { Shape } from '../math/grid.ts';
import { createRandom } from '../math/statistics/random.ts';
import type { GpuDevice } from './device.ts';
import type { Kernel } from './kernel.ts';
import { submitPass, withScratch } from './scratch.ts';
import { relativeError } from './verification.ts';

/** More shells than a workgroup has threads would only repeat them. */
const SHAPE: Shape = [13, 12, 16];
const SHELLS = 6;
/** The last block is not full. */
const ROWS_PER_BLOCK = 32;

/** `squares`: of the indices of a shape, as the kernel reads them. */
export function checkShells(
  gpu: GpuDevice,
  kernel: Kernel,
  squares: (shape: Shape) => Uint32Array,
): Promise<number> {
  const [nz, ny, nx] = SHAPE;
  const bins = nx / 2 + 1;
  const rows = nz * ny;
  const blocks = Math.ceil(rows / ROWS_PER_BLOCK);
  const [a, b] = [1, 2].map((seed) => {
    const random = createRandom(seed);
    return Float32Array.from({ length: 2 * rows * bins }, () => random.gaussian());
  });
  return withScratch(gpu, async (scratch) => {
    const parts = scratch.storage('shells', 16 * blocks * SHELLS);
    const fields = [rows, ny, 0, ROWS_PER_BLOCK, nz, ny, bins, bins, SHELLS, 0, 0];
    const bound = {
      parameters: scratch.uniform('shell-spectra', [
        ...fields.map((value) => ['u32', value] as const),
        ['f32', nx / Math.min(...SHAPE)],
      ]),
      a: scratch.table('a', a),
      b: scratch.table('b', b),
      squares: scratch.table('squared radii', squares(SHAPE)),
      parts,
    };
    submitPass(gpu, 'self-test', (pass) => kernel.run(pass, bound, [1, blocks]));
    const found = new Float32Array(await gpu.read(parts, 0, 16 * blocks * SHELLS));
    return relativeError(found, sumShells(a, b, blocks));
  });
}

/** {cross, power of a, power of b, coefficients} per block of rows and shell. */
function sumShells(a: Float32Array, b: Float32Array, blocks: number): Float64Array {
  const [nz, ny, nx] = SHAPE;
  const bins = nx / 2 + 1;
  const edge = Math.min(...SHAPE);
  const sums = new Float64Array(4 * blocks * SHELLS);
  const along = (k: number, n: number): number => (((2 * k < n ? k : k - n) * edge) / n) ** 2;
  for (let row = 0; row < nz * ny; row++) {
    const [z, y] = [Math.floor(row / ny), row % ny];
    for (let k = 0; k < bins; k++) {
      // What rounding leaves below a whole radius belongs to it.
      const squared = along(z, nz) + along(y, ny) + ((k * edge) / nx) ** 2;
      const shell = Math.floor(Math.sqrt(squared) + 1e-9);
      if (shell >= SHELLS) continue;
      const at = 2 * (row * bins + k);
      const to = 4 * (Math.floor(row / ROWS_PER_BLOCK) * SHELLS + shell);
      sums[to] += a[at] * b[at] + a[at + 1] * b[at + 1];
      sums[to + 1] += a[at] ** 2 + a[at + 1] ** 2;
      sums[to + 2] += b[at] ** 2 + b[at + 1] ** 2;
      sums[to + 3]++;
    }
  }
  return sums;
}
