/** A kernel that is verified on buffers of its own, and what its check needs. */
import type { GpuDevice } from './device.ts';
import type { Bound, Kernel } from './kernel.ts';
import { type Scratch, submitPass, withScratch } from './scratch.ts';

/** What a check gets: buffers that are freed after it, and one kernel. */
export interface KernelUnderTest {
  /** For limits, and for sizes of dispatches. */
  readonly gpu: GpuDevice;
  /** Buffers of the check, freed at its end. */
  readonly scratch: Scratch;
  /** Submits one dispatch; `read` waits for it. */
  run(bound: Readonly<Record<string, Bound>>, workgroups: readonly [number, number?, number?]): void;
  /** The whole buffer. */
  read(buffer: GPUBuffer): Promise<ArrayBuffer>;
}

/** Relative error of what the kernel computes. */
export type KernelCheck = (kernel: KernelUnderTest) => Promise<number>;

/** Runs the check; the device keeps nothing of it. */
export function checkKernel(gpu: GpuDevice, kernel: Kernel, check: KernelCheck): Promise<number> {
  return withScratch(gpu, (scratch) =>
    check({
      gpu,
      scratch,
      run: (bound, workgroups) => submitPass(gpu, 'self-test', (pass) => kernel.run(pass, bound, workgroups)),
      read: (buffer) => gpu.read(buffer, 0, buffer.size),
    }),
  );
}
