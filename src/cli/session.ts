/** What every command gets: the parsed command line, where to print, and the signal that stops it. */
import type { Engine } from '../engine.ts';
import type { LocScaleContext } from '../pipeline/types.ts';
import { totalMemoryBytes } from '../runtime.ts';
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

/** Starts the engine the options ask for, runs `body`, and stops the engine whatever happens. */
export async function withEngine<T>(session: Session, body: (engine: Engine) => Promise<T>): Promise<T> {
  const { values } = session.parsed;
  const { selectEngine } = await import('../select-engine.ts');
  const { engine, reason } = await selectEngine({
    engine: values.engine ?? 'auto',
    memoryLimitBytes: memoryLimitOf(session),
    ...(values.processes === undefined ? {} : { threads: values.processes }),
    onInfo: (message: string) => session.logger.detail(`  ${message}`),
  });
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
