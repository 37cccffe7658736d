/** Runs the tiles of a job in order, two in flight, with progress and abort between them. */
import type { OperationHooks } from '../engine/engine.ts';
import type { GpuDevice } from './device.ts';

/** Tiles submitted but not known to be completed. */
const IN_FLIGHT = 2;

/** Submits tile after tile with a few under way, so that the GPU is never idle and memory is bounded. */
export async function runTiles<Tile extends { readonly maskVoxels: number }>(
  gpu: GpuDevice,
  tiles: readonly Tile[],
  encode: (tile: Tile) => GPUCommandEncoder,
  hooks: OperationHooks & { readonly onTiles?: (tiles: readonly Tile[]) => void | Promise<void> },
): Promise<void> {
  const pending: { done: Promise<void>; tile: Tile }[] = [];
  const total = tiles.reduce((sum, tile) => sum + tile.maskVoxels, 0);
  let done = 0;
  const settle = async (): Promise<void> => {
    const next = pending.shift();
    if (next === undefined) return;
    await next.done;
    done += next.tile.maskVoxels;
    hooks.onProgress?.(done, total);
    await hooks.onTiles?.([next.tile]);
  };
  for (const tile of tiles) {
    hooks.signal?.throwIfAborted();
    const work = gpu.finish(encode(tile));
    // Failures are thrown when the tile is awaited.
    work.catch(() => undefined);
    pending.push({ done: work, tile });
    if (pending.length >= IN_FLIGHT) await settle();
  }
  while (pending.length > 0) await settle();
}
