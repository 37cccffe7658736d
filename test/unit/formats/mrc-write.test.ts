import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { decompress } from '../../../src/formats/compression.ts';
import type { MapImage } from '../../../src/formats/map-image.ts';
import { readMrc, writeMrc, writeMrcHeaderLast } from '../../../src/formats/mrc.ts';
import { createMrcHeader, type MrcHeader } from '../../../src/formats/mrc-header.ts';
import { validateMrc } from '../../../src/formats/mrc-validate.ts';
import { asFile, collect, inChunks, type MrcFixture, makeMrc } from '../../support/mrc-fixture.ts';
import { describeWithSharedData, sharedPath } from '../../support/shared-data.ts';

async function read(bytes: Uint8Array, voxelSizeOverride?: number): Promise<MapImage> {
  return readMrc(asFile(bytes), { name: 'x', allocate: (n) => new Float32Array(n), voxelSizeOverride });
}

const label = 'locscale-gpu test label';
const write = (image: { header: MrcHeader; data: Float32Array }): Promise<Uint8Array<ArrayBuffer>> =>
  collect(writeMrc(image, { label }));
const axisOrders = [
  [1, 2, 3],
  [1, 3, 2],
  [2, 1, 3],
  [2, 3, 1],
  [3, 1, 2],
  [3, 2, 1],
] as const;

/** Index of the first difference, -1 if none; toEqual takes seconds for a million numbers. */
function firstDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return Math.min(a.length, b.length);
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return i;
  return -1;
}

const rich: MrcFixture = {
  extents: [5, 7, 19],
  start: [-3, 4, 5],
  sampling: [50, 60, 70],
  voxelSize: 1.25,
  origin: [10.5, -20.25, 30.125],
  spaceGroup: 4,
  extended: Uint8Array.from({ length: 160 }, (_, i) => 32 + (i % 90)),
  extendedType: 'CCP4',
  version: 20141,
  labels: ['one', 'two'],
  extraByte: 0xa7,
};

