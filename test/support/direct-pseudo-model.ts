/**
 * Oracle of the gradient solver: the original's loop step by step, all pairs of atoms, gradients of the whole
 * map beforehand. Positions are x, y, z in voxels. Atoms that leave the allowed voxels stay along that axis.
 */
import type { Shape } from '../../src/math/grid.ts';

export interface DirectSolverJob {
  readonly map: Float32Array;
  /** 1 where atoms may be. */
  readonly allowed: Uint8Array;
  readonly shape: Shape;
  readonly positions: Float64Array;
  /** Voxels. */
  readonly distance: number;
  readonly iterations: number;
}

const capped = (v: readonly number[]): number[] => {
  const factor = Math.min(1, 100 / Math.hypot(...v));
  return v.map((c) => (factor < 1 ? c * factor : c));
};

export function directGradientSolver(job: DirectSolverJob): Float64Array {
  const { map, allowed, shape, distance } = job;
  const strides = [1, shape[2], shape[1] * shape[2]];
  const slopeAt = (voxel: number) => strides.map((s) => (map[voxel + s] - map[voxel - s]) / 2);
  const voxelOf = (p: readonly number[]) => {
    const [x, y, z] = p.map(Math.round);
    return (z * shape[1] + y) * shape[2] + x;
  };
  let steepest = 0;
  allowed.forEach((inside, voxel) => {
    if (inside === 1) steepest = Math.max(steepest, Math.hypot(...slopeAt(voxel)));
  });
  const count = job.positions.length / 3;
  const atoms = Array.from({ length: count }, (_, i) => {
    const now = Array.from(job.positions.slice(3 * i, 3 * i + 3));
    return { now, before: [...now], velocity: [0, 0, 0] };
  });
  for (let iteration = 0; iteration < job.iterations; iteration++) {
    const places = atoms.map(({ now }) => [...now]);
    atoms.forEach((atom, i) => {
      const push = [0, 0, 0];
      places.forEach((other, j) => {
        const d = places[i].map((c, k) => c - other[k]);
        const r = Math.hypot(...d);
        if (i === j || r >= 3 * distance) return;
        const force = (12 * distance ** 6 * (distance ** 6 - r ** 6)) / r ** 13;
        d.forEach((c, k) => {
          push[k] += (force * c) / r;
        });
      });
      const neighbours = capped(push);
      const climb = capped(slopeAt(voxelOf(places[i])).map((c) => (steepest > 0 ? (100 / steepest) * c : 0)));
      for (let k = 0; k < 3; k++) {
        const acceleration = climb[k] + neighbours[k] - 10 * atom.velocity[k];
        const from = atom.now[k];
        const to = 2 * from - atom.before[k] + acceleration * 0.01;
        atom.now[k] = to;
        if (allowed[voxelOf(atom.now)] === 1) {
          atom.velocity[k] = (to - atom.before[k]) / (iteration === 0 ? 0.1 : 0.2);
        } else {
          atom.now[k] = from;
          atom.velocity[k] = 0;
        }
        atom.before[k] = from;
      }
    });
  }
  return Float64Array.from(atoms.flatMap(({ now }) => now));
}
