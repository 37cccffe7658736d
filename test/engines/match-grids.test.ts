/**
 * A reference, mask or half map on another grid gives what one on the input's grid gives. The maps are sums of
 * Gaussians, whose values on any grid are known without resampling
 * anything.
 */
import { expect, it } from 'vitest';
import type { MapImage } from '../../src/formats/map-image.ts';
import { type Grid, type Shape, voxelCount } from '../../src/math/grid.ts';
import { createRandom } from '../../src/math/statistics/random.ts';
import { runLocScale } from '../../src/pipeline/index.ts';
import { matchOf, putOnGrid } from '../../src/pipeline/match-grids.ts';
import type { LocScaleJob, MapMatch } from '../../src/pipeline/types.ts';
import { makeMapImage } from '../../src/synthetic/map-image.ts';
import { maxDifference, relativeL2 } from '../support/compare.ts';
import { describeEngines } from '../support/engines.ts';
import { memoise } from '../support/memoise.ts';

const edge = 32;
const input: Grid = { shape: [edge, edge, edge], voxelSize: [2, 2, 2], origin: [10, 20, 30] };
/** Centre of the input's box, A. */
const middle = input.origin.map((start) => start + edge) as [number, number, number];
/** A: its transform is 4e-7 of its peak at 1/8 1/A, where grids of 4 A end. */
const SD = 7;

/** Gaussians about the middle, exactly 0 from 22 A on: a map of their middle holds all of them. */
function density(z: number, y: number, x: number): number {
  const at = [z, y, x].map((v, axis) => v - middle[axis]);
  const gaussian = (dz: number, dy: number, dx: number): number =>
    Math.exp(-((at[0] - dz) ** 2 + (at[1] - dy) ** 2 + (at[2] - dx) ** 2) / (2 * SD ** 2));
  return gaussian(0, 0, 0) + 0.5 * gaussian(3, -4, 2) - 0.7 * gaussian(-4, 2, 3);
}

function sample(name: string, grid: Grid, value: (z: number, y: number, x: number) => number): MapImage {
  const [, ny, nx] = grid.shape;
  const data = Float32Array.from({ length: voxelCount(grid.shape) }, (_, i) => {
    const at = [Math.floor(i / (ny * nx)), Math.floor(i / nx) % ny, i % nx];
    const [z, y, x] = at.map((v, axis) => grid.origin[axis] + v * grid.voxelSize[axis]);
    return value(z, y, x);
  });
  return makeMapImage(name, grid, data);
}

const ball = (radius: number) => (z: number, y: number, x: number) =>
  Math.hypot(z - middle[0], y - middle[1], x - middle[2]) < radius ? 1 : 0;
/** Ends at whole voxels of 2 A within the smallest box, so that cutting it there loses nothing. */
const inside = (z: number, y: number, x: number) => {
  const reach = Math.max(...[z, y, x].map((v, axis) => Math.abs(v - middle[axis])));
  return reach <= 24 ? density(z, y, x) : 0;
};

const noise = (name: string, seed: number): MapImage => {
  const random = createRandom(seed);
  return sample(name, input, (z, y, x) => density(z, y, x) + 0.05 * random.gaussian());
};

const cubic = (n: number, voxel: number, from: readonly [number, number, number]): Grid => ({
  shape: [n, n, n],
  voxelSize: [voxel, voxel, voxel],
  origin: from,
});
const moved = (by: number): [number, number, number] => input.origin.map((v) => v + by) as never;

/** The reference on another grid, whole voxels of the input's away. */
const COPIED: readonly (readonly [string, Grid])[] = [
  ['shifted', { ...input, origin: [input.origin[0] + 6, input.origin[1] - 4, input.origin[2] + 2] }],
  ['cropped', { shape: [26, 27, 28], voxelSize: [2, 2, 2], origin: moved(6) }],
  ['padded', cubic(46, 2, moved(-12))],
];
/** Between its voxels, or on others. */
const RESAMPLED: readonly (readonly [string, Grid])[] = [
  ['binned by 2', cubic(16, 4, input.origin)],
  ['binned by 2 and padded', cubic(24, 4, moved(-16))],
  ['twice as fine', cubic(64, 1, input.origin)],
  ['of voxels 3 : 2', cubic(22, 3, input.origin)],
  ['of voxels 6 : 5, padded to resample', cubic(27, 2.4, moved(-2))],
  ['between the voxels', { ...input, origin: [input.origin[0] + 0.6, input.origin[1] - 1, input.origin[2]] }],
  ['binned and between the voxels', cubic(18, 4, moved(-3.3))],
];

function job(reference: MapImage, change: Partial<LocScaleJob> = {}): LocScaleJob {
  return {
    input: { kind: 'half-maps', half1: noise('half1.mrc', 1), half2: noise('half2.mrc', 2) },
    mask: sample('mask.mrc', input, ball(9)),
    reference: { kind: 'model-map', map: reference },
    parameters: { scaling: 'locscale', windowVoxels: 8, resolution: 9 },
    ...change,
  };
}

