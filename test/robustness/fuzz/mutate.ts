/** Cases out of sound files: a pure function of the files, a seed and the number of the case. */
import { createRandom, type RandomSource } from '../../../src/math/statistics/random.ts';

export interface CaseSource {
  /** Sound files. */
  readonly seeds: readonly Uint8Array[];
  readonly dictionary: readonly Uint8Array[];
  repair?(bytes: Uint8Array): Uint8Array;
}

export const MOST_CASE_BYTES = 65_536;
/** Changes of one case. */
const MOST_CHANGES = 8;
/** One case in so many is random bytes behind the start of a sound file. */
const RANDOM_EVERY = 100;

/** Numbers at which lengths, counts and signs go wrong. */
const WHOLE_NUMBERS = [
  ...[0, 1, -1, 2, 3, 4, 7, 8, 16, 63, 64, 100, 127, 128, 255, 256, 1000, 1023, 1024, 4096],
  ...[32767, 32768, 65535, 65536, 2 ** 20, 2 ** 24, 2 ** 28, 2 ** 30, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1],
];
const REAL_NUMBERS = [0, -0, 1, -1, 1e-30, 1e30, 3.4e38, 1e-45, 1e300, NaN, Infinity, -Infinity, 0.5, 1.5];
const NUMBER_WORDS = [
  ...[
    '0',
    '-0',
    '1',
    '-1',
    '999999',
    '99999999999999999999',
    '1e308',
    '1e999',
    '-1e-400',
    '1e',
    '.',
    '-',
    '+',
  ],
  ...[
    'nan',
    'inf',
    '0x10',
    '1.2.3',
    '1,5',
    '********',
    '?',
    '',
    '0000000000000000001',
    '1.000000000000000001',
  ],
];

type Change = (bytes: Uint8Array, random: RandomSource, source: CaseSource) => Uint8Array;

export function makeCase(source: CaseSource, seed: number, index: number): Uint8Array<ArrayBuffer> {
  const random = createRandom(seed, index);
  const from = pick(source.seeds, random);
  let bytes: Uint8Array = Uint8Array.from(from);
  if (random.integer(1, RANDOM_EVERY) === 1) bytes = randomBehind(bytes, random);
  else {
    const changes = isText(bytes) ? [...BINARY, ...TEXT, ...TEXT] : BINARY;
    // Mostly few: a file that is broken in one place only gets furthest.
    const count = Math.min(random.integer(1, MOST_CHANGES), random.integer(1, MOST_CHANGES));
    for (let i = 0; i < count; i++) bytes = pick(changes, random)(bytes, random, source);
  }
  if (source.repair !== undefined && random.integer(0, 1) === 1) bytes = source.repair(bytes);
  return Uint8Array.from(bytes.subarray(0, MOST_CASE_BYTES));
}

/** Offsets in [0, length), many of them near the start, where headers are. */
function place(length: number, random: RandomSource): number {
  if (length <= 1) return 0;
  const within = random.integer(0, 2) === 0 ? Math.min(length, 256) : length;
  return random.integer(0, within - 1);
}

function pick<T>(list: readonly T[], random: RandomSource): T {
  return list[random.integer(0, list.length - 1)] as T;
}

function splice(bytes: Uint8Array, from: number, to: number, put: Uint8Array): Uint8Array {
  const out = new Uint8Array(from + put.length + bytes.length - to);
  out.set(bytes.subarray(0, from));
  out.set(put, from);
  out.set(bytes.subarray(to), from + put.length);
  return out;
}

function overwrite(bytes: Uint8Array, at: number, put: Uint8Array): Uint8Array {
  bytes.set(put.subarray(0, Math.max(0, bytes.length - at)), at);
  return bytes;
}

/** A piece of up to `most` bytes: first byte and end. */
function piece(length: number, most: number, random: RandomSource): [number, number] {
  const from = place(length, random);
  return [from, Math.min(length, from + random.integer(1, most))];
}

function numberBytes(random: RandomSource): Uint8Array {
  const view = new DataView(new ArrayBuffer(8));
  const little = random.integer(0, 1) === 0;
  const whole = pick(WHOLE_NUMBERS, random);
  switch (random.integer(0, 4)) {
    case 0:
      view.setInt16(0, whole, little);
      return new Uint8Array(view.buffer, 0, 2);
    case 1:
      view.setFloat32(0, pick(REAL_NUMBERS, random), little);
      return new Uint8Array(view.buffer, 0, 4);
    case 2:
      view.setFloat64(0, pick(REAL_NUMBERS, random), little);
      return new Uint8Array(view.buffer);
    case 3:
      view.setBigInt64(0, BigInt(whole) * (random.integer(0, 3) === 0 ? 2n ** 31n : 1n), little);
      return new Uint8Array(view.buffer);
    default:
      view.setInt32(0, whole, little);
      return new Uint8Array(view.buffer, 0, 4);
  }
}

