/**
 * Symmetry. The reference (or any map) is averaged over the operators of a point group or a helix
 * (method 9, Engine.symmetrise); whether a map has the symmetry is tested on a small low-passed copy.
 */
import type { Engine, Volume } from '../engine/engine.ts';
import { LocScaleError, named } from '../errors.ts';
import { tanhLowPass } from '../math/fourier/radial-transfer.ts';
import { type Grid, isotropicVoxelSize, type Shape, voxelCount } from '../math/grid.ts';
import { type Operator, parseSymmetry, pointGroup } from '../math/symmetry/point-group.ts';
import { rotationAbout, type Vector3 } from '../math/symmetry/rotation.ts';
import { defaultCentre, type SymmetriseOptions } from '../math/symmetry/rotation-plan.ts';
import {
  type CoarseMap,
  correlationRoom,
  type DetectedSymmetry,
  detectSymmetry,
  groupCorrelation,
  selfCorrelation,
} from '../math/symmetry/self-rotation.ts';
import {
  aboutCentre,
  centreOfDensity,
  detectCentredSymmetry,
  nearestEquivalent,
  refineCentre,
} from '../math/symmetry/symmetry-centre.ts';
import {
  type Helix,
  helicalOperators,
  readOperators,
  rotateOperators,
} from '../math/symmetry/symmetry-operators.ts';
import type { ReferenceSource } from './references/source.ts';
import type { Run } from './run.ts';

/** A symmetry as requested, before the grid is known. */
export interface SymmetryRequest {
  /** A point group, or the text of a file with operators. */
  readonly group: { readonly name: string } | { readonly file: string; readonly text: string };
  /** Centre in voxels along (z, y, x). */
  readonly centre?: readonly [z: number, y: number, x: number] | undefined;
  readonly helix?: Helix | undefined;
}

/** A symmetry on a given grid. */
export interface Symmetry {
  /** "D7", "helix of 22.03 degrees and 1.41 A, C1", or the file's name. */
  readonly name: string;
  readonly operators: readonly Operator[];
  readonly options: SymmetriseOptions & { readonly centre: readonly [z: number, y: number, x: number] };
  /** C1: nothing to average. */
  readonly trivial: boolean;
}

/** Precision of centres in operator files, in voxels: they are rounded to half voxels within it. */
const CENTRE_ROUNDING = 0.02;

/**
 * Operators and centre on a grid. Throws 'usage' for a centre outside the box and for groups that a helix
 * cannot have.
 */