describe('writing', () => {
  it.each(axisOrders)(
    'keeps everything spatial, in axis order %i,%i,%i, and the voxels where they are',
    async (...axes) => {
      const input = makeMrc({ ...rich, axes });
      const output = await write(await read(input));
      expect(output.length).toBe(input.length);
      // The voxels in file order, to the bit.
      expect(firstDifference(output.subarray(1184), input.subarray(1184))).toBe(-1);
      // The header to the byte, but for DMIN, DMAX, DMEAN, RMS, NLABL and the third label.
      const changed = new Set<number>();
      for (let i = 0; i < 1184; i++) if (input[i] !== output[i]) changed.add(i >> 2);
      const allowed = [19, 20, 21, 54, 55, ...Array.from({ length: 20 }, (_, i) => 56 + 40 + i)];
      expect([...changed].filter((word) => !allowed.includes(word))).toEqual([]);
      const again = await read(output);
      expect(again.header.labels).toEqual(['one', 'two', label]);
      expect(again.header.nlabl).toBe(3);
    },
  );

  it('is little endian mode 2 whatever it came from, on the same grid', async () => {
    for (const mode of [0, 1, 2, 6, 12]) {
      const image = await read(makeMrc({ ...rich, mode, littleEndian: false, axes: [3, 1, 2] }));
      const again = await read(await write(image));
      expect(again.grid).toEqual(image.grid);
      expect(firstDifference(again.data, image.data)).toBe(-1);
      expect(again.header).toMatchObject({
        littleEndian: true,
        mode: 2,
        machst: [0x44, 0x44, 0, 0],
        ispg: 4,
        exttyp: 'CCP4',
        nversion: 20141,
        ncstart: -3,
      });
      expect(again.header.extended).toEqual(image.header.extended);
    }
  });

  it.each([
    ['a map of one chunk', axisOrders[0], [5, 7, 19]],
    ['another axis order', axisOrders[4], [5, 7, 19]],
    ['a map of several chunks, the last of them odd', axisOrders[0], [65, 67, 131]],
    ['the same in another axis order', axisOrders[2], [65, 67, 131]],
  ] as const)('gives the same bytes with the header last: %s', async (_, axes, extents) => {
    const image = await read(makeMrc({ ...rich, axes, extents, sampling: extents }));
    const voxels = image.data.map((value, i) => value + Math.sin(i));
    const expected = await write({ ...image, data: voxels });
    const file = new Uint8Array(expected.length);
    for (const unchanging of [true, false]) {
      let last = -1;
      for await (const { at, bytes } of writeMrcHeaderLast(
        { ...image, data: voxels },
        { label, unchanging },
      )) {
        file.set(bytes, at);
        if (at < 1024) last = at;
        else expect(last).toBe(-1);
      }
      expect(firstDifference(file, expected)).toBe(-1);
      file.fill(0);
    }
  });

  it('recomputes the statistics in float64', async () => {
    // 1e6 + {0, 1, 2, 3}: float32 sums of squares would lose the deviation altogether.
    const values = Float32Array.from({ length: 64 ** 3 }, (_, i) => 1_000_000 + (i % 4));
    const { header } = await read(await write(await read(makeMrc({ extents: [64, 64, 64], values }))));
    expect([header.dmin, header.dmax, header.dmean]).toEqual([1_000_000, 1_000_003, 1_000_001.5]);
    // One float32 rounding.
    expect(header.rms).toBeCloseTo(Math.sqrt(1.25), 6);
  });

  it('fills the first blank label, or replaces the last of ten', async () => {
    const gap = await read(
      await write(await read(makeMrc({ ...rich, labels: ['one', '', 'three'], labelCount: 3 }))),
    );
    expect(gap.header.labels).toEqual(['one', label, 'three']);
    const ten = Array.from({ length: 10 }, (_, i) => `label ${i}`);
    const full = await read(await write(await read(makeMrc({ ...rich, labels: ten }))));
    expect(full.header.labels).toEqual([...ten.slice(0, 9), label]);
    expect(full.header.nlabl).toBe(10);
  });

  it('makes valid what was not: magic, machine stamp, NVERSION, NSYMBT', async () => {
    const image = await read(
      makeMrc({ extents: [4, 5, 6], magic: '', machineStamp: [0, 0, 0, 0], version: 0 }),
    );
    const output = await write(image);
    expect((await validateMrc(asFile(output))).deviations).toEqual([]);
  });

  it('writes the cell of an overridden voxel size', async () => {
    const image = await read(makeMrc({ extents: [4, 5, 6], voxelSize: 1.5 }), 1.25);
    expect((await read(await write(image))).grid.voxelSize).toEqual([1.25, 1.25, 1.25]);
  });

  it('takes a header that came from no file, and voxels in shared memory', async () => {
    const grid = { shape: [6, 5, 4], voxelSize: [1.5, 1.5, 1.5], origin: [3, 2, 1] } as const;
    const data = new Float32Array(new SharedArrayBuffer(480)).map((_, i) => i);
    const output = await write({ header: createMrcHeader(grid), data });
    const again = await read(output);
    expect(again.grid).toEqual(grid);
    expect(firstDifference(again.data, data)).toBe(-1);
    expect((await validateMrc(asFile(output))).deviations).toEqual([]);
  });

  it('gives out chunks that stay as they are, and leaves the volume alone', async () => {
    const values = Float32Array.from({ length: 80 ** 3 }, (_, i) => i + 1);
    const image = await read(makeMrc({ extents: [80, 80, 80], values }));
    const chunks: Uint8Array[] = [];
    for await (const chunk of writeMrc(image, { label })) chunks.push(chunk);
    expect(chunks.length).toBeGreaterThan(2);
    expect(Math.max(...chunks.map((chunk) => chunk.length))).toBeLessThanOrEqual(1 << 20);
    image.data.fill(0);
    const again = await read(await collect(inChunks(Buffer.concat(chunks))));
    expect(firstDifference(again.data, values)).toBe(-1);
  });

  it('refuses a volume that does not fit the header', async () => {
    const image = await read(makeMrc({ extents: [4, 5, 6] }));
    await expect(write({ header: image.header, data: new Float32Array(7) })).rejects.toMatchObject({
      tag: 'internal',
    });
  });
});

