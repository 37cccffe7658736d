/**
 * A tile of local scaling: `size` voxels are computed, `size + w - 1` are read (more for tapered windows),
 * and the shell convolutions run on an FFT box at least that large. Tiles fit in the cache and are
 * independent, so any number of threads gives the same bits.
 */
import type { Shape } from '../math/grid.ts';
import type { Kernels } from './kernels/kernels.ts';

/** Voxels along x per call of the profile kernel (two SIMD vectors). */
export const BLOCK = 8;

/** Shapes and pitches of a tile in kernel memory. */
export interface TileShape {
  /** w, even. */
  readonly windowVoxels: number;
  /** Voxels read before the tile (one fewer behind it): half the window, or half of the larger extent. */
  readonly margin: number;
  /** Voxels computed per tile (z, y, x); x is a multiple of 8. */
  readonly size: Shape;
  /** FFT box (z, y, x), each at least size + 2 margin - 1. */
  readonly fft: Shape;
  /** Floats between rows and planes of the input in kernel memory. */
  readonly rowPitch: number;
  /** Whole rows. */
  readonly planePitch: number;
  /** Input planes the profile kernel walks: size + w - 1 rounded up to a multiple of 4. */
  readonly zPlanes: number;
  /** Floats of the input buffer, including slack for reads past the last row. */
  readonly inputFloats: number;
}

/** Pads rows and planes to the groups that the kernels process. */
export function makeTileShape(
  windowVoxels: number,
  size: Shape,
  fft: Shape,
  margin: number = windowVoxels / 2,
): TileShape {
  const rowPitch = Math.ceil(Math.max(fft[2], size[2] + 2 * margin) / 4) * 4;
  const planePitch = rowPitch * Math.max(fft[1], 8);
  const zPlanes = Math.ceil((size[0] + windowVoxels - 1) / 4) * 4;
  const inputFloats = planePitch * Math.max(fft[0], zPlanes) + 8 * rowPitch;
  return { windowVoxels, margin, size, fft, rowPitch, planePitch, zPlanes, inputFloats };
}

/** Which voxels of a tile lie in the mask. */
export interface TileMask {
  /** One byte per (x block, y, z), bit l = voxel 8 block + l, also at `lanesAddress` in kernel memory. */
  readonly lanes: Uint8Array;
  /** Kernels skip blocks whose byte is 0. */
  readonly lanesAddress: number;
  /** First x block with mask voxels. */
  readonly firstBlock: number;
  /** Last x block with mask voxels. */
  readonly lastBlock: number;
  /** Last row with mask voxels per block, -1 for none. */
  readonly lastRow: Int32Array;
  /** Voxels in the order (block, y, z, lane): index into the volume. */
  readonly voxels: Float64Array;
  /** Index of the same voxels in the tile's input buffer. */
  readonly inTile: Uint32Array;
  /** Mask voxels of the tile. */
  readonly count: number;
}

/** Copies the tile with its margin to kernel memory; voxels outside the box become `padValue`. */
export function gatherTile(
  kernels: Kernels,
  tile: TileShape,
  volume: Float32Array,
  shape: Shape,
  start: Shape,
  padValue: number,
  address: number,
): void {
  const { margin } = tile;
  const [nz, ny, nx] = shape;
  const input = kernels.floats(address, tile.inputFloats).fill(padValue);
  const x0 = start[2] - margin;
  const from = Math.max(0, x0);
  const to = Math.min(nx, x0 + tile.size[2] + 2 * margin - 1);
  if (to <= from) return;
  for (let dz = 0; dz < tile.size[0] + 2 * margin - 1; dz++) {
    const z = start[0] - margin + dz;
    if (z < 0 || z >= nz) continue;
    for (let dy = 0; dy < tile.size[1] + 2 * margin - 1; dy++) {
      const y = start[1] - margin + dy;
      if (y < 0 || y >= ny) continue;
      const row = (z * ny + y) * nx;
      input.set(volume.subarray(row + from, row + to), dz * tile.planePitch + dy * tile.rowPitch + from - x0);
    }
  }
}

/** Mask bits and voxel lists of the tile at `start`; `lanesAddress`: size[0] size[1] size[2] / 8 bytes. */
export function gatherTileMask(
  kernels: Kernels,
  tile: TileShape,
  mask: Float32Array,
  shape: Shape,
  start: Shape,
  lanesAddress: number,
): TileMask {
  const [tz, ty, tx] = tile.size;
  const [nz, ny, nx] = shape;
  const { margin } = tile;
  const blocks = tx / BLOCK;
  const inKernel = kernels.bytes(lanesAddress, tz * ty * blocks);
  const lanes = new Uint8Array(tz * ty * blocks);
  const zEnd = Math.min(tz, nz - start[0]);
  const yEnd = Math.min(ty, ny - start[1]);
  const xEnd = Math.min(tx, nx - start[2]);
  let count = 0;
  for (let z = 0; z < zEnd; z++) {
    for (let y = 0; y < yEnd; y++) {
      const row = ((start[0] + z) * ny + start[1] + y) * nx + start[2];
      for (let x = 0; x < xEnd; x++) {
        if (mask[row + x] > 0.5) {
          lanes[((x >> 3) * ty + y) * tz + z] |= 1 << (x & 7);
          count++;
        }
      }
    }
  }
  inKernel.set(lanes);
  const voxels = new Float64Array(count);
  const inTile = new Uint32Array(count);
  const lastRow = new Int32Array(blocks).fill(-1);
  let firstBlock = blocks;
  let lastBlock = -1;
  let i = 0;
  for (let block = 0; block < blocks; block++) {
    for (let y = 0; y < ty; y++) {
      for (let z = 0; z < tz; z++) {
        const bits = lanes[(block * ty + y) * tz + z];
        if (bits === 0) continue;
        firstBlock = Math.min(firstBlock, block);
        lastBlock = block;
        lastRow[block] = y;
        for (let lane = 0; lane < BLOCK; lane++) {
          if ((bits & (1 << lane)) === 0) continue;
          const x = BLOCK * block + lane;
          voxels[i] = ((start[0] + z) * ny + start[1] + y) * nx + start[2] + x;
          inTile[i++] = (z + margin) * tile.planePitch + (y + margin) * tile.rowPitch + x + margin;
        }
      }
    }
  }
  return { lanes, lanesAddress, firstBlock, lastBlock, lastRow, voxels, inTile, count };
}
