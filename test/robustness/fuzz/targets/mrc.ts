/** MRC maps: every mode and byte order, axes exchanged, extended headers; plain, in gzip and in bzip2. */
import { gzipSync } from 'fflate';
import { LocScaleError } from '../../../../src/errors.ts';
import type { ByteSource } from '../../../../src/formats/byte-source.ts';
import { decompress, detectCompression } from '../../../../src/formats/compression.ts';
import { readMrc, readMrcHeader } from '../../../../src/formats/mrc.ts';
import { validateMrc } from '../../../../src/formats/mrc-validate.ts';
import { encodeBzip2 } from '../../../support/bzip2-encode.ts';
import { type MrcFixture, makeMrc } from '../../../support/mrc-fixture.ts';
import { ascii, hashOf, property, withClearRefusals } from '../target-tools.ts';
import type { FuzzTarget } from '../types.ts';

const NAME = 'case.mrc';
/** Voxels that there is memory for here; an engine with less refuses in the same way. */
const MOST_VOXELS = 2 ** 22;
/** Bytes of the file per chunk, as a disk would give them. */
const CHUNK_BYTES = 1024;

const extents = [4, 5, 6] as const;
const values = Float32Array.from({ length: 120 }, (_, i) => Math.round(50 * Math.sin(i)));
const forms: readonly Partial<MrcFixture>[] = [
  {},
  { littleEndian: false },
  { mode: 0, axes: [3, 2, 1] },
  { mode: 1, littleEndian: false, axes: [2, 3, 1], start: [-3, 7, 0] },
  { mode: 6, origin: [10, -20.5, 3], labels: ['made for tests'] },
  { mode: 0, imodFlags: 0, littleEndian: false, spaceGroup: 401 },
  { extendedLength: 80, spaceGroup: 0, sampling: [4, 5, 1] },
  { mode: 1, extended: new Uint8Array(80).fill(0x41), extendedLength: 0 },
  { mode: 12, extended: new Uint8Array(160).fill(0x20), extendedType: 'SERI', axes: [1, 3, 2] },
];
const plain = forms.map((form) => makeMrc({ extents, values, ...form }));
const seeds = [
  ...plain,
  gzipSync(plain[0], { mtime: 0 }),
  encodeBzip2(plain[1]),
  gzipSync(makeMrc({ extents, values, extendedLength: 240, axes: [2, 3, 1] }), { mtime: 0 }),
];

async function* chunks(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += CHUNK_BYTES) yield bytes.subarray(at, at + CHUNK_BYTES);
}

/** As a file, whose length is known. */
function open(bytes: Uint8Array): Promise<ByteSource> {
  return decompress({ bytes: chunks(bytes), byteLength: bytes.length }, NAME);
}

async function read(bytes: Uint8Array): Promise<void> {
  const report = await validateMrc(await open(bytes)).catch((error: unknown) => error);
  const { byteLengthLimit } = await open(bytes);
  const allocate = (voxels: number): Float32Array => {
    property(Number.isSafeInteger(voxels) && voxels > 0, `so many voxels can be asked for, not ${voxels}`);
    // A voxel takes at least a byte of the file, four of memory.
    const most = byteLengthLimit ?? bytes.length;
    property(voxels <= most, `no more voxels (${voxels}) are asked for than the file can hold (${most})`);
    if (voxels > MOST_VOXELS) throw new LocScaleError('out-of-memory', 'The map does not fit.');
    return new Float32Array(voxels);
  };
  const { header, grid } = await readMrcHeader(await open(bytes), { name: NAME });
  const map = await readMrc(await open(bytes), { name: NAME, allocate });
  property(
    JSON.stringify([{ ...map.header, extended: header.extended }, map.grid]) ===
      JSON.stringify([header, grid]),
    'the header is the same read by itself and with the voxels',
  );
  const { shape, voxelSize, origin } = map.grid;
  property(
    shape.every((n) => Number.isSafeInteger(n) && n > 0),
    `extents are whole, not ${shape}`,
  );
  property(map.data.length === shape[0] * shape[1] * shape[2], 'there are as many voxels as the extents say');
  property(
    voxelSize.every((size) => size > 0 && Number.isFinite(size)),
    `voxels have a size, not ${voxelSize}`,
  );
  property(origin.every(Number.isFinite), `the origin is somewhere, not ${origin}`);
  property(map.data.every(Number.isFinite), 'voxels are numbers');
  if (report instanceof Error)
    throw new Error('The validator threw where the reader accepts.', { cause: report });
}

export const mrc: FuzzTarget = {
  name: 'mrc',
  title: 'MRC maps of all modes, byte orders and axis orders; plain, gzip, bzip2',
  seeds: async () => seeds,
  dictionary: [
    ...['MAP ', 'SERI', 'FEI1', 'BZh9', 'BZh1', '1AY&SY'].map(ascii),
    ...[
      [0x44, 0x44, 0, 0],
      [0x11, 0x11, 0, 0],
      [0x1f, 0x8b, 8],
      [0x17, 0x72, 0x45, 0x38, 0x50, 0x90],
      [0, 0, 0, 101],
    ].map((bytes) => Uint8Array.from(bytes)),
  ],
  /** What was changed, in a compressed file that is sound. */
  repair(bytes) {
    if (detectCompression(bytes) !== 'none') return bytes;
    // The encoder of bzip2 is made for tests, not for speed.
    return hashOf(bytes) % 8 === 0
      ? encodeBzip2(bytes.subarray(0, 2048))
      : gzipSync(bytes, { level: 1, mtime: 0 });
  },
  read: withClearRefusals(read),
  refusals: ['bad-input', 'out-of-memory'],
  memoryLimitBytes: 64 * 2 ** 20,
};