const realMaps = [
  ['emd_0093_hcn4/emd_0093_masked4A.mrc.gz', [220, 220, 220], 1.34],
  ['emd_30342_7cec/390_emd_30342_A_z4.mrc', [63, 81, 89], 1.113],
  ['emd_3186_5fj6/emd_3186.map', [100, 100, 100], 1.35],
  ['emd_32143_gpcr_gs/emd_32143_resampled100.map', [100, 100, 100], 1.527_204_6],
  ['emd_3240_5fn5/5fn5_box.ccp4', [66, 99, 64], 1.4],
  ['mrcfile/EMD-3197.map', [20, 20, 20], 11.4],
  ['mrcfile/emd_3197.map.gz', [20, 20, 20], 11.4],
  ['relion_betagal/betaGal.mrc', [100, 100, 100], 3.54],
  ['relion_betagal/localResolution.mrc', [100, 100, 100], 1],
] as const;
const spatialFields = [
  'nc',
  'nr',
  'ns',
  'ncstart',
  'nrstart',
  'nsstart',
  'mx',
  'my',
  'mz',
  'cellA',
  'cellB',
  'cellC',
  'alpha',
  'beta',
  'gamma',
  'mapc',
  'mapr',
  'maps',
  'ispg',
  'originX',
  'originY',
  'originZ',
  'nsymbt',
  'extended',
] as const;

async function readReal(path: string): Promise<MapImage> {
  const bytes = readFileSync(sharedPath('maps', path));
  const source = await decompress({ bytes: inChunks(bytes), byteLength: bytes.length }, path);
  return readMrc(source, { name: path, allocate: (n) => new Float32Array(n) });
}

describeWithSharedData('real maps', () => {
  it.each(realMaps)('%s: read, written, read again', async (path, shape, voxelSize) => {
    const image = await readReal(path);
    expect(image.grid.shape).toEqual(shape);
    // Cells are float32 and were partly rounded to 0.001 A by the programs that wrote them.
    for (const size of image.grid.voxelSize) expect(size).toBeCloseTo(voxelSize, 4);
    const output = await write(image);
    const again = await read(output);
    expect(firstDifference(again.data, image.data)).toBe(-1);
    expect(again.grid).toEqual(image.grid);
    for (const field of spatialFields) expect(again.header[field], field).toEqual(image.header[field]);
    expect(again.header.labels).toContain(label);
    for (const text of image.header.labels) expect(again.header.labels).toContain(text);
    const { deviations } = await validateMrc(asFile(output));
    expect(deviations.filter((d) => d.severity !== 'note')).toEqual([]);
  });

  it('text of an extended header without a type is called CCP4, anything else stays as it is', async () => {
    const text = new TextEncoder().encode('X, Y, Z'.padEnd(80));
    const typeOf = async (change: Partial<MrcFixture>): Promise<string> =>
      (await read(await write(await read(makeMrc({ ...rich, extended: text, ...change }))))).header.exttyp;
    expect(await typeOf({ extendedType: '' })).toBe('CCP4');
    expect(await typeOf({ extendedType: '    ' })).toBe('CCP4');
    expect(await typeOf({ extendedType: 'SERI' })).toBe('SERI');
    expect(await typeOf({ extendedType: '', extended: new Uint8Array(80) })).toBe('\0\0\0\0');
    expect(await typeOf({ extendedType: '', extended: text.subarray(0, 40) })).toBe('\0\0\0\0');
    expect(await typeOf({ extendedType: '', extended: new Uint8Array(0) })).toBe('\0\0\0\0');
  });

  it.each(['EMD-3001.map', 'EMD-3001.map.bz2'])('a crystal cell is refused: %s', async (file) => {
    await expect(readReal(`mrcfile/${file}`)).rejects.toMatchObject({
      tag: 'bad-input',
      message: expect.stringContaining('not orthogonal'),
    });
  });
});

