/** Readers that are wrong in one way each: the campaign must find it. */
import { LocScaleError } from '../../../../src/errors.ts';
import type { FuzzTarget } from '../types.ts';

function faulty(
  name: string,
  when: (bytes: Uint8Array) => boolean,
  what: (bytes: Uint8Array) => unknown,
): FuzzTarget {
  return {
    name,
    title: name,
    seeds: async () => [Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8)],
    dictionary: [],
    async read(bytes) {
      if (when(bytes)) await what(bytes);
      throw new LocScaleError('bad-input', 'The case is not read.');
    },
    refusals: ['bad-input'],
    memoryLimitBytes: 2 ** 20,
  };
}

const sometimes = (bytes: Uint8Array): boolean => bytes[0] === 0xff;
const kept: unknown[] = [];

export const faultyTargets: readonly FuzzTarget[] = [
  faulty('faulty-type-error', sometimes, (bytes) => (bytes as unknown as { none: () => void }).none()),
  faulty('faulty-tag', sometimes, () => {
    throw new LocScaleError('internal', 'Wrong.');
  }),
  faulty('faulty-hang', sometimes, () => {
    for (;;);
  }),
  faulty('faulty-wait', sometimes, () => new Promise(() => {})),
  faulty('faulty-exit', sometimes, () => process.abort()),
  faulty('faulty-memory', sometimes, () => kept.push(new Float64Array(2 ** 18))),
  faulty('faulty-later', sometimes, () => void setTimeout(() => void Promise.reject(new Error('late')), 0)),
];
