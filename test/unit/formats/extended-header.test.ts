/** Files whose NSYMBT is not the length of their extended header: what is read, and what stays refused. */
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import type { ByteSource } from '../../../src/formats/byte-source.ts';
import { decompress } from '../../../src/formats/compression.ts';
import { readMrc } from '../../../src/formats/mrc.ts';
import { validateMrc } from '../../../src/formats/mrc-validate.ts';
import { encodeBzip2 } from '../../support/bzip2-encode.ts';
import { asFile, inChunks, type MrcFixture, makeMrc } from '../../support/mrc-fixture.ts';

const extents = [7, 9, 11] as const;
const voxels = 7 * 9 * 11;
// Not a text in any mode: the second byte of each voxel is small.
const values = Float32Array.from({ length: voxels }, (_, i) => 1 + Math.round(100 * Math.sin(i) ** 2));
const [min, max] = [Math.min(...values), Math.max(...values)];
const statistics = [min, max, 50, 30] as const;

/** A file, a gzip file, a bzip2 file and a stream: all but the first of unknown length. */
async function sourcesOf(bytes: Uint8Array): Promise<[string, ByteSource][]> {
  const packed = async (file: Uint8Array): Promise<ByteSource> =>
    decompress({ bytes: inChunks(file, 777), byteLength: file.length }, 'x.mrc');
  return [
    ['file', asFile(bytes, 1000)],
    ['gzip', await packed(new Uint8Array(gzipSync(bytes)))],
    ['bzip2', await packed(encodeBzip2(bytes))],
    ['stream', { bytes: inChunks(bytes, 333) }],
  ];
}

async function readAll(bytes: Uint8Array) {
  const found = [];
  for (const [how, source] of await sourcesOf(bytes)) {
    const warnings: string[] = [];
    const reading = readMrc(source, {
      name: 'x.mrc',
      allocate: (n) => new Float32Array(n),
      onWarning: (message) => warnings.push(message),
    });
    found.push(
      await reading.then(
        ({ data, header }) => ({ how, data: [...data], extended: header.extended, warnings }),
        (error: Error) => ({ how, error: error.message }),
      ),
    );
  }
  return found;
}

const text = (lines: number): Uint8Array => new Uint8Array(80 * lines).fill(0x41);
function fei(images: number): Uint8Array {
  const bytes = new Uint8Array(768 * images);
  for (let i = 0; i < images; i++) new DataView(bytes.buffer).setInt32(768 * i, 768, true);
  return bytes;
}

const forms: readonly Partial<MrcFixture>[] = [
  {},
  { mode: 1, axes: [3, 1, 2], littleEndian: false },
  { mode: 12, axes: [2, 1, 3] },
  { mode: 0, axes: [3, 2, 1] },
];

describe('an extended header that is not there', () => {
  // More than the voxels have bytes (2772 of float32), fewer, none that can be, one that makes voxels
  // straddle.
  it.each([20_000, 80, 800, -1, -2_147_483_648, 2 ** 30, 81, 2771])('NSYMBT %i', async (extendedLength) => {
    for (const form of forms) {
      const expected = await readAll(makeMrc({ extents, values, ...form }));
      const found = await readAll(makeMrc({ extents, values, extendedLength, ...form }));
      const size = form.mode === 0 ? 1 : form.mode === undefined ? 4 : 2;
      for (const [i, { how, ...file }] of found.entries()) {
        // A stream is not kept: what was split in the middle of a voxel is lost.
        const split = extendedLength % size !== 0 && extendedLength > 0 && extendedLength < voxels * size;
        if (how !== 'file' && split) {
          expect(file).toEqual({ error: expect.stringContaining('truncated') });
          continue;
        }
        expect({ how, ...file }).toEqual({
          ...expected[i],
          warnings: [
            `x.mrc declares an extended header of ${extendedLength} bytes (NSYMBT), but its size leaves room for none: the voxels begin at byte 1024.`,
          ],
        });
      }
    }
  });
});

