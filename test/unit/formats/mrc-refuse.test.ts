import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isLocScaleError } from '../../../src/errors.ts';
import { decompress } from '../../../src/formats/compression.ts';
import { type MrcReadOptions, readMrc } from '../../../src/formats/mrc.ts';
import { asFile, inChunks, type MrcFixture, makeMrc } from '../../support/mrc-fixture.ts';

const sound: MrcFixture = { extents: [4, 5, 6] };

/** An extended header that nothing recognises, so that any length might be right. */
const odd: Partial<MrcFixture> = { extended: new Uint8Array(13).fill(7) };

/** Reads and counts what was asked to be allocated. */
async function attempt(
  bytes: Uint8Array,
  options: Partial<MrcReadOptions> = {},
): Promise<{ error: unknown; allocated: number[] }> {
  const allocated: number[] = [];
  const allocate = (n: number): Float32Array => {
    allocated.push(n);
    return new Float32Array(n);
  };
  try {
    await readMrc(asFile(bytes), { name: 'x.mrc', allocate, ...options });
    return { error: undefined, allocated };
  } catch (error) {
    return { error, allocated };
  }
}

function setExtents(bytes: Uint8Array<ArrayBuffer>, extents: readonly number[]): void {
  for (const [i, n] of extents.entries()) new DataView(bytes.buffer).setInt32(4 * i, n, true);
}

function withValue(at: number, value: number): number[] {
  return Array.from({ length: 120 }, (_, i) => (i === at ? value : i + 1));
}

