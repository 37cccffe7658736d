/**
 * What the memory of the device gives: a large buffer copied by copyBufferToBuffer and by a shader that
 * moves vec4<f32>. Bytes read and bytes written both count. The faster of the two is what the other
 * benches call copy bandwidth.
 */
import { inPass, openCopy } from '../src/bench/gpu-copy.ts';
import { type GpuBenchContext, measureGpu } from './gpu-context.ts';
import type { CopyResult, GpuTiming } from './gpu-results.ts';

const LARGEST_BYTES = 2 ** 30;
const SOFTWARE_BYTES = 32 * 2 ** 20;
/** Copies between two timestamps. */
const COPIES = 4;

export async function benchCopy(context: GpuBenchContext): Promise<CopyResult> {
  const { gpu, adapter, say } = context;
  const most = adapter.kind === 'software' || context.quick ? SOFTWARE_BYTES : LARGEST_BYTES;
  const { bytes, byBuffer, byShader, close } = await openCopy(gpu, most);
  try {
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
      for (let i = 0; i < COPIES; i++) byBuffer(encoder);
      inPass(encoder, () => undefined);
    });
    const shader = await run((encoder) => {
      for (let i = 0; i < COPIES; i++) byShader(encoder);
    });
    const perSecond = ({ span, wall }: GpuTiming): number => (2 * COPIES * bytes) / (span ?? wall).median;
    const result = { bytes, bufferCopy: perSecond(buffer), shaderCopy: perSecond(shader) };
    say(
      `  ${bytes / 2 ** 20} MiB: copyBufferToBuffer ${gigabytes(result.bufferCopy)} GB/s, shader ${gigabytes(result.shaderCopy)} GB/s (read + written)`,
    );
    return result;
  } finally {
    close();
  }
}

export function copyBandwidth({ bufferCopy, shaderCopy }: CopyResult): number {
  return Math.max(bufferCopy, shaderCopy);
}

export function gigabytes(bytesPerSecond: number): string {
  const value = bytesPerSecond / 1e9;
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3);
}