describe('an extended header of another length', () => {
  const cases: [string, Partial<MrcFixture>, number][] = [
    ['text, not counted', { extended: text(2), extendedLength: 0 }, 160],
    ['text, too small a count', { extended: text(3), extendedLength: 80 }, 240],
    ['text, too large a count', { extended: text(3), extendedLength: 1024 }, 240],
    ['text, negative count', { extended: text(1), extendedLength: -5 }, 80],
    ['count in the other byte order', { extended: new Uint8Array(1024), extendedLength: 0x00040000 }, 1024],
    ['FEI, not counted', { extended: fei(4), extendedType: 'FEI1', extendedLength: 0 }, 3072],
    ['FEI, too large a count', { extended: fei(2), extendedType: 'FEI2', extendedLength: 98_304 }, 1536],
    // Nothing recognises these bytes, but with them the extremes are not those of the header.
    [
      'numbers, not counted',
      { extended: new Uint8Array(1024).fill(0x7e), extendedLength: 0, statistics, axes: [3, 1, 2] },
      1024,
    ],
  ];
  it.each(cases)('%s', async (_, fixture, length) => {
    for (const file of await readAll(makeMrc({ extents, values, statistics, ...fixture }))) {
      const { extended } = fixture;
      const [sound] = await readAll(
        makeMrc({ extents, values, statistics, ...fixture, extendedLength: length }),
      );
      expect(file).toEqual({
        ...sound,
        how: file.how,
        extended,
        warnings: [
          `x.mrc declares an extended header of ${fixture.extendedLength} bytes (NSYMBT), but its size leaves room for ${length}: the voxels begin at byte ${1024 + length}.`,
        ],
      });
    }
  });
});

describe('what only looks like it', () => {
  it('bytes behind the voxels stay there, whatever they are', async () => {
    for (const fill of [0, 0x41, 0x7e]) {
      for (const fixture of [{}, { statistics }, { extended: text(1), statistics }]) {
        const sound = makeMrc({ extents, values, ...fixture });
        const padded = new Uint8Array(sound.length + 160).fill(fill);
        padded.set(sound);
        for (const file of await readAll(padded))
          expect(file).toMatchObject({
            data: [...values],
            warnings: ['x.mrc has 160 bytes after the end of its map; they are ignored.'],
          });
      }
    }
  });

  it('a file that is cut off is refused, also where its length is that of the voxels', async () => {
    const whole = makeMrc({ extents, values, extended: text(2) });
    const binary = makeMrc({ extents, values, extended: new Uint8Array(160).fill(7), extendedType: 'SERI' });
    for (const bytes of [whole, binary])
      for (const cut of [1, 4, 80, 159, 161, 164, 1000])
        for (const file of await readAll(bytes.subarray(0, bytes.length - cut)))
          expect(file).toEqual({ how: file.how, error: expect.stringContaining('truncated') });
    for (const file of await readAll(whole.subarray(0, whole.length - 160)))
      expect(file).toEqual({ how: file.how, error: expect.stringContaining('truncated') });
  });

  it('a count that cannot be, and a length that fits nothing', async () => {
    const bytes = makeMrc({ extents, values, extended: new Uint8Array(50).fill(7), extendedLength: -50 });
    for (const file of await readAll(bytes))
      expect(file).toEqual({
        how: file.how,
        error: 'x.mrc declares an extended header of -50 bytes, which cannot be right.',
      });
  });
});

describe('the validator', () => {
  it('says which length it is, and judges the voxels from there', async () => {
    for (const [how, source] of await sourcesOf(makeMrc({ extents, values, extendedLength: 20_000 }))) {
      const { deviations, summary } = await validateMrc(source);
      expect(deviations).toContainEqual({
        severity: 'error',
        field: 'NSYMBT',
        message:
          'declares an extended header of 20000 bytes (NSYMBT), but its size leaves room for none: the voxels begin at byte 1024',
      });
      expect(deviations.some(({ field }) => field === 'file')).toBe(false);
      if (how === 'file') expect(summary.statistics).toMatchObject({ min, max });
    }
  });
});
