/**
 * What WGSL promises of the functions that shaders use beyond sums and products, for the arguments that occur, on the
 * GPU of the tests; and what a driver that uses all of it would make of scale factors.
 *
 *   exp(x)    3 + 2 |x| ULP                        scale-factors, model-map
 *   log(x)    2^-21 absolute in [1/2, 2], else 3 ULP     scale-factors
 *   sqrt(x)   as 1 / inverseSqrt(x): 2 ULP, then a division of 2.5 ULP    profiles, gains
 *   x / y     2.5 ULP                              scale-factors
 */
import { expect, it } from 'vitest';
import { createKernel } from '../../../src/gpu/kernel.ts';
import { submitPass, withScratch } from '../../../src/gpu/scratch.ts';
import {
  prepareWilsonFit,
  shellFrequencies,
  wilsonRangeBetween,
} from '../../../src/math/scaling/wilson-fit.ts';
import { createRandom } from '../../../src/math/statistics/random.ts';
import { describeGpu } from '../../support/gpu-device.ts';

const COUNT = 4096;

/** Distance of neighbouring float32 numbers at a value. */
function ulp(value: number): number {
  return 2 ** (Math.floor(Math.log2(Math.abs(value))) - 23);
}

interface Case {
  readonly name: string;
  readonly expression: string;
  /** Arguments that occur, from a number in [0, 1). */
  argument(u: number, v: number): readonly [number, number];
  exact(x: number, y: number): number;
  /** Greatest absolute error. */
  bound(x: number, value: number): number;
}

const CASES: readonly Case[] = [
  {
    // B factors of 500 A^2 at 0.5 1/A give 31; Gaussians of atoms reach down to where float32 ends.
    name: 'exp',
    expression: 'exp(x)',
    argument: (u) => [-80 + 112 * u, 0],
    exact: Math.exp,
    bound: (x, value) => (3 + 2 * Math.abs(x)) * ulp(value),
  },
  {
    name: 'log of amplitudes',
    expression: 'log(x)',
    argument: (u) => [10 ** (-30 + 60 * u), 0],
    exact: Math.log,
    bound: (x, value) => (x >= 0.5 && x <= 2 ? 2 ** -21 : 3 * ulp(value)),
  },
  {
    name: 'log near 1',
    expression: 'log(x)',
    argument: (u) => [0.5 + 1.5 * u, 0],
    exact: Math.log,
    bound: () => 2 ** -21,
  },
  {
    name: 'sqrt',
    expression: 'sqrt(x)',
    argument: (u) => [10 ** (-30 + 60 * u), 0],
    exact: Math.sqrt,
    bound: (_, value) => 4.5 * ulp(value),
  },
  {
    name: 'a quotient',
    expression: 'x / y',
    argument: (u, v) => [10 ** (-15 + 30 * u), 10 ** (-15 + 30 * v)],
    exact: (x, y) => x / y,
    bound: (_, value) => 2.5 * ulp(value),
  },
];

const shaderOf = (expression: string): string => `
@group(0) @binding(0) var<storage, read> arguments_in: array<vec2f>;
@group(0) @binding(1) var<storage, read_write> values: array<f32>;
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let x = arguments_in[id.x].x;
  let y = arguments_in[id.x].y;
  values[id.x] = select(${expression}, 0.0, y < 0.0);
}`;

describeGpu("WGSL's accuracy", (open) => {
  it.each(CASES)(
    'of $name holds for the arguments that occur',
    async ({ expression, argument, exact, bound }) => {
      const gpu = await open();
      const random = createRandom(3);
      const pairs = new Float32Array(2 * COUNT);
      for (let i = 0; i < COUNT; i++) pairs.set(argument(random.uniform(), random.uniform()), 2 * i);
      const kernel = await createKernel(gpu, { name: 'accuracy', code: shaderOf(expression) });
      const values = await withScratch(gpu, async (scratch) => {
        const buffers = {
          arguments_in: scratch.table('arguments', pairs),
          values: scratch.storage('values', 4 * COUNT),
        };
        submitPass(gpu, 'accuracy', (pass) => kernel.run(pass, buffers, [COUNT / 64]));
        return new Float32Array(await gpu.read(buffers.values, 0, 4 * COUNT));
      });
      for (let i = 0; i < COUNT; i++) {
        const [x, y] = [pairs[2 * i], pairs[2 * i + 1]];
        const value = exact(x, y);
        // Half a unit more: the value itself is rounded.
        expect(Math.abs(values[i] - value)).toBeLessThanOrEqual(bound(x, value) + 0.5 * ulp(value));
      }
    },
  );
});

it('leaves scale factors without a reference right to 3e-5, even where all errors add up', () => {
  // A window of 24 voxels of 1.05 A, fitted from 10 to 3.5 A; amplitudes between 1e-3 and 1e3.
  const frequency = shellFrequencies(13, 1.05);
  const squared = frequency.map((f) => f * f);
  const { start, end } = wilsonRangeBetween(frequency, 10, 3.5);
  const { slopeWeight } = prepareWilsonFit(squared, start, end);
  const ofLog = 3 * ulp(Math.log(1e3));
  const ofSlope = slopeWeight.reduce((sum, weight) => sum + Math.abs(weight) * ofLog, 0);
  const highest = squared[squared.length - 1];
  // Sharpening by 200 A^2.
  const exponent = (200 / 4) * highest;
  const relative = ofSlope * highest + (3 + 2 * exponent) * 2 ** -23;
  expect(relative).toBeLessThan(3e-5);
  // Not so small that the bound says nothing.
  expect(relative).toBeGreaterThan(1e-7);
});
