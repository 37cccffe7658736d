/**
 * Step 6: symmetry. The reference (or any map) is averaged over the operators of a point group or a helix
 * (method 9, Engine.symmetrise); whether a map has the symmetry is asked of a low-passed small copy of it.
 */
import type { Engine, Volume } from '../engine.ts';
import { LocScaleError } from '../errors.ts';
import { type Grid, isotropicVoxelSize, type Shape } from '../math/grid.ts';
import { type Operator, parseSymmetry, pointGroup } from '../math/point-group.ts';
import { tanhLowPass } from '../math/radial-transfer.ts';
import { rotationAbout, type Vector3 } from '../math/rotation.ts';
import { defaultCentre, type SymmetriseOptions } from '../math/rotation-plan.ts';
import {
  type CoarseMap,
  type DetectedSymmetry,
  detectSymmetry,
  groupCorrelation,
  selfCorrelation,
} from '../math/self-rotation.ts';
import { type Helix, helicalOperators, readOperators, turnOperators } from '../math/symmetry-operators.ts';
import type { Run } from './run.ts';

export interface SymmetryRequest {
  /** A point group, or the text of a file with operators. */
  readonly group: { readonly name: string } | { readonly file: string; readonly text: string };
  /** Centre in voxels along (z, y, x). */
  readonly centre?: readonly [z: number, y: number, x: number] | undefined;
  readonly helix?: Helix | undefined;
}

/** Symmetry on a certain grid. */
export interface Symmetry {
  /** "D7", "helix of 22.03 degrees and 1.41 A, C1", or the file's name. */
  readonly name: string;
  readonly operators: readonly Operator[];
  readonly options: SymmetriseOptions & { readonly centre: readonly [z: number, y: number, x: number] };
  /** Nothing to be done. */
  readonly trivial: boolean;
}

/** Centres of operator files are given to about this, in voxels; half voxels nearer than that are meant. */
const CENTRE_ROUNDING = 0.02;

export function resolveSymmetry(request: SymmetryRequest, grid: Grid): Symmetry {
  const { group, centre: asked, helix } = request;
  const file = 'text' in group ? readOperators(group.text, group.file) : undefined;
  const operators = file?.operators ?? pointGroup((group as { name: string }).name);
  const name = 'text' in group ? group.file : parseSymmetry(group.name).name;
  const centre =
    asked ??
    (file?.centreAngstrom ? centreOf(operators, file.centreAngstrom, grid) : defaultCentre(grid.shape));
  checkCentre(centre, grid.shape);
  if (helix === undefined) return { name, operators, options: { centre }, trivial: operators.length === 1 };
  if (operators.some((m) => Math.abs(m[2][2]) !== 1)) {
    throw new LocScaleError('usage', `A helix cannot have the symmetry ${name}.`, {
      where: '-sym',
      expected: 'C<n> or D<n>, with their axis along z',
      found: name,
    });
  }
  const { twistDegrees, riseAngstrom } = helix;
  const turns = helicalOperators(helix, operators, grid.shape[0], isotropicVoxelSize(grid));
  return {
    name: `helix of ${twistDegrees} degrees and ${riseAngstrom} A, ${name}`,
    operators: turns.operators,
    options: { centre, translations: turns.translations },
    trivial: false,
  };
}

/**
 * Voxel of a file's centre (A, in the frame of ORIGIN). What the operators leave free, as the height along a sole
 * axis, is that of the middle of the box.
 */
function centreOf(operators: readonly Operator[], centre: Vector3, grid: Grid): [number, number, number] {
  const middle = defaultCentre(grid.shape);
  const given = [0, 1, 2].map((axis) => (centre[2 - axis] - grid.origin[axis]) / grid.voxelSize[axis]);
  return [0, 1, 2].map((to) => {
    // The mean of all operators projects on what they leave where it is.
    const free = [0, 1, 2].reduce(
      (sum, from) =>
        sum +
        ((middle[from] - given[from]) * operators.reduce((total, m) => total + m[2 - to][2 - from], 0)) /
          operators.length,
      0,
    );
    const value = given[to] + free;
    const half = Math.round(2 * value) / 2;
    return Math.abs(value - half) < CENTRE_ROUNDING ? half : value;
  }) as [number, number, number];
}

function checkCentre(centre: readonly number[], shape: Shape): void {
  if (centre.every((c, axis) => c >= 0 && c <= shape[axis] - 1)) return;
  throw new LocScaleError('usage', 'The centre of symmetry lies outside the box.', {
    where: '--sym_center',
    expected: `z, y, x up to ${shape.map((n) => n - 1).join(', ')}`,
    found: centre.map((c) => c.toFixed(2)).join(', '),
    hint: 'Give the centre in voxels, z first.',
  });
}

/** The average; `volume` is released. A trivial symmetry gives `volume` back. */
export async function symmetriseReference(volume: Volume, symmetry: Symmetry, run: Run): Promise<Volume> {
  if (symmetry.trivial) return volume;
  const averaged = run.hold(await run.engine.symmetrise(volume, symmetry.operators, symmetry.options));
  run.release(volume);
  return averaged;
}

/** Low-pass of the small copy, A; finer where the voxels are too large for it. */
const COARSE_RESOLUTION = 9;
/** Voxels per resolution length: values between voxels are interpolated linearly. */
const COARSE_SAMPLING = 3.5;
/** Longest edge of the small copy. */
const LONGEST_COARSE_EDGE = 96;

