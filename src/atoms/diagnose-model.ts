/**
 * Finds out by trial why a model does not fit a map: ignored origin, map centred on 0, mirror image, other
 * voxel sizes, shifts. Each trial is compared with the map around its own atoms at low resolution, where
 * small shifts do not matter and a trial takes milliseconds.
 */
import type { Engine, Volume } from '../engine/engine.ts';
import type { Atom } from '../math/atoms/atom.ts';
import { type AtomSet, atomSetOf } from '../math/atoms/atom-set.ts';
import { scatteringFactorOf } from '../math/atoms/scattering-factors.ts';
import { tabulateTransfer } from '../math/fourier/radial-transfer.ts';
import { type Grid, isotropicVoxelSize } from '../math/grid.ts';
import { correlationInside } from '../math/statistics/statistics.ts';

export interface DiagnosisJob {
  readonly engine: Engine;
  /** In absolute coordinates, including atoms outside the map. */
  readonly structure: { readonly atoms: readonly Atom[] };
  readonly grid: Grid;
  readonly map: Volume;
  /** Correlation of the model map as placed, at full resolution. */
  readonly correlation: number;
}

/**
 * Voxel size (A) of the trials, and B factor added to model and map: detail finer than 10 A hardly counts.
 */
const TRIAL_VOXEL_SIZE = 3;
const TRIAL_BLUR = 400;
/**
 * A trial explains a bad fit if it reaches this correlation, and exceeds that of the model as placed by this
 * much.
 */
const CONVINCING = 0.3;
const CONVINCING_GAIN = 0.1;

/** Density threshold of a blurred model's surroundings, relative to its maximum. */
const SURROUNDINGS_LEVEL = 0.02;

const SCALES = [0.97, 0.98, 0.99, 1.01, 1.02, 1.03];

interface Trial {
  readonly atoms: AtomSet;
  readonly sentence: string;
}

/** The probable cause, in one sentence. */
export async function diagnoseModel(job: DiagnosisJob): Promise<string> {
  const { engine, structure, grid, map } = job;
  const atoms = atomSetOf(
    structure.atoms.filter(({ element, occupancy }) => occupancy !== 0 && scatteringFactorOf(element)),
  );
  const coarse = coarseGrid(grid);
  const target = await lowResolution(engine, map, coarse, TRIAL_BLUR);
  const correlate = async (trial: AtomSet): Promise<number> => {
    const inside = insideOf(trial, coarse);
    if (inside.count === 0) return 0;
    const volume = await engine.simulateMap(inside, coarse, { blurBFactor: TRIAL_BLUR });
    const value = await engine.inspect(volume, (density) =>
      correlationInside(density, target, surroundingsIn(density)),
    );
    engine.release(volume);
    return Number.isFinite(value) ? value : 0;
  };
  const tryShifts = async (): Promise<{ correlation: number; sentence: string } | undefined> => {
    const inside = insideOf(atoms, coarse);
    if (inside.count === 0) return undefined;
    const volume = await engine.simulateMap(inside, coarse, { blurBFactor: TRIAL_BLUR });
    const found = await engine.inspect(volume, (voxels) => bestShift(voxels, target, coarse));
    engine.release(volume);
    return found;
  };
  const asItLies = await correlate(atoms);
  if (asItLies <= -CONVINCING)
    return (
      `It fits the map with its sign changed (correlation at 10 A ${asItLies.toFixed(2)}): the contrast ` +
      'of the map seems inverted, multiply it by -1.'
    );
  let best = { correlation: asItLies, sentence: '' };
  const shifted = await tryShifts();
  if (
    shifted !== undefined &&
    shifted.correlation >= CONVINCING_SHIFT &&
    shifted.correlation > best.correlation
  )
    best = shifted;
  for (const trial of trialsOf(atoms, grid)) {
    const reached = await correlate(trial.atoms);
    if (reached > best.correlation) best = { correlation: reached, sentence: trial.sentence };
  }
  return conclude(job.correlation, asItLies, best);
}

