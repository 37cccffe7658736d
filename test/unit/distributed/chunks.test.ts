import fc from 'fast-check';
import { expect, it } from 'vitest';
import { splitIntoChunks } from '../../../src/distributed/chunks.ts';

it('chunks cover everything once, in order, none empty or too long', () => {
  fc.assert(
    fc.property(fc.nat(5_000_000_000), fc.integer({ min: 50_000_000, max: 2 ** 31 - 1 }), (length, limit) => {
      let end = 0;
      for (const chunk of splitIntoChunks(length, limit)) {
        expect(chunk.start).toBe(end);
        expect(chunk.end - chunk.start).toBeGreaterThan(0);
        expect(chunk.end - chunk.start).toBeLessThanOrEqual(limit);
        end = chunk.end;
      }
      expect(end).toBe(length);
    }),
    { seed: 20, numRuns: 200 },
  );
});

it('nothing has no chunks', () => {
  expect([...splitIntoChunks(0, 10)]).toEqual([]);
});
