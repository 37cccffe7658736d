/** Shapes of masks: distances, pieces, holes and edges, against their definitions and analytic shapes. */
import { describe, expect, it } from 'vitest';
import type { Grid, Shape } from '../../../../src/math/grid.ts';
import { regionAroundAtoms } from '../../../../src/math/masks/around-atoms.ts';
import { squaredDistances } from '../../../../src/math/masks/distance.ts';
import { fillHoles, largestPieces } from '../../../../src/math/masks/pieces.ts';
import { extendRegion, softEdge } from '../../../../src/math/masks/shape-mask.ts';
import { createRandom } from '../../../../src/math/statistics/random.ts';

const region = (shape: Shape, inside: (z: number, y: number, x: number) => boolean): Uint8Array => {
  const [nz, ny, nx] = shape;
  const values = new Uint8Array(nz * ny * nx);
  for (let z = 0, i = 0; z < nz; z++)
    for (let y = 0; y < ny; y++) for (let x = 0; x < nx; x++, i++) values[i] = inside(z, y, x) ? 1 : 0;
  return values;
};
const ball = (shape: Shape, radius: number, centre = shape.map((n) => (n - 1) / 2)) =>
  region(shape, (...at) => Math.hypot(...at.map((v, axis) => v - centre[axis])) <= radius);
const volume = (values: ArrayLike<number>): number => Array.from(values).reduce((sum, v) => sum + v, 0);
const sphere = (radius: number): number => (4 / 3) * Math.PI * radius ** 3;

describe('distances', () => {
  it('are those to the nearest voxel of the region, in any box', () => {
    const random = createRandom(4);
    for (const shape of [
      [7, 9, 5],
      [1, 12, 4],
      [6, 6, 6],
    ] as Shape[]) {
      const points = region(shape, () => random.uniform() < 0.05);
      points[3] = 1;
      const inside = [...points.keys()].filter((i) => points[i] === 1).map((i) => place(i, shape));
      const expected = Array.from(points, (_, i) =>
        Math.min(...inside.map((p) => p.reduce((sum, v, axis) => sum + (v - place(i, shape)[axis]) ** 2, 0))),
      );
      expect([...squaredDistances(points, shape)]).toEqual(expected);
    }
  });

  it('are far where there is no region', () => {
    expect([...squaredDistances(new Uint8Array(8), [2, 2, 2])]).toEqual(Array(8).fill(2 ** 24));
    expect([...extendRegion(new Uint8Array(8), [2, 2, 2], 100)]).toEqual(Array(8).fill(0));
    expect([...softEdge(new Uint8Array(8), [2, 2, 2], 100)]).toEqual(Array(8).fill(0));
  });
});

const place = (i: number, [, ny, nx]: Shape) => [Math.floor(i / (ny * nx)), Math.floor(i / nx) % ny, i % nx];

describe('a ball', () => {
  const shape: Shape = [60, 60, 60];

  it.each([[6], [3.5], [-4]])('extended by %s voxels is the larger or smaller ball (4 %)', (by) => {
    const extended = extendRegion(ball(shape, 16), shape, by);
    expect(volume(extended) / sphere(16 + by)).toBeGreaterThan(0.96);
    expect(volume(extended) / sphere(16 + by)).toBeLessThan(1.04);
  });

  it('extended and shrunk again is a ball that holds the first', () => {
    const first = ball(shape, 12);
    const back = extendRegion(extendRegion(first, shape, 5), shape, -5);
    expect(first.every((value, i) => value <= back[i])).toBe(true);
    expect(volume(back) / volume(first)).toBeLessThan(1.05);
  });

  it('has a soft edge of the volume of its shell times the cosine (2 %)', () => {
    const width = 8;
    const soft = softEdge(ball(shape, 14), shape, width);
    let expected = sphere(14);
    for (let r = 14.005; r < 14 + width; r += 0.01)
      expected += 0.01 * 4 * Math.PI * r * r * 0.5 * (1 + Math.cos((Math.PI * (r - 14)) / width));
    expect(volume(soft) / expected).toBeGreaterThan(0.98);
    expect(volume(soft) / expected).toBeLessThan(1.02);
    expect(soft.every((value) => value >= 0 && value <= 1)).toBe(true);
  });

  it('around an atom has its radius, wherever the origin is (2 %)', () => {
    const grid: Grid = { shape, voxelSize: [1.5, 1.5, 1.5], origin: [30, -20, 10] };
    const positions = Float64Array.from([10 + 44, -20 + 43.3, 30 + 45.8]);
    const atoms = {
      count: 1,
      positions,
      elements: ['C'],
      bFactors: new Float64Array(1),
      occupancies: new Float64Array([1]),
    };
    const around = regionAroundAtoms(atoms, grid, 18);
    expect((volume(around) * 1.5 ** 3) / sphere(18)).toBeGreaterThan(0.98);
    expect((volume(around) * 1.5 ** 3) / sphere(18)).toBeLessThan(1.02);
    expect(around).toEqual(ball(shape, 12, [45.8 / 1.5, 43.3 / 1.5, 44 / 1.5]));
    // The half of it that is in the box.
    const atEdge = { ...atoms, positions: Float64Array.from([10 + 44, -20 + 43.3, 30 - 0.75]) };
    expect((volume(regionAroundAtoms(atEdge, grid, 18)) * 1.5 ** 3) / sphere(18)).toBeCloseTo(0.5, 1);
  });
});

describe('pieces', () => {
  const shape: Shape = [20, 22, 24];
  const three = region(
    shape,
    (z, y, x) => (z < 4 && y < 4 && x < 4) || (z > 10 && y > 10 && x > 10) || (z === 7 && y === 7 && x === 7),
  );

  it.each([
    [1, 9 * 11 * 13],
    [2, 9 * 11 * 13 + 64],
    [3, 9 * 11 * 13 + 65],
    [9, 9 * 11 * 13 + 65],
  ])('the %i largest', (count, voxels) => {
    expect(volume(largestPieces(three, shape, count))).toBe(voxels);
  });

  it('are connected by corners, and holes by faces only', () => {
    const corners = region([4, 4, 4], (z, y, x) => z === y && y === x);
    expect(volume(largestPieces(corners, [4, 4, 4], 1))).toBe(4);
    // A shell whose only opening is a diagonal one is closed.
    const shell = region([5, 5, 5], (z, y, x) => Math.max(...[z, y, x].map((v) => Math.abs(v - 2))) === 1);
    const opened = shell.map((value, i) => (i === 1 * 25 + 1 * 5 + 1 ? 0 : value));
    expect(volume(fillHoles(opened, [5, 5, 5]))).toBe(26);
    expect(volume(fillHoles(shell, [5, 5, 5]))).toBe(27);
    const open = shell.map((value, i) => (i === 1 * 25 + 2 * 5 + 2 ? 0 : value));
    expect(volume(fillHoles(open, [5, 5, 5]))).toBe(25);
  });

  it('leave an empty region empty, and a full one full', () => {
    expect(volume(largestPieces(new Uint8Array(27), [3, 3, 3], 2))).toBe(0);
    expect(volume(fillHoles(new Uint8Array(27), [3, 3, 3]))).toBe(0);
    expect(volume(fillHoles(new Uint8Array(27).fill(1), [3, 3, 3]))).toBe(27);
  });
});
