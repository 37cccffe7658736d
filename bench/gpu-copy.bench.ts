/**
 * What the memory of the device gives: a large buffer copied by copyBufferToBuffer and by a shader that
 * moves vec4<f32>. Bytes read and bytes written both count. The faster of the two is what the other
 * benches call copy bandwidth.
 */
import { type GpuDevice, STORAGE } from '../src/gpu/device.ts';
import { createKernel } from '../src/gpu/kernel.ts';
import { linearWorkgroups } from '../src/gpu/workgroups.ts';
import { createRandom } from '../src/math/statistics/random.ts';
import { checkGate } from './gate.ts';
import { type GpuBenchContext, measureGpu } from './gpu-context.ts';
import type { CopyResult, GpuTiming } from './gpu-results.ts';

const LARGEST_BYTES = 2 ** 30;
const SOFTWARE_BYTES = 32 * 2 ** 20;
/** Copies between two timestamps. */
const COPIES = 4;
const CHECKED_FLOATS = 2 ** 16;

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

export async function benchCopy(context: GpuBenchContext): Promise<CopyResult> {
  const { gpu, adapter, say } = context;
  const most = adapter.kind === 'software' || context.quick ? SOFTWARE_BYTES : LARGEST_BYTES;
  const bytes = 16 * Math.floor(Math.min(most, gpu.limits.bindingBytes, gpu.limits.bufferBytes) / 16);
  const source = gpu.createBuffer('copy source', bytes, STORAGE);
  const copied = gpu.createBuffer('copy target', bytes, STORAGE);
  try {
    const kernel = await createKernel(gpu, { name: 'copy', code: COPY_SHADER });
    const byShader = (pass: GPUComputePassEncoder): void =>
      kernel.run(pass, { source, copied }, linearWorkgroups(gpu, bytes / 16));
    const byBuffer = (encoder: GPUCommandEncoder): void => {
      for (let i = 0; i < COPIES; i++) encoder.copyBufferToBuffer(source, 0, copied, 0, bytes);
    };
    await gateCopy(gpu, source, copied, (encoder) => byBuffer(encoder));
    await gateCopy(gpu, source, copied, (encoder) => inPass(encoder, byShader));
    const run = (record: (encoder: GPUCommandEncoder) => void): Promise<GpuTiming> =>
      measureGpu(
        context.timer,
        () => {
          const encoder = gpu.device.createCommandEncoder({ label: 'copy' });
          record(encoder);
          gpu.device.queue.submit([encoder.finish()]);
        },
        { runs: context.quick ? 1 : 7 },
      );
    const buffer = await run((encoder) => {
      // Copies carry no timestamps of their own: empty passes stand before and behind them.
      inPass(encoder, () => undefined);
      byBuffer(encoder);
      inPass(encoder, () => undefined);
    });
    const shader = await run((encoder) => {
      for (let i = 0; i < COPIES; i++) inPass(encoder, byShader);
    });
    const perSecond = ({ span, wall }: GpuTiming): number => (2 * COPIES * bytes) / (span ?? wall).median;
    const result = { bytes, bufferCopy: perSecond(buffer), shaderCopy: perSecond(shader) };
    say(
      `  ${bytes / 2 ** 20} MiB: copyBufferToBuffer ${gigabytes(result.bufferCopy)} GB/s, shader ${gigabytes(result.shaderCopy)} GB/s (read + written)`,
    );
    return result;
  } finally {
    gpu.destroyBuffer(source);
    gpu.destroyBuffer(copied);
  }
}

export function copyBandwidth({ bufferCopy, shaderCopy }: CopyResult): number {
  return Math.max(bufferCopy, shaderCopy);
}

export function gigabytes(bytesPerSecond: number): string {
  const value = bytesPerSecond / 1e9;
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3);
}

function inPass(encoder: GPUCommandEncoder, record: (pass: GPUComputePassEncoder) => void): void {
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
