/**
 * Which execution providers of onnxruntime are worth a try on this machine, in which order:
 * CUDA, then what the system brings (DirectML, CoreML), then WebGPU, then the CPU.
 */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import process from 'node:process';
import type { Onnxruntime } from './onnxruntime.ts';
import { type ProviderName, providerNames } from './provider-names.ts';

export const providerTitles: Readonly<Record<ProviderName, string>> = {
  cuda: 'CUDA',
  dml: 'DirectML',
  coreml: 'CoreML',
  webgpu: 'WebGPU',
  cpu: 'CPU',
};

export interface ProviderState {
  readonly name: ProviderName;
  /** Why there is no point in trying it. */
  readonly reason?: string;
}

/** What WebGPU said about this machine, before onnxruntime is asked. */
export interface WebGpuState {
  /** A GPU that may be used: hardware, or a software driver that the user allows. */
  readonly usable: boolean;
  /** Why not. */
  readonly reason?: string;
}

/**
 * All providers in the order of preference. A provider that cannot work is not tried, because each
 * attempt would print warnings of onnxruntime's own past the log.
 */
export function listProviders(onnxruntime: Onnxruntime, webgpu: WebGpuState): ProviderState[] {
  const backends = new Map(onnxruntime.listSupportedBackends().map((backend) => [backend.name, backend]));
  return providerNames.map((name) => {
    const backend = backends.get(name);
    if (backend === undefined)
      return { name, reason: `onnxruntime has none for ${process.platform} ${process.arch}` };
    if (!backend.bundled && !sharedProvidersInstalled())
      return {
        name,
        reason: name === 'cuda' ? 'not installed ("locscale-gpu setup --cuda" does it)' : 'not installed',
      };
    if (name === 'webgpu' && !webgpu.usable) return { name, reason: webgpu.reason ?? 'no GPU' };
    return { name };
  });
}

/** Providers that are not bundled (cuda, tensorrt) are separate libraries beside the binding. */
export function sharedProvidersInstalled(): boolean {
  const main = createRequire(import.meta.url).resolve('onnxruntime-node');
  const folder = join(dirname(main), '../../bin/napi-v6', process.platform, process.arch);
  return ['libonnxruntime_providers_shared.so', 'onnxruntime_providers_shared.dll'].some((file) =>
    existsSync(join(folder, file)),
  );
}
