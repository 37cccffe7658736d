/** Atoms as plain arrays, for work on many of them: simulation of maps, refinement, pseudo-models. */
import type { Atom } from './atom.ts';

export interface AtomSet {
  readonly count: number;
  /** x, y, z of each atom in angstrom, in the frame of the map: voxel (0, 0, 0) is at the grid's origin. */
  readonly positions: Float64Array;
  /** Element symbols as in the table of scattering factors ("C", "Zn"). */
  readonly elements: readonly string[];
  /** Isotropic B factors, A^2. */
  readonly bFactors: Float64Array;
  readonly occupancies: Float64Array;
}

export function atomSetOf(atoms: readonly Atom[]): AtomSet {
  const positions = new Float64Array(3 * atoms.length);
  for (const [i, { x, y, z }] of atoms.entries()) positions.set([x, y, z], 3 * i);
  return {
    count: atoms.length,
    positions,
    elements: atoms.map(({ element }) => element),
    bFactors: Float64Array.from(atoms, ({ bFactor }) => bFactor),
    occupancies: Float64Array.from(atoms, ({ occupancy }) => occupancy),
  };
}

/** The atoms of all sets, in their order. */
export function joinAtomSets(...sets: readonly AtomSet[]): AtomSet {
  const count = sets.reduce((sum, set) => sum + set.count, 0);
  const joined = {
    count,
    positions: new Float64Array(3 * count),
    elements: sets.flatMap(({ elements }) => elements),
    bFactors: new Float64Array(count),
    occupancies: new Float64Array(count),
  };
  let at = 0;
  for (const set of sets) {
    joined.positions.set(set.positions, 3 * at);
    joined.bFactors.set(set.bFactors, at);
    joined.occupancies.set(set.occupancies, at);
    at += set.count;
  }
  return joined;
}
