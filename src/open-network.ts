/** Opens a network by name, for users of the library. */
import { named } from './errors.ts';
import type { ReferencePredictor } from './network/graph/model.ts';
import type { ProviderName } from './network/run/provider-names.ts';
import type { WebGpuState } from './network/run/providers.ts';
import { type GpuEntryOptions, loadGpu } from './platform/index.ts';

export interface NetworkChoice extends GpuEntryOptions {
  /**
   * "bundled" (the default), the name of an imported network, its folder, or a file: .hdf5, .pt, .tar.gz, or
   * .onnx with its manifest next to it.
   */
  readonly model?: string;
  /** Folder of imported networks, as printed by "locscale-gpu models path". */
  readonly folder?: string;
  /** Execution provider. 'auto', the default: the first that computes a trial cube correctly. */
  readonly provider?: ProviderName | 'auto';
  /** With dropout, for Monte-Carlo passes. */
  readonly monteCarlo?: boolean;
  /** Use the network's output for feature enhancement, if it has one. */
  readonly enhanced?: boolean;
  /** Cubes per batch. */
  readonly batchSize?: number;
  /** Threads of the CPU provider. */
  readonly threads?: number;
  /** Allow WebGPU drivers that compute on the CPU. */
  readonly allowSoftwareGpu?: boolean;
  readonly onInfo?: (message: string) => void;
}

/** Opens a network that predicts references; dispose of it when it is no longer needed. */
export async function openNetwork(choice: NetworkChoice = {}): Promise<ReferencePredictor> {
  const {
    model = 'bundled',
    folder = '',
    provider = 'auto',
    monteCarlo = false,
    enhanced = false,
    allowSoftwareGpu = false,
    vulkanLoader,
    ...rest
  } = choice;
  // Loaded on demand: most library users do not open a network.
  const { openPredictor } = await import('./network/run/open-predictor.ts');
  const { chooseStoredNetwork } = await import('./network/store/index.ts');
  return openPredictor(await chooseStoredNetwork({ modelPath: model, folder }), {
    provider,
    monteCarlo,
    enhanced,
    webgpu: () => webGpuStateOf(allowSoftwareGpu, { vulkanLoader }),
    ...rest,
  });
}

/** onnxruntime chooses its GPU itself and must not pick a software driver by accident. */
export async function webGpuStateOf(allowSoftware: boolean, options: GpuEntryOptions): Promise<WebGpuState> {
  const entry = await loadGpu(options);
  if ('reason' in entry) return { usable: false, reason: entry.reason };
  const { listAdapters } = await import('./gpu/adapters.ts');
  const [first] = (await listAdapters(entry)).adapters;
  if (first === undefined) return { usable: false, reason: 'no GPU' };
  if (first.kind === 'hardware' || allowSoftware) return { usable: true };
  return { usable: false, reason: `only a software GPU, which ${named('allowSoftwareGpu')} would take` };
}
