/**
 * Self-rotation of a small low-passed map: its correlation with rotated copies of itself, and the resulting
 * point group. Correlations are Pearson's, over the voxels of a sphere, values between voxels by trilinear
 * interpolation; the map is coarse, so both are float64 on the host.
 */
import type { Shape } from '../grid.ts';
import { type Operator, parseSymmetry, pointGroup } from './point-group.ts';
import {
  applyMatrix,
  dot,
  multiplyMatrices,
  normalise,
  rotationAbout,
  rotationFromZ,
  type Vector3,
} from './rotation.ts';
import { rotateOperators } from './symmetry-operators.ts';

export interface CoarseMap {
  readonly data: Float32Array;
  readonly shape: Shape;
  /** Centre of rotation, voxels along (z, y, x). */
  readonly centre: readonly [z: number, y: number, x: number];
  /** Radius of the sphere compared, voxels. */
  readonly radius: number;
  /** Scratch memory shared by self-correlations: each is valid until the next is created. */
  readonly room?: CorrelationRoom;
}

/** Working memory of a self-correlation, in voxels of the map. */
export interface CorrelationRoom {
  /** From the centre, of each voxel. */
  readonly distances: Float32Array;
  /** The map less its radial mean. */
  readonly residual: Float32Array;
}

export function correlationRoom(voxels: number): CorrelationRoom {
  return { distances: new Float32Array(voxels), residual: new Float32Array(voxels) };
}

/** Correlation of the map with its copy rotated by `operator`, then shifted by (x, y, z) voxels. */
export type SelfCorrelation = (operator: Operator, shift?: Vector3) => number;

/** `most` voxels of the sphere at the most, on a regular sublattice. */
export function selfCorrelation(map: CoarseMap, most = 12000): SelfCorrelation {
  return selfCorrelations(map, most)(map.centre);
}

/** Self-correlations about any centre, for a search; each is valid until the next one is made. */
export function selfCorrelations(
  map: CoarseMap,
  most = 12000,
): (centre: CoarseMap['centre']) => SelfCorrelation {
  const { data, radius, room = correlationRoom(data.length) } = map;
  const spacing = Math.max(1, Math.cbrt(((4 / 3) * Math.PI * radius ** 3) / most));
  const points = spherePoints(Math.floor(radius / spacing), spacing);
  const own = new Float64Array(points.length / 3);
  return (centre) => correlationAbout({ ...map, centre }, points, own, room);
}

/** `points`: (x, y, z) from the centre of each voxel compared; `own` becomes the map's values there. */
function correlationAbout(
  map: CoarseMap,
  points: Float64Array,
  own: Float64Array,
  room: CorrelationRoom,
): SelfCorrelation {
  const { shape, centre } = map;
  const data = removeRadialMean(map, room);
  const [nz, ny, nx] = shape;
  const count = own.length;
  const [cz, cy, cx] = centre;
  const rowLength = nx;
  const planeLength = ny * nx;
  // Inlined, because this is called about ten thousand times.
  const at = (x: number, y: number, z: number): number => {
    const pz = z + cz;
    const py = y + cy;
    const px = x + cx;
    const iz = Math.floor(pz);
    const iy = Math.floor(py);
    const ix = Math.floor(px);
    if (iz < 0 || iy < 0 || ix < 0 || iz + 1 >= nz || iy + 1 >= ny || ix + 1 >= nx) return 0;
    const fz = pz - iz;
    const fy = py - iy;
    const fx = px - ix;
    const i = iz * planeLength + iy * rowLength + ix;
    const j = i + planeLength;
    const r0 = data[i] + fx * (data[i + 1] - data[i]);
    const r1 = data[i + rowLength] + fx * (data[i + rowLength + 1] - data[i + rowLength]);
    const r2 = data[j] + fx * (data[j + 1] - data[j]);
    const r3 = data[j + rowLength] + fx * (data[j + rowLength + 1] - data[j + rowLength]);
    const low = r0 + fy * (r1 - r0);
    return low + fz * (r2 + fy * (r3 - r2) - low);
  };
  let sum = 0;
  let squares = 0;
  for (let i = 0; i < count; i++) {
    own[i] = at(points[3 * i], points[3 * i + 1], points[3 * i + 2]);
    sum += own[i];
    squares += own[i] * own[i];
  }
  const variance = squares - (sum * sum) / count;
  return ([[m00, m01, m02], [m10, m11, m12], [m20, m21, m22]], [sx, sy, sz] = NO_SHIFT) => {
    let rotated = 0;
    let rotatedSquares = 0;
    let products = 0;
    for (let i = 0, p = 0; i < count; i++, p += 3) {
      const x = points[p];
      const y = points[p + 1];
      const z = points[p + 2];
      const v = at(
        m00 * x + m01 * y + m02 * z + sx,
        m10 * x + m11 * y + m12 * z + sy,
        m20 * x + m21 * y + m22 * z + sz,
      );
      rotated += v;
      rotatedSquares += v * v;
      products += own[i] * v;
    }
    const both = variance * (rotatedSquares - (rotated * rotated) / count);
    return both > 0 ? (products - (sum * rotated) / count) / Math.sqrt(both) : 0;
  };
}

