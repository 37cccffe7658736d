/** Voxels around atoms by their definition, and correlations over them. */
import { describe, expect, it } from 'vitest';
import { correlationAt, createVoxelSearch } from '../../../../src/math/atoms/near-voxels.ts';
import type { Grid } from '../../../../src/math/grid.ts';
import { createRandom } from '../../../../src/math/statistics/random.ts';
import { pearson } from '../../../support/pearson.ts';

const grid: Grid = { shape: [9, 11, 13], voxelSize: [1.3, 1.3, 1.3], origin: [4, -7, 20] };

function nearDirectly(positions: readonly number[], radius: number): number[] {
  const [nz, ny, nx] = grid.shape;
  return Array.from({ length: nz * ny * nx }, (_, i) => i).filter((i) => {
    const voxel = [i % nx, Math.floor(i / nx) % ny, Math.floor(i / (nx * ny))];
    const place = voxel.map((v, k) => grid.origin[2 - k] + v * 1.3);
    for (let at = 0; at < positions.length; at += 3)
      if (Math.hypot(...place.map((v, k) => v - positions[at + k])) <= radius) return true;
    return false;
  });
}

describe('the voxels around atoms', () => {
  const random = createRandom(4);
  const anywhere = (count: number): number[] =>
    Array.from({ length: 3 * count }, (_, i) => {
      const axis = 2 - (i % 3);
      return grid.origin[axis] - 3 + (grid.shape[axis] * 1.3 + 6) * random.uniform();
    });

  it.each([0.9, 2, 3.7])('are those within %s A, each once, also at the rim of the box', (radius) => {
    const search = createVoxelSearch(grid, radius);
    for (const count of [1, 2, 7, 30]) {
      const positions = anywhere(count);
      const found = [...search(positions)];
      expect(found.toSorted((a, b) => a - b)).toEqual(nearDirectly(positions, radius));
    }
    expect([...search([])]).toEqual([]);
    expect([...search([500, 500, 500])]).toEqual([]);
  });

  it('correlate as by Pearson; too few, or constant ones, do not', () => {
    const [a, b] = [1, 2].map((seed) => {
      const noise = createRandom(seed);
      return Float32Array.from({ length: 200 }, () => 50 + noise.gaussian());
    });
    const voxels = Uint32Array.from([3, 17, 18, 40, 41, 77, 150, 199]);
    const take = (data: Float32Array) => [...voxels].map((i) => data[i]);
    expect(correlationAt(voxels, a, b)).toBeCloseTo(pearson(take(a), take(b)), 12);
    expect(correlationAt(voxels.subarray(0, 3), a, b)).toBeNaN();
    expect(correlationAt(voxels, a, new Float32Array(200).fill(2))).toBeNaN();
  });
});