const BINARY: readonly Change[] = [
  function flipBit(bytes, random) {
    if (bytes.length > 0) bytes[place(bytes.length, random)] ^= 1 << random.integer(0, 7);
    return bytes;
  },
  function setByte(bytes, random) {
    const value =
      random.integer(0, 1) === 0 ? random.integer(0, 255) : pick([0, 1, 0x7f, 0x80, 0xff], random);
    if (bytes.length > 0) bytes[place(bytes.length, random)] = value;
    return bytes;
  },
  function setNumber(bytes, random) {
    const at = place(bytes.length, random);
    return overwrite(bytes, random.integer(0, 2) > 0 ? at - (at % 4) : at, numberBytes(random));
  },
  function putWord(bytes, random, { dictionary }) {
    if (dictionary.length === 0) return bytes;
    const at = place(bytes.length, random);
    const word = pick(dictionary, random);
    return random.integer(0, 1) === 0 ? overwrite(bytes, at, word) : splice(bytes, at, at, word);
  },
  function remove(bytes, random) {
    const [from, to] = piece(bytes.length, random.integer(0, 1) === 0 ? 8 : 512, random);
    return splice(bytes, from, to, new Uint8Array(0));
  },
  function repeat(bytes, random) {
    const [from, to] = piece(bytes.length, random.integer(0, 1) === 0 ? 8 : 512, random);
    return splice(bytes, to, to, bytes.slice(from, to));
  },
  function move(bytes, random) {
    const [from, to] = piece(bytes.length, 64, random);
    return overwrite(bytes, place(bytes.length, random), bytes.slice(from, to));
  },
  function insert(bytes, random) {
    const at = place(bytes.length, random);
    const put = Uint8Array.from({ length: random.integer(1, 16) }, () => random.integer(0, 255));
    return splice(bytes, at, at, put);
  },
  function fill(bytes, random) {
    const [from, to] = piece(bytes.length, 64, random);
    return bytes.fill(pick([0, 0x20, 0xff], random), from, to);
  },
  function cut(bytes, random) {
    return bytes.slice(0, random.integer(0, bytes.length));
  },
  function extend(bytes, random) {
    return splice(
      bytes,
      bytes.length,
      bytes.length,
      new Uint8Array(random.integer(1, 1024)).fill(random.integer(0, 255)),
    );
  },
  function cross(bytes, random, { seeds }) {
    const other = pick(seeds, random);
    const at = place(bytes.length, random);
    const from = random.integer(0, 1) === 0 ? at : place(other.length, random);
    return splice(bytes, at, bytes.length, other.subarray(Math.min(from, other.length)));
  },
];

const LINE_END = 0x0a;

/** Starts of the lines. */
function linesOf(bytes: Uint8Array): number[] {
  const starts = [0];
  for (let at = bytes.indexOf(LINE_END); at >= 0; at = bytes.indexOf(LINE_END, at + 1)) starts.push(at + 1);
  return starts;
}

function line(bytes: Uint8Array, random: RandomSource): [number, number] {
  const starts = linesOf(bytes);
  const i = random.integer(0, starts.length - 1);
  return [starts[i] as number, starts[i + 1] ?? bytes.length];
}

/** First and last byte (exclusive) of a word that holds a digit, near a random place. */
function numberAt(bytes: Uint8Array, random: RandomSource): [number, number] | undefined {
  const isDigit = (byte: number | undefined): boolean => byte !== undefined && byte >= 0x30 && byte <= 0x39;
  let at = place(bytes.length, random);
  while (at < bytes.length && !isDigit(bytes[at])) at++;
  if (at === bytes.length) return undefined;
  let end = at;
  while (end < bytes.length && (isDigit(bytes[end]) || bytes[end] === 0x2e)) end++;
  return [at, end];
}

const TEXT: readonly Change[] = [
  function changeNumber(bytes, random) {
    const found = numberAt(bytes, random);
    if (found === undefined) return bytes;
    const word = new TextEncoder().encode(pick(NUMBER_WORDS, random));
    return random.integer(0, 1) === 0 ? splice(bytes, ...found, word) : overwrite(bytes, found[0], word);
  },
  function removeLine(bytes, random) {
    return splice(bytes, ...line(bytes, random), new Uint8Array(0));
  },
  function repeatLine(bytes, random) {
    const [from, to] = line(bytes, random);
    return splice(bytes, to, to, bytes.slice(from, to));
  },
  function moveLine(bytes, random) {
    const [from, to] = line(bytes, random);
    const taken = bytes.slice(from, to);
    const rest = splice(bytes, from, to, new Uint8Array(0));
    const [at] = line(rest, random);
    return splice(rest, at, at, taken);
  },
  function changeLineEnds(bytes, random) {
    const at = bytes.indexOf(LINE_END, place(bytes.length, random));
    if (at < 0) return bytes;
    return splice(bytes, at, at + 1, new TextEncoder().encode(pick(['\r\n', '\r', ' ', '\n\n', ''], random)));
  },
];

/** Printable in its first half kilobyte. */
function isText(bytes: Uint8Array): boolean {
  return bytes
    .subarray(0, 512)
    .every((byte) => (byte >= 0x20 && byte < 0x7f) || byte === LINE_END || byte === 0x0d);
}

function randomBehind(bytes: Uint8Array, random: RandomSource): Uint8Array {
  const kept = pick([0, 4, 16, 512], random);
  return Uint8Array.from({ length: random.integer(0, 2048) }, (_, i) =>
    i < kept ? (bytes[i] ?? 0) : random.integer(0, 255),
  );
}
