/**
 * Gradient solver of the pseudo-model (method 8): atoms of mass 1 climb the density, repel each other by a
 * Lennard-Jones force and are slowed by friction. In voxels and the solver's unit of time:
 *   a = cap(g grad map) + cap(sum_j 12 (s_j^6 - s_j^3) / r_j^2 (r_i - r_j)) - 10 v,  s_j = (d / r_j)^2
 * with cap(a) at most 100 long, integrated by Verlet steps of 0.1 that start from rest.
 * The original lets atoms leave the mask; here a step out of it is not taken, axis by axis.
 */
import { createCellList } from '../../math/atoms/cell-list.ts';
import type { Shape } from '../../math/grid.ts';
import { moveInside, nearestVoxel } from './allowed-voxels.ts';
import type { Pause } from './pause.ts';

const TIME_STEP = 0.1;
const FRICTION = 10;
/** Cap of the acceleration by the map, and by neighbours. */
const CAP = 100;
/** Neighbours interact up to this multiple of the distance. */
const REACH = 3;
/** Depth of the Lennard-Jones well. */
const WELL = 1;
/** Keeps coinciding atoms finite, squared voxels. */
const CLOSEST_SQUARED = 1e-6;

export interface GradientField {
  /** (z, y, x), x fastest. */
  readonly map: Float32Array;
  readonly allowed: Uint8Array;
  readonly shape: Shape;
}

/**
 * `positions`: x, y, z in voxels, moved in place; `distance`: minimum of the Lennard-Jones potential, voxels.
 */
export async function solveGradient(
  field: GradientField,
  positions: Float64Array,
  distance: number,
  iterations: number,
  pause: Pause,
): Promise<void> {
  const { allowed, shape } = field;
  const count = positions.length / 3;
  const scale = gradientScale(field);
  const neighbours = createCellList(count, REACH * distance);
  const force = new Float64Array(positions.length);
  const velocity = new Float64Array(positions.length);
  const previous = positions.slice();
  const slope = new Float64Array(3);
  const squaredMinimum = distance * distance;
  const addPair = (i: number, j: number, dx: number, dy: number, dz: number, r2: number): void => {
    const squared = Math.max(r2, CLOSEST_SQUARED);
    const s = squaredMinimum / squared;
    const s3 = s * s * s;
    const factor = (12 * WELL * (s3 * s3 - s3)) / squared;
    force[3 * i] += factor * dx;
    force[3 * i + 1] += factor * dy;
    force[3 * i + 2] += factor * dz;
    force[3 * j] -= factor * dx;
    force[3 * j + 1] -= factor * dy;
    force[3 * j + 2] -= factor * dz;
  };
  for (let iteration = 0; iteration < iterations; iteration++) {
    neighbours.rebuild(positions);
    force.fill(0);
    neighbours.forEachPair(addPair);
    for (let i = 0; i < count; i++) {
      const pull = capAt(force[3 * i], force[3 * i + 1], force[3 * i + 2]);
      writeSlope(field, nearestVoxel(positions, i, shape), slope);
      const climb = scale * capAt(scale * slope[0], scale * slope[1], scale * slope[2]);
      for (let axis = 0; axis < 3; axis++) {
        const at = 3 * i + axis;
        const acceleration = climb * slope[axis] + pull * force[at] - FRICTION * velocity[at];
        const now = positions[at];
        const step = now - previous[at] + acceleration * TIME_STEP * TIME_STEP;
        if (moveInside(positions, i, axis, step, allowed, shape)) {
          // Central difference; forward difference from rest at the first step.
          const elapsed = iteration === 0 ? TIME_STEP : 2 * TIME_STEP;
          velocity[at] = (positions[at] - previous[at]) / elapsed;
        } else velocity[at] = 0;
        previous[at] = now;
      }
    }
    await pause(iteration + 1, iterations);
  }
}

/** Factor that limits a vector to the cap. */
function capAt(x: number, y: number, z: number): number {
  const squared = x * x + y * y + z * z;
  return squared > CAP * CAP ? CAP / Math.sqrt(squared) : 1;
}

/** g: the steepest gradient in the mask pulls with the cap. (The original rounds g to an integer.) */
function gradientScale(field: GradientField): number {
  const slope = new Float64Array(3);
  let steepest = 0;
  for (let voxel = 0; voxel < field.allowed.length; voxel++) {
    if (field.allowed[voxel] !== 1) continue;
    writeSlope(field, voxel, slope);
    steepest = Math.max(steepest, slope[0] ** 2 + slope[1] ** 2 + slope[2] ** 2);
  }
  return steepest === 0 ? 0 : CAP / Math.sqrt(steepest);
}

/**
 * Central differences of the map along x, y, z, per voxel. Allowed voxels are never at the faces of the box.
 */
function writeSlope({ map, shape }: GradientField, voxel: number, slope: Float64Array): void {
  const row = shape[2];
  const plane = shape[1] * row;
  slope[0] = (map[voxel + 1] - map[voxel - 1]) / 2;
  slope[1] = (map[voxel + row] - map[voxel - row]) / 2;
  slope[2] = (map[voxel + plane] - map[voxel - plane]) / 2;
}
