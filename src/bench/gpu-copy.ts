/**
 * A large buffer of a device copied by copyBufferToBuffer and by a shader that moves vec4<f32>, both compared
 * with what was to be copied. The faster of the two is what the benches call copy bandwidth: bytes read and
 * bytes written, a second.
 */
import { type GpuDevice, STORAGE } from '../gpu/device.ts';
import { createKernel } from '../gpu/kernel.ts';
import { linearWorkgroups } from '../gpu/workgroups.ts';
import { createRandom } from '../math/statistics/random.ts';
import { timeBatches } from './clock.ts';
import { checkGate } from './gate.ts';

/** At the begin and at the end of the buffer. */
const CHECKED_FLOATS = 2 ** 16;
/** Copies in one submission. */
const COPIES = 4;

const COPY_SHADER = `
@group(0) @binding(0) var<storage, read> source : array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> copied : array<vec4<f32>>;
@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group : vec3<u32>,
        @builtin(num_workgroups) groups : vec3<u32>,
        @builtin(local_invocation_index) lane : u32) {
  let i = (group.y * groups.x + group.x) * 256u + lane;
  if (i < arrayLength(&source)) { copied[i] = source[i]; }
}`;

/** Two ways to copy the same buffer. */
export interface DeviceCopy {
  readonly bytes: number;
  byBuffer(encoder: GPUCommandEncoder): void;
  /** One compute pass. */
  byShader(encoder: GPUCommandEncoder): void;
  close(): void;
}

/**
 * `most`: bytes to copy, where a binding holds so many. Throws GateError where a copy is not the original.
 */
export async function openCopy(gpu: GpuDevice, most: number): Promise<DeviceCopy> {
  const bytes = 16 * Math.floor(Math.min(most, gpu.limits.bindingBytes, gpu.limits.bufferBytes) / 16);
  const source = gpu.createBuffer('copy source', bytes, STORAGE);
  const copied = gpu.createBuffer('copy target', bytes, STORAGE);
  const close = (): void => {
    gpu.destroyBuffer(source);
    gpu.destroyBuffer(copied);
  };
  try {
    const kernel = await createKernel(gpu, { name: 'copy', code: COPY_SHADER });
    const copy = {
      bytes,
      byBuffer: (encoder: GPUCommandEncoder) => encoder.copyBufferToBuffer(source, 0, copied, 0, bytes),
      byShader: (encoder: GPUCommandEncoder) =>
        inPass(encoder, (pass) => kernel.run(pass, { source, copied }, linearWorkgroups(gpu, bytes / 16))),
      close,
    };
    await gateCopy(gpu, source, copied, copy.byBuffer);
    await gateCopy(gpu, source, copied, copy.byShader);
    return copy;
  } catch (error) {
    close();
    throw error;
  }
}

/** Bytes per second. */
export async function measureCopy(gpu: GpuDevice, most: number, seconds: number): Promise<number> {
  const copy = await openCopy(gpu, most);
  try {
    const timeOf = async (record: (encoder: GPUCommandEncoder) => void): Promise<number> => {
      const run = async (): Promise<void> => {
        const encoder = gpu.device.createCommandEncoder({ label: 'copy' });
        for (let i = 0; i < COPIES; i++) record(encoder);
        gpu.device.queue.submit([encoder.finish()]);
      };
      const { median } = await timeBatches(run, { seconds: seconds / 2, settle: () => gpu.finish() });
      return median;
    };
    const time = Math.min(await timeOf(copy.byBuffer), await timeOf(copy.byShader));
    return (2 * COPIES * copy.bytes) / time;
  } finally {
    copy.close();
  }
}

/** Records into a compute pass of its own. */
export function inPass(encoder: GPUCommandEncoder, record: (pass: GPUComputePassEncoder) => void): void {
  const pass = encoder.beginComputePass({ label: 'copy' });
  record(pass);
  pass.end();
}

/** Begin and end of the buffer arrive as they were. */
async function gateCopy(
  gpu: GpuDevice,
  source: GPUBuffer,
  copied: GPUBuffer,
  record: (encoder: GPUCommandEncoder) => void,
): Promise<void> {
  const random = createRandom(23);
  const values = Float32Array.from({ length: CHECKED_FLOATS }, () => random.gaussian());
  const last = source.size - values.byteLength;
  for (const at of [0, last]) gpu.device.queue.writeBuffer(source, at, values);
  const encoder = gpu.device.createCommandEncoder({ label: 'clear' });
  encoder.clearBuffer(copied);
  record(encoder);
  await gpu.finish(encoder);
  for (const at of [0, last]) {
    const found = new Float32Array(await gpu.read(copied, at, values.byteLength));
    checkGate(`copy of ${source.size} bytes, at ${at}`, found, values, 0);
  }
}
