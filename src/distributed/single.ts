/** Communicator of a single rank: returns its own bytes. */
import type { Communicator } from './communicator.ts';

/** A run of one process, to which messages come back at once. */
export function createSingleCommunicator(description = 'one process'): Communicator {
  return {
    kind: 'single',
    description,
    rank: 0,
    size: 1,
    localRank: 0,
    localSize: 1,
    broadcast: async (bytes) => {
      if (bytes === undefined) throw new TypeError('the root of a broadcast needs bytes');
      return bytes;
    },
    scatter: async (parts) => {
      if (parts?.[0] === undefined) throw new TypeError('the root of a scatter needs a part for every rank');
      return parts[0];
    },
    gather: async (bytes) => [bytes],
    barrier: async () => {},
    // No other ranks to end; the caller exits by itself.
    abort: () => {},
    close: async () => {},
    traffic: { sent: 0, received: 0 },
    failure: new Promise<never>(() => {}),
  };
}
