/**
 * Host arrays in the engine's memory, which is reused as soon as they are released. Arrays on the JS heap are
 * collected late and returned to the system later still.
 */

export interface HostMemory {
  /** Zeros. */
  allocateHost(voxels: number): Float32Array;
  freeHost(data: Float32Array): void;
}

/** Fallback without an engine: the JS heap. */
export const HEAP: HostMemory = {
  allocateHost: (voxels) => new Float32Array(voxels),
  freeHost: () => undefined,
};
