/**
 * Candidate execution providers of onnxruntime on this machine, in order: CUDA, then the system's own
 * (DirectML, CoreML), then WebGPU, then the CPU.
 */
import { hasProviderLibraries, type Onnxruntime, systemName } from '../../platform/index.ts';
import { type ProviderName, providerNames } from './provider-names.ts';

/** For messages. */
export const providerTitles: Readonly<Record<ProviderName, string>> = {
  cuda: 'CUDA',
  dml: 'DirectML',
  coreml: 'CoreML',
  webgpu: 'WebGPU',
  cpu: 'CPU',
};

/** Whether a provider is tried. */
export interface ProviderState {
  readonly name: ProviderName;
  /** Reason why it is not tried. */
  readonly reason?: string;
}

/** WebGPU's findings on this machine, determined before onnxruntime is probed. */
export interface WebGpuState {
  /** A usable GPU: hardware, or a software driver that the user allows. */
  readonly usable: boolean;
  /** Reason why there is none. */
  readonly reason?: string;
}

/**
 * All providers in order of preference. Those that cannot work are not tried, because onnxruntime would print
 * warnings past the log.
 */
export function listProviders(
  onnxruntime: Pick<Onnxruntime, 'listSupportedBackends'>,
  webgpu: WebGpuState,
): ProviderState[] {
  const backends = new Map(onnxruntime.listSupportedBackends().map((backend) => [backend.name, backend]));
  return providerNames.map((name) => {
    const backend = backends.get(name);
    if (backend === undefined) return { name, reason: `onnxruntime has none for ${systemName()}` };
    if (!backend.bundled && !hasProviderLibraries())
      return {
        name,
        reason: name === 'cuda' ? 'not installed ("locscale-gpu setup --cuda" does it)' : 'not installed',
      };
    if (name === 'webgpu' && !webgpu.usable) return { name, reason: webgpu.reason ?? 'no GPU' };
    return { name };
  });
}
