/**
 * Reads files from a tar stream, gzipped or not. Nothing is unpacked to disk: paths in the archive are only
 * compared, and other files are skipped.
 */
import { isLocScaleError, LocScaleError } from '../errors.ts';
import { ByteReader, type ByteSource } from './byte-source.ts';
import { decompress } from './compression.ts';
import { printable } from './printable.ts';

export interface TarLimits {
  /** Largest size of a file that is read, in bytes. */
  readonly fileBytes: number;
  /** Largest size of the decompressed archive, in bytes. */
  readonly archiveBytes: number;
}

export interface TarFile {
  readonly path: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** Yields the files whose path `wanted` accepts. */
export async function* readTar(
  source: ByteSource,
  name: string,
  wanted: (path: string) => boolean,
  limits: TarLimits,
): AsyncGenerator<TarFile> {
  // Loaded on use: most runs read no archive.
  const { createTarDecoder } = await import('modern-tar');
  const { bytes } = await decompress(source, name);
  const entries = limitedStream(bytes, name, limits.archiveBytes)
    .pipeThrough(createTarDecoder({ strict: true }))
    .getReader();
  try {
    for (;;) {
      const step = await entries.read();
      if (step.done) return;
      const { header, body } = step.value;
      if ((header.type ?? 'file') !== 'file' || !wanted(header.name)) {
        // Not `cancel`: if the next entry has already begun, modern-tar 0.8 would cancel that one.
        for await (const _ of chunksOf(body));
        continue;
      }
      if (header.size > limits.fileBytes)
        throw damaged(name, `${printable(header.name)} declares ${header.size} bytes`);
      // Memory grows with the bytes received, not with the declared size.
      const content = await new ByteReader(chunksOf(body)).read(header.size);
      if (content.length !== header.size) throw damaged(name, `${printable(header.name)} ends early`);
      yield { path: header.name, bytes: content };
    }
  } catch (cause) {
    if (isLocScaleError(cause)) throw cause;
    throw damaged(name, cause instanceof Error ? cause.message.replace(/\.$/, '') : String(cause), cause);
  } finally {
    await entries.cancel().catch(() => {});
  }
}

function damaged(name: string, what: string, cause?: unknown): LocScaleError {
  return new LocScaleError('bad-input', `${name} is not a readable tar archive: ${what}.`, {
    where: name,
    hint: 'Copy or download the file again.',
    cause,
  });
}

/** Fails the stream beyond `limit` bytes: a small archive can expand a thousandfold. */
function limitedStream(
  source: AsyncIterable<Uint8Array>,
  name: string,
  limit: number,
): ReadableStream<Uint8Array> {
  const iterator = source[Symbol.asyncIterator]();
  let total = 0;
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const step = await iterator.next();
          if (step.done) return controller.close();
          total += step.value.length;
          if (total > limit) throw damaged(name, `it expands to more than ${limit} bytes`);
          controller.enqueue(step.value);
        } catch (cause) {
          controller.error(cause);
          await iterator.return?.();
        }
      },
      async cancel() {
        await iterator.return?.();
      },
    },
    { highWaterMark: 0 },
  );
}

async function* chunksOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
  const reader = stream.getReader();
  try {
    for (;;) {
      const step = await reader.read();
      if (step.done) return;
      yield step.value;
    }
  } finally {
    await reader.cancel().catch(() => {});
  }
}
