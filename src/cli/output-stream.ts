/**
 * stdout and stderr of the program. Their failures never end a computation: hours of work must not be lost
 * because a log cannot be written. The first failure is stored and reported at the end of the run. A closed
 * pipe (`locscale-gpu fsc a b | head`) is not a failure.
 */
import { LocScaleError } from '../errors.ts';
import { reasonOf } from '../files/file-errors.ts';
import type { WritableEnd } from '../platform/library-output.ts';

/** Wraps a stream of the process; after a failure further text is discarded. */
export class OutputStream {
  private stream: WritableEnd;
  /** Name in the message: "The standard output". */
  private readonly name: string;
  private closed = false;
  private cause: unknown;

  constructor(stream: WritableEnd, name: string) {
    this.stream = stream;
    this.name = name;
    stream.on('error', (error) => this.fail(error));
  }

  /** Redirects further messages to `stream`, after flushing earlier ones. */
  moveTo(stream: WritableEnd): void {
    this.stream = stream;
  }

  /** Whether a progress bar may be drawn. */
  get isTTY(): boolean {
    return this.stream.isTTY === true;
  }

  get columns(): number {
    return this.stream.columns ?? 0;
  }

  write(text: string): void {
    if (this.closed) return;
    try {
      this.stream.write(text);
    } catch (error) {
      // Streams to files may throw synchronously instead of emitting 'error'.
      this.fail(error);
    }
  }

  /** Waits for pending writes; returns the error to report if the stream failed. */
  async settle(): Promise<LocScaleError | undefined> {
    if (!this.closed) {
      await new Promise<void>((resolve) => {
        try {
          this.stream.write('', () => resolve());
        } catch (error) {
          this.fail(error);
          resolve();
        }
      });
      // 'error' is emitted after the callback of the write that failed.
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
    if (this.cause === undefined) return undefined;
    return new LocScaleError('bad-output', `${this.name} cannot be written: ${reasonOf(this.cause)}.`, {
      cause: this.cause,
      hint:
        'Send the output to a file or terminal that takes it; files the run was to write are not ' +
        'affected.',
    });
  }

  /** EPIPE means that the reader has closed the pipe, which is not an error. */
  private fail(error: unknown): void {
    if (!this.closed && (error as { code?: unknown } | null)?.code !== 'EPIPE') this.cause = error;
    this.closed = true;
  }
}
