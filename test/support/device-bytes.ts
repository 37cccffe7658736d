/**
 * Bytes of buffers and textures as WebGPU itself is asked for them, beside the counters of the device layer.
 */
import type { GpuDevice } from '../../src/gpu/device.ts';

export interface DeviceBytes {
  /** Of all that lives now. */
  readonly now: number;
  /** Most at any time since `watch` began. */
  readonly peak: number;
  /** Begins anew from what lives now. */
  watch(): void;
}

/** Counts from here on; buffers that live already are not seen. */
export function countDeviceBytes({ device }: GpuDevice): DeviceBytes {
  let now = 0;
  let peak = 0;
  const create = device.createBuffer.bind(device);
  device.createBuffer = (descriptor) => {
    const buffer = create(descriptor);
    now += descriptor.size;
    peak = Math.max(peak, now);
    const destroy = buffer.destroy.bind(buffer);
    let lives = true;
    buffer.destroy = () => {
      if (lives) now -= descriptor.size;
      lives = false;
      return destroy();
    };
    return buffer;
  };
  device.createTexture = () => {
    throw new Error('A texture was made: its bytes are not counted.');
  };
  return {
    get now() {
      return now;
    },
    get peak() {
      return peak;
    },
    watch() {
      peak = now;
    },
  };
}
