/** Assigns elements to pseudo-atoms, drawn from the composition of protein (method 8). */
import type { AtomSet } from '../../math/atoms/atom-set.ts';
import { createRandom } from '../../math/statistics/random.ts';
import { SEED_STREAMS } from './place-atoms.ts';

const CARBON_SHARE = 0.63;
const NITROGEN_SHARE = 0.17;

/**
 * Atoms of 63 % C, 17 % N, 20 % O with B factor 0 and occupancy 1 at `positions` (x, y, z of each, angstrom).
 */
export function composeAtoms(positions: Float64Array, seed: number): AtomSet {
  const count = positions.length / 3;
  const random = createRandom(seed, SEED_STREAMS.composition);
  const elements = Array.from({ length: count }, () => {
    const drawn = random.uniform();
    if (drawn < CARBON_SHARE) return 'C';
    return drawn < CARBON_SHARE + NITROGEN_SHARE ? 'N' : 'O';
  });
  return {
    count,
    positions,
    elements,
    bFactors: new Float64Array(count),
    occupancies: new Float64Array(count).fill(1),
  };
}