function conclude(
  correlation: number,
  asItLies: number,
  best: { readonly correlation: number; readonly sentence: string },
): string {
  const at10 = `correlation at 10 A ${asItLies.toFixed(2)}`;
  // A wrong voxel size hardly lowers the correlation at 10 A, but destroys it at full resolution.
  const better = best.correlation - asItLies;
  if (best.correlation >= CONVINCING && (better >= CONVINCING_GAIN || better > 0.5 * (1 - asItLies))) {
    return `${best.sentence} (${at10}, then ${best.correlation.toFixed(2)}).`;
  }
  if (asItLies >= CONVINCING)
    return (
      `At low resolution it fits (${at10}), so that its details or B factors do not agree with the map ` +
      `(${correlation.toFixed(2)}).`
    );
  return (
    `Neither origin, nor hand, nor voxel size explains it (${at10}, at best ` +
    `${best.correlation.toFixed(2)}): it probably belongs to another map, or was not fitted.`
  );
}

/** The best of thousands of shifts of a wrong model reaches 0.3. */
const CONVINCING_SHIFT = 0.5;
/** Largest shift tried along each axis, in voxels of the coarse grid: about 24 A. */
const FARTHEST_SHIFT = 8;
/** Fraction of the model that must stay in the box. */
const LEAST_INSIDE = 0.7;

/** Best shift of the model's surroundings by whole voxels of the coarse grid. */
function bestShift(
  density: Float32Array,
  target: Float32Array,
  { shape, voxelSize }: Grid,
): { correlation: number; sentence: string } {
  const [nz, ny, nx] = shape;
  const where = surroundingsIn(density);
  const voxels = Array.from(where.keys()).filter((i) => where[i] > 0.5);
  let best = { correlation: 0, shift: [0, 0, 0] };
  const reach = Array.from({ length: 2 * FARTHEST_SHIFT + 1 }, (_, i) => i - FARTHEST_SHIFT);
  for (const dz of reach)
    for (const dy of reach)
      for (const dx of reach) {
        let [n, a, b, aa, bb, ab] = [0, 0, 0, 0, 0, 0];
        for (const i of voxels) {
          const x = (i % nx) + dx;
          const y = (Math.floor(i / nx) % ny) + dy;
          const z = Math.floor(i / (nx * ny)) + dz;
          if (x < 0 || y < 0 || z < 0 || x >= nx || y >= ny || z >= nz) continue;
          const p = density[i];
          const q = target[(z * ny + y) * nx + x];
          n++;
          a += p;
          b += q;
          aa += p * p;
          bb += q * q;
          ab += p * q;
        }
        if (n < LEAST_INSIDE * voxels.length) continue;
        const correlation = (ab - (a * b) / n) / Math.sqrt((aa - (a * a) / n) * (bb - (b * b) / n));
        if (correlation > best.correlation) best = { correlation, shift: [dx, dy, dz] };
      }
  const angstrom = best.shift.map((steps, k) => (steps * voxelSize[2 - k]).toFixed(0)).join(', ');
  return {
    correlation: best.correlation,
    sentence: `It fits if it is shifted by about ${angstrom} A along x, y, z: fit it into the map`,
  };
}

/** 1 in and around the atoms, because a partial model does not explain density farther away. */
function surroundingsIn(density: Float32Array): Float32Array {
  const level = SURROUNDINGS_LEVEL * density.reduce((most, value) => Math.max(most, value), 0);
  return density.map((value) => (value > level ? 1 : 0));
}

/** The same box on voxels of about 3 A. */
function coarseGrid({ shape, voxelSize, origin }: Grid): Grid {
  const coarse = shape.map((n, axis) =>
    Math.min(n, Math.max(4, Math.round((n * voxelSize[axis]) / TRIAL_VOXEL_SIZE))),
  );
  const [nz, ny, nx] = coarse;
  const [sz, sy, sx] = voxelSize.map((size, axis) => (size * shape[axis]) / coarse[axis]);
  return { shape: [nz, ny, nx], voxelSize: [sz, sy, sx], origin };
}

