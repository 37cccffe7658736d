/**
 * Working arrays of the host in the engine's memory, where what is given back serves the next volume at once.
 * Arrays of the heap are collected late, and freed to the system later still.
 */

export interface HostMemory {
  /** Zeros. */
  allocateHost(voxels: number): Float32Array;
  freeHost(data: Float32Array): void;
}

/** Without an engine. */
export const HEAP: HostMemory = {
  allocateHost: (voxels) => new Float32Array(voxels),
  freeHost: () => undefined,
};
