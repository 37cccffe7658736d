/**
 * Ten cycles of B-factor refinement (atoms/bfactors/refine-bfactors.ts) of a ball of atoms against its own
 * map, 1 A voxels, as at 4 A resolution. The B factors vary smoothly, so that averages over 3 A leave them as
 * they are, and the refinement begins far from them.
 */

import { refineBFactors } from '../src/atoms/bfactors/refine-bfactors.ts';
import { measure } from '../src/bench/clock.ts';
import { checkGate } from '../src/bench/gate.ts';
import type { AtomSet } from '../src/math/atoms/atom-set.ts';
import type { Grid } from '../src/math/grid.ts';
import type { BenchContext } from './context.ts';
import { ballOfAtoms } from './model-map.bench.ts';
import type { RefinementResult } from './results.ts';

const RESOLUTION = 4;
const CYCLES = 10;
const START = 60;
/**
 * Averages over 3 A smooth most at the surface, where neighbours are on one side: 0.05 for 1000 atoms, 0.02
 * for many.
 */
const LIMIT = 0.08;

const CASES: readonly (readonly [edge: number, atoms: number])[] = [
  [96, 8000],
  [256, 20_000],
];

export async function benchRefinement({
  allThreads: engine,
  quick,
  say,
}: BenchContext): Promise<RefinementResult[]> {
  const results: RefinementResult[] = [];
  for (const [edge, count] of quick ? [[48, 1000] as const] : CASES) {
    const grid: Grid = { shape: [edge, edge, edge], voxelSize: [1, 1, 1], origin: [0, 0, 0] };
    const atoms = withSmoothBFactors(ballOfAtoms(count, edge), edge);
    const map = await engine.simulateMap(atoms, grid);
    const refine = (): Promise<Float64Array> =>
      refineBFactors({
        ...{ engine, grid, map, halves: undefined, fscCutoff: RESOLUTION, cycles: CYCLES },
        atoms: { ...atoms, bFactors: new Float64Array(count).fill(START) },
      });
    const gate = checkGate(`B factors of ${count} atoms on ${edge}^3`, await refine(), atoms.bFactors, LIMIT);
    const timing = await measure(refine, { runs: quick ? 1 : 3 });
    engine.release(map);
    results.push({ edge, atoms: count, cycles: CYCLES, gate, timing });
    say(`  ${count} atoms on ${edge}^3, ${CYCLES} cycles: ${timing.median.toFixed(1)} s`);
  }
  return results;
}

/** 40 to 140 A^2. */
function withSmoothBFactors(atoms: AtomSet, edge: number): AtomSet {
  const bFactors = Float64Array.from({ length: atoms.count }, (_, i) => {
    const [x, y] = [0, 1].map((axis) => (2 * atoms.positions[3 * i + axis]) / edge - 1);
    return 90 + 50 * Math.sin(4 * x) * Math.cos(2 * y);
  });
  return { ...atoms, bFactors };
}