describe('refusals before any memory is allocated', () => {
  const cases: [string, Partial<MrcFixture>, RegExp, RegExp?][] = [
    [
      'wrong magic and nonsense',
      { magic: 'PNG!', mode: 77, axes: [9, 9, 9] },
      /is not an MRC\/CCP4 map: the letters "MAP " are missing/,
      /MRC2014/,
    ],
    ['mode 3', { mode: 3 }, /mode 3 \(complex int16\)/],
    ['mode 4', { mode: 4 }, /mode 4 \(complex float32\)/],
    ['mode 101', { mode: 101 }, /mode 101 \(4-bit\)/],
    ['unknown mode', { mode: 5 }, /unknown mode 5/],
    [
      'volume stack',
      { spaceGroup: 401, sampling: [4, 5, 3] },
      /is a stack of 2 volumes \(space group 401\), not one map/,
    ],
    ['broken volume stack', { spaceGroup: 630, sampling: [4, 5, 4] }, /stack of volumes \(space group 630\)/],
    ['packed bytes', { mode: 0, imodFlags: 16 }, /two voxels of 4 bits in a byte/, /float32/],
    ['axis order', { axes: [1, 1, 3] }, /axis order 1, 1, 3, which is not a permutation/],
    ['negative NSYMBT', { ...odd, extendedLength: -1 }, /extended header of -1 bytes/],
    ['absurd NSYMBT', { ...odd, extendedLength: 2 ** 30 }, /extended header of 1073741824 bytes/],
    [
      'NSYMBT beyond the file',
      { ...odd, extendedLength: 100 },
      /truncated: .* 100 bytes of extended header, 1604 bytes in all, but it has 1517 bytes/,
    ],
    ['angles', { angles: [90, 94.3, 90] }, /not orthogonal \(angles 90, 94\.3, 90 degrees\)/],
    ['an angle NaN', { angles: [90, Number.NaN, 90] }, /not orthogonal/],
    ['no cell', { cell: [0, 0, 0] }, /no usable voxel size \(cell 0 x 0 x 0 A/, /`voxelSize`/],
    ['NaN cell', { cell: [Number.NaN, 6, 6] }, /no usable voxel size/, /`voxelSize`/],
    ['negative cell', { cell: [-6, 7.5, 9] }, /no usable voxel size/, /`voxelSize`/],
    ['no sampling', { sampling: [0, 5, 6] }, /no usable voxel size/, /`voxelSize`/],
    [
      'absurdly small voxels',
      { voxelSize: 0.04 },
      /absurd voxel size of 0\.04 x 0\.04 x 0\.04 A/,
      /`voxelSize`/,
    ],
    ['absurdly large voxels', { voxelSize: 51 }, /absurd voxel size of 51 x 51 x 51 A/, /`voxelSize`/],
    [
      'anisotropic voxels',
      { cell: [6, 7.5, 9.2] },
      /different voxel size along each axis \(1\.5 x 1\.5 x 1\.53333 A\)/,
      /`voxelSize`/,
    ],
  ];
  it.each(cases)('%s', async (_, fixture, message, hint) => {
    const { error, allocated } = await attempt(makeMrc({ ...sound, ...fixture }));
    expect(isLocScaleError(error) && error).toMatchObject({
      tag: 'bad-input',
      where: 'x.mrc',
      message: expect.stringMatching(message),
      hint: expect.stringMatching(hint ?? /./),
    });
    expect(allocated).toEqual([]);
  });

  it.each([
    [0, 5, 6],
    [4, -5, 6],
    [4, 5, 2 ** 30],
    [65_536, 65_536, 65_536],
    [-2147483648, -2147483648, 1],
  ])('extents %i x %i x %i', async (nc, nr, ns) => {
    const bytes = makeMrc(sound);
    setExtents(bytes, [nc, nr, ns]);
    const { error, allocated } = await attempt(bytes);
    expect(error).toMatchObject({
      tag: 'bad-input',
      message: `x.mrc declares ${nc} x ${nr} x ${ns} voxels, which cannot be right.`,
    });
    expect(allocated).toEqual([]);
  });

  it('more voxels than the file has bytes for', async () => {
    const bytes = makeMrc(sound);
    setExtents(bytes, [2000, 2000, 2000]);
    const { error, allocated } = await attempt(bytes);
    expect(error).toMatchObject({ tag: 'bad-input', expected: '32000001024 bytes', found: '1504 bytes' });
    expect(allocated).toEqual([]);
    const gz = new Uint8Array(gzipSync(bytes));
    const source = await decompress({ bytes: inChunks(gz), byteLength: gz.length }, 'x');
    const never = (): Float32Array => expect.fail('allocated');
    await expect(readMrc(source, { name: 'x', allocate: never })).rejects.toMatchObject({
      tag: 'bad-input',
      found: expect.stringMatching(/^at most \d+ bytes$/),
    });
  });

  it.each([0, 51, -1, Number.NaN])('a voxel size of %d given by the user', async (voxelSizeOverride) => {
    const { error } = await attempt(makeMrc(sound), { voxelSizeOverride });
    expect(error).toMatchObject({ tag: 'usage', parameter: 'voxelSize' });
  });
});

describe('refusals of the voxels', () => {
  it.each([Number.NaN, Infinity, -Infinity])('%d is counted and placed', async (value) => {
    // Index 47 of 4 x 5 x 6 with axes 3, 1, 2: column 3, row 1, section 2 = z 3, x 1, y 2.
    const values = withValue(47, value);
    values[100] = Number.NaN;
    for (const mode of [2, 12]) {
      const { error } = await attempt(makeMrc({ ...sound, axes: [3, 1, 2], values, mode }));
      expect(error).toMatchObject({
        tag: 'bad-input',
        message: 'x.mrc has 2 voxels that are NaN or infinite, the first at x, y, z = 1, 2, 3.',
      });
    }
  });

  it('all zero', async () => {
    const bytes = makeMrc({ ...sound, values: new Float32Array(120) });
    expect((await attempt(bytes)).error).toMatchObject({
      tag: 'bad-input',
      message: 'x.mrc is empty: every voxel is 0.',
    });
    expect((await attempt(bytes, { kind: 'mask' })).error).toMatchObject({
      tag: 'bad-input',
      message: 'The mask x.mrc is empty: every voxel is 0.',
    });
  });

  it('no memory', async () => {
    const allocate = (): Float32Array => {
      throw new RangeError('Array buffer allocation failed');
    };
    expect((await attempt(makeMrc(sound), { allocate })).error).toMatchObject({ tag: 'out-of-memory' });
  });
});

describe('truncation', () => {
  const bytes = makeMrc({ ...sound, extended: new Uint8Array(80).fill(32), axes: [2, 3, 1] });

  it.each([0, 1, 4, 207, 1023, 1024, 1025, 1103, 1104, 1105, 1107, 1108, 1300, 1583])(
    'at byte %i, with and without a known length',
    async (length) => {
      const cut = bytes.subarray(0, length);
      const unknown = readMrc(
        { bytes: inChunks(cut) },
        { name: 'x.mrc', allocate: (n) => new Float32Array(n) },
      );
      for (const error of [(await attempt(cut)).error, await unknown.catch((e: unknown) => e)]) {
        if (length < 1024)
          expect(error).toMatchObject({
            tag: 'bad-input',
            message: `x.mrc is too short for a map: a header has 1024 bytes, the file only ${length}.`,
          });
        else
          expect(error).toMatchObject({ tag: 'bad-input', expected: '1584 bytes', found: `${length} bytes` });
      }
      expect((await attempt(cut)).allocated).toEqual([]);
    },
  );

  it('of a gzip file', async () => {
    const gz = new Uint8Array(gzipSync(bytes));
    const source = await decompress({ bytes: inChunks(gz.subarray(0, gz.length - 20)) }, 'x.mrc');
    const reading = readMrc(source, { name: 'x.mrc', allocate: (n) => new Float32Array(n) });
    await expect(reading).rejects.toMatchObject({
      tag: 'bad-input',
      message: expect.stringContaining('damaged or truncated gzip'),
    });
  });
});

describe('any header at all', () => {
  const words = [
    0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 22, 23, 24, 27, 49, 50, 51, 52, 53,
  ];
  const number = fc.oneof(
    fc.integer({ min: -2, max: 12 }),
    fc.integer(),
    fc.constantFrom(0x7fc00000, 0x7f800000, 0x3f800000, 401),
  );

  it('is read or refused in one sentence, and never allocates more than the file holds', async () => {
    const changes = fc.array(fc.tuple(fc.constantFrom(...words), number), { maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(changes, fc.boolean(), async (list, littleEndian) => {
        const bytes = makeMrc({ ...sound, littleEndian });
        for (const [word, value] of list) new DataView(bytes.buffer).setInt32(4 * word, value, littleEndian);
        const { error, allocated } = await attempt(bytes);
        if (error !== undefined) expect(isLocScaleError(error) && error.tag).toBe('bad-input');
        for (const voxels of allocated) expect(voxels).toBeLessThanOrEqual(480);
      }),
      { seed: 3, numRuns: 3000 },
    );
  });

  it('random bytes are refused', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ minLength: 0, maxLength: 3000 }), async (bytes) => {
        const { error, allocated } = await attempt(bytes);
        expect(isLocScaleError(error) && error.tag).toBe('bad-input');
        expect(allocated).toEqual([]);
      }),
      { seed: 4, numRuns: 500 },
    );
  });
});
