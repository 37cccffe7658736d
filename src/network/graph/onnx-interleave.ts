/**
 * Expresses a transposed 5^3 convolution of stride 2 as a 3^3 convolution to eight times the channels (method
 * 6).
 *
 * Along one axis the full result is y[2 i + k] += w[k] x[i], k = 0 ... 4, and result o of the cropped one is
 * y[o + 1]. So even o = 2 m takes k = 3, 1 from i = m - 1, m, and odd o = 2 m + 1 takes k = 4, 2, 0 from
 * i = m - 1, m, m + 1: two ordinary kernels of three taps, one per parity, whose results are interleaved.
 */

/** [parity][tap i - m + 1] -> k, or none. */
const TAPS = [
  [3, 1, undefined],
  [4, 2, 0],
] as const;

/**
 * `kernel` (in, out, 5, 5, 5) and `bias` (out) of the transposed convolution. The result is a kernel (8 out,
 * in, 3, 3, 3) whose output channel is 8 c + 4 pz + 2 py + px for channel c and parities p, and its bias.
 */
export function interleaveKernel(
  kernel: Float32Array,
  bias: Float32Array,
  inChannels: number,
  outChannels: number,
): { kernel: Float32Array; bias: Float32Array } {
  const result = new Float32Array(8 * outChannels * inChannels * 27);
  for (let c = 0; c < outChannels; c++) {
    for (let parities = 0; parities < 8; parities++) {
      const tapsZ = TAPS[parities & 4 ? 1 : 0];
      const tapsY = TAPS[parities & 2 ? 1 : 0];
      const tapsX = TAPS[parities & 1];
      for (let i = 0; i < inChannels; i++) {
        const from = (i * outChannels + c) * 125;
        const to = ((8 * c + parities) * inChannels + i) * 27;
        for (let tap = 0; tap < 27; tap++) {
          const z = tapsZ[Math.floor(tap / 9)];
          const y = tapsY[Math.floor(tap / 3) % 3];
          const x = tapsX[tap % 3];
          if (z === undefined || y === undefined || x === undefined) continue;
          result[to + tap] = kernel[from + (z * 5 + y) * 5 + x];
        }
      }
    }
  }
  return { kernel: result, bias: Float32Array.from({ length: 8 * outChannels }, (_, i) => bias[i >> 3]) };
}
