/**
 * Reads Python pickles as data. A pickle is a program for a small stack machine, and Python calls any
 * function it names; this reader executes nothing. It implements the opcodes that dictionaries of tensors
 * need, lets its caller resolve each function named, and rejects all others. Opcodes: Python's
 * Lib/pickletools.py, protocols 2 to 5.
 */
import { LocScaleError } from '../errors.ts';
import { printable } from './printable.ts';

/** A function or class that a pickle names: "torch._utils._rebuild_tensor_v2". */
export class PickleGlobal {
  readonly name: string;
  constructor(name: string) {
    this.name = name;
  }
}

/** A tuple. */
export class PickleTuple {
  readonly items: readonly PickleValue[];
  constructor(items: readonly PickleValue[]) {
    this.items = items;
  }
}

/** Result of a call, as resolved by the caller. */
export class PickleObject<T = unknown> {
  readonly value: T;
  constructor(value: T) {
    this.value = value;
  }
}

/** What a pickle of tensors can hold. */
export type PickleKey = string | number | boolean | null;
export type PickleDict = Map<PickleKey, PickleValue>;
export type PickleValue =
  | PickleKey
  | bigint
  | Uint8Array
  | PickleValue[]
  | PickleDict
  | PickleTuple
  | PickleGlobal
  | PickleObject;

/** What a pickle may refer to. Nothing is executed: names stand for values of this interface. */
export interface PickleCaller {
  /** Whether a pickle may name this global. */
  readonly allows: (name: string) => boolean;
  /** Result of calling an allowed global; undefined if it is not callable with these arguments. */
  readonly call: (name: string, args: readonly PickleValue[]) => PickleValue | undefined;
  /** The object behind a persistent id (torch: a storage); undefined: not a known one. */
  readonly persistent: (id: PickleValue) => PickleValue | undefined;
}

/** Every item on stack or memo takes at least one byte of the pickle, so its size bounds the memory. */
const MOST_BYTES = 64 * 2 ** 20;
const MARK = Symbol('mark');

/** Limit for LONG1 integers, in bytes: 64 bits suffice for state dicts. */
const MOST_LONG_BYTES = 9;

/**
 * Reads a pickle without running anything in it. Throws 'bad-input' for instructions and names that tensors
 * do not need.
 */
export function readPickle(bytes: Uint8Array, where: string, caller: PickleCaller): PickleValue {
  return new Unpickler(bytes, where, caller).run();
}

/** A machine for the few instructions of pickled state dicts. */
class Unpickler {
  private readonly bytes: Uint8Array;
  private readonly view: DataView;
  private readonly where: string;
  private readonly caller: PickleCaller;
  private readonly stack: (PickleValue | typeof MARK)[] = [];
  private readonly memo = new Map<number, PickleValue>();
  private at = 0;

