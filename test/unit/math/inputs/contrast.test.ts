import { describe, expect, it } from 'vitest';
import type { Shape } from '../../../../src/math/grid.ts';
import {
  blockCorrelation,
  blocksOf,
  contrastOf,
  neighbourCorrelation,
} from '../../../../src/math/inputs/contrast.ts';
import { createRandom } from '../../../../src/math/statistics/random.ts';

const shape: Shape = [56, 52, 60];
const voxelSize = 2;

/** A density of the radius from the centre, in voxels, and noise. */
function map(density: (radius: number) => number, noise = 0.3, seed = 1): Float32Array {
  const random = createRandom(seed);
  const [nz, ny, nx] = shape;
  return Float32Array.from({ length: nz * ny * nx }, (_, i) => {
    const z = Math.floor(i / (ny * nx)) - nz / 2;
    const y = (Math.floor(i / nx) % ny) - ny / 2;
    return density(Math.hypot(z, y, (i % nx) - nx / 2)) + noise * random.gaussian();
  });
}

const negative = (data: Float32Array): Float32Array => data.map((value) => -value);

describe('contrastOf', () => {
  it.each([
    ['a particle', map((r) => (r < 13 ? 1 : 0))],
    ['a particle in much noise', map((r) => (r < 13 ? 1 : 0), 2)],
    ['a particle on a pedestal', map((r) => (r < 13 ? 11 : 10))],
    ['a hollow shell', map((r) => (r > 12 && r < 17 ? 1 : 0))],
    ['a particle in negative stain', map((r) => (r < 11 ? 1 : r < 15 ? -0.3 : 0))],
    ['a particle masked to zero outside', map((r) => (r < 13 ? 1 : 0), 0)],
  ])('distinguishes %s from its negative', (_, data) => {
    expect(contrastOf(blocks(data))?.inverted).toBe(false);
    // A dark shell has a bright centre: that is not taken for inverted, and not for certain.
    if (_ !== 'a hollow shell') expect(contrastOf(blocks(negative(data)))?.inverted).toBe(true);
  });

  it.each([
    ['noise', map(() => 0, 1)],
    ['a box full of density', map((r) => Math.sin(r) + Math.cos(0.7 * r), 0.1)],
  ])('does not accuse %s, either way round', (_, data) => {
    expect(contrastOf(blocks(data))?.inverted).toBe(false);
    expect(contrastOf(blocks(negative(data)))?.inverted).toBe(false);
  });

  it('has no opinion on constant or tiny maps', () => {
    expect(contrastOf(blocksOf(new Float32Array(8000).fill(3), [20, 20, 20], 6))).toBeUndefined();
    expect(
      contrastOf(
        blocksOf(
          map(() => 0),
          [4, 4, 4],
          6,
        ),
      ),
    ).toBeUndefined();
  });
});

it('neighbourCorrelation distinguishes density from noise', () => {
  expect(
    Math.abs(
      neighbourCorrelation(
        map(() => 0, 1),
        shape,
        voxelSize,
      ) as number,
    ),
  ).toBeLessThan(0.05);
  expect(
    neighbourCorrelation(
      map((r) => (r < 13 ? 1 : 0), 1),
      shape,
      voxelSize,
    ),
  ).toBeGreaterThan(0.5);
});

const blocks = (data: ArrayLike<number>) => blocksOf(data, shape, voxelSize);

it('blockCorrelation is far below 0 for maps of opposite contrast', () => {
  const [one, two] = [1, 2].map((seed) => map((r) => (r < 13 ? 1 : 0), 1, seed));
  expect(blockCorrelation(blocks(one), blocks(two))).toBeGreaterThan(0.5);
  expect(blockCorrelation(blocks(one), blocks(negative(two)))).toBeLessThan(-0.5);
  const noise = map(() => 0, 1, 3);
  expect(Math.abs(blockCorrelation(blocks(noise), blocks(two)))).toBeLessThan(0.1);
});
