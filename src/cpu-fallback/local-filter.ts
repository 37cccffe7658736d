/**
 * out += hat(1 / cut-off) * filtered, the contribution of one bin of a local low-pass filter
 * (math/fourier/local-filter.ts).
 */
import { binWeight } from '../math/fourier/local-filter.ts';

/** A range of voxels, and the filtered map to blend in. */
export interface BlendArguments {
  /** First voxel. */
  readonly from: number;
  /** Voxel after the last. */
  readonly to: number;
  /** The map, low-passed at the bin's frequency. */
  readonly filtered: Float32Array;
  /** Cut-off per voxel, A; 0 where the result is 0. */
  readonly cutoffs: Float32Array;
  /** Sum over the bins so far. */
  readonly out: Float32Array;
  /** Frequency of the bin before, 1/A. */
  readonly below: number;
  /** Frequency of this bin, 1/A. */
  readonly at: number;
  /** Frequency of the next bin, 1/A. */
  readonly above: number;
}

/** Adds `filtered` where the cut-off of a voxel lies between its neighbours' bins, with linear weights. */
export function blendRange({ from, to, filtered, cutoffs, out, below, at, above }: BlendArguments): void {
  for (let i = from; i < to; i++) {
    const cutoff = cutoffs[i];
    if (cutoff > 0) out[i] += binWeight(1 / cutoff, below, at, above) * filtered[i];
  }
}
