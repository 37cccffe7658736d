/** Files that change while they are read. */
import { createHash } from 'node:crypto';
import {
  appendFileSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type HashedFile, openMapFile, readInput, readMapFile } from '../../../src/files/read-files.ts';
import { makeMrc } from '../../support/mrc-fixture.ts';

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'locscale-open-'));
  path = join(folder, 'map.mrc');
  const values = Float32Array.from({ length: 8 ** 3 }, (_, i) => Math.sin(i));
  writeFileSync(path, makeMrc({ extents: [8, 8, 8], voxelSize: 2, values }));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** `disturb` is called when the header has been read and the voxels have not. */
const open = (disturb: () => void, onRead?: (file: HashedFile) => void) => {
  const allocateHost = (voxels: number): Float32Array<ArrayBuffer> => {
    disturb();
    return new Float32Array(voxels);
  };
  return readMapFile(path, { engine: { allocateHost }, onRead });
};

describe('a map file', () => {
  it.each([
    ['written over', () => writeFileSync(path, readFileSync(path).fill(1, 1024))],
    ['longer', () => appendFileSync(path, 'more')],
    [
      'exchanged',
      () => {
        writeFileSync(`${path}.new`, readFileSync(path));
        renameSync(`${path}.new`, path);
      },
    ],
  ])('that is %s while it is read is refused', async (_, disturb) => {
    await expect(open(disturb)).rejects.toMatchObject({
      tag: 'bad-input',
      message: `${path} changed while it was read.`,
    });
    const files: HashedFile[] = [];
    const image = await open(
      () => undefined,
      (file) => files.push(file),
    );
    const bytes = readFileSync(path);
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    expect(image.data).toHaveLength(8 ** 3);
    expect(files).toEqual([{ path, bytes: bytes.length, sha256 }]);
  });

  it('that is removed between its header and its voxels is said to be gone', async () => {
    const source = await openMapFile(path);
    unlinkSync(path);
    const gone = { tag: 'bad-input', message: `${path} does not exist.` };
    await expect(source.load()).rejects.toMatchObject(gone);
    await expect(readInput(path)).rejects.toMatchObject(gone);
    await expect(readInput(folder)).rejects.toMatchObject({ message: `${folder} is a folder, not a file.` });
  });
});
