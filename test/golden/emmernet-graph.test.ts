/**
 * EMmerNet with 22.9 million random weights on two cubes, against an independent PyTorch model in float64.
 *
 * On a software GPU one cube takes minutes. There the full network runs on smaller cubes against the CPU
 * provider, which the first tests have compared with the reference; LOCSCALE_TEST_GPU=hardware, or
 * LOCSCALE_TEST_NETWORK=full, brings in the real cubes.
 */
import { readFileSync } from 'node:fs';
import process from 'node:process';
import { describe, expect, it } from 'vitest';
import { readOnnxInitializers } from '../../src/formats/onnx.ts';
import { emmernetDropout, writeEmmernet } from '../../src/network/graph/emmernet-graph.ts';
import { EMMERNET_WIDTHS, planEmmernet } from '../../src/network/graph/emmernet-layers.ts';
import type { WeightSet } from '../../src/network/graph/model.ts';
import { relativeL2 } from '../support/compare.ts';
import { goldenEmmernetWeights } from '../support/emmernet-weights.ts';
import { describeProviders } from '../support/onnxruntime.ts';
import { describeAbsent } from '../support/required.ts';
import { sharedPath } from '../support/shared-data.ts';
import { usesHardware } from '../support/software-gpu.ts';

const EDGE = 32;
const VOXELS = EDGE ** 3;
const NATIVE = { transposedConvolution: 'native', dropoutMasks: false } as const;
const INTERLEAVE = { transposedConvolution: 'interleave', dropoutMasks: false } as const;
const MINUTES = 60_000;

// Float32 differs from float64 by 0.7e-5 (CPU) to 1.3e-5; 5e-5 is what every provider is held to.
const TOLERANCE = 5e-5;

function readCubes(name: string): Float32Array {
  const bytes = readFileSync(sharedPath('golden', 'emmernet', name));
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
}

function describeGolden(name: string, body: (weights: WeightSet) => void): void {
  const weights = goldenEmmernetWeights();
  if (!('reason' in weights)) describe(name, { tags: ['reference-data'] }, () => body(weights));
  else describeAbsent(name, 'shared', weights.reason, () => it('reads the weights', () => undefined));
}

describeGolden('EMmerNet', (weights) => {
  it('gives all of its weights back out of the ONNX file', () => {
    const stored = readOnnxInitializers(writeEmmernet(weights, NATIVE));
    expect([...stored.keys()].sort()).toEqual([...weights.keys()].sort());
    let different = 0;
    for (const [name, { data }] of weights) {
      const found = stored.get(name)!.data;
      for (let i = 0; i < data.length; i++) if (found[i] !== data[i]) different++;
    }
    expect(different).toBe(0);
  });

  describeProviders('on the reference cubes', ['cpu'], (open) => {
    it.each([NATIVE, INTERLEAVE])(
      'reproduces the reference, $transposedConvolution',
      async (variant) => {
        const network = await open(writeEmmernet(weights, variant));
        const { data } = await network.run({
          map: { data: readCubes('cubes.bin'), shape: [2, 1, EDGE, EDGE, EDGE] },
        });
        const expected = readCubes('expected.bin');
        for (const [from, to] of [
          [0, VOXELS],
          [VOXELS, 2 * VOXELS],
        ])
          expect(relativeL2(data.slice(from, to), expected.slice(from, to))).toBeLessThan(TOLERANCE);
      },
      2 * MINUTES,
    );

    it(
      'reproduces the reference with masks of ones',
      async () => {
        const network = await open(writeEmmernet(weights, { ...INTERLEAVE, dropoutMasks: true }));
        const inputs = emmernetDropout().map(({ input, shape }) => {
          const values = shape.reduce((product, length) => product * length, 1);
          return [input, { data: new Float32Array(values).fill(1), shape: [1, ...shape] }] as const;
        });
        const cube = { data: readCubes('cubes.bin').slice(0, VOXELS), shape: [1, 1, EDGE, EDGE, EDGE] };
        const { data } = await network.run({ map: cube, ...Object.fromEntries(inputs) });
        expect(relativeL2(data, readCubes('expected.bin').slice(0, VOXELS))).toBeLessThan(TOLERANCE);
      },
      2 * MINUTES,
    );
  });

  describeProviders('on a GPU', ['webgpu'], (open) => {
    it(
      'is the same network as on the CPU, on cubes of 8 voxels',
      async () => {
        const plan = planEmmernet({ ...EMMERNET_WIDTHS, cubeEdge: 8 });
        const cubes = { map: { data: readCubes('cubes.bin').slice(0, 1024), shape: [2, 1, 8, 8, 8] } };
        const gpu = await open(writeEmmernet(weights, INTERLEAVE, plan));
        const cpu = await open(writeEmmernet(weights, NATIVE, plan), {
          executionProviders: ['cpu'],
          extra: {},
        });
        const [{ data }, expected] = [await gpu.run(cubes), await cpu.run(cubes)];
        expect(relativeL2(data, expected.data)).toBeLessThan(TOLERANCE);
      },
      5 * MINUTES,
    );

    const patient = usesHardware || process.env.LOCSCALE_TEST_NETWORK === 'full';
    it.skipIf(!patient)(
      'reproduces the reference (minutes on a software GPU: LOCSCALE_TEST_NETWORK=full)',
      async () => {
        const network = await open(writeEmmernet(weights, INTERLEAVE));
        const [cubes, expected] = [readCubes('cubes.bin'), readCubes('expected.bin')];
        for (const [from, to] of [
          [0, VOXELS],
          [VOXELS, 2 * VOXELS],
        ]) {
          const { data } = await network.run({
            map: { data: cubes.slice(from, to), shape: [1, 1, EDGE, EDGE, EDGE] },
          });
          expect(relativeL2(data, expected.slice(from, to))).toBeLessThan(TOLERANCE);
        }
      },
      30 * MINUTES,
    );
  });
});
