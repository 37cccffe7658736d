/** Extends or shrinks masks by a distance, and adds soft edges. */
import type { Shape } from '../grid.ts';
import { squaredDistances } from './distance.ts';
import { onesWhere } from './pieces.ts';

/**
 * Distances are between centres of voxels; the surface of a region lies this much, voxels, beyond the nearest
 * of them on average over its directions: balls of radius 8 to 16 voxels grow and shrink by the requested
 * distance to 0.2 voxels.
 */
const TO_SURFACE = 0.3;

/** Extends the region by `voxels`; a negative distance shrinks it. */
export function extendRegion(region: Uint8Array, shape: Shape, voxels: number): Uint8Array {
  if (voxels === 0) return region;
  const grown = voxels > 0;
  const from = grown ? region : region.map((value) => (value === 0 ? 1 : 0));
  const squares = squaredDistances(from, shape);
  const limit = (Math.abs(voxels) + TO_SURFACE) ** 2;
  const out = new Uint8Array(region.length);
  for (let i = 0; i < out.length; i++) if (squares[i] <= limit === grown) out[i] = 1;
  return out;
}

/** 1 in the region, decreasing as a cosine to 0 within `voxels` outside it. */
export function softEdge(region: Uint8Array, shape: Shape, voxels: number): Float32Array {
  if (!(voxels > 0)) return Float32Array.from(onesWhere(region, (value) => value !== 0));
  const values = squaredDistances(region, shape);
  for (let i = 0; i < values.length; i++) {
    const beyond = Math.max(0, Math.sqrt(values[i]) - TO_SURFACE);
    values[i] = beyond < voxels ? (1 + Math.cos((Math.PI * beyond) / voxels)) / 2 : 0;
  }
  return values;
}
