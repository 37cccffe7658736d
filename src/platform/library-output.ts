/**
 * Withholds output of native libraries (GPU drivers, the Vulkan loader, Dawn, wgpu, onnxruntime). They bypass
 * the runtime's streams and write directly to file descriptor 2, and most of it is irrelevant to a successful
 * run.
 *
 * Before the first library is loaded, descriptor 2 is redirected to an unlinked temporary file; the program's
 * own messages still go to the original target. If the run fails, the text follows the error. After a crash
 * in native code, a watching shell prints it.
 *
 *   descriptor 2 -> file -+-> after the error, by this process
 *                         +-> after the end of the process, by the shell, unless it has read "ok"
 *
 * With --verbose nothing is withheld. Only the command line does this: when used as a library, the process
 * and its descriptor 2 belong to the caller.
 */
import { tmpdir } from 'node:os';
import process from 'node:process';
import type { NativeCalls } from './native-calls.ts';

/** Interface for commands. */
export interface LibraryOutput {
  /** Starts withholding; call it before a native library is loaded. A second call does nothing. */
  hold(options?: { readonly evenIfVerbose: boolean }): Promise<void>;
  /** Descriptor for the standard error of child processes, bypassing the redirection. */
  standardError(): number;
  /** Text withheld so far; empty if nothing is withheld. */
  text(): string;
  /** Restores descriptor 2 and returns the text. */
  release(): string;
}

/** The part of a Node stream used here. */
export interface WritableEnd {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string, done?: () => void): unknown;
  on(event: 'error', listener: (error: Error) => void): unknown;
}

/** Writes the program's messages to another descriptor while 2 is redirected. */
export interface MovableStream {
  moveTo(stream: WritableEnd): void;
}

const STANDARD_ERROR = 2;
/**
 * Limits the text to its end, which states the cause: a driver that complains at every call must not fill the
 * terminal.
 */
const MOST_BYTES = 65_536;

/** Heading of the libraries' text. */
export const LIBRARY_HEADING = 'Messages of GPU drivers and libraries:';

/**
 * Shell script of the watcher: exits with the process that holds the other end of its input, silently after
 * "ok". Ignores signals to the process group.
 */
const WATCHER = `trap '' HUP INT QUIT TERM
read -r word
[ "$word" = ok ] && exit
text=$(tail -c ${MOST_BYTES} <&3) && [ -n "$text" ] && printf '%s\\n%s\\n' "$0" "$text"`;

interface Held {
  readonly calls: NativeCalls;
  /** Duplicate of the original descriptor 2. */
  readonly original: number;
  readonly file: { readonly write: number; readonly read: number };
  /** Pipe to the watcher. */
  readonly pipe: number;
}

export class StandardErrorLibraryOutput implements LibraryOutput {
  private readonly own: MovableStream;
  private readonly verbose: boolean;
  private held: Held | undefined;
  private begun: Promise<void> | undefined;

  /** `own`: stream of the program's messages. */
  constructor(own: MovableStream, verbose: boolean) {
    this.own = own;
    this.verbose = verbose;
  }

  async hold({ evenIfVerbose = false } = {}): Promise<void> {
    silenceMissingRuntimeFolder();
    if (this.verbose && !evenIfVerbose) return;
    this.begun ??= this.begin();
    await this.begun;
  }

  standardError(): number {
    return this.held?.original ?? STANDARD_ERROR;
  }

  text(): string {
    if (this.held === undefined) return '';
    const { calls, file } = this.held;
    const size = calls.size(file.read);
    const bytes = calls.readAt(file.read, Math.max(0, size - MOST_BYTES), Math.min(size, MOST_BYTES));
    return new TextDecoder().decode(bytes);
  }

  release(): string {
    const text = this.text();
    if (this.held === undefined) return text;
    const { calls, original, pipe } = this.held;
    this.held = undefined;
    calls.replace(original, STANDARD_ERROR);
    try {
      calls.write(pipe, new TextEncoder().encode('ok\n'));
    } catch {
      // The watcher has exited.
    }
    return text;
  }

  /** If a call fails, everything is restored. */
  private async begin(): Promise<void> {
    const { loadNativeCalls } = await import('./native-calls.ts');
    const calls = await loadNativeCalls();
    if (calls === undefined) return;
    const opened: number[] = [];
    const keep = (descriptor: number): number => {
      opened.push(descriptor);
      return descriptor;
    };
    try {
      const original = keep(calls.duplicate(STANDARD_ERROR));
      const file = calls.openUnnamedFile(tmpdir());
      const pipe = calls.openPipe();
      for (const descriptor of [file.write, file.read, pipe.read, pipe.write]) keep(descriptor);
      calls.spawn(
        ['/bin/sh', '-c', WATCHER, `The program was ended from outside, or crashed. ${LIBRARY_HEADING}`],
        [`PATH=${process.env.PATH ?? '/usr/bin:/bin'}`],
        [pipe.read, original, original, file.read],
      );
      calls.close(pipe.read);
      opened.splice(opened.indexOf(pipe.read), 1);
      this.own.moveTo(streamTo(calls, original));
      calls.replace(file.write, STANDARD_ERROR);
      this.held = { calls, original, file, pipe: pipe.write };
    } catch {
      for (const descriptor of opened) calls.close(descriptor);
    }
  }
}

/** Unique lines, indented by two spaces, under the heading; empty if no library has printed anything. */
export function describeLibraryText(text: string): string {
  // A library that is initialised twice prints everything twice.
  const lines = [...new Set(text.split('\n').filter((line) => line.trim() !== ''))];
  return lines.length === 0 ? '' : [LIBRARY_HEADING, ...lines.map((line) => `  ${line}`)].join('\n');
}

function streamTo(calls: NativeCalls, descriptor: number): WritableEnd {
  return {
    write(text, done) {
      calls.write(descriptor, new TextEncoder().encode(text));
      done?.();
    },
    on: () => undefined,
  };
}

/**
 * Mesa's drivers look for a Wayland display, and libwayland prints an error unless XDG_RUNTIME_DIR is an
 * absolute path, which batch jobs lack. Naming a folder that does not exist means "no display" and prints
 * nothing.
 */
function silenceMissingRuntimeFolder(): void {
  if (process.platform !== 'linux' || process.env.XDG_RUNTIME_DIR?.startsWith('/') === true) return;
  process.env.XDG_RUNTIME_DIR = '/nonexistent';
}
