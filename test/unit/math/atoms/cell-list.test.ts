import { describe, expect, it } from 'vitest';
import { createCellList, nearestDistances } from '../../../../src/math/atoms/cell-list.ts';
import { createRandom } from '../../../../src/math/statistics/random.ts';

function cloud(count: number, size: readonly [number, number, number], seed: number): Float64Array {
  const random = createRandom(seed);
  return Float64Array.from({ length: 3 * count }, (_, k) => random.uniform() * size[k % 3] - size[k % 3] / 3);
}

/** Pairs "i-j" with i < j closer than the cut-off, by looking at all. */
function allPairs(positions: Float64Array, cutoff: number): string[] {
  const pairs: string[] = [];
  for (let i = 0; i < positions.length / 3; i++) {
    for (let j = i + 1; j < positions.length / 3; j++) {
      const r2 = [0, 1, 2].reduce((sum, k) => sum + (positions[3 * i + k] - positions[3 * j + k]) ** 2, 0);
      if (r2 < cutoff * cutoff) pairs.push(`${i}-${j}`);
    }
  }
  return pairs.sort();
}

describe('cell list', () => {
  it.each([
    ['a cube', [10, 10, 10], 1.7],
    ['a flat slab', [25, 25, 0.3], 1.2],
    ['a line', [0, 0, 40], 0.9],
    ['one cell', [1, 1, 1], 5],
    // 1e9 cells of the cut-off's size: cells have to grow.
    ['points far apart', [1000, 1000, 1000], 1],
  ] as const)('meets every pair within the cut-off once: %s', (_, size, cutoff) => {
    const positions = cloud(300, size, 3);
    // Two close points whatever the size.
    positions.set([positions[0] + 0.1, positions[1], positions[2]], 3);
    const list = createCellList(300, cutoff);
    list.rebuild(positions);
    const found: string[] = [];
    list.forEachPair((i, j, dx, dy, dz, r2) => {
      found.push(i < j ? `${i}-${j}` : `${j}-${i}`);
      const separation = [0, 1, 2].map((k) => positions[3 * i + k] - positions[3 * j + k]);
      expect([dx, dy, dz]).toEqual(separation);
      expect(r2).toBeLessThan(cutoff * cutoff);
    });
    expect(found.sort()).toEqual(allPairs(positions, cutoff));
    expect(found.length).toBeGreaterThan(0);
  });

  it('follows the points when it is built again', () => {
    const list = createCellList(200, 1.5);
    for (const seed of [1, 2]) {
      const positions = cloud(200, [8, 6, 7], seed);
      list.rebuild(positions);
      let pairs = 0;
      list.forEachPair(() => pairs++);
      expect(pairs).toBe(allPairs(positions, 1.5).length);
    }
  });

  it('finds the points near a place, inside and outside their box', () => {
    const positions = cloud(400, [9, 9, 9], 8);
    const list = createCellList(400, 2);
    list.rebuild(positions);
    for (const place of [
      [0, 0, 0],
      [5.9, 5.9, 5.9],
      [-4, 2, 2],
      [50, 50, 50],
    ]) {
      const found: number[] = [];
      list.forEachNear(place[0], place[1], place[2], (i) => found.push(i));
      const near = Array.from({ length: 400 }, (_, i) => i).filter(
        (i) => Math.hypot(...place.map((p, k) => p - positions[3 * i + k])) < 2,
      );
      expect(found.sort((a, b) => a - b)).toEqual(near);
    }
  });

  it('gives nearest distances, Infinity beyond the cut-off, and survives no points', () => {
    const positions = Float64Array.from([0, 0, 0, 0, 0, 1.5, 0, 2.5, 0, 30, 0, 0]);
    expect(Array.from(nearestDistances(positions, 3))).toEqual([1.5, 1.5, 2.5, Number.POSITIVE_INFINITY]);
    expect(nearestDistances(new Float64Array(0), 3)).toHaveLength(0);
  });
});