describeEngines('maps on other grids', (engine) => {
  const scale = async (of: LocScaleJob, matchGrid = true) => {
    const matches: MapMatch[] = [];
    const on = await engine();
    const onMatch = (match: MapMatch) => matches.push(match);
    const result = await runLocScale(of, { engine: on, matchGrid, onMatch });
    const [scaled, mask] = [result.scaled, result.mask];
    const voxels = {
      scaled: Float32Array.from(await on.download(scaled)),
      mask: Float32Array.from(await on.download(mask)),
    };
    on.release(scaled, mask);
    return { ...voxels, grid: result.grid, matches };
  };

  /** With the reference on the input's grid, once. */
  const onInput = memoise((cut: boolean) =>
    scale(job(sample('ref.mrc', input, cut ? inside : density)), false),
  );

  it.each(COPIED)('a reference that is %s gives the same bits', async (_, grid) => {
    const expected = await onInput(true);
    const { scaled, matches, grid: found } = await scale(job(sample('ref.mrc', grid, inside)));
    expect(maxDifference(scaled, expected.scaled)).toBe(0);
    expect(expected.matches).toEqual([]);
    expect(matches.map(({ name, as }) => [name, as])).toEqual([['ref.mrc', 'reference']]);
    expect(found).toEqual(input);
  });

  it.each(RESAMPLED)('a reference %s gives the same map within the mask (1e-3)', async (_, grid) => {
    const { scaled: expected, mask } = await onInput(false);
    const { scaled, matches } = await scale(job(sample('ref.mrc', grid, density)));
    expect(relativeL2(scaled, expected, mask)).toBeLessThan(1e-3);
    expect(matches).toHaveLength(1);
  });

  // Gaussians without a cut: 2e-5 of the peak are left at the edges of the smallest box.
  it.each([...COPIED.slice(0, 1), ...RESAMPLED])(
    'a map %s has the values of its density',
    async (_, grid) => {
      const on = await engine();
      const { plan } = matchOf('ref.mrc', grid, input, 'the grid', 'reference');
      const { data } = await putOnGrid(sample('ref.mrc', grid, density), { plan, as: 'reference' }, on);
      const mask = sample('mask.mrc', input, ball(20)).data;
      expect(relativeL2(data, sample('ref.mrc', input, density).data, mask)).toBeLessThan(2e-4);
    },
  );

  it('a mask on another grid stays between 0 and 1, and is copied where voxels coincide', async () => {
    const reference = sample('ref.mrc', input, density);
    const { mask: expected } = await onInput(false);
    const padded = sample('mask.mrc', cubic(44, 2, moved(-8)), ball(9));
    expect((await scale(job(reference, { mask: padded }))).mask).toEqual(expected);
    // A ball of 9 A on voxels of 1 A has a surface a voxel thick that the linear one may miss.
    const finer = sample('mask.mrc', cubic(64, 1, input.origin), ball(9));
    const { mask } = await scale(job(reference, { mask: finer }));
    expect(new Set(mask)).toEqual(new Set([0, 1]));
    expect(maxDifference(mask, expected)).toBe(0);
  });

  it('the second half map is put on the first', async () => {
    const reference = sample('ref.mrc', input, density);
    const halves = (half2: MapImage): Partial<LocScaleJob> => ({
      input: { kind: 'half-maps', half1: noise('half1.mrc', 1), half2 },
    });
    const whole = noise('half2.mrc', 2);
    const { scaled: expected } = await onInput(false);
    const larger = cubic(edge + 8, 2, moved(-8));
    const random = createRandom(3);
    const padded = sample('half2.mrc', larger, () => random.gaussian());
    const [, ny, nx] = larger.shape;
    whole.data.forEach((value, i) => {
      const at = [Math.floor(i / edge ** 2), Math.floor(i / edge) % edge, i % edge].map((v) => v + 4);
      padded.data[(at[0] * ny + at[1]) * nx + at[2]] = value;
    });
    const { scaled, matches } = await scale(job(reference, halves(padded)));
    expect(maxDifference(scaled, expected)).toBe(0);
    expect(matches.map(({ as }) => as)).toEqual(['map']);
  });

  it('a difference mask on another grid follows, too', async () => {
    const hybrid = (differenceMask: MapImage): LocScaleJob =>
      job(sample('ref.mrc', input, density), {
        reference: { kind: 'hybrid-map', map: sample('ref.mrc', input, density), differenceMask },
      });
    const half = (z: number) => (z < middle[0] ? 1 : 0);
    const { scaled: expected } = await scale(hybrid(sample('diff.mrc', input, half)), false);
    const shape: Shape = [40, 36, 38];
    const other = sample('diff.mrc', { shape, voxelSize: [2, 2, 2], origin: moved(-4) }, half);
    const { scaled, matches } = await scale(hybrid(other));
    expect(maxDifference(scaled, expected)).toBe(0);
    expect(matches.map(({ name, as }) => [name, as])).toEqual([['diff.mrc', 'mask']]);
  });
});
