/**
 * The verdict on half maps is that of the reference arithmetic, on every engine: float32 transforms do not
 * change it.
 */
import { expect, it } from 'vitest';
import { measureFsc } from '../../src/pipeline/half-maps.ts';
import { describeEngines } from '../support/engines.ts';
import { combine, filtered, goodHalves, judge, makeScene, type Pair } from '../support/half-map-scene.ts';

const scene = makeScene({ shape: [32, 32, 32], resolution: 5 });
const { grid } = scene;
const [first, second] = goodHalves(scene);
const low = (data: Float32Array): Float32Array => filtered(data, grid, (f) => (f <= 1 / 7 ? 1 : 0));
const pairs: readonly (readonly [string, Pair])[] = [
  ['independent', [first, second]],
  ['low-passed', [low(first), low(second)]],
  ['far from zero', [first.map((v) => v + 300), second.map((v) => v + 200)]],
  ['scaled copies', [first, first.map((v) => 2.5 * v)]],
  ['low-passed copies', [low(first), low(first).map((v) => 2.5 * v)]],
  ['the mean of both', [first, combine([0.5, first], [0.5, second])]],
  ['noise', [combine([1, scene.noise(1)]), combine([1, scene.noise(2)])]],
];

describeEngines('verdict on half maps', (engine) => {
  it.each(pairs)('%s', async (_, pair) => {
    const running = await engine();
    const [half1, half2] = [
      await running.upload(pair[0].slice(), grid.shape),
      await running.upload(pair[1].slice(), grid.shape),
    ];
    const { verdict } = await measureFsc(running, half1, half2, grid.voxelSize[0]);
    running.release(half1, half2);
    const expected = judge(pair, grid);
    const { end, relation, endsAtLowPass, filtered: isFiltered } = expected;
    expect(verdict).toMatchObject({ end, relation });
    expect([verdict.endsAtLowPass, verdict.filtered]).toEqual([endsAtLowPass, isFiltered]);
    // The curve is right to 1e-5 (float32 transforms); between shells of 1/44.8 A that is less than 1e-3 A.
    if (expected.resolution !== undefined)
      expect(Math.abs((verdict.resolution ?? 0) - expected.resolution)).toBeLessThan(1e-3);
  });
});
