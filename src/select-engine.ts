/**
 * Chooses the engine: a hardware GPU that passes its self-test, else the CPU, with the reason.
 * A requested device that is missing is an error, never silently replaced. Engines are loaded on use.
 */
import type { Engine } from './engine/engine.ts';
import { isLocScaleError, LocScaleError, named } from './errors.ts';
import {
  type AdapterList,
  adapterName,
  type GpuAdapterEntry,
  listAdapterNames,
  listAdapters,
  NO_ADAPTER,
  openDevice,
  pickAdapters,
} from './gpu/adapters.ts';
import type { VerdictStore } from './gpu/verification.ts';
import { type GpuEntryOptions, loadGpu } from './platform/index.ts';

export interface EngineChoice extends GpuEntryOptions {
  readonly engine: 'auto' | 'gpu' | 'cpu';
  /** Worker threads of the CPU engine. */
  readonly threads?: number;
  /** For the CPU engine: host memory for volumes and working memory. */
  readonly memoryLimitBytes?: number;
  /** For the GPU engine: limit for all its buffers; default: whatever the device allows. */
  readonly gpuMemoryBytes?: number;
  /** Indices or parts of names from the list of GPUs. Naming any requires a GPU. */
  readonly gpuIds?: readonly string[];
  /**
   * Rank among processes that share this machine, each with its own GPU while there are enough. Default 0.
   */
  readonly localRank?: number;
  /** Accept drivers that compute on the CPU as GPUs. */
  readonly allowSoftwareGpu?: boolean;
  /**
   * Kernels are verified as they are first used, and not by a self-test before anything else: what is known
   * of them on an adapter. A GPU that fails then ends the job with 'no-device'.
   */
  readonly verdicts?: (adapter: GpuAdapterEntry) => Promise<KnownVerdicts>;
  /** Details, one line each. */
  readonly onInfo?: (message: string) => void;
  /** Requests without effect, one sentence each. */
  readonly onNote?: (message: string) => void;
}

export interface KnownVerdicts extends VerdictStore {
  /** ISO date of the last one. */
  readonly latest: string | undefined;
}

export interface SelectedEngine {
  readonly engine: Engine;
  /** Reason for the choice, one line. */
  readonly reason: string;
}

export async function selectEngine(choice: EngineChoice): Promise<SelectedEngine> {
  if (choice.engine === 'cpu') {
    if (choice.gpuIds !== undefined)
      choice.onNote?.(`${named('gpuIds')} has no effect: the CPU is requested.`);
    if (choice.allowSoftwareGpu === true)
      choice.onNote?.(`${named('allowSoftwareGpu')} has no effect: the CPU is requested.`);
    return { engine: await startCpu(choice), reason: 'requested' };
  }
  try {
    return await startGpu(choice);
  } catch (error) {
    const requested = choice.engine === 'gpu' || choice.gpuIds !== undefined;
    if (requested || !isLocScaleError(error)) throw error;
    const [why = ''] = error.message.split('\n', 1);
    return {
      engine: await startCpu(choice),
      reason: why.charAt(0).toLowerCase() + why.slice(1).replace(/\.$/, ''),
    };
  }
}

async function startCpu({ threads, memoryLimitBytes }: EngineChoice): Promise<Engine> {
  const { createCpuEngine } = await import('./cpu-fallback/index.ts');
  return createCpuEngine({
    ...(threads === undefined ? {} : { threads }),
    ...(memoryLimitBytes === undefined ? {} : { memoryLimitBytes }),
  });
}

async function startGpu(choice: EngineChoice): Promise<SelectedEngine> {
  const entry = await loadGpu(choice);
  if ('reason' in entry) throw noGpu(`No GPU can be used: ${entry.reason}.`, entry.hint);
  const list = await listAdapters(entry);
  for (const { way, reason } of list.failures) choice.onInfo?.(`GPU, ${way}: ${reason}`);
  const adapter = chooseAdapter(list, choice);
  const name = adapterName(adapter);

  const { gpuMemoryBytes } = choice;
  const verdicts = await choice.verdicts?.(adapter);
  const limits = gpuMemoryBytes === undefined ? {} : { totalBytes: gpuMemoryBytes };
  const device = await openDevice(adapter, limits, verdicts);
  let engine: Engine | undefined;
  try {
    const { createGpuEngine } = await import('./gpu/index.ts');
    engine = await createGpuEngine(device, { kind: adapter.kind });
    const passed = verdicts ? describeVerdicts(verdicts) : await testBefore(engine, adapter);
    const why =
      choice.engine === 'gpu' || choice.gpuIds !== undefined ? 'requested' : `a ${adapter.kind} GPU`;
    return { engine, reason: `${why}, ${passed}` };
  } catch (error) {
    await engine?.dispose();
    device.destroy();
    if (isLocScaleError(error)) throw error;
    const message = error instanceof Error ? error.message : String(error);
    throw new LocScaleError('internal', `The GPU ${name} cannot run the engine: ${message}`, {
      hint: `Update its driver, or use ${named('engine', 'cpu')}.`,
      cause: error,
    });
  }
}

function describeVerdicts({ latest }: KnownVerdicts): string {
  return latest === undefined
    ? 'verified as its kernels are first used'
    : `verified on ${latest.slice(0, 10)}`;
}

async function testBefore(engine: Engine, adapter: GpuAdapterEntry): Promise<string> {
  const { selfTest } = await import('./gpu/self-test.ts');
  const { ok, milliseconds, reason, error } = await selfTest(engine, adapter.kind);
  // Too little memory is not the GPU's fault.
  if (isLocScaleError(error) && error.tag === 'out-of-memory') throw error;
  if (!ok)
    throw noGpu(
      `The GPU ${adapterName(adapter)} failed its self-test: ${reason}.`,
      `Update its driver, or use ${named('engine', 'cpu')}.`,
    );
  return `self-test passed in ${(milliseconds / 1000).toFixed(1)} s`;
}

/** The GPU to use; throws an error that lists what was found instead. */
export function chooseAdapter(list: AdapterList, choice: EngineChoice): GpuAdapterEntry {
  const { adapters } = list;
  const allowed = (adapter: GpuAdapterEntry): boolean =>
    adapter.kind === 'hardware' || choice.allowSoftwareGpu === true;
  const software = `To compute on a software GPU all the same, add ${named('allowSoftwareGpu')}.`;
  if (choice.gpuIds === undefined) {
    const usable = adapters.filter(allowed);
    if (usable.length > 0) return usable[(choice.localRank ?? 0) % usable.length];
    if (adapters.length > 0)
      throw noGpu(
        `No hardware GPU was found, only ${listAdapterNames(adapters)}.`,
        `Use ${named('engine', 'cpu')}. ${software}`,
      );
    const reasons = new Set(list.failures.map(({ reason }) => reason).filter((why) => why !== NO_ADAPTER));
    throw noGpu(`No GPU was found${reasons.size > 0 ? ` (${[...reasons].join('; ')})` : ''}.`);
  }
  const [adapter, ...more] = pickAdapters(adapters, choice.gpuIds);
  if (!allowed(adapter)) throw noGpu(`${adapter.name} is a software GPU.`, software);
  if (more.length > 0)
    choice.onNote?.(`Of the GPUs given, only ${adapter.name} is used: this command uses one GPU.`);
  return adapter;
}

function noGpu(
  message: string,
  hint = `Use ${named('engine', 'cpu')}, or install the driver of the GPU; "locscale-gpu devices" says more.`,
): LocScaleError {
  return new LocScaleError('no-device', message, { parameter: 'engine', hint });
}
