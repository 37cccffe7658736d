/**
 * What libraries print from native code (GPU drivers, the Vulkan loader, Dawn, wgpu, onnxruntime) goes past
 * every stream of the runtime, straight to file descriptor 2, and most of it means nothing to the user of a
 * run that goes well.
 *
 * Before the first of these libraries is loaded, descriptor 2 is pointed at a temporary file without a name;
 * the program's own messages go on to where it pointed before. If the run fails, the text follows the error.
 * A crash in native code leaves no time for that: a shell that waits for the end of this process shows the
 * text then.
 *
 *   descriptor 2 -> file -+-> after the error, by this process
 *                         +-> after the end of the process, by the shell, unless it has read "ok"
 *
 * With --verbose nothing is held back. Only the command line does this: descriptor 2 belongs to the process,
 * which is the caller's where this package is used as a library.
 */
import { tmpdir } from 'node:os';
import process from 'node:process';
import type { NativeCalls } from './native-calls.ts';

/** The part that commands see. */
export interface LibraryOutput {
  /** To be called before a native library is loaded; a second call does nothing. */
  hold(options?: { readonly evenIfVerbose: boolean }): Promise<void>;
  /** Where the standard error of a child process goes: not among what libraries print. */
  standardError(): number;
  /** What has been printed so far; empty where nothing is held back. */
  text(): string;
  /** Ends it, and returns the text: whatever is printed from here on goes to the standard error. */
  release(): string;
}

/** What is needed of a Node stream. */
export interface WritableEnd {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string, done?: () => void): unknown;
  on(event: 'error', listener: (error: Error) => void): unknown;
}

/** Program messages, moved to another descriptor while 2 belongs to the libraries. */
export interface MovableStream {
  moveTo(stream: WritableEnd): void;
}

const STANDARD_ERROR = 2;
/** The end of the text says why; a driver that complains at every call must not fill the terminal. */
const MOST_BYTES = 65_536;

/** Before text of libraries, wherever it is shown. */
export const LIBRARY_HEADING = 'Messages of GPU drivers and libraries:';

/**
 * Ends with the process that holds the other end of its input: by "ok" without a word. Signals to the whole
 * process group are not meant for it.
 */
const WATCHER = `trap '' HUP INT QUIT TERM
read -r word
[ "$word" = ok ] && exit
text=$(tail -c ${MOST_BYTES} <&3) && [ -n "$text" ] && printf '%s\\n%s\\n' "$0" "$text"`;

interface Held {
  readonly calls: NativeCalls;
  /** What descriptor 2 was. */
  readonly original: number;
  readonly file: { readonly write: number; readonly read: number };
  /** To the watcher. */
  readonly pipe: number;
}

export class StandardErrorLibraryOutput implements LibraryOutput {
  private readonly own: MovableStream;
  private readonly verbose: boolean;
  private held: Held | undefined;
  private begun: Promise<void> | undefined;

  /** `own`: the stream of the program's messages. */
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
      // The watcher has gone.
    }
    return text;
  }

  /** Where a call fails, everything stays as it was. */
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

/** Each line once, two spaces before it, under the heading; nothing where no library has said anything. */
export function describeLibraryText(text: string): string {
  // A library that is asked twice says all of it twice.
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
 * Mesa's drivers look for a Wayland display, and libwayland prints an error where XDG_RUNTIME_DIR does not
 * name a folder by its whole path, as in batch jobs. In a folder that does not exist there is no display, and
 * that is no error.
 */
function silenceMissingRuntimeFolder(): void {
  if (process.platform !== 'linux' || process.env.XDG_RUNTIME_DIR?.startsWith('/') === true) return;
  process.env.XDG_RUNTIME_DIR = '/nonexistent';
}
