/** The session passed to every command: parsed command line, output streams, and abort signal. */
import process from 'node:process';
import { announceCpu, isGpuFailure } from '../after-gpu-failure.ts';
import type { Engine } from '../engine/engine.ts';
import { isLocScaleError, type LocScaleError } from '../errors.ts';
import type { VerdictFile } from '../files/verdict-file.ts';
import type { LocScaleContext, ScaledWindows } from '../index.ts';
import { totalMemoryBytes } from '../platform/index.ts';
import type { LibraryOutput } from '../platform/library-output.ts';
import type { EngineChoice, SelectedEngine } from '../select-engine.ts';
import { mayFallBack } from './called-as.ts';
import type { Logger } from './logger.ts';
import type { ParsedCommandLine } from './parse-argv.ts';
import type { Progress } from './progress.ts';
import type { Ranks } from './ranks.ts';

/** What every command gets. `runOnRanks` adds what depends on the other processes of the run. */
export interface Session {
  readonly parsed: ParsedCommandLine;
  /** The command line as typed, for the record. */
  readonly argv: readonly string[];
  readonly logger: Logger;
  readonly progress: Progress;
  readonly signal: AbortSignal;
  /** Withholds the output of native libraries, from before one is loaded. */
  readonly libraries: LibraryOutput;
  /** None of the GPUs named exists for WebGPU; the network may still use their indices (CUDA). */
  readonly withoutGpus?: boolean;
  /** Present if several processes share the run. */
  readonly ranks?: Ranks;
}

/** Default fraction of the machine's memory for the engine (--memory). */
const DEFAULT_MEMORY_SHARE = 0.6;

export function memoryLimitOf(session: Session): number {
  const { memory } = session.parsed.values;
  /**
   * Bytes for volumes and working memory: --memory in GiB, else a share of the machine's RAM, which the
   * processes on one machine divide among them.
   */
  const { localSize = 1 } = session.ranks ?? {};
  return memory === undefined
    ? Math.floor((DEFAULT_MEMORY_SHARE * totalMemoryBytes()) / localSize)
    : Math.floor(memory * 2 ** 30);
}

/**
 * Worker threads: -np, else an equal part of the cores where processes share a machine. Undefined: all cores.
 */
export function threadsOf({ parsed: { values }, ranks }: Session): number | undefined {
  return values.processes ?? ranks?.threads;
}

/** --gpu_ids; of several, each process on a machine uses one. */
export function gpuIdsOf({ parsed: { values }, ranks }: Session): readonly string[] | undefined {
  const { gpuIds } = values;
  if (gpuIds === undefined || ranks === undefined || ranks.localSize === 1) return gpuIds;
  return [gpuIds[ranks.localRank % gpuIds.length] as string];
}

/**
 * Engine choice from the options. GPU options with --engine cpu are passed on only if nothing else uses them,
 * so that the choice refuses them.
 */
function engineChoiceOf(session: Session): EngineChoice {
  const { values } = session.parsed;
  const { memory, allowSoftwareGpu } = values;
  const engine = session.withoutGpus === true ? 'cpu' : (values.engine ?? 'auto');
  const threads = threadsOf(session);
  const gpuIds = gpuIdsOf(session);
  const memoryLimitBytes = memoryLimitOf(session);
  // With the CPU engine these two options may still apply to the network.
  const forNetwork =
    session.withoutGpus === true || (values.provider !== undefined && values.provider !== 'cpu');
  const toEngine = engine !== 'cpu' || !forNetwork;
  return {
    engine,
    memoryLimitBytes,
    // The RAM-based default does not apply to GPU memory.
    gpuMemoryBytes: memory === undefined ? undefined : memoryLimitBytes,
    threads,
    localRank: session.ranks?.localRank,
    gpuIds: toEngine ? gpuIds : undefined,
    allowSoftwareGpu: toEngine ? allowSoftwareGpu : undefined,
    ...vulkanLoaderFromEnvironment(),
    onInfo: (message) => session.logger.detail(`  ${message}`),
    onNote: (message) => session.logger.note(message),
  };
}

/** For systems with a GPU driver but without the Vulkan loader: a copy of libvulkan.so.1. */
export function vulkanLoaderFromEnvironment(): { vulkanLoader?: string } {
  const path = process.env.LOCSCALE_VULKAN_LOADER;
  return path === undefined || path === '' ? {} : { vulkanLoader: path };
}

/**
 * Starts the engine that the options select, runs `body`, and always stops the engine. Where nobody insists
 * on the GPU and it fails, `body` begins again on the CPU: it must leave nothing behind when it throws, but
 * for `scaledWindows`, from which the second attempt takes what the first has scaled.
 */
export async function withEngine<T>(
  session: Session,
  body: (engine: Engine) => Promise<T>,
  scaledWindows?: ScaledWindows,
): Promise<T> {
  const { selectEngine } = await import('../select-engine.ts');
  const { logger, progress } = session;
  // Verdicts of this run are saved also if it fails: a kernel that was verified stays verified.
  const verdicts: VerdictFile[] = [];
  const choice: EngineChoice = {
    ...engineChoiceOf(session),
    verdicts: async (adapter) => {
      const { verdictsOf } = await import('./gpu-verdicts.ts');
      const file = await verdictsOf(adapter);
      verdicts.push(file);
      return file;
    },
  };
  const { gpuIds: _, allowSoftwareGpu: __, ...rest } = choice;
  const onCpu = (): Promise<SelectedEngine> => selectEngine({ ...rest, engine: 'cpu' });
  const run = async ({ engine, reason }: SelectedEngine): Promise<T> => {
    try {
      logger.line(`Engine: ${engine.description} (${reason})`);
      return await body(engine);
    } finally {
      await engine.dispose();
      for (const file of verdicts) await file.save();
    }
  };
  if (choice.engine !== 'cpu') await session.libraries.hold();
  const selected = await selectEngine(choice).catch((error: unknown) => {
    if (!isLocScaleError(error) || !mayFallBack(session.parsed.values)) throw error;
    logger.warn(`${error.message} The run continues on the CPU.`);
    return onCpu();
  });
  try {
    return await run(selected);
  } catch (error) {
    if (selected.engine.name !== 'gpu' || !mayContinueOnCpu(session, error)) throw error;
    progress.clear();
    logger.warn(announceCpu(error, scaledWindows));
    return run(await onCpu());
  }
}

/**
 * The GPU was lost, computes wrongly or has too little memory, and was not requested. Of several processes
 * none can begin again alone.
 */
function mayContinueOnCpu(session: Session, error: unknown): error is LocScaleError {
  return isGpuFailure(error) && toleratesLoss(session);
}

/** Whether a run that has begun on a GPU may end on the CPU. */
export function toleratesLoss({ parsed: { values }, ranks, withoutGpus }: Session): boolean {
  const { engine = 'auto', gpuIds } = values;
  const requested = gpuIds !== undefined && !mayFallBack(values);
  return engine === 'auto' && withoutGpus !== true && !requested && ranks?.team === undefined;
}

/** Context of a pipeline run: its events become lines and progress bars. */
export function contextFor(session: Session, engine: Engine): LocScaleContext {
  const { logger, parsed, progress, signal } = session;
  return {
    engine,
    signal,
    // Nothing reads the half maps after the run, and their memory is needed during scaling.
    consumeInputs: true,
    matchGrid: parsed.values.matchGrid,
    team: session.ranks?.team,
    onStep: (_step, message) => logger.line(message),
    onProgress: (step, done, total) => progress.update(step, done, total),
    onWarning: (message) => logger.warn(message),
    onInfo: (message) => logger.detail(`  ${message}`),
  };
}
