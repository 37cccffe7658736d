/**
 * Finds the symmetry centre of a small low-passed map. A map that was cut out of its box off-centre has its
 * axis elsewhere than at voxel n/2; the centre of its density lies on every axis of its symmetry all the
 * same, and is close enough for the group to show. The group then gives the centre itself: the point about
 * which rotated copies agree best.
 */
import type { Operator } from './point-group.ts';
import { applyMatrix, type Vector3 } from './rotation.ts';
import {
  type CoarseMap,
  choose,
  type DetectedSymmetry,
  detectSymmetry,
  selfCorrelations,
} from './self-rotation.ts';

type Centre = CoarseMap['centre'];

/** The map about another centre: of the sphere that is compared, all must lie in the box. */
export function aboutCentre(map: CoarseMap, centre: Centre): CoarseMap {
  return { ...map, centre, radius: Math.max(1, largestRadius(map, centre)) };
}

function largestRadius({ shape }: CoarseMap, centre: Centre): number {
  return Math.min(...centre.map((c, axis) => Math.min(c, shape[axis] - 1 - c))) - 0.5;
}

/** Values this many standard deviations away from the mean, up or down, are density and not noise. */
const DENSITY_SIGMA = 2;

/** Centre of the density, voxels (z, y, x); of either contrast, since symmetric is both. */
export function centreOfDensity({ data, shape }: CoarseMap): Centre {
  const mean = data.reduce((sum, value) => sum + value, 0) / data.length;
  const sd = Math.sqrt(data.reduce((sum, value) => sum + (value - mean) ** 2, 0) / data.length);
  const sums = [0, 0, 0];
  let weight = 0;
  data.forEach((value, i) => {
    const excess = Math.abs(value - mean) - DENSITY_SIGMA * sd;
    if (excess <= 0) return;
    weight += excess;
    sums[0] += excess * Math.floor(i / (shape[1] * shape[2]));
    sums[1] += excess * (Math.floor(i / shape[2]) % shape[1]);
    sums[2] += excess * (i % shape[2]);
  });
  if (weight === 0) return shape.map((n) => Math.floor(n / 2)) as unknown as Centre;
  return sums.map((sum) => sum / weight) as unknown as Centre;
}

/**
 * `centre` moved along what all operators leave free (the sole axis of C<n>) to where it is nearest to
 * `middle`: any point of the axis will do, and that one needs no explanation.
 */
export function nearestEquivalent(operators: readonly Operator[], centre: Centre, middle: Centre): Centre {
  const away: Vector3 = [middle[2] - centre[2], middle[1] - centre[1], middle[0] - centre[0]];
  const [x, y, z] = operators
    .map((m) => applyMatrix(m, away))
    .reduce((sum, v) => [sum[0] + v[0], sum[1] + v[1], sum[2] + v[2]]);
  const n = operators.length;
  return [centre[0] + z / n, centre[1] + y / n, centre[2] + x / n];
}

/** Steps of the search for the centre, voxels of the small map. */
const STEPS = [2, 1, 0.5, 0.25, 0.1];
/** Operators that are compared; more of them say the same. */
const MOST_OPERATORS = 12;
/** Points of the sphere: the map is smooth. */
const POINTS = 6000;

/**
 * The centre near that of `map` about which rotated copies agree best, within the directions that are
 * determined. `shifts` (x, y, z), for a helix: of each operator, after its rotation. The identity is the
 * first operator.
 */
export function refineCentre(
  map: CoarseMap,
  operators: readonly Operator[],
  shifts: readonly Vector3[] = [],
): Centre {
  const turns = operators.slice(1, MOST_OPERATORS + 1);
  // One sphere for all, so that correlations are comparable; its part outside the box counts as empty.
  const correlationAbout = selfCorrelations(map, POINTS);
  const quality = (centre: Centre): number => {
    const correlate = correlationAbout(centre);
    return turns.reduce((sum, turn, i) => sum + correlate(turn, shifts[i + 1]), 0) / turns.length;
  };
  const directions = fixedDirections(operators);
  let centre = map.centre;
  let best = quality(centre);
  for (const step of STEPS) {
    for (let moved = true, rounds = 0; moved && rounds < 8; rounds++) {
      moved = false;
      for (const direction of directions) {
        for (const length of [step, -step]) {
          const next = [0, 1, 2].map(
            (axis) => centre[axis] + length * direction[2 - axis],
          ) as unknown as Centre;
          if (largestRadius(map, next) < 1) continue;
          const value = quality(next);
          if (value > best) [centre, best, moved] = [next, value, true];
        }
      }
    }
  }
  return centre;
}

/** Directions (x, y, z) in which moving the centre changes the copies: the axes, less what is free. */
function fixedDirections(operators: readonly Operator[]): Vector3[] {
  const directions: Vector3[] = [];
  for (const unit of [
    [1, 0, 0],
    [0, 1, 0],
    [0, 0, 1],
  ] as const) {
    const free = operators
      .map((m) => applyMatrix(m, unit))
      .reduce((sum, v) => [sum[0] + v[0], sum[1] + v[1], sum[2] + v[2]], [0, 0, 0]);
    const fixed = unit.map((c, i) => c - free[i] / operators.length) as unknown as Vector3;
    const length = Math.hypot(...fixed);
    if (length > 0.1) directions.push(fixed.map((c) => c / length) as unknown as Vector3);
  }
  return directions;
}

/** Moving the centre by less than this (voxels of the small map) shows nothing new. */
const SAME_CENTRE = 0.5;

function apart(a: Centre, b: Centre): number {
  return Math.hypot(...a.map((c, axis) => c - b[axis]));
}

/**
 * The symmetry about the centre of `map` or about that of its density, whichever shows more, with its centre
 * refined.
 */
export function detectCentredSymmetry(map: CoarseMap): { found: DetectedSymmetry; centre: Centre } {
  const density = centreOfDensity(map);
  const starts = [map.centre];
  if (apart(density, map.centre) > SAME_CENTRE) starts.push(density);
  const tried = starts.map((centre) => ({ centre, ...detectSymmetry(aboutCentre(map, centre)) }));
  const best = choose(tried.filter(({ name }) => name !== 'C1'));
  if (best === undefined) return { found: tried[0], centre: map.centre };
  const start = nearestEquivalent(best.operators, best.centre, map.centre);
  const refined = refineCentre(aboutCentre(map, start), best.operators);
  if (apart(refined, best.centre) < SAME_CENTRE) return { found: best, centre: refined };
  const again = detectSymmetry(aboutCentre(map, refined));
  // About the refined centre the axis is more accurate, which may reveal a larger group.
  const found = choose([best, again].filter(({ name }) => name !== 'C1')) as DetectedSymmetry;
  return { found: again.name === found.name ? again : found, centre: refined };
}
