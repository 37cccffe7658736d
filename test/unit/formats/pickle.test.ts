/** The restricted reader of pickles: what it reads, what it refuses, and that it runs nothing. */
import { describe, expect, it } from 'vitest';
import { LocScaleError } from '../../../src/errors.ts';
import {
  type PickleCaller,
  PickleGlobal,
  PickleObject,
  PickleTuple,
  type PickleValue,
  readPickle,
} from '../../../src/formats/pickle.ts';
import { createRandom } from '../../../src/math/statistics/random.ts';

/** Instructions as text with \xNN, as Python prints bytes. */
const bytes = (text: string): Uint8Array => Uint8Array.from(text, (char) => char.charCodeAt(0));

const nothing: PickleCaller = { allows: () => false, call: () => undefined, persistent: () => undefined };
const someCalls: PickleCaller = {
  allows: (name) => name === 'known.function',
  call: (_, args) => (args.length === 1 ? new PickleObject(args[0]) : undefined),
  persistent: (id) => (id === 'here' ? new PickleObject('data') : undefined),
};
const read = (text: string, caller = nothing): PickleValue => readPickle(bytes(text), 'x.pt', caller);

function refusal(text: string | Uint8Array, caller = someCalls): LocScaleError {
  try {
    readPickle(typeof text === 'string' ? bytes(text) : text, 'x.pt', caller);
  } catch (error) {
    expect(error).toBeInstanceOf(LocScaleError);
    expect((error as LocScaleError).tag).toBe('bad-input');
    return error as LocScaleError;
  }
  throw new Error('it was read');
}

