import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { decompress } from '../../../src/formats/compression.ts';
import type { MapImage } from '../../../src/formats/map-image.ts';
import { type MrcReadOptions, readMrc } from '../../../src/formats/mrc.ts';
import { encodeBzip2 } from '../../support/bzip2-encode.ts';
import { asFile, type FixtureMode, inChunks, type MrcFixture, makeMrc } from '../../support/mrc-fixture.ts';

async function read(
  bytes: Uint8Array,
  options: Partial<MrcReadOptions> = {},
  chunkSize?: number,
): Promise<MapImage & { warnings: string[] }> {
  const warnings: string[] = [];
  const image = await readMrc(asFile(bytes, chunkSize), {
    name: 'x.mrc',
    allocate: (n) => new Float32Array(n),
    onWarning: (message) => warnings.push(message),
    ...options,
  });
  return { ...image, warnings };
}

const extremes: Record<FixtureMode, number[]> = {
  0: [-128, 127, 0, 1, -1],
  1: [-32_768, 32_767, 0, 258, -2],
  2: [-1.5, 3.402823e38, 1e-38, 0, 0.1],
  6: [65_535, 0, 258, 32_768, 1],
  12: [65_504, -65_504, 2 ** -24, -0.5, 1.5009765625],
};
const modes = [0, 1, 2, 6, 12] as const;
const axisOrders = [
  [1, 2, 3],
  [1, 3, 2],
  [2, 1, 3],
  [2, 3, 1],
  [3, 1, 2],
  [3, 2, 1],
] as const;

function ramp(mode: FixtureMode, count: number): number[] {
  return Array.from({ length: count }, (_, i) => (i < 5 ? extremes[mode][i] : (i % 100) + 1));
}

describe('reading voxels', () => {
  for (const mode of modes) {
    for (const littleEndian of [true, false]) {
      it(`mode ${mode}, ${littleEndian ? 'little' : 'big'} endian: plain, gzip, bzip2`, async () => {
        const values = ramp(mode, 3 * 5 * 7);
        const bytes = makeMrc({ extents: [3, 5, 7], mode, littleEndian, values });
        for (const file of [bytes, new Uint8Array(gzipSync(bytes)), encodeBzip2(bytes, 700)]) {
          const source = await decompress({ bytes: inChunks(file, 333), byteLength: file.length }, 'x');
          const image = await readMrc(source, { name: 'x', allocate: (n) => new Float32Array(n) });
          expect(image.data).toEqual(Float32Array.from(values));
          expect(image.grid.shape).toEqual([7, 5, 3]);
        }
      });
    }
  }

  it.each([1, 2, 3, 5, 1023, 1024, 1025, 4096])(
    'does not depend on the chunk size (%i)',
    async (chunkSize) => {
      for (const mode of [1, 2] as const) {
        const values = ramp(mode, 3 * 5 * 7);
        const bytes = makeMrc({
          extents: [3, 5, 7],
          mode,
          values,
          axes: [3, 1, 2],
          extended: new Uint8Array(81).fill(32),
        });
        const [whole, pieces] = [await read(bytes), await read(bytes, {}, chunkSize)];
        expect(pieces.data).toEqual(whole.data);
        expect(pieces.header.extended).toEqual(new Uint8Array(81).fill(32));
      }
    },
  );

  it('crosses the conversion buffer where a voxel is split between chunks', async () => {
    // 90^3 float32 = 2.9 MB, eleven conversion buffers; 65,537 is odd.
    const values = Float32Array.from({ length: 90 ** 3 }, (_, i) => i + 1);
    for (const littleEndian of [true, false]) {
      const image = await read(makeMrc({ extents: [90, 90, 90], values, littleEndian }), {}, 65_537);
      // Not toEqual, which takes seconds for so many numbers.
      expect(image.data.findIndex((value, i) => value !== values[i])).toBe(-1);
    }
  });

  // Odd extents, below and above the blocks of 16 in which voxels are moved.
  for (const extents of [
    [3, 5, 7],
    [17, 33, 35],
    [40, 16, 1],
  ] as const) {
    it.each(axisOrders)(`axis order %i,%i,%i of ${extents.join(' x ')}`, async (mapc, mapr, maps) => {
      const [nc, nr, ns] = extents;
      const values = Float32Array.from({ length: nc * nr * ns }, (_, i) => i + 1);
      const image = await read(makeMrc({ extents, axes: [mapc, mapr, maps], values }));
      const [nz, ny, nx] = image.grid.shape;
      const along = [0, 0, 0];
      [mapc, mapr, maps].forEach((axis, i) => {
        along[axis - 1] = extents[i];
      });
      expect([nx, ny, nz]).toEqual(along);
      const expected = new Float32Array(nc * nr * ns);
      for (let s = 0, i = 0; s < ns; s++) {
        for (let r = 0; r < nr; r++) {
          for (let c = 0; c < nc; c++) {
            const position = [0, 0, 0];
            position[mapc - 1] = c;
            position[mapr - 1] = r;
            position[maps - 1] = s;
            expected[(position[2] * ny + position[1]) * nx + position[0]] = values[i++];
          }
        }
      }
      expect(image.data).toEqual(expected);
    });
  }

  it('writes into the memory it is given, shared memory included, and requests it once', async () => {
    const given: Float32Array[] = [];
    const allocate = (n: number): Float32Array => {
      given.push(new Float32Array(new SharedArrayBuffer(4 * n)));
      return given[0];
    };
    const image = await read(makeMrc({ extents: [3, 4, 5] }), { allocate });
    expect(given).toHaveLength(1);
    expect(image.data).toBe(given[0]);
  });
});