const NO_SHIFT: Vector3 = [0, 0, 0];

/**
 * Points (x, y, z) of a cubic lattice in a sphere about (0, 0, 0), one after the other; `reach` steps of
 * `spacing`.
 */
function spherePoints(reach: number, spacing: number): Float64Array {
  const points: number[] = [];
  for (let z = -reach; z <= reach; z++)
    for (let y = -reach; y <= reach; y++)
      for (let x = -reach; x <= reach; x++)
        if (z * z + y * y + x * x <= reach * reach) points.push(x * spacing, y * spacing, z * spacing);
  return Float64Array.from(points);
}

/** The map less its mean at each distance from the centre, which every rotation keeps. */
function removeRadialMean(
  { data, shape, centre }: CoarseMap,
  { distances, residual }: CorrelationRoom,
): Float32Array {
  const [nz, ny, nx] = shape;
  const sums = new Float64Array(nz + ny + nx);
  const weights = new Float64Array(sums.length);
  for (let z = 0, i = 0; z < nz; z++) {
    for (let y = 0; y < ny; y++) {
      for (let x = 0; x < nx; x++, i++) {
        const r = Math.hypot(z - centre[0], y - centre[1], x - centre[2]);
        distances[i] = r;
        const [low, part] = [Math.floor(r), r - Math.floor(r)];
        sums[low] += (1 - part) * data[i];
        weights[low] += 1 - part;
        sums[low + 1] += part * data[i];
        weights[low + 1] += part;
      }
    }
  }
  const mean = sums.map((sum, r) => (weights[r] > 0 ? sum / weights[r] : 0));
  for (let i = 0; i < data.length; i++) {
    const low = Math.floor(distances[i]);
    residual[i] = data[i] - mean[low] - (distances[i] - low) * (mean[low + 1] - mean[low]);
  }
  return residual;
}

/** Least correlation over the operators other than the identity; 1 if there is none. */
export function groupCorrelation(correlate: SelfCorrelation, operators: readonly Operator[]): number {
  let least = 1;
  for (const m of operators)
    if (m[0][0] + m[1][1] + m[2][2] < 3 - 1e-9) least = Math.min(least, correlate(m));
  return least;
}

export interface DetectedSymmetry {
  /** "C1" where nothing repeats. */
  readonly name: string;
  /** Direction of the main axis, (x, y, z). */
  readonly axis: Vector3;
  /** Direction of a 2-fold across it, for D<n>. */
  readonly twofold: Vector3 | undefined;
  /** Least correlation over the operators. */
  readonly correlation: number;
  /** As they lie in the map. */
  readonly operators: readonly Operator[];
  /** In RELION's setting, so that `-sym NAME` applies to the map as it is. */
  readonly standard: boolean;
  /** Correlation about the main axis for every fold 2 ... 12. */
  readonly folds: readonly { readonly fold: number; readonly correlation: number }[];
}

