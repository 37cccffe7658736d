/** Files of weights on disk (read-networks.ts). */

import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { LocScaleError, stopIfAborted } from '../../errors.ts';
import { HEAD_BYTES } from '../../formats/weight-starts.ts';
import { type ReadNetwork, type ReadOptions, readNetworks } from './read-networks.ts';

/** Yields the networks of a file (an archive may have several) one by one, so that one at a time is in memory. */
export async function* readModels(path: string, options: ReadOptions = {}): AsyncGenerator<ReadNetwork> {
  const { head, byteLength } = await readHead(path);
  yield* readNetworks(
    {
      ...{ where: path, name: basename(path), head, byteLength, sha256: sha256Of },
      bytes: () => chunksOf(path, options.signal),
      whole: () => readWhole(path, byteLength, options.signal),
    },
    options,
  );
}

/** The first bytes and the size; throws 'bad-input' for anything but a file. */
async function readHead(path: string): Promise<{ head: Uint8Array; byteLength: number }> {
  try {
    const info = await stat(path);
    if (!info.isFile()) throw unreadable(path, 'it is not a file');
    const file = await open(path);
    try {
      const { bytesRead, buffer } = await file.read(new Uint8Array(HEAD_BYTES), 0, HEAD_BYTES, 0);
      return { head: buffer.subarray(0, bytesRead), byteLength: info.size };
    } finally {
      await file.close();
    }
  } catch (error) {
    throw asUnreadable(path, error);
  }
}

/** The whole file in memory. */
async function readWhole(
  path: string,
  byteLength: number,
  signal: AbortSignal | undefined,
): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(byteLength);
  let filled = 0;
  for await (const chunk of chunksOf(path, signal)) {
    if (filled + chunk.length > byteLength) throw unreadable(path, 'it grows while it is read');
    bytes.set(chunk, filled);
    filled += chunk.length;
  }
  if (filled !== byteLength) throw unreadable(path, 'it became shorter while it was read');
  return bytes;
}

/** Pieces of a file; errors name it. */
async function* chunksOf(path: string, signal: AbortSignal | undefined): AsyncGenerator<Uint8Array> {
  const stream = createReadStream(path, { highWaterMark: 1 << 20 });
  try {
    for await (const chunk of stream) {
      throwIfStopped(signal);
      yield chunk as Uint8Array;
    }
  } catch (error) {
    throw asUnreadable(path, error);
  } finally {
    stream.destroy();
  }
}

export function throwIfStopped(signal: AbortSignal | undefined): void {
  stopIfAborted(signal);
}

/** Hexadecimal. */
export function sha256Of(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** The error of a file that cannot be read. */
function unreadable(path: string, reason: string, cause?: unknown): LocScaleError {
  return new LocScaleError('bad-input', `${path} cannot be read: ${reason}.`, {
    where: path,
    hint: 'Give emmernet.tar.gz, or the .hdf5 or .pt file of EMmerNet.',
    cause,
  });
}

/** Errors of the file system become 'bad-input'. */
function asUnreadable(path: string, error: unknown): unknown {
  const code = (error as { code?: unknown } | null)?.code;
  if (error instanceof LocScaleError || typeof code !== 'string') return error;
  return unreadable(path, code === 'ENOENT' ? 'there is no such file' : code, error);
}
