/**
 * What the targets for weight files share: a network of three layers with its weights, and looks at results.
 */
import { elementCount, type StoredTensor } from '../../../../src/formats/stored-tensor.ts';
import type { EmmernetPlan } from '../../../../src/network/graph/emmernet-layers.ts';
import type { WeightSet } from '../../../../src/network/graph/model.ts';
import { randomWeights, type Tensors } from '../../../support/weight-files.ts';
import { property } from '../target-tools.ts';

/** A block, a transposed convolution and the last one, of one channel each: 380 numbers. */
export const threeLayers: EmmernetPlan = {
  cubeEdge: 8,
  normGroups: 1,
  layers: [
    { name: 'conv1_1', kind: 'block', in: 1, out: 1, stride: 1, inputEdge: 8, outputEdge: 8 },
    { name: 'up1', kind: 'up', in: 1, out: 1, stride: 2, inputEdge: 8, outputEdge: 16 },
    { name: 'last_conv', kind: 'last', in: 1, out: 1, stride: 1, inputEdge: 16, outputEdge: 16 },
  ],
};

export const smallWeights: Tensors = randomWeights(17, threeLayers);

/**
 * Numbers of all arrays of one file that are looked at: views of one storage may repeat it a million times.
 */
const MOST_NUMBERS = 2 ** 22;

/**
 * Reads every array and compares it with what it declares. Refusals are passed on only after all have been
 * read, so that one damaged array does not hide the others.
 */
export async function readAll(tensors: readonly StoredTensor[]): Promise<void> {
  let refusal: unknown;
  let left = MOST_NUMBERS;
  for (const { name, shape, type, read } of tensors) {
    property(typeof name === 'string' && typeof type === 'string', 'name and type of an array are text');
    property(
      shape.every((extent) => Number.isSafeInteger(extent) && extent >= 0),
      `the array ${name} has whole extents, not ${shape.join(', ')}`,
    );
    left -= elementCount(shape);
    if (left < 0) break;
    try {
      const values = await read();
      property(values instanceof Float32Array, `the array ${name} is float32`);
      property(values.length === elementCount(shape), `the array ${name} has as many numbers as its shape`);
    } catch (error) {
      refusal ??= error;
    }
  }
  if (refusal !== undefined) throw refusal;
}

/** Weights that a file was accepted with: the tensors of the network, finite. */
export function checkWeights(weights: WeightSet): void {
  property(weights.size === smallWeights.size, 'all tensors of the network are there, and no others');
  for (const [name, { shape, data }] of weights) {
    property(
      String(shape) === String(smallWeights.get(name)?.shape),
      `${name} has the shape of the network's tensor`,
    );
    property(data.length === elementCount(shape), `${name} has as many numbers as its shape`);
    property(data.every(Number.isFinite), `${name} is finite`);
  }
}