const FOLDS = [2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12] as const;
/** Minimum correlation of a symmetric map. */
const LEAST_CORRELATION = 0.6;
/** Groups worse than the best by up to this much, less if the best is very good, are still candidates. */
const ALLOWANCE = 0.12;

export function detectSymmetry(map: CoarseMap): DetectedSymmetry {
  const correlate = selfCorrelation(map);
  const z: Vector3 = [0, 0, 1];
  const standard = [...FOLDS.flatMap((n) => [`C${n}`, `D${n}`]), 'T', 'O', 'I1', 'I2', 'I3', 'I4'];
  const scored = standard.map((name) => ({ name, correlation: quickly(correlate, pointGroup(name)) }));
  const distinct = scored.filter(
    ({ name, correlation }) =>
      correlation >= LEAST_CORRELATION &&
      (!/^[CD]/.test(name) || isDistinct(correlate, z, Number(name.slice(1)), correlation)),
  );
  const inPlace = choose(distinct);
  const foldsAbout = (axis: Vector3) =>
    FOLDS.map((fold) => ({ fold, correlation: cyclicCorrelation(correlate, axis, fold) }));
  const rotated = searchAxes(map, correlate);
  if (
    inPlace !== undefined &&
    (rotated === undefined || rotated.order <= parseSymmetry(inPlace.name).order)
  ) {
    const twofold: Vector3 | undefined = inPlace.name[0] === 'D' ? [1, 0, 0] : undefined;
    const operators = pointGroup(inPlace.name);
    return { ...inPlace, operators, axis: z, twofold, standard: true, folds: foldsAbout(z) };
  }
  if (rotated === undefined) {
    const none = { name: 'C1', operators: pointGroup('C1'), axis: z, twofold: undefined, correlation: 1 };
    return { ...none, standard: true, folds: foldsAbout(z) };
  }
  const { name, operators, axis, twofold, correlation } = rotated;
  return { name, operators, axis, twofold, correlation, standard: false, folds: foldsAbout(axis) };
}

/** The least correlation, with early exit once it is too low. */
function quickly(correlate: SelfCorrelation, operators: readonly Operator[]): number {
  let least = 1;
  for (const m of operators.slice(1)) {
    least = Math.min(least, correlate(m));
    if (least < LEAST_CORRELATION) return least;
  }
  return least;
}

/** The largest group that is nearly as good as the best. */
export function choose<T extends { readonly name: string; readonly correlation: number }>(
  candidates: readonly T[],
): T | undefined {
  const best = candidates.reduce((most, { correlation }) => Math.max(most, correlation), 0);
  const least = Math.max(LEAST_CORRELATION, best - Math.min(ALLOWANCE, 0.03 + 2 * (1 - best)));
  const good = candidates.filter(({ correlation }) => correlation >= least);
  return good.sort(
    (a, b) => parseSymmetry(b.name).order - parseSymmetry(a.name).order || b.correlation - a.correlation,
  )[0];
}

/**
 * Least correlation over the rotations by multiples of 360 / fold up to half a turn (the others are their
 * inverses).
 */
function cyclicCorrelation(correlate: SelfCorrelation, axis: Vector3, fold: number): number {
  let least = 1;
  for (let k = 1; 2 * k <= fold; k++) {
    least = Math.min(least, correlate(rotationAbout(axis, (360 * k) / fold)));
    if (least < 0) break;
  }
  return least;
}

/**
 * Required drop of the correlation at half the angle of a fold: about the axis of a round object all angles
 * agree.
 */
const HALF_STEP_FACTOR = 2;

/** Whether rotating by half the angle of a fold lowers the correlation. */
function isDistinct(correlate: SelfCorrelation, axis: Vector3, fold: number, correlation: number): boolean {
  return 1 - correlate(rotationAbout(axis, 180 / fold)) > HALF_STEP_FACTOR * (1 - correlation);
}

