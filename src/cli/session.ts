/** What every command gets: the parsed command line, where to print, and the signal that stops it. */
import process from 'node:process';
import type { Engine } from '../engine.ts';
import type { LocScaleContext } from '../pipeline/types.ts';
import { totalMemoryBytes } from '../runtime.ts';
import type { EngineChoice } from '../select-engine.ts';
import type { Logger } from './logger.ts';
import type { ParsedCommandLine } from './parse-argv.ts';
import type { Progress } from './progress.ts';

export interface Session {
  readonly parsed: ParsedCommandLine;
  /** As typed, for the manifest. */
  readonly argv: readonly string[];
  readonly logger: Logger;
  readonly progress: Progress;
  readonly signal: AbortSignal;
}

/** Share of the machine's memory the engine may take unless --memory says otherwise. */
const DEFAULT_MEMORY_SHARE = 0.6;

export function memoryLimitOf(session: Session): number {
  const { memory } = session.parsed.values;
  return memory === undefined
    ? Math.floor(DEFAULT_MEMORY_SHARE * totalMemoryBytes())
    : Math.floor(memory * 2 ** 30);
}

/** What the options say about the engine. */
export function engineChoiceOf(session: Session): EngineChoice {
  const { values } = session.parsed;
  const { engine = 'auto', processes, memory, gpuIds, allowSoftwareGpu } = values;
  const memoryLimitBytes = memoryLimitOf(session);
  // With the CPU engine these two may still be meant for the network.
  const toEngine = engine !== 'cpu' || values.provider === undefined || values.provider === 'cpu';
  return {
    engine,
    memoryLimitBytes,
    // The share of RAM that is the default says nothing about the memory of a GPU.
    ...(memory === undefined ? {} : { gpuMemoryBytes: memoryLimitBytes }),
    ...(processes === undefined ? {} : { threads: processes }),
    ...(gpuIds === undefined || !toEngine ? {} : { gpuIds }),
    ...(allowSoftwareGpu === undefined || !toEngine ? {} : { allowSoftwareGpu }),
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

/** Starts the engine the options ask for, runs `body`, and stops the engine whatever happens. */
export async function withEngine<T>(session: Session, body: (engine: Engine) => Promise<T>): Promise<T> {
  const { selectEngine } = await import('../select-engine.ts');
  const { engine, reason } = await selectEngine(engineChoiceOf(session));
  try {
    session.logger.line(`Engine: ${engine.description} (${reason})`);
    return await body(engine);
  } finally {
    await engine.dispose();
  }
}

/** Pipeline events to lines and bars. */
export function contextFor(session: Session, engine: Engine): LocScaleContext {
  const { logger, progress, signal } = session;
  return {
    engine,
    signal,
    consumeInputs: true,
    onStep: (_step, message) => logger.line(message),
    onProgress: (step, done, total) => progress.update(step, done, total),
    onWarning: (message) => logger.warn(message),
    onInfo: (message) => logger.detail(`  ${message}`),
  };
}
