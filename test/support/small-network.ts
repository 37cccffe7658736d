/**
 * A network that is small enough to follow by hand: y = mask * conv3(x) + x, one 3 x 3 x 3 convolution of
 * seeded random weights, its result multiplied by the dropout mask if there is one.
 */
import { encodeOnnxModel } from '../../src/formats/onnx.ts';
import { createRandom } from '../../src/math/statistics/random.ts';
import type { NetworkManifest } from '../../src/network/graph/model.ts';
import { createOnnxBuilder } from '../../src/network/graph/onnx-builder.ts';
import type { NetworkFiles } from '../../src/network/run/network-graph.ts';

export const SMALL_EDGE = 8;

export function smallKernel(): Float32Array {
  const random = createRandom(7);
  return Float32Array.from({ length: 27 }, () => 0.2 * random.gaussian());
}

function write(masks: boolean, edge: number, scale: number): Uint8Array {
  const builder = createOnnxBuilder();
  const cube = [1, edge, edge, edge];
  const map = builder.input('map', cube);
  const kernel = builder.weights('kernel', [1, 1, 3, 3, 3], smallKernel());
  let value = builder.node('Conv', [map, kernel], { kernel_shape: [3, 3, 3], pads: [1, 1, 1, 1, 1, 1] });
  if (masks) value = builder.node('Mul', [value, builder.input('mask', cube)]);
  const scaled = builder.node('Mul', [
    builder.node('Add', [value, map]),
    builder.weights('scale', [1], Float32Array.of(scale)),
  ]);
  builder.node('Identity', [scaled], {}, 'reference');
  builder.output('reference', cube);
  return encodeOnnxModel(builder.finish('small'));
}

/** `scale`: factor of the result (Infinity makes a network that gives no numbers). */
export function smallNetwork(scale = 1, edge = SMALL_EDGE): NetworkFiles {
  const manifest: NetworkManifest = {
    format: 1,
    name: 'small',
    title: 'small test network',
    architecture: 'onnx',
    source: 'made by a test',
    sourceSha256: '0'.repeat(64),
    licence: 'none',
    parameters: 28,
    gflopPerCube: (2 * 27 * edge ** 3) / 1e9,
    files: {
      plain: { file: 'small.onnx', sha256: '0'.repeat(64) },
      monteCarlo: { file: 'small-mc.onnx', sha256: '0'.repeat(64) },
    },
    input: 'map',
    output: 'reference',
    voxelSizeAngstrom: 1,
    // The blobs of the tests end at 7 to 15 A.
    trainedResolution: { finest: 2, coarsest: 40 },
    standardisation: 'mean-10sd',
    cubeEdge: edge,
    stride: edge / 2,
    dropout: [{ input: 'mask', shape: [1, edge, edge, edge], keepProbability: 0.5 }],
  };
  return {
    manifest,
    readPlain: async () => write(false, edge, scale),
    readMonteCarlo: async () => write(true, edge, scale),
  };
}

/** conv3(x) of one cube in float64, zero outside. */
export function convolveDirectly(cube: Float32Array, edge = SMALL_EDGE): Float64Array {
  const kernel = smallKernel();
  const out = new Float64Array(cube.length);
  for (let z = 0; z < edge; z++)
    for (let y = 0; y < edge; y++)
      for (let x = 0; x < edge; x++) {
        let sum = 0;
        for (let k = 0; k < 27; k++) {
          const [a, b, c] = [z + Math.floor(k / 9) - 1, y + (Math.floor(k / 3) % 3) - 1, x + (k % 3) - 1];
          if (Math.min(a, b, c) < 0 || Math.max(a, b, c) >= edge) continue;
          sum += kernel[k] * cube[(a * edge + b) * edge + c];
        }
        out[(z * edge + y) * edge + x] = sum;
      }
  return out;
}