describe('reading the grid', () => {
  it('takes voxel size from cell and sampling of each crystal axis, and ORIGIN', async () => {
    const { grid, warnings } = await read(
      makeMrc({
        extents: [4, 5, 6],
        axes: [3, 1, 2],
        sampling: [20, 40, 80],
        cell: [30, 60.01, 120],
        origin: [1, 2, 3],
        start: [7, 8, 9],
      }),
    );
    expect(grid.shape).toEqual([4, 6, 5]);
    // x: 30/20, y: 60.01/40, z: 120/80; the tolerance is float32's.
    expect(grid.voxelSize[2]).toBe(1.5);
    expect(grid.voxelSize[1]).toBeCloseTo(1.50025, 6);
    expect(grid.voxelSize[0]).toBe(1.5);
    expect(grid.origin).toEqual([3, 2, 1]);
    expect(warnings).toEqual([]);
  });

  it('takes the origin from NSTART where ORIGIN is 0, along the right axes', async () => {
    const { grid } = await read(
      makeMrc({ extents: [4, 5, 6], axes: [3, 1, 2], start: [7, 8, -9], voxelSize: 2 }),
    );
    expect(grid.origin).toEqual([14, -18, 16]);
  });

  it('overrides the voxel size and says both values', async () => {
    const fixture: MrcFixture = {
      extents: [4, 5, 6],
      sampling: [40, 50, 60],
      start: [2, 0, 0],
      voxelSize: 1.5,
    };
    const { grid, header, warnings } = await read(makeMrc(fixture), { voxelSizeOverride: 1.25 });
    expect(grid.voxelSize).toEqual([1.25, 1.25, 1.25]);
    expect(grid.origin).toEqual([0, 0, 2.5]);
    expect([header.cellA, header.cellB, header.cellC]).toEqual([50, 62.5, 75]);
    expect(warnings).toEqual([
      'The voxel size of x.mrc is set to 1.25 A by `voxelSize`; its header states 1.5 x 1.5 x 1.5 A.',
    ]);
    const agreeing = await read(makeMrc(fixture), { voxelSizeOverride: 1.5 });
    expect(agreeing.warnings).toEqual([]);
  });

  it('an override repairs a missing cell and sampling', async () => {
    const { grid, header } = await read(
      makeMrc({ extents: [4, 5, 6], sampling: [0, 0, 0], cell: [0, 0, 0] }),
      { voxelSizeOverride: 2 },
    );
    expect(grid.voxelSize).toEqual([2, 2, 2]);
    expect([header.mx, header.my, header.mz, header.cellA, header.cellB, header.cellC]).toEqual([
      4, 5, 6, 8, 10, 12,
    ]);
  });
});

const sound: MrcFixture = { extents: [4, 5, 6] };

describe('reading with a warning', () => {
  const cases: [string, Partial<MrcFixture>, RegExp][] = [
    ['no magic', { magic: '' }, /lacks the letters "MAP "/],
    [
      'garbage machine stamp',
      { machineStamp: [1, 2, 3, 4] },
      /unknown machine stamp 0x01 0x02 0x03 0x04; .* read as little endian/,
    ],
    [
      'lying machine stamp',
      { littleEndian: false, machineStamp: [0x44, 0x44, 0, 0] },
      /machine stamp for little endian .* only make sense as big endian/,
    ],
    ['no axis order', { axes: [0, 0, 0] }, /states no axis order/],
    ['angles 0', { angles: [0, 0, 0] }, /cell angles of 0; 90 degrees are assumed/],
    [
      'image stack',
      { spaceGroup: 0, sampling: [4, 5, 1] },
      /stack of images \(space group 0, MZ 1\); it is read as a volume of 4 x 5 x 6/,
    ],
    [
      'slightly anisotropic',
      { cell: [6, 7.5, 9.03] },
      /slightly different voxel sizes .*1\.5 x 1\.5 x 1\.505 A/,
    ],
    ['ORIGIN not a number', { origin: [Number.NaN, 0, 0] }, /ORIGIN that is not a number/],
  ];
  it.each(cases)('%s', async (_, fixture, message) => {
    const { warnings, data } = await read(makeMrc({ ...sound, ...fixture }));
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toMatch(message);
    expect(data[7]).toBe(8);
  });

  it('bytes after the end, in plain and in compressed files', async () => {
    const bytes = new Uint8Array([...makeMrc(sound), 1, 2, 3]);
    expect((await read(bytes)).warnings).toEqual([
      'x.mrc has 3 bytes after the end of its map; they are ignored.',
    ]);
    const warnings: string[] = [];
    const gz = await decompress({ bytes: inChunks(new Uint8Array(gzipSync(bytes))) }, 'x');
    await readMrc(gz, {
      name: 'x',
      allocate: (n) => new Float32Array(n),
      onWarning: (m) => warnings.push(m),
    });
    expect(warnings).toEqual(['x has 3 bytes after the end of its map; they are ignored.']);
  });

  it('does not decompress on and on behind the map', async () => {
    let pulled = 0;
    const endless = (async function* () {
      yield makeMrc(sound);
      for (;;) {
        pulled += 65_536;
        yield new Uint8Array(65_536);
      }
    })();
    const warnings: string[] = [];
    await readMrc(
      { bytes: endless },
      { name: 'x', allocate: (n) => new Float32Array(n), onWarning: (m) => warnings.push(m) },
    );
    expect(warnings).toEqual(['x has more than 1048576 bytes after the end of its map; they are ignored.']);
    expect(pulled).toBeLessThan(1_300_000);
  });

  it('an empty mask where that is allowed', async () => {
    const image = await read(makeMrc({ ...sound, values: new Float32Array(120) }), {
      kind: 'mask',
      allowAllZero: true,
    });
    expect(image.data.every((v) => v === 0)).toBe(true);
  });
});
