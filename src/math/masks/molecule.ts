/**
 * The molecule as in a bulk-solvent mask (Jiang and Brunger 1994, J. Mol. Biol. 243, 100-115): what a probe
 * cannot enter. Balls of the van der Waals radii, larger by the probe's, shrunk again by a little less. Radii
 * as in cctbx, where Phenix takes CC_mask within this region.
 */
import type { AtomSet } from '../atoms/atom-set.ts';
import { vanDerWaalsRadius } from '../atoms/radii.ts';
import { type Grid, isotropicVoxelSize, type Shape } from '../grid.ts';
import { regionAroundAtoms } from './around-atoms.ts';

const PROBE = 1.11;
const SHRINK = 0.9;

/** 1 in the molecule; (z, y, x). */
export function moleculeRegion(atoms: AtomSet, grid: Grid): Uint8Array {
  const region = regionAroundAtoms(
    atoms,
    grid,
    atoms.elements.map((e) => vanDerWaalsRadius(e) + PROBE),
  );
  return shrink(region, grid.shape, SHRINK / isotropicVoxelSize(grid));
}

/** Without the voxels that have one outside the region at this distance (voxels) or less. */
function shrink(region: Uint8Array, [nz, ny, nx]: Shape, distance: number): Uint8Array {
  const reach = Math.floor(distance);
  if (reach === 0) return region;
  const steps: [number, number, number][] = [];
  for (let z = -reach; z <= reach; z++)
    for (let y = -reach; y <= reach; y++)
      for (let x = -reach; x <= reach; x++)
        if (Math.hypot(z, y, x) <= distance && (z !== 0 || y !== 0 || x !== 0)) steps.push([z, y, x]);
  const out = region.slice();
  for (let z = 0, i = 0; z < nz; z++)
    for (let y = 0; y < ny; y++)
      for (let x = 0; x < nx; x++, i++) {
        if (region[i] === 0) continue;
        const isRim = ([dz, dy, dx]: readonly [number, number, number]): boolean => {
          const [tz, ty, tx] = [z + dz, y + dy, x + dx];
          if (tz < 0 || ty < 0 || tx < 0 || tz >= nz || ty >= ny || tx >= nx) return false;
          return region[(tz * ny + ty) * nx + tx] === 0;
        };
        if (steps.some(isRim)) out[i] = 0;
      }
  return out;
}
