/** The GPU that is measured: opened with exact timestamps, described as it is stored with the results. */
import { createRequire } from 'node:module';
import { GateError } from '../src/bench/gate.ts';
import {
  type AdapterList,
  adapterName,
  type GpuAdapterEntry,
  listAdapters,
  openDevice,
} from '../src/gpu/adapters.ts';
import type { GpuDevice } from '../src/gpu/device.ts';
import { createGpuEngine, type GpuEngine } from '../src/gpu/index.ts';
import { selfTest } from '../src/gpu/self-test.ts';
import { type GpuEntry, loadGpu, runtimeName } from '../src/platform/index.ts';
import { chooseAdapter } from '../src/select-engine.ts';
import { gpuEntryOptions } from '../test/support/software-gpu.ts';
import type { AdapterDescription } from './gpu-results.ts';
import { GpuTimer } from './gpu-timing.ts';

export interface OpenGpu {
  readonly gpu: GpuDevice;
  readonly engine: GpuEngine;
  readonly timer: GpuTimer;
  readonly adapter: AdapterDescription;
  /** Variables with which another process finds the same GPU. */
  readonly environment: Readonly<Record<string, string>>;
}

/**
 * Dawn rounds timestamps to 0.1 ms unless told not to. The flag of src/platform/node.ts is said again: a
 * later list of features may take the place of an earlier one.
 */
const EXACT_TIMES =
  'disable-dawn-features=use_vulkan_zero_initialize_workgroup_memory_extension,timestamp_quantization';

export async function openGpu(choice: {
  readonly gpuIds?: readonly string[];
  readonly allowSoftwareGpu: boolean;
}): Promise<OpenGpu> {
  const { adapters, failures, vulkanLoader } = await listMeasured(choice.allowSoftwareGpu);
  const entry = chooseAdapter({ adapters, failures }, { engine: 'gpu', ...choice });
  const gpu = await openDevice(entry);
  const engine = await createGpuEngine(gpu);
  const { ok, reason } = await selfTest(engine, entry.kind);
  if (!ok) {
    await engine.dispose();
    throw new GateError(`The GPU ${adapterName(entry)} failed its self-test: ${reason}.`);
  }
  return {
    gpu,
    engine,
    timer: new GpuTimer(gpu),
    adapter: describe(entry, gpu),
    environment: vulkanLoader === undefined ? {} : { LOCSCALE_VULKAN_LOADER: vulkanLoader },
  };
}

/** A Vulkan loader named in LOCSCALE_VULKAN_LOADER or the system's; SwiftShader where software is allowed. */
async function listMeasured(
  allowSoftwareGpu: boolean,
): Promise<AdapterList & { readonly vulkanLoader: string | undefined }> {
  const own = process.env.LOCSCALE_VULKAN_LOADER;
  const given = own !== undefined || process.env.VK_ICD_FILENAMES !== undefined;
  // SwiftShader's driver goes into this process's environment, which others inherit.
  const { vulkanLoader } = allowSoftwareGpu && !given ? gpuEntryOptions() : { vulkanLoader: own };
  const entry = await loadGpu(vulkanLoader === undefined ? {} : { vulkanLoader });
  if ('reason' in entry) throw new Error(`No GPU can be used: ${entry.reason}.`);
  return { ...(await listAdapters(withExactTimes(entry))), vulkanLoader };
}

function withExactTimes(entry: GpuEntry): GpuEntry {
  const { open } = entry;
  if (open === undefined) return entry;
  return { ...entry, gpu: open([EXACT_TIMES]), open: (flags) => open([EXACT_TIMES, ...flags]) };
}

function describe(entry: GpuAdapterEntry, gpu: GpuDevice): AdapterDescription {
  const { version } = createRequire(import.meta.url)('webgpu/package.json') as { version: string };
  return {
    name: entry.name,
    kind: entry.kind,
    vendor: entry.vendor,
    architecture: entry.architecture,
    driver: entry.description,
    backend: entry.backend ?? 'unknown',
    implementation: entry.implementation === 'Dawn' ? `Dawn (webgpu ${version})` : runtimeName(),
    timestamps: gpu.timestamps,
    limits: entry.limits,
    features: entry.features,
  };
}
