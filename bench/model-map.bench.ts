/**
 * Engine verb `simulateMap`: a ball of atoms at a protein's density in the middle of a box of 1 A voxels. The
 * time includes the plan, the sum on the finer grid, cropping, unblurring and the new volumes (fresh memory).
 */

import { measure } from '../src/bench/clock.ts';
import { checkGate, type Gate } from '../src/bench/gate.ts';
import type { Engine } from '../src/engine/engine.ts';
import type { AtomSet } from '../src/math/atoms/atom-set.ts';
import { evaluateScatteringFactor, scatteringFactorOf } from '../src/math/atoms/scattering-factors.ts';
import type { Grid } from '../src/math/grid.ts';
import { createRandom } from '../src/math/statistics/random.ts';
import type { BenchContext } from './context.ts';
import type { ModelMapResult } from './results.ts';

/** Engine tests allow as much for whole maps; the highest frequencies carry the unblurred rounding. */
const LIMIT = 1e-5;
/** Cubic angstrom per atom of a protein without its hydrogens. */
const ATOM_VOLUME = 20;
const ELEMENTS = ['C', 'C', 'C', 'N', 'O'];

const CASES: readonly (readonly [edge: number, atoms: number])[] = [
  [128, 5000],
  [256, 20_000],
  [256, 100_000],
];

export async function benchModelMap(context: BenchContext): Promise<ModelMapResult[]> {
  const { oneThread, allThreads, quick, say } = context;
  const runs = { runs: quick ? 1 : 5 };
  const results: ModelMapResult[] = [];
  for (const [edge, count] of quick ? [[48, 300] as const] : CASES) {
    const grid: Grid = { shape: [edge, edge, edge], voxelSize: [1, 1, 1], origin: [0, 0, 0] };
    const atoms = ballOfAtoms(count, edge);
    const gate = await checkCoefficients(oneThread, atoms, grid);
    const time = (engine: Engine) =>
      measure(async () => engine.release(await engine.simulateMap(atoms, grid)), runs);
    const timing = await time(oneThread);
    const all = allThreads === oneThread ? undefined : await time(allThreads);
    results.push({ edge, atoms: count, gate, oneThread: timing, ...(all ? { allThreads: all } : {}) });
    const allWords = all ? `, all threads ${(all.median * 1000).toFixed(0)} ms` : '';
    say(`  ${count} atoms on ${edge}^3: ${(timing.median * 1000).toFixed(0)} ms${allWords}`);
  }
  return results;
}

/** At a protein's density, in the middle of a box of 1 A voxels. */
export function ballOfAtoms(count: number, edge: number): AtomSet {
  const random = createRandom(31);
  const radius = Math.min(0.45 * edge, Math.cbrt((3 * ATOM_VOLUME * count) / (4 * Math.PI)));
  const positions = new Float64Array(3 * count);
  for (let i = 0; i < count; i++) {
    let direction: number[];
    do direction = [0, 1, 2].map(() => 2 * random.uniform() - 1);
    while (Math.hypot(...direction) > 1);
    positions.set(
      direction.map((value) => edge / 2 + radius * value),
      3 * i,
    );
  }
  return {
    count,
    positions,
    elements: Array.from({ length: count }, () => ELEMENTS[random.integer(0, ELEMENTS.length - 1)]),
    bFactors: Float64Array.from({ length: count }, () => 20 + 100 * random.uniform()),
    occupancies: new Float64Array(count).fill(1),
  };
}

/** Fourier coefficients of the map at seeded frequencies against the sums over atoms that define them. */
async function checkCoefficients(engine: Engine, atoms: AtomSet, grid: Grid): Promise<Gate> {
  const [edge] = grid.shape;
  const volume = await engine.simulateMap(atoms, grid);
  const map = await engine.download(volume);
  const random = createRandom(32);
  const found: number[] = [];
  const expected: number[] = [];
  for (let i = 0; i < 8; i++) {
    // Within the band: at most 0.48 cycles per voxel.
    const most = i < 4 ? 4 : Math.floor((0.48 * edge) / Math.sqrt(3));
    const k = [0, 1, 2].map(() => random.integer(-most, most));
    found.push(...coefficientOf(map, edge, k));
    expected.push(...structureFactor(atoms, edge, k));
  }
  engine.release(volume);
  return checkGate(`${atoms.count} atoms on ${edge}^3: Fourier coefficients`, found, expected, LIMIT);
}

function coefficientOf(map: Float32Array, edge: number, [kx, ky, kz]: readonly number[]): [number, number] {
  const wave = Array.from({ length: edge }, (_, i) => (2 * Math.PI * i) / edge);
  const [cos, sin] = [wave.map((a) => Math.cos(a)), wave.map((a) => Math.sin(a))];
  const at = (k: number, i: number): number => (((k * i) % edge) + edge) % edge;
  const alongX = Array.from({ length: edge }, (_, x) => at(kx, x));
  const [cosX, sinX] = [alongX.map((i) => cos[i]), alongX.map((i) => sin[i])];
  let [re, im] = [0, 0];
  for (let row = 0; row < edge * edge; row++) {
    let [a, b] = [0, 0];
    const first = row * edge;
    for (let x = 0; x < edge; x++) {
      a += map[first + x] * cosX[x];
      b += map[first + x] * sinX[x];
    }
    const turn = (at(ky, row % edge) + at(kz, Math.floor(row / edge))) % edge;
    re += a * cos[turn] - b * sin[turn];
    im -= a * sin[turn] + b * cos[turn];
  }
  return [re, im];
}

function structureFactor(atoms: AtomSet, edge: number, k: readonly number[]): [number, number] {
  const frequency = Math.hypot(...k) / edge;
  const factors = new Map(
    ELEMENTS.map((e) => [e, evaluateScatteringFactor(scatteringFactorOf(e)!, frequency)]),
  );
  let [re, im] = [0, 0];
  for (let i = 0; i < atoms.count; i++) {
    const [x, y, z] = atoms.positions.subarray(3 * i, 3 * i + 3);
    const angle = (2 * Math.PI * (k[0] * x + k[1] * y + k[2] * z)) / edge;
    const amplitude = factors.get(atoms.elements[i])! * Math.exp((-atoms.bFactors[i] * frequency ** 2) / 4);
    re += amplitude * Math.cos(angle);
    im -= amplitude * Math.sin(angle);
  }
  return [re, im];
}
