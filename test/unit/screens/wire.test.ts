/** Answers with arrays of numbers come out as they went in. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeAnswer, encodeAnswer } from '../../../src/screens/wire.ts';

describe('answers as bytes', () => {
  const array = fc.oneof(fc.float32Array({ maxLength: 9, noNaN: true }), fc.uint8Array({ maxLength: 9 }));
  const value = fc.letrec((tie) => ({
    any: fc.oneof(array, fc.string(), fc.integer(), fc.boolean(), fc.constant(null), tie('list'), tie('map')),
    list: fc.array(tie('any'), { maxLength: 4 }),
    map: fc.dictionary(
      fc.string().filter((key) => key !== '__proto__' && key !== '$array'),
      tie('any'),
      {
        maxKeys: 4,
        noNullPrototype: true,
      },
    ),
  })).any;

  it('are the same when they are read', () => {
    fc.assert(
      fc.property(value, (given) => {
        expect(decodeAnswer(encodeAnswer(given).buffer)).toEqual(given);
      }),
    );
  });

  it('may be views into larger arrays', () => {
    const given = new Float32Array([1, 2, 3, 4]).subarray(1, 3);
    expect(decodeAnswer(encodeAnswer({ given }).buffer)).toEqual({ given: new Float32Array([2, 3]) });
  });

  it('may be nothing', () => {
    expect(decodeAnswer(encodeAnswer(undefined).buffer)).toBeNull();
  });
});
