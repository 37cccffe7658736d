/** Volumes that are stored as stacks: what is read, on which grid, and what the results are marked as. */
import { describe, expect, it } from 'vitest';
import { readMrc, writeMrc } from '../../../src/formats/mrc.ts';
import { validateMrc } from '../../../src/formats/mrc-validate.ts';
import { asFile, collect, type MrcFixture, makeMrc } from '../../support/mrc-fixture.ts';

async function read(fixture: Partial<MrcFixture>, voxelSizeOverride?: number) {
  const [warnings, infos]: [string[], string[]] = [[], []];
  const image = await readMrc(asFile(makeMrc({ extents: [4, 5, 6], voxelSize: 1.4, ...fixture })), {
    name: 'x.mrc',
    allocate: (n) => new Float32Array(n),
    voxelSizeOverride,
    onWarning: (message) => warnings.push(message),
    onInfo: (message) => infos.push(message),
  });
  return { ...image, warnings, infos };
}

const stacks: [string, Partial<MrcFixture>, readonly RegExp[]][] = [
  ['ISPG 401, MZ = NZ', { spaceGroup: 401 }, [/stack of volumes .* holds one of 4 x 5 x 6 voxels/]],
  [
    'ISPG 404, MZ 0',
    { spaceGroup: 404, sampling: [4, 5, 0], cell: [5.6, 7, 8.4] },
    [/holds one/, /cell of 8\.4 A/],
  ],
  ['ISPG 401, MZ 1', { spaceGroup: 401, sampling: [4, 5, 1] }, [/holds one/]],
  ['ISPG 0, MZ = NZ', { spaceGroup: 0 }, []],
  ['ISPG 0, MZ 1, a cell of one voxel', { spaceGroup: 0, sampling: [4, 5, 1] }, [/stack of images/]],
  [
    'ISPG 0, MZ 1, a cell of all voxels',
    { spaceGroup: 0, sampling: [4, 5, 1], cell: [5.6, 7, 8.4] },
    [/stack of images/, /cell of 8\.4 A along z for MZ 1; .* 1\.4 A, is used/],
  ],
  [
    'ISPG 0, no cell along z',
    { spaceGroup: 0, sampling: [4, 5, 1], cell: [5.6, 7, 0] },
    [/images/, /cell of 0 A/],
  ],
  ['ISPG 1, MZ 1, a cell of one voxel', { sampling: [4, 5, 1] }, []],
  ['ISPG 1, MZ 1, a cell of all voxels', { sampling: [4, 5, 1], cell: [5.6, 7, 8.4] }, [/cell of 8\.4 A/]],
  ['ISPG 1, MZ = NZ, a cell of one voxel', { cell: [5.6, 7, 1.4] }, [/cell of 1\.4 A along z for MZ 6/]],
  [
    'axes in another order',
    { axes: [3, 2, 1], sampling: [6, 5, 1], cell: [8.4, 7, 5.6] },
    [/cell of 5\.6 A/],
  ],
];

describe('one volume as a stack', () => {
  it.each(stacks)('%s', async (_, fixture, expected) => {
    const image = await read(fixture);
    expect(image.warnings).toHaveLength(expected.length);
    for (const [i, pattern] of expected.entries()) expect(image.warnings[i]).toMatch(pattern);
    for (const size of image.grid.voxelSize) expect(size).toBeCloseTo(1.4, 6);
    const { header, grid } = image;
    expect(header.mz).toBe(grid.shape[0]);
    expect(header.cellC).toBeCloseTo(grid.shape[0] * 1.4, 5);
    const { deviations } = await validateMrc(asFile(await collect(writeMrc(image, { label: 'test' }))));
    expect(deviations).toEqual([]);
  });

  it('is in the space group of its volumes', async () => {
    expect((await read({ spaceGroup: 404 })).header.ispg).toBe(4);
    expect((await read({ spaceGroup: 0 })).header.ispg).toBe(1);
    expect((await read({ spaceGroup: 19 })).header.ispg).toBe(19);
  });

  it('with space group 0 is worth a line of information, once', async () => {
    expect((await read({ spaceGroup: 0 })).infos).toEqual([
      'x.mrc has space group 0, that of image stacks; it is read as a volume.',
    ]);
  });

  it('takes a voxel size that is given', async () => {
    const { grid, header, warnings } = await read(
      { spaceGroup: 0, sampling: [4, 5, 1], cell: [5.6, 7, 8.4] },
      2,
    );
    expect(grid.voxelSize).toEqual([2, 2, 2]);
    expect([header.mz, header.cellC]).toEqual([6, 12]);
    expect(warnings).toHaveLength(2);
  });

  it('leaves parts of a unit cell as they are', async () => {
    const { header, warnings } = await read({ sampling: [40, 50, 60], start: [3, -4, 5] });
    expect([header.mx, header.my, header.mz, header.ncstart]).toEqual([40, 50, 60, 3]);
    expect(warnings).toEqual([]);
  });
});