/** A low-passed small copy for comparisons with turned copies of itself. */
export async function coarseMap(
  engine: Engine,
  volume: Volume,
  grid: Grid,
  centre: readonly [z: number, y: number, x: number] = defaultCentre(grid.shape),
): Promise<CoarseMap> {
  const voxelSize = isotropicVoxelSize(grid);
  const longest = Math.max(...grid.shape) * voxelSize;
  const step = Math.max(voxelSize, COARSE_RESOLUTION / COARSE_SAMPLING, longest / LONGEST_COARSE_EDGE);
  const shape = grid.shape.map((n) => Math.min(n, Math.ceil((n * voxelSize) / step))) as unknown as Shape;
  const cutoff = Math.max(COARSE_RESOLUTION, COARSE_SAMPLING * step);
  const filtered = await engine.radialFilter(volume, tanhLowPass(cutoff, voxelSize));
  const small = await engine.resample(filtered, shape);
  engine.release(filtered);
  const data = Float32Array.from(await engine.download(small));
  engine.release(small);
  const scaled = centre.map((c, axis) => (c * shape[axis]) / grid.shape[axis]) as [number, number, number];
  const radius = Math.min(...scaled.map((c, axis) => Math.min(c, shape[axis] - 1 - c))) - 0.5;
  return { data, shape, centre: scaled, radius: Math.max(1, radius) };
}

export interface SymmetryCheck {
  /** Least correlation between the low-passed map and a turned copy of it. */
  readonly correlation: number;
  /** One sentence, where the map contradicts the symmetry. */
  readonly warning: string | undefined;
}

/** Below this a map does not have the symmetry. */
const LOW_CORRELATION = 0.5;
/** A cause is named where it raises the correlation to this. */
const GOOD_CORRELATION = 0.75;

/** Compares the map with its copies; where they disagree, tries the likely causes. */
export async function checkSymmetry(
  engine: Engine,
  volume: Volume,
  grid: Grid,
  symmetry: Symmetry,
): Promise<SymmetryCheck> {
  // A helix repeats with shifts, which a comparison about a point does not show.
  if (symmetry.trivial || symmetry.options.translations !== undefined)
    return { correlation: 1, warning: undefined };
  const map = await coarseMap(engine, volume, grid, symmetry.options.centre);
  const correlation = groupCorrelation(selfCorrelation(map), symmetry.operators);
  if (correlation >= LOW_CORRELATION) return { correlation, warning: undefined };
  const cause = likelyCause(map, symmetry, grid.shape);
  return {
    correlation,
    warning: `The map does not look like ${symmetry.name}: it correlates with a turned copy of itself by ${correlation.toFixed(2)} only${cause === undefined ? '' : `; ${cause}`}.`,
  };
}

function likelyCause(map: CoarseMap, { name, operators }: Symmetry, shape: Shape): string | undefined {
  const good = (candidate: CoarseMap, list: readonly Operator[]): boolean =>
    groupCorrelation(selfCorrelation(candidate), list) >= GOOD_CORRELATION;
  const turns: readonly (readonly [string, Operator])[] = [
    ['x', rotationAbout([0, 1, 0], 90)],
    ['y', rotationAbout([1, 0, 0], -90)],
  ];
  for (const [axis, turn] of turns) {
    if (good(map, turnOperators(operators, turn))) return `its axis seems to lie along ${axis}, not z`;
  }
  const centre = centreOfMass(map);
  const shift = Math.hypot(...centre.map((c, axis) => c - map.centre[axis]));
  if (shift > 1) {
    const radius = Math.min(...centre.map((c, axis) => Math.min(c, map.shape[axis] - 1 - c))) - 0.5;
    if (radius > 2 && good({ ...map, centre, radius }, operators)) {
      const voxel = centre.map((c, axis) => ((c * shape[axis]) / map.shape[axis]).toFixed(1));
      return `its centre seems to be voxel ${voxel.join(',')} (z,y,x; --sym_center)`;
    }
  }
  const smaller = smallerGroups(name).find((group) => good(map, pointGroup(group)));
  if (smaller !== undefined) return `${smaller} fits`;
  const { name: found, standard } = detectSymmetry(map);
  return found === 'C1' || !standard ? undefined : `${found} fits`;
}

/** Subgroups in the same setting, largest first. */
function smallerGroups(name: string): string[] {
  const match = /^([CD])(\d+)$/.exec(name);
  if (match === null) return [];
  const fold = Number(match[2]);
  const divisors = Array.from({ length: fold }, (_, i) => fold - i).filter((n) => n > 1 && fold % n === 0);
  return [
    ...(match[1] === 'D' ? divisors.map((n) => `D${n}`).slice(1) : []),
    ...divisors.map((n) => `C${n}`),
  ].filter((group) => group !== name);
}

/** Of the values above the mean by two standard deviations, voxels (z, y, x). */
function centreOfMass({ data, shape }: CoarseMap): [number, number, number] {
  const mean = data.reduce((sum, value) => sum + value, 0) / data.length;
  const sd = Math.sqrt(data.reduce((sum, value) => sum + (value - mean) ** 2, 0) / data.length);
  const sums = [0, 0, 0];
  let weight = 0;
  data.forEach((value, i) => {
    const excess = value - mean - 2 * sd;
    if (excess <= 0) return;
    weight += excess;
    sums[0] += excess * Math.floor(i / (shape[1] * shape[2]));
    sums[1] += excess * (Math.floor(i / shape[2]) % shape[1]);
    sums[2] += excess * (i % shape[2]);
  });
  return sums.map((sum) => (weight > 0 ? sum / weight : 0)) as [number, number, number];
}

/** The symmetry of a map, from a small low-passed copy. */
export async function findSymmetry(engine: Engine, volume: Volume, grid: Grid): Promise<DetectedSymmetry> {
  return detectSymmetry(await coarseMap(engine, volume, grid));
}
