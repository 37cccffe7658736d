/** Places pseudo-atoms at random in a mask, as start for the solvers (method 8). */
import { LocScaleError, named } from '../../errors.ts';
import type { Shape } from '../../math/grid.ts';
import { createRandom } from '../../math/statistics/random.ts';
import { allowedVoxels } from './allowed-voxels.ts';

export interface PlacementJob {
  /** Atoms are placed where it is above 0.5; (z, y, x), x fastest. */
  readonly mask: ArrayLike<number>;
  /** `allowedVoxels` of the mask, if already computed. */
  readonly allowed?: Uint8Array;
  readonly shape: Shape;
  /** Angstrom. */
  readonly voxelSize: number;
  /** Position of voxel (0, 0, 0) in angstrom, (z, y, x), as in `Grid`. */
  readonly origin: readonly [z: number, y: number, x: number];
  readonly count: number;
  readonly seed: number;
}

/** Independent random streams of the seed. */
export const SEED_STREAMS = { voxels: 0, jitter: 1, kicks: 2, separation: 3, composition: 4 } as const;

/**
 * x, y, z of each atom in angstrom: `count` different voxels of the mask, 2 voxels along the faces of the
 * box left out, each atom up to half a voxel off its voxel's centre along every axis.
 */
export function placeAtoms(job: PlacementJob): Float64Array {
  const { shape, voxelSize, origin, count } = job;
  const voxels = chooseVoxels(job);
  const random = createRandom(job.seed, SEED_STREAMS.jitter);
  const positions = new Float64Array(3 * count);
  const [, ny, nx] = shape;
  for (let i = 0; i < count; i++) {
    const voxel = voxels[i];
    const x = voxel % nx;
    const y = Math.floor(voxel / nx) % ny;
    const z = Math.floor(voxel / (nx * ny));
    positions[3 * i] = origin[2] + (x + random.uniform() - 0.5) * voxelSize;
    positions[3 * i + 1] = origin[1] + (y + random.uniform() - 0.5) * voxelSize;
    positions[3 * i + 2] = origin[0] + (z + random.uniform() - 0.5) * voxelSize;
  }
  return positions;
}

/** A: voxels of 25 A^3, the volume per atom; every atom starts in its own voxel. */
const COARSEST_VOXELS = 2.9;

/** `count` of the mask's voxels at random (Fisher-Yates, stopped early), ascending. */
function chooseVoxels(job: PlacementJob): Int32Array {
  const { mask, shape, count, seed, voxelSize } = job;
  const allowed = job.allowed ?? allowedVoxels(mask, shape);
  let fit = 0;
  for (let i = 0; i < allowed.length; i++) fit += allowed[i];
  if (!(count <= fit) && voxelSize > COARSEST_VOXELS)
    throw new LocScaleError(
      'bad-input',
      `Pseudo-atoms need voxels finer than ${COARSEST_VOXELS} A: on ${Number(voxelSize.toFixed(2))} A ` +
        `the mask has ${fit} voxels for ${count} atoms.`,
      {
        expected: `voxels up to ${COARSEST_VOXELS} A`,
        found: `${Number(voxelSize.toFixed(2))} A`,
        hint:
          `Scale such maps with ${named('reference', 'none')}, or with a reference of ` +
          `${named('reference', 'model-map')} or ${named('reference', 'atomic-model')}.`,
      },
    );
  if (!(count <= fit)) {
    throw new LocScaleError('bad-input', 'The mask is too small for the atoms of the pseudo-model.', {
      expected: `at most ${fit} atoms, one for each voxel of the mask that is not at a face of the box`,
      found: `${count} atoms`,
      hint:
        'Check the voxel size, the mask and the molecular weight ' +
        `(${named('molecularWeightKiloDalton')}).`,
    });
  }
  const voxels = new Int32Array(fit);
  for (let i = 0, at = 0; i < allowed.length; i++) if (allowed[i] === 1) voxels[at++] = i;
  const random = createRandom(seed, SEED_STREAMS.voxels);
  for (let i = 0; i < count; i++) {
    const other = random.integer(i, fit - 1);
    const voxel = voxels[i];
    voxels[i] = voxels[other];
    voxels[other] = voxel;
  }
  // Ascending order: neighbours in space are close in memory, too.
  return voxels.subarray(0, count).sort();
}