interface RotatedGroup {
  readonly name: string;
  readonly order: number;
  readonly operators: readonly Operator[];
  readonly axis: Vector3;
  readonly twofold: Vector3 | undefined;
  readonly correlation: number;
}

interface FoundAxis {
  readonly axis: Vector3;
  readonly fold: number;
  readonly correlation: number;
}

/** Axes of the coarse search, on a hemisphere, about 7 degrees apart. */
const DIRECTIONS = 420;
/** Angles (degrees) of the refinement of an axis. */
const REFINEMENT = [3, 1.5, 0.7, 0.3];
/** Primes: an axis of any fold shows in one of them. */
const SEARCHED_FOLDS = [2, 3, 5, 7, 11] as const;

function searchAxes(map: CoarseMap, correlate: SelfCorrelation): RotatedGroup | undefined {
  const coarse = selfCorrelation(map, 1500);
  const directions = hemisphere(DIRECTIONS);
  const axes: FoundAxis[] = [];
  for (const fold of SEARCHED_FOLDS) {
    const list = directions.map((axis) => ({ axis, value: coarse(rotationAbout(axis, 360 / fold)) }));
    list.sort((a, b) => b.value - a.value);
    for (const { axis } of separated(list.slice(0, 80).map((entry) => entry.axis)).slice(0, 8)) {
      const refined = refineAxis(correlate, axis, fold);
      if (refined.correlation < LEAST_CORRELATION) continue;
      const best = FOLDS.map((n) => ({
        fold: n,
        correlation: cyclicCorrelation(correlate, refined.axis, n),
      }));
      const chosen = choose(
        best
          .filter((entry) => isDistinct(correlate, refined.axis, entry.fold, entry.correlation))
          .map((entry) => ({ ...entry, name: `C${entry.fold}` })),
      );
      if (chosen) axes.push({ axis: refined.axis, fold: chosen.fold, correlation: chosen.correlation });
    }
  }
  if (axes.length === 0) return undefined;
  const groups = axes.flatMap((found) => groupsAbout(found, correlate));
  const polyhedral = polyhedralGroups(axes, correlate);
  return choose([...groups, ...polyhedral]);
}

function groupsAbout({ axis, fold, correlation }: FoundAxis, correlate: SelfCorrelation): RotatedGroup[] {
  const frame = rotationFromZ(axis);
  const turns = rotateOperators(pointGroup(`C${fold}`), frame);
  const cyclic = { name: `C${fold}`, order: fold, operators: turns, axis, twofold: undefined, correlation };
  let best = { angle: 0, value: -1 };
  const half = 180 / fold;
  const twofoldAt = (angle: number): Vector3 =>
    applyMatrix(frame, [Math.cos((angle * Math.PI) / 180), Math.sin((angle * Math.PI) / 180), 0]);
  for (let angle = 0; angle < half; angle += 3) {
    const value = correlate(rotationAbout(twofoldAt(angle), 180));
    if (value > best.value) best = { angle, value };
  }
  if (best.value < LEAST_CORRELATION) return [cyclic];
  const twofold = twofoldAt(best.angle);
  const dihedral = Math.min(correlation, best.value);
  const operators = rotateOperators(pointGroup(`D${fold}`), frameOf(axis, twofold));
  return [cyclic, { name: `D${fold}`, order: 2 * fold, operators, axis, twofold, correlation: dihedral }];
}