  constructor(bytes: Uint8Array, where: string, caller: PickleCaller) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.where = where;
    this.caller = caller;
  }

  /** Runs to the STOP instruction. */
  run(): PickleValue {
    if (this.bytes.length > MOST_BYTES) throw this.damaged(`it has ${this.bytes.length} bytes`);
    for (;;) {
      const code = this.byte();
      if (code === 0x2e) return this.finish();
      this.step(code);
    }
  }

  private finish(): PickleValue {
    const value = this.pop();
    if (this.stack.length > 0) throw this.damaged('it ends with values left over');
    return value;
  }

  /** One instruction. */
  private step(code: number): void {
    const value = Unpickler.values[code];
    const action = Unpickler.actions[code];
    if (value !== undefined) this.stack.push(value(this));
    else if (action !== undefined) action(this);
    else
      throw this.damaged(
        `it has the instruction 0x${code.toString(16)} at byte ${this.at - 1}, which dictionaries of ` +
          'tensors do not need',
      );
  }

  /** Opcodes that push a value. */
  private static readonly values: Readonly<Record<number, (m: Unpickler) => PickleValue | typeof MARK>> = {
    40: () => MARK,
    // NONE, NEWTRUE, NEWFALSE
    78: () => null,
    136: () => true,
    137: () => false,
    // BININT, BININT1, BININT2, LONG1; BINFLOAT, big-endian
    74: (m) => m.view.getInt32(m.take(4), true),
    75: (m) => m.byte(),
    77: (m) => m.view.getUint16(m.take(2), true),
    138: (m) => m.long(m.byte()),
    71: (m) => m.view.getFloat64(m.take(8)),
    // BINUNICODE, SHORT_BINUNICODE, BINBYTES, SHORT_BINBYTES
    88: (m) => m.text(m.word()),
    140: (m) => m.text(m.byte()),
    66: (m) => m.slice(m.word()),
    67: (m) => m.slice(m.byte()),
    // EMPTY_LIST, EMPTY_DICT, EMPTY_TUPLE
    93: () => [],
    125: () => new Map(),
    41: () => new PickleTuple([]),
    // TUPLE, TUPLE1, TUPLE2, TUPLE3
    116: (m) => new PickleTuple(m.popToMark()),
    133: (m) => new PickleTuple(m.popMany(1)),
    134: (m) => new PickleTuple(m.popMany(2)),
    135: (m) => new PickleTuple(m.popMany(3)),
    // BINGET, LONG_BINGET
    104: (m) => m.recall(m.byte()),
    106: (m) => m.recall(m.word()),
    // GLOBAL, STACK_GLOBAL
    99: (m) => m.global(m.line(), m.line()),
    147: (m) => m.global(...(m.popMany(2) as [PickleValue, PickleValue])),
    // BINPERSID, REDUCE
    81: (m) => m.persistent(m.pop()),
    82: (m) => m.reduce(),
  };

  /** All other opcodes. */
  private static readonly actions: Readonly<Record<number, (m: Unpickler) => void>> = {
    // PROTO
    128: (m) => {
      if (m.byte() > 5) throw m.damaged('its protocol is newer than 5');
    },
    // FRAME: a length used for buffering only
    149: (m) => m.take(8),
    // APPEND, APPENDS, SETITEM, SETITEMS
    97: (m) => m.append([m.pop()]),
    101: (m) => m.append(m.popToMark()),
    115: (m) => m.setItems(m.popMany(2)),
    117: (m) => m.setItems(m.popToMark()),
    // BINPUT, LONG_BINPUT, MEMOIZE
    113: (m) => m.memo.set(m.byte(), m.top()),
    114: (m) => m.memo.set(m.word(), m.top()),
    148: (m) => m.memo.set(m.memo.size, m.top()),
    // BUILD
    98: (m) => m.build(),
  };

  private byte(): number {
    return this.bytes[this.take(1)];
  }

  private word(): number {
    return this.view.getUint32(this.take(4), true);
  }

  /** Consumes `count` bytes; returns their offset. */
  private take(count: number): number {
    const start = this.at;
    if (start + count > this.bytes.length) throw this.damaged('it ends early');
    this.at = start + count;
    return start;
  }

  /** Bytes that outlive the file. */
  private slice(count: number): Uint8Array {
    const start = this.take(count);
    // Not `slice`, which returns a view for Node's Buffer.
    return new Uint8Array(this.bytes.subarray(start, start + count));
  }

  /** UTF-8. */
  private text(count: number): string {
    const start = this.take(count);
    return new TextDecoder().decode(this.bytes.subarray(start, start + count));
  }

  /** Module and name of a GLOBAL are lines. */
  private line(): string {
    const end = this.bytes.indexOf(0x0a, this.at);
    if (end < 0) throw this.damaged('it ends early');
    const start = this.take(end + 1 - this.at);
    return new TextDecoder().decode(this.bytes.subarray(start, end));
  }

  /** Two's complement, little-endian. */
  private long(count: number): number | bigint {
    if (count > MOST_LONG_BYTES) throw this.damaged(`it has an integer of ${count} bytes`);
    const start = this.take(count);
    let value = 0n;
    for (let i = 0; i < count; i++) value |= BigInt(this.bytes[start + i]) << BigInt(8 * i);
    value = BigInt.asIntN(Math.max(1, 8 * count), value);
    return Number.isSafeInteger(Number(value)) ? Number(value) : value;
  }

  private pop(): PickleValue {
    const value = this.stack.pop();
    if (value === undefined || value === MARK) throw this.damaged('it pops a value from an empty stack');
    return value as PickleValue;
  }

  private top(): PickleValue {
    const value = this.stack.at(-1);
    if (value === undefined || value === MARK) throw this.damaged('it stores a value from an empty stack');
    return value as PickleValue;
  }

  private popMany(count: number): PickleValue[] {
    const values = Array.from({ length: count }, () => this.pop());
    return values.reverse();
  }

  private popToMark(): PickleValue[] {
    const mark = this.stack.lastIndexOf(MARK);
    if (mark < 0) throw this.damaged('it lacks a mark');
    const values = this.stack.splice(mark);
    return values.slice(1) as PickleValue[];
  }

  private recall(index: number): PickleValue {
    const value = this.memo.get(index);
    if (value === undefined) throw this.damaged(`it recalls a value (${index}) that it has not stored`);
    return value;
  }

  private append(values: readonly PickleValue[]): void {
    const list = this.top();
    if (!Array.isArray(list)) throw this.damaged('it appends to something other than a list');
    for (const value of values) list.push(value);
  }

  private setItems(values: readonly PickleValue[]): void {
    const dict = this.top();
    if (!(dict instanceof Map)) throw this.damaged('it sets items of something other than a dictionary');
    if (values.length % 2 !== 0) throw this.damaged('a dictionary has a key without a value');
    for (let i = 0; i < values.length; i += 2) {
      const key = values[i];
      if (key !== null && typeof key !== 'string' && typeof key !== 'number' && typeof key !== 'boolean')
        throw this.damaged('a dictionary has a key that is neither text nor a number');
      dict.set(key, values[i + 1]);
    }
  }

  /** A function by its name, if it is allowed. */
  private global(module: PickleValue, name: PickleValue): PickleGlobal {
    if (typeof module !== 'string' || typeof name !== 'string')
      throw this.damaged('the name of a function is not text');
    const full = `${module}.${name}`;
    if (!this.caller.allows(full)) throw this.refused(full);
    return new PickleGlobal(full);
  }

  private persistent(id: PickleValue): PickleValue {
    const value = this.caller.persistent(id);
    if (value === undefined) throw this.damaged('it refers to data of an unknown kind');
    return value;
  }

  /** A call of an allowed function. */
  private reduce(): PickleValue {
    const [callee, args] = this.popMany(2);
    if (!(callee instanceof PickleGlobal)) throw this.damaged('it calls something other than a function');
    if (!(args instanceof PickleTuple))
      throw this.damaged(`it calls ${printable(callee.name)} without a list of arguments`);
    const value = this.caller.call(callee.name, args.items);
    if (value === undefined)
      throw this.damaged(`it calls ${printable(callee.name)} with arguments that do not describe a tensor`);
    return value;
  }

  /** PyTorch modules attach `_metadata` to their dictionary this way; it does not concern the tensors. */
  private build(): void {
    this.pop();
    if (!(this.top() instanceof Map))
      throw this.damaged('it sets the state of something other than a dictionary');
  }

  /** The error of a name that could run a program. */
  private refused(name: string): LocScaleError {
    return new LocScaleError(
      'bad-input',
      `${this.where} is not only tensors: it names ${printable(name)}, which is not read, because a ` +
        'pickle can run any program by naming it.',
      {
        where: this.where,
        found: printable(name),
        hint: 'Save the state dict alone: torch.save(model.state_dict(), "weights.pt").',
      },
    );
  }

  /** The error of a damaged pickle. */
  private damaged(what: string): LocScaleError {
    return new LocScaleError('bad-input', `${this.where} is not a readable pickle of tensors: ${what}.`, {
      where: this.where,
      hint:
        'Copy or download the file again, or save it anew with torch.save(model.state_dict(), ' +
        '"weights.pt").',
    });
  }
}
