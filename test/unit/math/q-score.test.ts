/** Q-scores against a slow implementation of the definition, and what they must be for known density. */
import { describe, expect, it } from 'vitest';
import { qScores } from '../../../src/math/atoms/q-score.ts';
import type { Grid } from '../../../src/math/grid.ts';
import { createRandom } from '../../../src/math/statistics/random.ts';

const grid: Grid = { shape: [36, 34, 38], voxelSize: [0.7, 0.7, 0.7], origin: [5, -4, 2] };

/** Gaussians of a standard deviation (A) at the atoms, and white noise. */
function mapOf(positions: Float64Array, sigma: number, noise = 0, seed = 1): Float64Array {
  const [nz, ny, nx] = grid.shape;
  const random = createRandom(seed);
  const map = new Float64Array(nz * ny * nx);
  for (let i = 0; i < map.length; i++) {
    const [z, y, x] = [Math.floor(i / (ny * nx)), Math.floor(i / nx) % ny, i % nx].map(
      (v, axis) => grid.origin[axis] + v * grid.voxelSize[axis],
    );
    for (let a = 0; a < positions.length; a += 3) {
      const square = (positions[a] - x) ** 2 + (positions[a + 1] - y) ** 2 + (positions[a + 2] - z) ** 2;
      map[i] += Math.exp(-square / (2 * sigma * sigma));
    }
    map[i] += noise * random.gaussian();
  }
  return map;
}

function levelsOf(map: Float64Array) {
  const mean = map.reduce((sum, v) => sum + v, 0) / map.length;
  const sd = Math.sqrt(map.reduce((sum, v) => sum + (v - mean) ** 2, 0) / map.length);
  return { mean, sd, min: Math.min(...map), max: Math.max(...map) };
}

/** A chain of atoms 1.5 A apart that winds through the box. */
const chain = Float64Array.from({ length: 36 }, (_, i) => {
  const t = Math.floor(i / 3);
  return [2 + 12 + 2.2 * Math.cos(1.1 * t), -4 + 12 + 2.2 * Math.sin(1.1 * t), 5 + 6 + 1.05 * t][i % 3];
});

/** By the definition: every point compared with every other atom, correlation in two passes. */
function qScoreDirectly(map: Float64Array, positions: Float64Array, atom: number): number {
  const { mean, sd, min, max } = levelsOf(map);
  const [high, low] = [Math.min(max, mean + 10 * sd), Math.max(min, mean - sd)];
  const [nz, ny, nx] = grid.shape;
  const value = (point: readonly number[]): number => {
    const at = [2, 1, 0].map((k, axis) => (point[k] - grid.origin[axis]) / grid.voxelSize[axis]);
    let sum = 0;
    for (let corner = 0; corner < 8; corner++) {
      const index = at.map((v, axis) => Math.floor(v) + ((corner >> axis) & 1));
      const weight = at.reduce((w, v, axis) => {
        const f = v - Math.floor(v);
        return w * ((corner >> axis) & 1 ? f : 1 - f);
      }, 1);
      const [z, y, x] = index;
      if (z >= 0 && y >= 0 && x >= 0 && z < nz && y < ny && x < nx)
        sum += weight * map[(z * ny + y) * nx + x];
    }
    return sum;
  };
  const centre = [...positions.subarray(3 * atom, 3 * atom + 3)];
  const pairs: [number, number][] = Array.from({ length: 8 }, () => [value(centre), high]);
  for (let shell = 1; shell <= 20; shell++) {
    const r = 0.1 * shell;
    const points = [...Array(50).keys()].map((attempt) => {
      const n = 8 + 2 * attempt;
      let theta = 0;
      return Array.from({ length: n }, (_, k) => {
        const h = -1 + (2 * k) / (n - 1);
        theta = k === 0 || k === n - 1 ? 0 : (theta + 3.6 / Math.sqrt(n * (1 - h * h))) % (2 * Math.PI);
        const phi = Math.acos(h);
        return [
          centre[0] + r * Math.sin(phi) * Math.cos(theta),
          centre[1] + r * Math.sin(phi) * Math.sin(theta),
          centre[2] + r * Math.cos(phi),
        ];
      }).filter((point) => {
        for (let other = 0; other < positions.length / 3; other++)
          if (other !== atom && Math.hypot(...point.map((v, k) => v - positions[3 * other + k])) < 0.9 * r)
            return false;
        return true;
      });
    });
    const chosen = points.find((list) => list.length >= 8) ?? points[49];
    const expected = (high - low) * Math.exp(-0.5 * (r / 0.6) ** 2) + low;
    for (const point of chosen) pairs.push([value(point), expected]);
  }
  const means = [0, 1].map((k) => pairs.reduce((sum, pair) => sum + pair[k], 0) / pairs.length);
  const product = (j: number, k: number) =>
    pairs.reduce((sum, pair) => sum + (pair[j] - means[j]) * (pair[k] - means[k]), 0);
  return product(0, 1) / Math.sqrt(product(0, 0) * product(1, 1));
}

describe('Q-scores', () => {
  it.each([
    [0.6, 0],
    [1, 0.05],
    [1.6, 0.2],
  ])('equal those of the definition: atoms of %s A, noise %s (1e-9)', (sigma, noise) => {
    const map = mapOf(chain, sigma, noise);
    const found = qScores(map, grid, chain, levelsOf(map));
    for (let atom = 0; atom < found.length; atom++)
      expect(Math.abs(found[atom] - qScoreDirectly(map, chain, atom))).toBeLessThan(1e-9);
  });

  it('are 1 for one atom of 0.6 A, and fall with its blur', () => {
    const one = Float64Array.from([15, 8, 17]);
    const score = (sigma: number) => {
      const map = mapOf(one, sigma);
      return qScores(map, grid, one, levelsOf(map))[0];
    };
    // Trilinear interpolation on voxels of 0.7 A flattens the top.
    expect(score(0.6)).toBeGreaterThan(0.98);
    const series = [0.6, 0.9, 1.3, 2, 3].map(score);
    for (let i = 1; i < series.length; i++) expect(series[i]).toBeLessThan(series[i - 1]);
  });

  it('are about 0 in noise and where there is nothing, below 0 in a hole', () => {
    const noise = mapOf(new Float64Array(0), 1, 1, 5);
    const random = createRandom(9);
    const places = Float64Array.from({ length: 3 * 60 }, (_, i) => {
      const [from, n] = [
        [2, 38],
        [-4, 34],
        [5, 36],
      ][i % 3];
      return from + 0.7 * (3 + (n - 6) * random.uniform());
    });
    const scores = qScores(noise, grid, places, levelsOf(noise));
    expect(Math.abs(scores.reduce((sum, v) => sum + v, 0) / scores.length)).toBeLessThan(0.15);
    const flat = new Float64Array(noise.length).fill(3);
    expect([...qScores(flat, grid, places.subarray(0, 3), levelsOf(flat))]).toEqual([0]);
    expect([...qScores(noise, grid, Float64Array.from([500, 500, 500]), levelsOf(noise))]).toEqual([0]);
    const one = Float64Array.from([15, 8, 17]);
    const hole = mapOf(one, 0.6).map((v) => -v);
    expect(qScores(hole, grid, one, levelsOf(hole))[0]).toBeLessThan(-0.9);
    expect([...qScores(noise, grid, new Float64Array(0), levelsOf(noise))]).toEqual([]);
  });
});