/** T, O and I from two different axes: their operators follow from the frame that the two span. */
function polyhedralGroups(axes: readonly FoundAxis[], correlate: SelfCorrelation): RotatedGroup[] {
  const groups: RotatedGroup[] = [];
  // Settings with an axis of this fold along z; the orientation of the others about it is found by trial.
  const settings = [
    { name: 'I', standard: 'I3', fold: 5 },
    { name: 'O', standard: 'O', fold: 4 },
    { name: 'T', standard: 'T', fold: 3 },
  ] as const;
  for (const { name, standard, fold } of settings) {
    const candidates = axes.filter((found) => found.fold % fold === 0);
    for (let i = 0; i < candidates.length && groups.length === 0; i++) {
      for (let k = i + 1; k < candidates.length && groups.length === 0; k++) {
        const [a, b] = [candidates[i].axis, candidates[k].axis];
        const angle = Math.abs(dot(a, b));
        if (angle > 0.98) continue;
        const operators = pointGroup(standard);
        const frame = frameOf(a, b);
        for (let turn = 0; turn < 360; turn += 6) {
          const start = multiplyMatrices(frame, rotationAbout([0, 0, 1], turn));
          if (quickly(correlate, rotateOperators(operators, start)) < LEAST_CORRELATION) continue;
          const refined = refineFrame(correlate, operators, start);
          groups.push({ name, order: operators.length, axis: a, twofold: undefined, ...refined });
          break;
        }
      }
    }
  }
  return groups;
}

/** The least correlation after refining the frame by small rotations. */
function refineFrame(
  correlate: SelfCorrelation,
  operators: readonly Operator[],
  start: Operator,
): { correlation: number; operators: readonly Operator[] } {
  let frame = start;
  let best = quickly(correlate, rotateOperators(operators, frame));
  for (const step of [2, 1, 0.5]) {
    for (const axis of [
      [1, 0, 0],
      [0, 1, 0],
      [0, 0, 1],
    ] as const) {
      for (const degrees of [step, -step]) {
        const next = multiplyMatrices(rotationAbout(axis, degrees), frame);
        const value = quickly(correlate, rotateOperators(operators, next));
        if (value > best) [frame, best] = [next, value];
      }
    }
  }
  return { correlation: best, operators: rotateOperators(operators, frame) };
}

/** z along a, x in the plane of a and b. */
function frameOf(a: Vector3, b: Vector3): Operator {
  const z = normalise(a);
  const along = dot(b, z);
  const x = normalise([b[0] - along * z[0], b[1] - along * z[1], b[2] - along * z[2]]);
  const y: Vector3 = [z[1] * x[2] - z[2] * x[1], z[2] * x[0] - z[0] * x[2], z[0] * x[1] - z[1] * x[0]];
  return [
    [x[0], y[0], z[0]],
    [x[1], y[1], z[1]],
    [x[2], y[2], z[2]],
  ];
}

function refineAxis(
  correlate: SelfCorrelation,
  start: Vector3,
  fold: number,
): { axis: Vector3; correlation: number } {
  let axis = start;
  let correlation = correlate(rotationAbout(axis, 360 / fold));
  for (const step of REFINEMENT) {
    for (let moved = true, rounds = 0; moved && rounds < 6; rounds++) {
      moved = false;
      const frame = rotationFromZ(axis);
      for (const side of [0, 60, 120, 180, 240, 300]) {
        const tilt = multiplyMatrices(rotationAbout([0, 0, 1], side), rotationAbout([1, 0, 0], step));
        const next = applyMatrix(frame, applyMatrix(tilt, [0, 0, 1]));
        const value = correlate(rotationAbout(next, 360 / fold));
        if (value > correlation) [axis, correlation, moved] = [next, value, true];
      }
    }
  }
  return { axis: axis[2] < 0 ? [-axis[0], -axis[1], -axis[2]] : axis, correlation };
}

/** Evenly spread directions with z >= 0 (a Fibonacci spiral). */
function hemisphere(count: number): Vector3[] {
  const golden = Math.PI * (3 - Math.sqrt(5));
  return Array.from({ length: count }, (_, i) => {
    const z = 1 - i / count;
    const r = Math.sqrt(1 - z * z);
    return [r * Math.cos(golden * i), r * Math.sin(golden * i), z] as const;
  });
}

/** Directions more than 20 degrees apart, in the order given. */
function separated(list: readonly Vector3[]): { axis: Vector3 }[] {
  const kept: Vector3[] = [];
  for (const axis of list) {
    if (kept.every((other) => Math.abs(dot(axis, other)) < Math.cos(Math.PI / 9))) kept.push(axis);
  }
  return kept.map((axis) => ({ axis }));
}