const python = '/usr/bin/python3';
const mrcfilePresent = spawnSync(python, ['-c', 'import mrcfile, numpy']).status === 0;
const independent = `
import sys, json, io, mrcfile, numpy as np
with mrcfile.open(sys.argv[1], permissive=False) as m:
    h = m.header
    out = io.StringIO()
    i = {1: 'x', 2: 'y', 3: 'z'}
    order = [int(h.mapc), int(h.mapr), int(h.maps)]
    # data is (section, row, column); axis of z, y, x in it
    zyx = np.transpose(m.data, [2 - order.index(a) for a in (3, 2, 1)])
    nz, ny, nx = zyx.shape
    w = np.arange(zyx.size, dtype=np.float64).reshape(zyx.shape) % 1013
    print(json.dumps(dict(valid=m.validate(print_file=out), log=out.getvalue(), mode=int(h.mode), order=order, shape=[nz, ny, nx],
      voxel=[float(m.voxel_size[a]) for a in 'zyx'], origin=[float(h.origin[a]) for a in 'zyx'], start=[int(h.nxstart), int(h.nystart), int(h.nzstart)],
      cell=[float(h.cella[a]) for a in 'xyz'], ispg=int(h.ispg), labels=[l.decode('latin1').rstrip() for l in h.label[:int(h.nlabl)]],
      stated=[float(h.dmin), float(h.dmax), float(h.dmean), float(h.rms)],
      found=[float(m.data.min()), float(m.data.max()), float(m.data.mean(dtype=np.float64)), float(m.data.std(dtype=np.float64))],
      checksum=float((zyx.astype(np.float64) * w).sum()))))
`;

function describeIndependently(bytes: Uint8Array): Record<string, unknown> & {
  stated: number[];
  found: number[];
  voxel: number[];
  checksum: number;
  log: string;
} {
  const folder = mkdtempSync(join(tmpdir(), 'locscale-mrc-'));
  try {
    const path = join(folder, 'out.mrc');
    writeFileSync(path, bytes);
    const run = spawnSync(python, ['-c', independent, path], { encoding: 'utf8' });
    if (run.status !== 0) throw new Error(run.stderr);
    return JSON.parse(run.stdout);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function compareWithIndependentReader(image: MapImage, output: Uint8Array): Record<string, unknown> {
  const seen = describeIndependently(output);
  const h = image.header;
  expect(seen).toMatchObject({
    mode: 2,
    order: [h.mapc, h.mapr, h.maps],
    shape: image.grid.shape,
    start: [h.ncstart, h.nrstart, h.nsstart],
    cell: [h.cellA, h.cellB, h.cellC],
    origin: [h.originZ, h.originY, h.originX],
    ispg: h.ispg,
    labels: expect.arrayContaining([label]),
  });
  // mrcfile divides in float32; statistics in the header are rounded to float32 once.
  seen.voxel.forEach((size, i) => {
    expect(Math.abs(size / image.grid.voxelSize[i] - 1)).toBeLessThan(1e-6);
  });
  const scale = seen.found[3];
  seen.stated.forEach((value, i) => {
    expect(Math.abs(value - seen.found[i])).toBeLessThan(1e-6 * Math.max(scale, Math.abs(value)));
  });
  // A weighted sum over z, y, x: any voxel out of place changes it. Tolerance: float64 summation order.
  let checksum = 0;
  let size = 0;
  image.data.forEach((value, i) => {
    checksum += value * (i % 1013);
    size += Math.abs(value) * (i % 1013);
  });
  expect(Math.abs(seen.checksum - checksum)).toBeLessThan(1e-12 * size);
  return seen;
}

const withReader = mrcfilePresent ? describe : describe.skip;
const readerName = mrcfilePresent
  ? 'an independent reader (mrcfile)'
  : 'an independent reader (mrcfile) [skipped: /usr/bin/python3 has no mrcfile module]';

withReader(readerName, () => {
  it.each(axisOrders)(
    'finds the same grid, voxels and statistics, and nothing to object to: axis order %i,%i,%i',
    async (...axes) => {
      const values = Float32Array.from({ length: 5 * 7 * 19 }, (_, i) => Math.sin(i) + 0.25);
      const image = await read(makeMrc({ ...rich, axes, values, extraByte: 0 }));
      expect(compareWithIndependentReader(image, await write(image))).toMatchObject({ valid: true, log: '' });
    },
  );

  describeWithSharedData('on real maps', () => {
    it.each(realMaps.map(([path]) => path))('%s', async (path) => {
      const image = await readReal(path);
      // Stacks of images have no axis order in mrcfile; everything else must agree.
      compareWithIndependentReader(image, await write(image));
    });
  });
});
