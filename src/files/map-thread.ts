/**
 * Reads a map on a thread of its own: bytes, checksum and conversion take as long as opening a GPU and
 * compiling its first kernels, which occupy the main thread.
 */
import { LocScaleError, stopIfAborted } from '../errors.ts';
import type { Grid } from '../math/grid.ts';
import type { OverviewedMap } from '../pipeline/map-input.ts';
import { startThread } from '../platform/index.ts';
import type { ErrorFields, MapReply, MapRequest } from './map-worker.ts';
import { type MapFileOptions, readMapFile } from './read-files.ts';

export interface MapThread {
  /** Once the header is read; never if that fails. */
  onGrid(use: (grid: Grid) => void): void;
  /** The map, as `readMapFile` gives it with these options; once. */
  take(
    options: Pick<MapFileOptions, 'onReading' | 'onWarning' | 'onInfo' | 'onRead' | 'signal'>,
  ): Promise<OverviewedMap>;
  /** Ends the thread, if nobody takes the map. */
  stop(): void;
}

type Read = Extract<MapReply, { kind: 'map' }>;

export function readMapOnThread(path: string, request: Omit<MapRequest, 'path'>): MapThread {
  const { hashed: _, ...settings } = request;
  const said: Extract<MapReply, { kind: 'said' }>[] = [];
  let grid: Grid | undefined;
  let use: ((grid: Grid) => void) | undefined;
  let settle: { resolve(read: Read): void; reject(error: unknown): void };
  const read = new Promise<Read>((resolve, reject) => {
    settle = { resolve, reject };
  });
  // It may fail before anybody takes it.
  read.catch(() => undefined);
  const thread = startThread<MapReply>('./map-worker.ts', import.meta.url, undefined, {
    onMessage(reply) {
      if (reply.kind === 'grid') {
        grid = reply.grid;
        use?.(grid);
      } else if (reply.kind === 'said') said.push(reply);
      else {
        // Waiting for somebody to take the map, it keeps no process alive.
        thread.setBusy(false);
        if (reply.kind === 'map') settle.resolve(reply);
        else settle.reject(errorOf(reply.error));
      }
    },
    onEnd: (cause) => settle.reject(new ThreadEnded(cause)),
  });
  thread.setBusy(true);
  thread.post({ ...request, path });
  const repeat = ({ onWarning, onInfo }: MapFileOptions): void => {
    for (const { warns, message } of said) (warns ? onWarning : onInfo)?.(message);
  };
  const stop = (): void => void thread.end();
  return {
    onGrid(then) {
      use = then;
      if (grid !== undefined) then(grid);
    },
    stop,
    async take(options) {
      const { onReading, onRead, signal } = options;
      onReading?.();
      signal?.addEventListener('abort', stop);
      try {
        const { image, file } = await read;
        repeat(options);
        if (file !== undefined) onRead?.(file);
        return image;
      } catch (error) {
        stopIfAborted(signal, error);
        repeat(options);
        if (!(error instanceof ThreadEnded)) throw error;
        // Without the thread: perhaps the memory did not suffice for it.
        return readMapFile(path, { ...options, ...settings, onReading: undefined });
      } finally {
        signal?.removeEventListener('abort', stop);
        stop();
      }
    },
  };
}

class ThreadEnded extends Error {
  constructor(cause: unknown) {
    super('The thread ended.', { cause });
  }
}

function errorOf({ tag, message, ...details }: ErrorFields): LocScaleError {
  return new LocScaleError(tag, message, details);
}
