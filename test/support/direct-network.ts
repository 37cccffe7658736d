/**
 * The layers of EMmerNet in float64, straight from their definitions, and the network put together from
 * them: an oracle that shares nothing with the ONNX graph. Cubes are (channels, z, y, x), one at a time.
 */
import type { WeightSet } from '../../src/network/graph/model.ts';

export interface DirectCube {
  readonly channels: number;
  readonly edge: number;
  readonly data: Float64Array;
}

export function directCube(channels: number, edge: number, data?: ArrayLike<number>): DirectCube {
  const values = channels * edge ** 3;
  if (data !== undefined && data.length !== values) throw new Error(`${data.length} values, not ${values}`);
  return { channels, edge, data: data === undefined ? new Float64Array(values) : Float64Array.from(data) };
}

/**
 * Convolution with TensorFlow's padding 'same': ceil(edge / stride) results, and the padding this takes is
 * put half before, half after, an odd one after. `kernel` is (out, in, k, k, k).
 */
export function directConvolution(
  cube: DirectCube,
  kernel: ArrayLike<number>,
  bias: ArrayLike<number>,
  stride: number,
  k = 5,
): DirectCube {
  const { channels, edge } = cube;
  const result = directCube(bias.length, Math.ceil(edge / stride));
  const padding = Math.max((result.edge - 1) * stride + k - edge, 0);
  const before = Math.floor(padding / 2);
  const each = triples(result.edge);
  const taps = triples(k);
  for (let o = 0; o < result.channels; o++) {
    for (const [z, y, x] of each) {
      let sum = bias[o];
      for (let i = 0; i < channels; i++) {
        for (const [kz, ky, kx] of taps) {
          const [sz, sy, sx] = [z * stride + kz - before, y * stride + ky - before, x * stride + kx - before];
          if (Math.min(sz, sy, sx) < 0 || Math.max(sz, sy, sx) >= edge) continue;
          const weight = kernel[(((o * channels + i) * k + kz) * k + ky) * k + kx];
          sum += weight * cube.data[((i * edge + sz) * edge + sy) * edge + sx];
        }
      }
      result.data[((o * result.edge + z) * result.edge + y) * result.edge + x] = sum;
    }
  }
  return result;
}

/**
 * Every value of the cube spreads the kernel (in, out, 5, 5, 5) over the result, at twice its position; of
 * the 2 edge + 3 results the first and the last two are dropped.
 */
export function directTransposedConvolution(
  cube: DirectCube,
  kernel: ArrayLike<number>,
  bias: ArrayLike<number>,
): DirectCube {
  const { channels, edge } = cube;
  const out = bias.length;
  const full = 2 * edge + 3;
  const spread = new Float64Array(out * full ** 3);
  for (let i = 0; i < channels; i++) {
    for (const [z, y, x] of triples(edge)) {
      const value = cube.data[((i * edge + z) * edge + y) * edge + x];
      for (let o = 0; o < out; o++) {
        for (const [kz, ky, kx] of triples(5)) {
          const weight = kernel[(((i * out + o) * 5 + kz) * 5 + ky) * 5 + kx];
          spread[((o * full + 2 * z + kz) * full + 2 * y + ky) * full + 2 * x + kx] += value * weight;
        }
      }
    }
  }
  const result = directCube(out, 2 * edge);
  for (let o = 0; o < out; o++) {
    for (const [z, y, x] of triples(result.edge)) {
      const from = ((o * full + z + 1) * full + y + 1) * full + x + 1;
      result.data[((o * result.edge + z) * result.edge + y) * result.edge + x] = spread[from] + bias[o];
    }
  }
  return result;
}

export function directPrelu(cube: DirectCube, slope: ArrayLike<number>): DirectCube {
  const values = cube.edge ** 3;
  const data = cube.data.map((v, i) => (v > 0 ? v : v * slope[Math.floor(i / values)]));
  return { ...cube, data };
}

export function directGroupNorm(
  cube: DirectCube,
  groups: number,
  scale: ArrayLike<number>,
  shift: ArrayLike<number>,
  epsilon: number,
): DirectCube {
  const { channels, edge } = cube;
  const data = new Float64Array(cube.data.length);
  const size = data.length / groups;
  for (let g = 0; g < groups; g++) {
    const values = cube.data.subarray(g * size, (g + 1) * size);
    const mean = values.reduce((sum, v) => sum + v, 0) / size;
    const variance = values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / size;
    for (let j = 0; j < size; j++) {
      const channel = Math.floor(((g * size + j) * channels) / data.length);
      data[g * size + j] =
        ((values[j] - mean) / Math.sqrt(variance + epsilon)) * scale[channel] + shift[channel];
    }
  }
  return { channels, edge, data };
}

/** The channels of `a`, then those of `b`. */
export function directConcat(a: DirectCube, b: DirectCube): DirectCube {
  return { channels: a.channels + b.channels, edge: a.edge, data: Float64Array.from([...a.data, ...b.data]) };
}

/**
 * EMmerNet of any widths on one cube (method 6, written from its table). `masks` by the name of the block;
 * without, dropout is off. `onBlock` sees the result of each block before its mask.
 */
export function directEmmernet(
  weights: WeightSet,
  input: DirectCube,
  normGroups: number,
  masks?: ReadonlyMap<string, ArrayLike<number>>,
  onBlock?: (name: string, result: DirectCube) => void,
): DirectCube {
  const tensor = (name: string): Float32Array => {
    const found = weights.get(name);
    if (found === undefined) throw new Error(`no tensor ${name}`);
    return found.data;
  };
  const block = (name: string, cube: DirectCube, stride = 1): DirectCube => {
    const convolved = directConvolution(
      cube,
      tensor(`${name}.conv.weight`),
      tensor(`${name}.conv.bias`),
      stride,
    );
    const rectified = directPrelu(convolved, tensor(`${name}.prelu.weight`));
    const [scale, shift] = [tensor(`${name}.gn.weight`), tensor(`${name}.gn.bias`)];
    const normalised = directGroupNorm(rectified, normGroups, scale, shift, 1e-3);
    onBlock?.(name, normalised);
    const mask = masks?.get(name);
    return mask === undefined
      ? normalised
      : { ...normalised, data: normalised.data.map((v, i) => v * mask[i]) };
  };
  const up = (name: string, cube: DirectCube): DirectCube =>
    directTransposedConvolution(cube, tensor(`${name}.conv.weight`), tensor(`${name}.conv.bias`));

  const e1 = block('conv1_1', input);
  const e2 = block('conv2_1', block('conv1_3', block('conv1_2', e1), 2));
  const e3 = block('conv3_1', block('conv2_3', block('conv2_2', e2), 2));
  const mid = block('conv4_1', block('conv3_3', block('conv3_2', e3), 2));
  const d1 = block('conv5_3', block('conv5_2', block('conv5_1', directConcat(up('up1', mid), e3))));
  const d2 = block('conv6_3', block('conv6_2', block('conv6_1', directConcat(up('up2', d1), e2))));
  const d3 = block('conv7_3', block('conv7_2', block('conv7_1', directConcat(up('up3', d2), e1))));
  const tail = block('conv8_1', up('up4', d3), 2);
  return directConvolution(tail, tensor('last_conv.weight'), tensor('last_conv.bias'), 1);
}

/** All (z, y, x) below `edge`, in order. */
function triples(edge: number): (readonly [number, number, number])[] {
  return Array.from(
    { length: edge ** 3 },
    (_, i) => [Math.floor(i / (edge * edge)), Math.floor(i / edge) % edge, i % edge] as const,
  );
}
