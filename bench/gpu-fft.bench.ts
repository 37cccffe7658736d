/**
 * Real 3D FFT on the GPU, forward and inverse, one volume in one buffer: device time of the passes, and
 * what they move as a share of the measured copy bandwidth.
 *   minimal bytes  three passes that each read and write the volume once: 3 x 2 x 4 n^3
 *   actual bytes   what the passes read and write: volume and half spectrum with its padding
 */

import { checkGate } from '../src/bench/gate.ts';
import { directCoefficients, sampleFrequencies } from '../src/bench/oracles.ts';
import { STORAGE } from '../src/gpu/device.ts';
import { createRealFft3d, planRealFft3d, type RealFft3dPlan } from '../src/gpu/fft.ts';
import { whiteNoise } from './fft.bench.ts';
import { describeTiming, type GpuBenchContext, secondsOf, timingOf, unlessTooLarge } from './gpu-context.ts';
import { copyBandwidth, gigabytes } from './gpu-copy.bench.ts';
import type { CopyResult, GpuFftResult } from './gpu-results.ts';
import type { GpuTimes } from './gpu-timing.ts';

/** Relative L2; float32 transforms of these sizes err by 1e-7 to 3e-7. */
const LIMIT = 1e-6;
/** 251 is prime: Bluestein's algorithm. */
const EDGES = [64, 96, 128, 180, 256, 251, 320, 384, 440, 512];
const QUICK_EDGES = [32, 48, 64];

export async function benchGpuFft(context: GpuBenchContext, copy: CopyResult): Promise<GpuFftResult[]> {
  const edges = (context.quick ? QUICK_EDGES : EDGES).filter((edge) => edge <= context.maxSize);
  const results: GpuFftResult[] = [];
  for (const edge of edges) {
    const support = planRealFft3d([edge, edge, edge], context.gpu.limits);
    if (!support.ok) {
      context.skip(`FFT ${edge}^3`, support.reason);
      continue;
    }
    const { plan } = support;
    const result = await unlessTooLarge(context, `FFT ${edge}^3`, () => benchEdge(context, edge, plan));
    if (!result) continue;
    results.push(result);
    const share = result.actualBytes / secondsOf(result.forward) / copyBandwidth(copy);
    context.say(
      `  ${edge}^3 forward: ${describeTiming(result.forward)}; ${gigabytes(result.minimalBytes / secondsOf(result.forward))} GB/s minimal, ${gigabytes(result.actualBytes / secondsOf(result.forward))} actual, ${(100 * share).toFixed(0)} % of copy\n  ${''.padEnd(`${edge}^3`.length)} inverse: ${describeTiming(result.inverse)}`,
    );
  }
  return results;
}

async function benchEdge(context: GpuBenchContext, edge: number, plan: RealFft3dPlan): Promise<GpuFftResult> {
  const { gpu, timer, quick } = context;
  const bytes = 4 * edge ** 3;
  const fft = await createRealFft3d(gpu, plan);
  const buffers: GPUBuffer[] = [];
  const make = (label: string, size: number): GPUBuffer => {
    const buffer = gpu.createBuffer(`FFT ${label}`, size, STORAGE);
    buffers.push(buffer);
    return buffer;
  };
  try {
    const real = make('volume', bytes);
    const spectrum = make('spectrum', plan.spectrumBytes);
    const back = make('result', bytes);
    const noise = whiteNoise(edge);
    gpu.device.queue.writeBuffer(real, 0, noise as Float32Array<ArrayBuffer>);
    const transform = (direction: 'forward' | 'inverse') => (): void => {
      const encoder = gpu.device.createCommandEncoder({ label: `FFT ${direction}` });
      const pass = encoder.beginComputePass({ label: direction });
      if (direction === 'forward') fft.forward(pass, real, spectrum);
      else fft.inverse(pass, spectrum, back);
      pass.end();
      gpu.device.queue.submit([encoder.finish()]);
    };

    const frequencies = sampleFrequencies(edge);
    transform('forward')();
    const found: number[] = [];
    for (const [kz, ky, kx] of frequencies) {
      const at = 8 * ((kz * edge + ky) * plan.pitch + kx);
      found.push(...new Float32Array(await gpu.read(spectrum, at, 8)));
    }
    transform('inverse')();
    const returned = new Float32Array(await gpu.read(back, 0, bytes));
    const gates = [
      checkGate(
        `forward FFT ${edge}^3 against the float64 sum`,
        found,
        directCoefficients(noise, edge, frequencies),
        LIMIT,
      ),
      checkGate(`forward and inverse FFT ${edge}^3 against the input`, returned, noise, LIMIT),
    ];

    // The inverse destroys the spectrum: every inverse follows a forward transform.
    const runs = quick ? 1 : 15;
    const times = { forward: [] as GpuTimes[], inverse: [] as GpuTimes[] };
    for (let i = -2; i < runs; i++) {
      const forward = await timer.time(transform('forward'));
      const inverse = await timer.time(transform('inverse'));
      if (i < 0) continue;
      times.forward.push(forward);
      times.inverse.push(inverse);
    }
    const passesOf = async (direction: 'forward' | 'inverse'): Promise<number[]> =>
      (await timer.time(transform(direction), 'dispatches')).segments.map(({ seconds }) => seconds);
    return {
      edge,
      gates,
      forward: timingOf(times.forward, timer.timestamps),
      inverse: timingOf(times.inverse, timer.timestamps),
      ...(timer.timestamps
        ? { forwardPasses: await passesOf('forward'), inversePasses: await passesOf('inverse') }
        : {}),
      minimalBytes: 6 * bytes,
      actualBytes: bytes + 5 * plan.spectrumBytes,
    };
  } finally {
    for (const buffer of buffers) gpu.destroyBuffer(buffer);
    fft.destroy();
  }
}
