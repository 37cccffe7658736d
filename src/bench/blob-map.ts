/**
 * Generated input of the local-scaling benches: band-limited noise as density, inside a connected,
 * ragged mask of realistic fill. Seeded: the same maps on every machine, to float32 rounding.
 */
import type { Engine } from '../engine/engine.ts';
import { type RadialTransfer, tabulateTransfer } from '../math/fourier/radial-transfer.ts';
import type { Shape } from '../math/grid.ts';
import { createRandom } from '../math/statistics/random.ts';

export interface BlobMaps {
  readonly shape: Shape;
  readonly map: Float32Array;
  readonly reference: Float32Array;
  /** 0 or 1. */
  readonly mask: Float32Array;
  readonly maskVoxels: number;
  /** Means outside the mask. */
  readonly padValues: { readonly map: number; readonly reference: number };
}

/** `fill`: mask voxels over all voxels. */
export async function makeBlobMaps(engine: Engine, edge: number, fill: number, seed = 3): Promise<BlobMaps> {
  const shape: Shape = [edge, edge, edge];
  const smooth = async (stream: number, transfer: RadialTransfer): Promise<Float32Array> => {
    const random = createRandom(seed, stream);
    const noise = engine.allocateHost(edge ** 3);
    for (let i = 0; i < noise.length; i++) noise[i] = random.gaussian();
    const volume = await engine.upload(noise, shape);
    const filtered = await engine.radialFilter(volume, transfer);
    const data = Float32Array.from(await engine.download(filtered));
    engine.release(volume, filtered);
    return data;
  };
  const mask = blobMask(await smooth(0, gaussian(edge / 16)), edge, fill);
  const detail = await smooth(1, gaussian(0.8));
  const noise = await smooth(2, gaussian(0.4));
  const reference = detail.map((value, i) => (0.02 + mask[i]) * value);
  const volume = await engine.upload(Float32Array.from(reference), shape);
  const blurred = await engine.radialFilter(volume, gaussian(0.9));
  const map = Float32Array.from(await engine.download(blurred)).map((value, i) => value + 0.03 * noise[i]);
  engine.release(volume, blurred);
  return {
    shape,
    map,
    reference,
    mask,
    maskVoxels: mask.reduce((sum, value) => sum + value, 0),
    padValues: { map: meanOutside(map, mask), reference: meanOutside(reference, mask) },
  };
}

/** Fourier transform of a Gaussian of that standard deviation in voxels. */
function gaussian(sigmaVoxels: number): RadialTransfer {
  return tabulateTransfer((f) => Math.exp(-2 * (Math.PI * sigmaVoxels * f) ** 2));
}

/** The voxels where distance from the centre, bent by smooth noise, is smallest. */
function blobMask(noise: Float32Array, edge: number, fill: number): Float32Array {
  const sd = Math.sqrt(noise.reduce((sum, value) => sum + value * value, 0) / noise.length);
  const centre = edge / 2;
  const height = new Float32Array(noise.length);
  for (let z = 0, i = 0; z < edge; z++) {
    for (let y = 0; y < edge; y++) {
      for (let x = 0; x < edge; x++, i++) {
        const radius2 = ((z - centre) ** 2 + (y - centre) ** 2 + (x - centre) ** 2) / (centre * centre);
        height[i] = 0.12 * (noise[i] / sd) - radius2;
      }
    }
  }
  const threshold = Float32Array.from(height).sort()[Math.floor((1 - fill) * height.length)];
  return height.map((value) => (value >= threshold ? 1 : 0));
}

function meanOutside(data: Float32Array, mask: Float32Array): number {
  let sum = 0;
  let count = 0;
  for (let i = 0; i < data.length; i++) {
    if (mask[i] > 0.5) continue;
    sum += data[i];
    count++;
  }
  return count > 0 ? sum / count : 0;
}
