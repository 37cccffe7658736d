/** From the name of a network to a predictor that is ready to run, for callers of the library. */
import { named } from './errors.ts';
import type { ReferencePredictor } from './network/graph/model.ts';
import type { ProviderName } from './network/run/provider-names.ts';
import type { WebGpuState } from './network/run/providers.ts';
import { type GpuEntryOptions, loadGpu } from './platform/index.ts';

export interface NetworkChoice extends GpuEntryOptions {
  /**
   * "bundled" (the default), the name of an imported network, its folder, or a file: .hdf5, .pt, .tar.gz, or
   * .onnx with its manifest beside it.
   */
  readonly model?: string;
  /** Where imported networks lie: what "locscale-gpu models path" prints. */
  readonly folder?: string;
  /** What runs it. 'auto', the default: the first provider that computes a trial cube correctly. */
  readonly provider?: ProviderName | 'auto';
  /** With dropout, for passes of Monte-Carlo. */
  readonly monteCarlo?: boolean;
  /** Its output for feature enhancement, where it has one. */
  readonly enhanced?: boolean;
  /** Cubes at once. */
  readonly batchSize?: number;
  /** Threads of the CPU provider. */
  readonly threads?: number;
  /** WebGPU may be a driver that computes on the CPU. */
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
  // Loaded when a network is opened: most callers of the library open none.
  const { openPredictor } = await import('./network/run/open-predictor.ts');
  const { chooseModel } = await import('./network/store/index.ts');
  return openPredictor(await chooseModel({ modelPath: model, folder }), {
    provider,
    monteCarlo,
    enhanced,
    webgpu: () => webGpuStateOf(allowSoftwareGpu, { vulkanLoader }),
    ...rest,
  });
}

/** onnxruntime chooses its GPU itself: it must not come upon a software driver that nobody asked for. */
export async function webGpuStateOf(allowSoftware: boolean, options: GpuEntryOptions): Promise<WebGpuState> {
  const entry = await loadGpu(options);
  if ('reason' in entry) return { usable: false, reason: entry.reason };
  const { listAdapters } = await import('./gpu/adapters.ts');
  const [first] = (await listAdapters(entry)).adapters;
  if (first === undefined) return { usable: false, reason: 'no GPU' };
  if (first.kind === 'hardware' || allowSoftware) return { usable: true };
  return { usable: false, reason: `only a software GPU, which ${named('allowSoftwareGpu')} would take` };
}
