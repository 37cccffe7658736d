/** Reads files that will be needed into the system's cache while the program waits for something else. */
import { open } from 'node:fs/promises';

/** Bytes per read; the system stores what was read, and nothing else is done with it. */
const CHUNK_BYTES = 8 * 2 ** 20;

/** Reading ahead in the background. */
export interface ReadAhead {
  /** Bytes that were read, when nothing is being read any more. */
  readonly done: Promise<number>;
  /** Reads no further. */
  stop(): void;
}

/** One file after the other; what cannot be read is left to those who need it. */
export function readAhead(paths: readonly string[]): ReadAhead {
  let stopped = false;
  let total = 0;
  const room = Buffer.allocUnsafeSlow(CHUNK_BYTES);
  const read = async (path: string): Promise<void> => {
    const file = await open(path);
    try {
      for (let bytes = 1; bytes > 0 && !stopped; total += bytes)
        bytes = (await file.read(room, 0, CHUNK_BYTES)).bytesRead;
    } finally {
      await file.close();
    }
  };
  const readAll = async (): Promise<number> => {
    for (const path of paths) if (!stopped) await read(path).catch(() => undefined);
    return total;
  };
  return {
    done: readAll(),
    stop() {
      stopped = true;
    },
  };
}