/** The map on the coarse grid, blurred like the model. */
async function lowResolution(
  engine: Engine,
  volume: Volume,
  coarse: Grid,
  blurBFactor: number,
): Promise<Float32Array> {
  const small = await engine.resample(volume, coarse.shape);
  const squared = isotropicVoxelSize(coarse) ** 2;
  const blur = tabulateTransfer((cycles) => Math.exp((-blurBFactor * cycles * cycles) / (4 * squared)));
  const blurred = await engine.radialFilter(small, blur);
  const data = await engine.inspect(blurred, (voxels) => Float32Array.from(voxels));
  engine.release(small, blurred);
  return data;
}

function trialsOf(atoms: AtomSet, grid: Grid): Trial[] {
  const { origin } = grid;
  // Along x, y, z, like positions.
  const start = [origin[2], origin[1], origin[0]];
  const size = [2, 1, 0].map((axis) => grid.shape[axis] * grid.voxelSize[axis]);
  const step = isotropicVoxelSize(grid);
  const middle = start.map((from, k) => from + Math.floor(grid.shape[2 - k] / 2) * grid.voxelSize[2 - k]);
  const trials: Trial[] = [];
  const move = (change: (position: number, k: number) => number, sentence: string): void => {
    const positions = atoms.positions.map((position, i) => change(position, i % 3));
    trials.push({ atoms: { ...atoms, positions }, sentence });
  };
  if (start.some((value) => Math.abs(value) > 0.5 * step)) {
    move(
      (position, k) => position + start[k],
      'It fits if the origin in the header of the map is ignored: it was built in a copy of the map ' +
        'whose origin is 0',
    );
    move(
      (position, k) => position - start[k],
      'It fits if the origin in the header of the map is taken with the opposite sign',
    );
  }
  move(
    (position, k) => position + middle[k],
    'It fits if its coordinates count from the centre of the map: shift it by half the box',
  );
  for (const [k, axis] of ['x', 'y', 'z'].entries()) {
    move(
      (position, j) => (j === k ? 2 * start[k] + size[k] - grid.voxelSize[2 - k] - position : position),
      `It fits the mirror image of the map (along ${axis}): the map has the wrong hand`,
    );
  }
  const centre = centreOf(atoms);
  for (const scale of SCALES) {
    const sentence =
      `It fits if the voxel size of the map is ${(step * scale).toFixed(4)} A instead of ` +
      `${step.toFixed(4)} A`;
    // A voxel size that is s times larger makes the model 1 / s times as large in voxels. If the model was
    // nevertheless fitted as a whole, its centre stays in place.
    move((position, k) => start[k] + (position - start[k]) / scale, sentence);
    move((position, k) => centre[k] + (position - centre[k]) / scale, sentence);
  }
  return trials;
}

function centreOf({ positions, count }: AtomSet): number[] {
  const sum = [0, 0, 0];
  for (let i = 0; i < positions.length; i++) sum[i % 3] += positions[i];
  return sum.map((value) => value / Math.max(1, count));
}

/** Removes atoms outside the box, which the periodic map would show on its other side. */
function insideOf(atoms: AtomSet, { shape, voxelSize, origin }: Grid): AtomSet {
  const inside: number[] = [];
  for (let i = 0; i < atoms.count; i++) {
    const within = [0, 1, 2].every((axis) => {
      const at = (atoms.positions[3 * i + 2 - axis] - origin[axis]) / voxelSize[axis];
      return at >= -0.5 && at <= shape[axis] - 0.5;
    });
    if (within) inside.push(i);
  }
  return {
    count: inside.length,
    positions: Float64Array.from(inside.flatMap((i) => [0, 1, 2].map((k) => atoms.positions[3 * i + k]))),
    elements: inside.map((i) => atoms.elements[i]),
    bFactors: Float64Array.from(inside, (i) => atoms.bFactors[i]),
    occupancies: Float64Array.from(inside, (i) => atoms.occupancies[i]),
  };
}
