/** Where lines go: progress and results on stdout, warnings, notes and errors on stderr. */
import type { LocScaleError } from '../errors.ts';

export interface Logger {
  /** Results and steps. */
  line(text: string): void;
  /** Only with --verbose. */
  detail(text: string): void;
  warn(text: string): void;
  note(text: string): void;
  error(error: LocScaleError): void;
}

export interface LoggerStreams {
  readonly out: { write(text: string): unknown };
  readonly err: { write(text: string): unknown };
}

/** `beforeLine` lets a progress bar take itself off the terminal line. */
export function createLogger(
  streams: LoggerStreams,
  settings: { verbose: boolean; debug: boolean; beforeLine?: () => void },
): Logger {
  const write = (stream: LoggerStreams['out'], text: string): void => {
    settings.beforeLine?.();
    stream.write(`${text}\n`);
  };
  return {
    line: (text) => write(streams.out, text),
    detail: (text) => {
      if (settings.verbose) write(streams.out, text);
    },
    warn: (text) => write(streams.err, `warning: ${text}`),
    note: (text) => write(streams.err, `note: ${text}`),
    error: (error) => {
      write(streams.err, `error: ${error.message}`);
      if (error.hint !== undefined) write(streams.err, `hint: ${error.hint}`);
      if (settings.debug) write(streams.err, stackOf(error));
    },
  };
}

function stackOf(error: Error): string {
  const own = error.stack ?? error.message;
  return error.cause instanceof Error ? `${own}\ncaused by ${stackOf(error.cause)}` : own;
}