describe('pickles as data', () => {
  it('reads the values that Python writes (protocols 2 and 4)', () => {
    // pickle.dumps({'a': [1, -2, 300, 2.5], 'b': (True, None, 'x')}, 2)
    expect(
      read(
        '\x80\x02}q\x00(X\x01\x00\x00\x00aq\x01]q\x02(K\x01J\xfe\xff\xff\xffM,\x01G@\x04\x00\x00\x00\x00\x00\x00eX\x01\x00\x00\x00bq\x03\x88NX\x01\x00\x00\x00xq\x04\x87q\x05u.',
      ),
    ).toEqual(
      new Map<string, PickleValue>([
        ['a', [1, -2, 300, 2.5]],
        ['b', new PickleTuple([true, null, 'x'])],
      ]),
    );
    // pickle.dumps(['a', 'a', 2**40, -2**70 // 2**10], 4)
    expect(
      read(
        '\x80\x04\x95\x1a\x00\x00\x00\x00\x00\x00\x00]\x94(\x8c\x01a\x94h\x01\x8a\x06\x00\x00\x00\x00\x00\x01\x8a\x08\x00\x00\x00\x00\x00\x00\x00\xf0e.',
      ),
    ).toEqual(['a', 'a', 2 ** 40, -(2n ** 60n)]);
  });

  it('resolves calls and persistent ids through its caller', () => {
    expect(read('\x80\x02cknown\nfunction\nK\x05\x85R.', someCalls)).toEqual(new PickleObject(5));
    expect(read('\x80\x04\x8c\x05known\x8c\x08function\x93.', someCalls)).toEqual(
      new PickleGlobal('known.function'),
    );
    expect(read('\x80\x02X\x04\x00\x00\x00hereQ.', someCalls)).toEqual(new PickleObject('data'));
  });

  it('ignores the state that modules set on their dictionary, and only there', () => {
    expect(read('\x80\x02}}b.')).toEqual(new Map());
    expect(refusal('\x80\x02]}b.').message).toMatch(/sets the state of something other than a dictionary/);
  });

  it.each([
    ['os.system', '\x80\x02cos\nsystem\nX\x02\x00\x00\x00id\x85R.'],
    ['posix.system', '\x80\x02cposix\nsystem\n.'],
    ['builtins.eval', '\x80\x04\x8c\x08builtins\x8c\x04eval\x93\x8c\x011\x85R.'],
    ['builtins.getattr', '\x80\x02cbuiltins\ngetattr\n.'],
    // A function given by another function: the inner name is refused before the outer is met.
    [
      'builtins.__import__',
      '\x80\x02cknown\nfunction\ncbuiltins\n__import__\nX\x02\x00\x00\x00os\x85R\x85R.',
    ],
    ['numpy.core.multiarray._reconstruct', '\x80\x02cnumpy.core.multiarray\n_reconstruct\n.'],
    ['known.function.__globals__', '\x80\x04\x8c\x05known\x8c\x14function.__globals__\x93.'],
  ])('refuses %s by name', (name, text) => {
    const error = refusal(text);
    expect(error.message).toContain(`names ${name},`);
    expect(error.hint).toContain('state_dict()');
  });

  it('shows names without what would act on a terminal', () => {
    expect(refusal('\x80\x02cos\x1b[31m\nsystem\n.').message).toContain('os?[31m.system');
  });

  it.each([
    ['INST', '\x80\x02(ios\nsystem\n.'],
    ['OBJ', '\x80\x02(cknown\nfunction\no.'],
    ['NEWOBJ', '\x80\x02cknown\nfunction\n)\x81.'],
    ['EXT1', '\x80\x02\x82\x01.'],
    ['STRING', "S'x'\n."],
    ['LONG4', '\x80\x02\x8b\xff\xff\xff\x7f.'],
    ['DUP', '\x80\x02]2.'],
  ])('refuses the instruction %s', (_, text) => {
    expect(refusal(text).message).toMatch(/has the instruction 0x[0-9a-f]{2} at byte \d+/);
  });

  it.each([
    ['an empty file', ''],
    ['nothing but the protocol', '\x80\x02'],
    ['a newer protocol', '\x80\x06N.'],
    ['text longer than the file', '\x80\x02X\xff\xff\xff\x7fabc.'],
    ['bytes longer than the file', '\x80\x03B\xff\xff\xff\x7fabc.'],
    ['a name without an end', '\x80\x02cos'],
    ['a value that is not there', '\x80\x020.'],
    ['STOP without a value', '\x80\x02.'],
    ['values left over', '\x80\x02NN.'],
    ['a mark as value', '\x80\x02(.'],
    ['a tuple without a mark', '\x80\x02t.'],
    ['TUPLE2 of one value', '\x80\x02N\x86.'],
    ['a memo that was never kept', '\x80\x02h\x07.'],
    ['appending to a dictionary', '\x80\x02}Na.'],
    ['setting items of a list', '\x80\x02]NNs.'],
    ['a key without a value', '\x80\x02}(Nu.'],
    ['a list as key', '\x80\x02}]Ns.'],
    ['a huge integer', '\x80\x02\x8a\xff.'],
    ['a call of a number', '\x80\x02K\x01)R.'],
    ['a call without arguments', '\x80\x02cknown\nfunction\nNR.'],
    ['a call with the wrong arguments', '\x80\x02cknown\nfunction\n)R.'],
    ['a call of the result of a call', '\x80\x02cknown\nfunction\nK\x05\x85R)R.'],
    ['an unknown persistent id', '\x80\x02X\x05\x00\x00\x00thereQ.'],
    ['a name that is not text', '\x80\x04K\x01K\x02\x93.'],
  ])('refuses %s', (_, text) => {
    refusal(text);
  });

  it('takes no memory for huge memo numbers, and none of the call stack for depth', () => {
    expect(read('\x80\x02Nr\xff\xff\xff\xff.')).toBe(null);
    const deep = new Uint8Array(200_004).fill(0x85);
    deep.set([0x80, 0x02, 0x4e]);
    deep[deep.length - 1] = 0x2e;
    // 200 000 tuples inside each other are read; nothing walks into them.
    expect(readPickle(deep, 'x.pt', nothing)).toBeInstanceOf(PickleTuple);
  });

  it('lists that hold themselves do no harm', () => {
    const list = read('\x80\x02]q\x00h\x00a.') as PickleValue[];
    expect(list[0]).toBe(list);
  });

  it('random instructions are read or refused, never more (5000 pickles, seed 7)', () => {
    const random = createRandom(7);
    const useful = bytes('(N\x88\x89JKM\x8aGX\x8cBC]})t\x85\x86\x87aesuqr\x94hjc\x93QRb.\x00\x01\x02');
    let readable = 0;
    for (let i = 0; i < 5000; i++) {
      const length = random.integer(2, 61);
      const pickle = Uint8Array.from({ length }, () =>
        random.uniform() < 0.7 ? useful[random.integer(0, useful.length - 1)] : random.integer(0, 255),
      );
      pickle.set([0x80, 0x02]);
      try {
        readPickle(pickle, 'x.pt', someCalls);
        readable++;
      } catch (error) {
        expect((error as LocScaleError).tag).toBe('bad-input');
      }
    }
    expect(readable).toBeGreaterThan(0);
  });
});
