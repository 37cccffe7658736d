/** Moments of parts of a volume as shaders/statistics.wgsl writes them. */
import { fromOrderKey } from '../math/statistics/float-order.ts';
import { NO_VOXELS, type PartialStatistics } from '../math/statistics/moments.ts';

/** 32-bit words of one part. */
export const PART_WORDS = 9;

/** Decodes one part of the shader, in the volume's units. */
export function decodePart(words: Uint32Array, at: number): PartialStatistics {
  const count = words[at];
  const nonFinite = words[at + 2];
  if (count === 0) return { ...NO_VOXELS, nonFinite };
  const [pivot, sum, squares] = new Float32Array(words.buffer, 4 * (at + 6), 3);
  // The shader's values are 2^(biased - 127) times the volume's.
  const scale = 2 ** (127 - words[at + 5]);
  const correction = sum / count;
  return {
    count,
    mean: (pivot + correction) * scale,
    squares: Math.max(0, squares - sum * correction) * scale * scale,
    min: fromOrderKey(words[at + 3]),
    max: fromOrderKey(words[at + 4]),
    zeros: words[at + 1],
    nonFinite,
  };
}
