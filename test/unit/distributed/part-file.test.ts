/** Messages as files: what is written is read, and what is damaged is refused. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { readPart, writePart } from '../../../src/distributed/part-file.ts';
import { createRandom } from '../../../src/math/statistics/random.ts';

const folder = mkdtempSync(join(tmpdir(), 'locscale-parts-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const address = { session: '0123456789abcdef', sequence: 5, sender: 3 };
const path = join(folder, 'a.part');
/** Nothing settles in these tests: one look is enough. */
const AT_ONCE = 0;

function randomBytes(length: number): Uint8Array {
  const random = createRandom(length);
  return Uint8Array.from({ length }, () => random.integer(0, 255));
}

describe('a part', () => {
  // 16 MiB are one piece of reading.
  it.each([0, 1, 47, 100_000, 16 * 2 ** 20 + 1])('of %i bytes comes back', async (length) => {
    const payload = randomBytes(length);
    await writePart(path, address, payload);
    const read = await readPart(path, address, AT_ONCE);
    expect(read?.length).toBe(length);
    expect(Buffer.compare(read!, payload)).toBe(0);
    expect(readdirSync(folder)).toEqual(['a.part']);
  });

  it('that is not there is not an error', async () => {
    expect(await readPart(join(folder, 'none.part'), address, AT_ONCE)).toBeUndefined();
  });

  it('can come from shared memory', async () => {
    const shared = new Uint8Array(new SharedArrayBuffer(1000)).subarray(9);
    shared.set(randomBytes(shared.length));
    await writePart(path, address, shared);
    expect(await readPart(path, address, AT_ONCE)).toEqual(Uint8Array.from(shared));
  });

  const damages: [string, RegExp, (bytes: Uint8Array) => Uint8Array][] = [
    ['a changed byte', /its checksum is wrong/, (bytes) => flip(bytes, 48 + 500)],
    ['a changed header', /the checksum of its header is wrong/, (bytes) => flip(bytes, 33)],
    ['a missing end', /shorter than it says/, (bytes) => bytes.subarray(0, bytes.length - 1)],
    ['half a header', /its header is cut off/, (bytes) => bytes.subarray(0, 20)],
    ['no content', /its header is cut off/, () => new Uint8Array(0)],
  ];
  it.each(damages)('with %s is refused', async (_name, message, damage) => {
    await writePart(path, address, randomBytes(1000));
    writeFileSync(path, damage(new Uint8Array(readFileSync(path))));
    await expect(readPart(path, address, AT_ONCE)).rejects.toMatchObject({
      name: 'LocScaleError',
      tag: 'bad-input',
      where: path,
      message: expect.stringMatching(message),
    });
    await expect(readPart(path, address, AT_ONCE)).rejects.toThrow(/rank 3/);
  });

  it.each([
    { ...address, session: 'fedcba9876543210' },
    { ...address, sequence: 6 },
    { ...address, sender: 2 },
  ])('of another address is refused: %o', async (other) => {
    await writePart(path, other, randomBytes(10));
    await expect(readPart(path, address, AT_ONCE)).rejects.toThrow(/another message/);
  });

  it('that is short for a moment is waited for', async () => {
    await writePart(path, address, randomBytes(5000));
    const whole = readFileSync(path);
    truncateSync(path, 3000);
    const reading = readPart(path, address, 60_000);
    setTimeout(() => writeFileSync(path, whole), 300);
    expect((await reading)?.length).toBe(5000);
  });
});

function flip(bytes: Uint8Array, index: number): Uint8Array {
  bytes[index]! ^= 1;
  return bytes;
}
