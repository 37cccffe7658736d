import { EventEmitter } from 'node:events';
import { describe, expect, it } from 'vitest';
import { main } from '../../../src/cli/main.ts';
import { OutputStream } from '../../../src/cli/output-stream.ts';

/** A stream that fails from its `failAt`-th write on: by an event as pipes do, or at once as files do. */
class FailingStream extends EventEmitter {
  readonly written: string[] = [];
  private readonly code: string;
  private readonly failAt: number;
  private readonly throws: boolean;

  constructor(code: string, failAt: number, throws = false) {
    super();
    this.code = code;
    this.failAt = failAt;
    this.throws = throws;
  }

  write(text: string, done?: () => void): boolean {
    if (this.written.length + 1 < this.failAt) {
      this.written.push(text);
      done?.();
      return true;
    }
    const error = Object.assign(new Error(`${this.code}: write`), { code: this.code });
    if (this.throws) throw error;
    done?.();
    process.nextTick(() => this.emit('error', error));
    return false;
  }
}

describe('OutputStream', () => {
  it.each([
    [false, 'emits'],
    [true, 'throws'],
  ])('keeps the first error of a stream that %s it (%s) and writes no more', async (throws) => {
    const stream = new FailingStream('ENOSPC', 2, throws);
    const out = new OutputStream(stream, 'The standard output');
    out.write('one');
    out.write('two');
    expect(await out.settle()).toMatchObject({
      tag: 'bad-output',
      message: 'The standard output cannot be written: the disk is full.',
    });
    out.write('three');
    expect(stream.written).toEqual(['one']);
  });

  it('takes a closed pipe as the wish of the reader, and a sound stream as sound', async () => {
    const closed = new OutputStream(new FailingStream('EPIPE', 1), 'The standard output');
    closed.write('one');
    expect(await closed.settle()).toBeUndefined();
    expect(
      await new OutputStream(new FailingStream('EIO', 99), 'The standard output').settle(),
    ).toBeUndefined();
  });

  it('finds an error that comes after the last line', async () => {
    const stream = new FailingStream('EIO', 1);
    const out = new OutputStream(stream, 'The standard output');
    out.write('the only line');
    expect((await out.settle())?.message).toBe(
      'The standard output cannot be written: the disk reports an error.',
    );
  });

  it('ends the program with exit code 3 and one sentence', async () => {
    const errors: string[] = [];
    const out = new OutputStream(new FailingStream('ENOSPC', 1), 'The standard output');
    const err = { write: (text: string) => errors.push(text) };
    const libraries = {
      hold: () => Promise.resolve(),
      standardError: () => 2,
      text: () => '',
      release: () => '',
    };
    expect(await main(['version'], { out, err, libraries }, new AbortController().signal)).toBe(3);
    expect(errors[0]).toBe('error: The standard output cannot be written: the disk is full.\n');
    expect(errors).toHaveLength(2);
    expect(errors.join('')).not.toContain(' at ');
  });
});
