/** Output streams: progress and results on stdout, warnings, notes and errors on stderr. */
import { describeMismatch, type ErrorTag, type LocScaleError } from '../errors.ts';
import { describeLibraryText } from '../platform/library-output.ts';
import { inOptions } from './spellings.ts';

/** Every message of the program goes through this; only the logger knows the streams. */
export interface Logger {
  /** Results and steps. */
  line(text: string): void;
  /** Only with --verbose. */
  detail(text: string): void;
  warn(text: string): void;
  note(text: string): void;
  error(error: LocScaleError): void;
}

/** stdout and stderr, or collectors in tests. */
interface LoggerStreams {
  readonly out: { write(text: string): unknown };
  readonly err: { write(text: string): unknown };
}

/** Verbosity, and hooks of progress bar and library output. */
interface LoggerSettings {
  readonly verbose: boolean;
  readonly debug: boolean;
  /** Clears a progress bar from the terminal line. */
  readonly beforeLine?: () => void;
  /** Output of native libraries not shown yet. */
  readonly libraryText?: () => string;
}

/** Failures that a driver or library may have caused: its output is printed with the error. */
const MAY_BE_A_LIBRARY: readonly ErrorTag[] = ['internal', 'no-device', 'out-of-memory'];

/** Names of library parameters in messages are replaced by the options of the command line (spellings.ts). */
export function createLogger(streams: LoggerStreams, settings: LoggerSettings): Logger {
  const warned: string[] = [];
  const write = (stream: LoggerStreams['out'], text: string): void => {
    settings.beforeLine?.();
    stream.write(`${inOptions(text)}\n`);
  };
  return {
    line: (text) => write(streams.out, text),
    detail: (text) => {
      if (settings.verbose) write(streams.out, text);
    },
    warn: (text) => {
      // A run that begins again on another engine finds the same once more.
      if (warned.includes(text)) return;
      warned.push(text);
      write(streams.err, `warning: ${text}`);
    },
    note: (text) => write(streams.err, `note: ${text}`),
    error: (error) => {
      write(streams.err, `error: ${error.message}`);
      const mismatch = describeMismatch(error);
      if (mismatch !== undefined) write(streams.err, mismatch);
      const { hint } = error;
      // The same advice is printed only once.
      if (hint !== undefined && !warned.some((text) => text.includes(hint)))
        write(streams.err, `hint: ${hint}`);
      if (settings.debug) write(streams.err, stackOf(error));
      if (!MAY_BE_A_LIBRARY.includes(error.tag)) return;
      const text = describeLibraryText(settings.libraryText?.() ?? '');
      if (text !== '') write(streams.err, text);
    },
  };
}

/** The stack with those of all causes. */
function stackOf(error: Error): string {
  const own = error.stack ?? error.message;
  return error.cause instanceof Error ? `${own}\ncaused by ${stackOf(error.cause)}` : own;
}
