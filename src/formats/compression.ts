/**
 * Decompresses map files, recognised by their first bytes rather than by extension. Data are decompressed on
 * demand only, so a reader that stops at the declared size of a map is safe from decompression bombs.
 */
import { isLocScaleError, LocScaleError } from '../errors.ts';
import type { ByteSource } from './byte-source.ts';
import { Bzip2DataError, bunzip2 } from './bzip2.ts';

/** By the first bytes of a file, not by its name. */
export type Compression = 'none' | 'gzip' | 'bzip2';

/** Maximum expansion of deflate: 258 bytes from 2 bits, 1032:1. */
const gzipRatioLimit = 1032;
/** Maximum expansion of bzip2: 47 MB from a block of about 40 bytes. */
const bzip2RatioLimit = 1_200_000;
/** gzip's header and trailer, and the first block's tables. */
const ratioSlackBytes = 65_536;

/** Compression of a file that starts with `start` (at least 4 bytes unless the file is shorter). */
export function detectCompression(start: Uint8Array): Compression {
  if (start[0] === 0x1f && start[1] === 0x8b && start[2] === 0x08) return 'gzip';
  if (start[0] === 0x42 && start[1] === 0x5a && start[2] === 0x68 && start[3] >= 0x31 && start[3] <= 0x39)
    return 'bzip2';
  return 'none';
}

/** Peeks at the first bytes of `source`; the returned source yields them again. */
async function peek(
  source: AsyncIterable<Uint8Array>,
  count: number,
): Promise<{ start: Uint8Array; bytes: AsyncGenerator<Uint8Array> }> {
  const iterator = source[Symbol.asyncIterator]();
  const chunks: Uint8Array[] = [];
  let length = 0;
  let ended = false;
  while (length < count) {
    const step = await iterator.next();
    if (step.done) {
      ended = true;
      break;
    }
    // The source may reuse its memory at the next read.
    const chunk = step.value.slice();
    chunks.push(chunk);
    length += chunk.length;
  }
  const start = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    start.set(chunk, at);
    at += chunk.length;
  }
  return { start, bytes: chain(start, iterator, ended) };
}

/** Puts the bytes back that were read to find the compression. */
async function* chain(
  start: Uint8Array,
  iterator: AsyncIterator<Uint8Array>,
  ended: boolean,
): AsyncGenerator<Uint8Array> {
  let done = ended;
  try {
    yield start;
    while (!done) {
      const step = await iterator.next();
      if (step.done) done = true;
      else yield step.value;
    }
  } finally {
    if (!done) await iterator.return?.();
  }
}

/** Marks a failure of the source itself, to distinguish it from damaged data. */
class SourceFailure extends Error {}

/** Decompresses gzip, several members too, and closes the source if the reader stops early. */
async function* gunzip(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const iterator = source[Symbol.asyncIterator]();
  let failure: unknown;
  let cancelled = false;
  const input = new ReadableStream<Uint8Array<ArrayBuffer>>(
    {
      async pull(controller) {
        try {
          const step = await iterator.next();
          if (cancelled) return;
          if (step.done) controller.close();
          // A copy, because the source may reuse its memory while the stream still has chunks queued.
          else controller.enqueue(new Uint8Array(step.value));
        } catch (cause) {
          failure = cause;
          controller.error(cause);
        }
      },
      cancel() {
        cancelled = true;
      },
    },
    { highWaterMark: 0 },
  );
  const reader = input.pipeThrough(new DecompressionStream('gzip')).getReader();
  try {
    for (;;) {
      const step = await reader.read();
      if (step.done) return;
      yield step.value;
    }
  } catch (cause) {
    if (failure !== undefined) throw new SourceFailure('reading failed', { cause: failure });
    throw cause;
  } finally {
    // Node 20 may be about to hand over what is decompressed already, and ends the process if the stream is closed
    // by then: that is over in the next turn of the event loop.
    await new Promise<void>((resolve) => setTimeout(resolve));
    // Rejects after an error or the end, when there is nothing to cancel.
    await reader.cancel().catch(() => {});
    await iterator.return?.();
  }
}

/** Errors of decompression name the file and what to do. */
async function* withClearErrors(
  bytes: AsyncGenerator<Uint8Array>,
  name: string,
  compression: 'gzip' | 'bzip2',
): AsyncGenerator<Uint8Array> {
  try {
    yield* bytes;
  } catch (cause) {
    if (isLocScaleError(cause)) throw cause;
    if (cause instanceof SourceFailure) throw cause.cause;
    const reason = cause instanceof Error ? cause.message : String(cause);
    if (compression === 'bzip2' && !(cause instanceof Bzip2DataError)) throw cause;
    throw new LocScaleError(
      'bad-input',
      `${name} is a damaged or truncated ${compression} file: ${reason}.`,
      {
        where: name,
        cause,
        hint: 'Copy or download the file again.',
      },
    );
  }
}

/** The decompressed bytes of `source`, or its bytes unchanged if it is not compressed. */
export async function decompress(
  source: ByteSource,
  name: string,
): Promise<ByteSource & { readonly compression: Compression }> {
  const { start, bytes } = await peek(source.bytes, 4);
  const compression = detectCompression(start);
  if (compression === 'none') return { ...source, bytes, compression };
  const ratio = compression === 'gzip' ? gzipRatioLimit : bzip2RatioLimit;
  const available = source.byteLength ?? source.byteLengthLimit;
  const plain = compression === 'gzip' ? gunzip(bytes) : bunzip2(bytes);
  return {
    bytes: withClearErrors(plain, name, compression),
    compression,
    byteLengthLimit: available === undefined ? undefined : available * ratio + ratioSlackBytes,
  };
}
