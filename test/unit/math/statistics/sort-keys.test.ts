import { expect, it } from 'vitest';
import { orderKey } from '../../../../src/math/statistics/float-order.ts';
import { createRandom } from '../../../../src/math/statistics/random.ts';
import { sortKeys } from '../../../../src/math/statistics/sort-keys.ts';

it.each([0, 1, 2, 100, 5000, 100_000])(
  'sorts %i keys, equal ones and both ends of the range among them',
  (count) => {
    const random = createRandom(count);
    const keys = Uint32Array.from({ length: count }, (_, i) =>
      i % 7 === 0 ? [0, 0xffffffff, 0x80000000][i % 3] : orderKey(random.gaussian()),
    );
    expect(sortKeys(keys.slice())).toEqual(keys.slice().sort());
  },
);
