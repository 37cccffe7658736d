/**
 * What tools score results on real maps with: the maps, their models, and the correlation around the atoms.
 */
import { join } from 'node:path';

/** Uniform B factors of the model maps that results are compared with, A^2. */
export const TARGETS = [20, 60];
/** Voxels within this distance of an atom count, A. */
export const MASK_RADIUS = 3;

/** Name, folder, maps (one, or two half maps), model, resolution (A). */
const REAL_MAPS = [
  ['EMD-5778 box', 'emd_5778_unfiltered_box', ['unfiltered_box.mrc'], 'pdb3j5p_refined.pdb', 3.4],
  ['EMD-3186', 'emd_3186_5fj6', ['emd_3186.map'], '5fj6.pdb', 7.9],
  ['EMD-3240 box', 'emd_3240_5fn5', ['5fn5_box.ccp4'], '5fn5_box_complete.pdb', 4.3],
  ['EMD-0093', 'emd_0093_hcn4', ['emd_0093_masked4A.mrc.gz'], '6gyn.pdb', 3.4],
  ['EMD-30342 A', 'emd_30342_7cec', ['390_emd_30342_A_z4.mrc'], '390_7cec_A.cif', 3.9],
];

/** Those of `folder`, with whole paths. */
export function mapsWithModels(folder) {
  return REAL_MAPS.map(([name, own, maps, model, resolution]) => ({
    name,
    maps: maps.map((file) => join(folder, own, file)),
    model: join(folder, own, model),
    resolution,
  }));
}

/** Distance to the nearest atom below `reach` (A), else `reach`. */
export function distances(atoms, { shape, voxelSize, origin }, reach) {
  const nearest = new Float32Array(shape[0] * shape[1] * shape[2]).fill(reach);
  for (const { x, y, z } of atoms) {
    const at = [z, y, x].map((value, axis) => (value - origin[axis]) / voxelSize[axis]);
    const [ks, js, is] = at.map((centre, axis) => {
      const voxels = reach / voxelSize[axis];
      return [
        Math.max(0, Math.ceil(centre - voxels)),
        Math.min(shape[axis] - 1, Math.floor(centre + voxels)),
      ];
    });
    for (let k = ks[0]; k <= ks[1]; k++)
      for (let j = js[0]; j <= js[1]; j++)
        for (let i = is[0]; i <= is[1]; i++) {
          const d = Math.hypot(...[k, j, i].map((v, axis) => (v - at[axis]) * voxelSize[axis]));
          const index = (k * shape[1] + j) * shape[2] + i;
          if (d < nearest[index]) nearest[index] = d;
        }
  }
  return nearest;
}

/** Of two maps, where `nearest` is within MASK_RADIUS. */
export function correlation(a, b, nearest) {
  let [n, sa, sb, aa, bb, ab] = [0, 0, 0, 0, 0, 0];
  for (let i = 0; i < nearest.length; i++) {
    if (nearest[i] > MASK_RADIUS) continue;
    n++;
    sa += a[i];
    sb += b[i];
    aa += a[i] * a[i];
    bb += b[i] * b[i];
    ab += a[i] * b[i];
  }
  return (n * ab - sa * sb) / Math.sqrt((n * aa - sa * sa) * (n * bb - sb * sb));
}