export function resolveSymmetry(request: SymmetryRequest, grid: Grid): Symmetry {
  const { group, centre: requested, helix } = request;
  const file = 'text' in group ? readOperators(group.text, group.file) : undefined;
  const operators = file?.operators ?? pointGroup((group as { name: string }).name);
  const name = 'text' in group ? group.file : parseSymmetry(group.name).name;
  const centre =
    requested ??
    (file?.centreAngstrom ? centreOf(operators, file.centreAngstrom, grid) : defaultCentre(grid.shape));
  checkCentre(centre, grid.shape);
  if (helix === undefined) return { name, operators, options: { centre }, trivial: operators.length === 1 };
  if (operators.some((m) => Math.abs(m[2][2]) !== 1)) {
    throw new LocScaleError('usage', `A helix cannot have the symmetry ${name}.`, {
      parameter: 'symmetry',
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
 * Voxel of a file's centre (A, in the frame of ORIGIN). Coordinates that the operators do not determine, such
 * as the height along a single axis, are those of the box centre.
 */
function centreOf(operators: readonly Operator[], centre: Vector3, grid: Grid): [number, number, number] {
  const middle = defaultCentre(grid.shape);
  const given = [0, 1, 2].map((axis) => (centre[2 - axis] - grid.origin[axis]) / grid.voxelSize[axis]);
  return [0, 1, 2].map((to) => {
    // The mean of all operators projects onto the invariant subspace.
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

/** Throws 'usage' if the centre (z, y, x) lies outside the box. */
function checkCentre(centre: readonly number[], shape: Shape): void {
  if (centre.every((c, axis) => c >= 0 && c <= shape[axis] - 1)) return;
  throw new LocScaleError('usage', 'The centre of symmetry lies outside the box.', {
    parameter: 'centre',
    expected: `z, y, x up to ${shape.map((n) => n - 1).join(', ')}`,
    found: centre.map((c) => c.toFixed(2)).join(', '),
    hint: 'Give the centre in voxels, z first.',
  });
}

/** The symmetry imposed in a run, if any; warns if the map contradicts it. */
export async function symmetryOf(
  { symmetry: request, symmetriseOutput }: { symmetry?: SymmetryRequest; symmetriseOutput?: boolean },
  { isMap, softTarget }: Pick<ReferenceSource, 'isMap' | 'softTarget'>,
  grid: Grid,
  map: Volume,
  run: Run,
): Promise<Symmetry | undefined> {
  if (request === undefined) return undefined;
  const symmetry = resolveSymmetry(request, grid);
  if (symmetry.trivial) return undefined;
  if (!isMap && softTarget === 'profile' && symmetriseOutput !== true) {
    run.warn(
      `The symmetry ${symmetry.name} changes nothing in this run: a profile has no places, and the ` +
        `result is averaged only when requested for (${named('symmetriseOutput')}).`,
    );
    return undefined;
  }
  if (!isMap && softTarget !== 'profile')
    throw new LocScaleError('usage', 'Without a reference there is nothing to impose the symmetry on.', {
      parameter: 'symmetry',
      hint: `Leave ${named('symmetry')} out, or symmetrise the result with "locscale-gpu symmetrise".`,
    });
  run.countLateHeap(coarseBytes(grid));
  const { warning } = await checkSymmetry(run.engine, map, grid, symmetry);
  if (warning !== undefined) run.warn(warning);
  return symmetry;
}

/** The average, as a step; replaces `volume`. Without symmetry it returns `volume`. */
export async function symmetrise(volume: Volume, symmetry: Symmetry | undefined, run: Run): Promise<Volume> {
  return symmetry === undefined ? volume : averageOver(volume, symmetry, run);
}

/** The step. */
export function averageOver(
  volume: Volume,
  { name, operators, options }: Symmetry,
  run: Run,
): Promise<Volume> {
  return run.step('symmetry', `Averaging over ${operators.length} operators (${name})`, async () => {
    const averaged = await run.engine.symmetrise(volume, operators, options);
    run.release(volume);
    return averaged;
  });
}

/** Low-pass of the small copy, A. */
const COARSE_RESOLUTION = 9;
/** Voxels per resolution length, sufficient for linear interpolation. */
const COARSE_SAMPLING = 3.5;
/** Longest edge of the small copy. */
const LONGEST_COARSE_EDGE = 96;

/** Its voxel size (A) and shape. */
function coarseGrid(grid: Grid): { step: number; shape: Shape } {
  const voxelSize = isotropicVoxelSize(grid);
  const longest = Math.max(...grid.shape) * voxelSize;
  const step = Math.max(voxelSize, COARSE_RESOLUTION / COARSE_SAMPLING, longest / LONGEST_COARSE_EDGE);
  const shape = grid.shape.map((n) => Math.min(n, Math.ceil((n * voxelSize) / step))) as unknown as Shape;
  return { step, shape };
}

/** Heap of a small copy and its self-correlations, which is collected late. */
function coarseBytes(grid: Grid): number {
  return 3 * 4 * voxelCount(coarseGrid(grid).shape);
}

/** A small low-passed copy for comparisons with rotated copies of itself. */
export async function coarseMap(
  engine: Engine,
  volume: Volume,
  grid: Grid,
  centre: readonly [z: number, y: number, x: number] = defaultCentre(grid.shape),
): Promise<CoarseMap> {
  const voxelSize = isotropicVoxelSize(grid);
  const { step, shape } = coarseGrid(grid);
  const cutoff = Math.max(COARSE_RESOLUTION, COARSE_SAMPLING * step);
  const filtered = await engine.radialFilter(volume, tanhLowPass(cutoff, voxelSize));
  const small = await engine.resample(filtered, shape);
  engine.release(filtered);
  const data = await engine.inspect(small, (voxels) => voxels.slice());
  engine.release(small);
  const scaled = centre.map((c, axis) => (c * shape[axis]) / grid.shape[axis]) as [number, number, number];
  const radius = Math.min(...scaled.map((c, axis) => Math.min(c, shape[axis] - 1 - c))) - 0.5;
  return { data, shape, centre: scaled, radius: Math.max(1, radius), room: correlationRoom(data.length) };
}

/** How well a map has its symmetry. */
export interface SymmetryCheck {
  /** Least correlation between the low-passed map and a rotated copy of it. */
  readonly correlation: number;
  /** Warning if the map contradicts the symmetry. */
  readonly warning: string | undefined;
}

/** Minimum correlation of a map that has the symmetry. */
const LOW_CORRELATION = 0.5;
/** A cause is reported if it raises the correlation to this. */
const GOOD_CORRELATION = 0.75;

/** Compares the map with its copies; if they disagree, tries the likely causes. */
export async function checkSymmetry(
  engine: Engine,
  volume: Volume,
  grid: Grid,
  symmetry: Symmetry,
): Promise<SymmetryCheck> {
  if (symmetry.trivial) return { correlation: 1, warning: undefined };
  const map = await coarseMap(engine, volume, grid, symmetry.options.centre);
  const helical = symmetry.options.translations !== undefined;
  const correlation = helical
    ? screwCorrelation(map, screwsOf(map, symmetry, grid.shape))
    : groupCorrelation(selfCorrelation(map), symmetry.operators);
  if (correlation >= LOW_CORRELATION) return { correlation, warning: undefined };
  const cause = helical
    ? likelyCauseOfHelix(map, symmetry, grid.shape)
    : likelyCause(map, symmetry, grid.shape);
  return {
    correlation,
    warning:
      `The map does not look like ${symmetry.name}: it correlates with a rotated copy of itself by ` +
      `${correlation.toFixed(2)} only${cause === undefined ? '' : `; ${cause}`}.`,
  };
}

/** Screw operations compared: those with shifts up to this fraction of the length along z. */
const SCREW_REACH = 0.4;
const MOST_SCREWS = 24;

/** Screw operations of a helix near the middle of a small map. */
interface Screws {
  /** The identity first. */
  readonly operators: readonly Operator[];
  /** Along z, voxels of the small map. */
  readonly shifts: readonly Vector3[];
  /** Radius of a sphere that stays in the box under all of them. */
  readonly radius: number;
}

/** Operators whose shift along z leaves enough of the map to compare, the nearest first. */
function screwsOf(map: CoarseMap, { operators, options }: Symmetry, shape: Shape): Screws {
  const room = map.centre.map((c, axis) => Math.min(c, map.shape[axis] - 1 - c) - 0.5);
  const near = operators
    .map((operator, i) => ({
      operator,
      shift: ((options.translations?.[i][0] ?? 0) * map.shape[0]) / shape[0],
    }))
    .filter(({ shift }) => shift >= 0 && shift <= SCREW_REACH * room[0])
    .sort((a, b) => a.shift - b.shift)
    .slice(0, MOST_SCREWS);
  return {
    operators: near.map(({ operator }) => operator),
    shifts: near.map(({ shift }) => [0, 0, shift]),
    radius: Math.max(1, Math.min(room[1], room[2], (1 - SCREW_REACH) * room[0])),
  };
}

/** Least correlation with copies under a helix's screw operations. */
function screwCorrelation(map: CoarseMap, { operators, shifts, radius }: Screws): number {
  const correlate = selfCorrelation({ ...map, radius });
  return operators.slice(1).reduce((least, turn, i) => Math.min(least, correlate(turn, shifts[i + 1])), 1);
}

/** Why a helix does not fit: the other hand, or another centre; undefined if neither is found. */
function likelyCauseOfHelix(map: CoarseMap, symmetry: Symmetry, shape: Shape): string | undefined {
  const screws = screwsOf(map, symmetry, shape);
  const otherHand = { ...screws, shifts: screws.shifts.map(([, , z]) => [0, 0, -z] as const) };
  if (screwCorrelation(map, otherHand) >= GOOD_CORRELATION)
    return 'the helix has the other hand: change the sign of the twist';
  const start = nearestEquivalent(screws.operators, centreOfDensity(map), map.centre);
  const centre = refineCentre(
    { ...map, centre: start, radius: screws.radius },
    screws.operators,
    screws.shifts,
  );
  const moved = { ...map, centre };
  if (screwCorrelation(moved, screwsOf(moved, symmetry, shape)) < GOOD_CORRELATION) return undefined;
  const voxel = inVoxels(centre, map, shape).map((c) => c.toFixed(1));
  return `its axis seems to go through voxel ${voxel.join(',')} (z,y,x; ${named('centre')})`;
}

/** Why a point group does not fit: another axis or centre; undefined if neither is found. */
function likelyCause(map: CoarseMap, { name, operators }: Symmetry, shape: Shape): string | undefined {
  const good = (candidate: CoarseMap, list: readonly Operator[]): boolean =>
    groupCorrelation(selfCorrelation(candidate), list) >= GOOD_CORRELATION;
  const turns: readonly (readonly [string, Operator])[] = [
    ['x', rotationAbout([0, 1, 0], 90)],
    ['y', rotationAbout([1, 0, 0], -90)],
  ];
  for (const [axis, turn] of turns) {
    if (good(map, rotateOperators(operators, turn))) return `its axis seems to lie along ${axis}, not z`;
  }
  const start = nearestEquivalent(operators, centreOfDensity(map), map.centre);
  const refined = refineCentre(aboutCentre(map, start), operators);
  if (good(aboutCentre(map, refined), operators)) {
    const voxel = inVoxels(refined, map, shape).map((c) => c.toFixed(1));
    return `its centre seems to be voxel ${voxel.join(',')} (z,y,x; ${named('centre')})`;
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

/** A group with its centre. */
export interface LocatedSymmetry extends DetectedSymmetry {
  /** Voxel (z, y, x) of the rotation centre. */
  readonly centre: readonly [z: number, y: number, x: number];
  /** Whether the centre is voxel n/2 on each axis, the default of every command without --sym_center. */
  readonly centred: boolean;
}

/** Centres this close to n/2 (voxels) are indistinguishable from it. */
const CENTRE_ACCURACY = 0.3;

/** The symmetry of a map and its centre, from a small low-passed copy; only about `centre` if given. */
export async function findSymmetry(
  engine: Engine,
  volume: Volume,
  grid: Grid,
  given?: readonly [z: number, y: number, x: number],
): Promise<LocatedSymmetry> {
  const middle = defaultCentre(grid.shape);
  if (given !== undefined) {
    checkCentre(given, grid.shape);
    const found = detectSymmetry(await coarseMap(engine, volume, grid, given));
    return { ...found, centre: given, centred: given.every((c, axis) => c === middle[axis]) };
  }
  const map = await coarseMap(engine, volume, grid);
  const { found, centre: coarse } = detectCentredSymmetry(map);
  const centre = inVoxels(coarse, map, grid.shape);
  const centred = centre.every((c, axis) => Math.abs(c - middle[axis]) < CENTRE_ACCURACY);
  return { ...found, centre: centred ? middle : centre, centred };
}

/** From voxels of the small map to those of the map itself; voxels 0 coincide. */
function inVoxels(centre: readonly number[], map: CoarseMap, shape: Shape): [number, number, number] {
  return centre.map((c, axis) => (c * shape[axis]) / map.shape[axis]) as [number, number, number];
}
