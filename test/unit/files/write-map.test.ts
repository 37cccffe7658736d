/** The library's writer has the manners of the command line's, which is the same. */
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { takeTemporaryName } from '../../../src/files/temporary-files.ts';
import { type MapImage, readMapFile, readModelFile, writeMapFile } from '../../../src/index.ts';
import { makeMrc } from '../../support/mrc-fixture.ts';

let folder: string;
let image: MapImage;
const at = (name: string): string => join(folder, name);
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'locscale-library-'));
  const values = Float32Array.from({ length: 6 ** 3 }, (_, i) => Math.cos(i));
  writeFileSync(at('in.mrc'), makeMrc({ extents: [6, 6, 6], voxelSize: 2, values }));
  image = await readMapFile(at('in.mrc'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('writeMapFile', () => {
  it('writes a map that reads as it was', async () => {
    await writeMapFile(at('out.mrc'), image, 'copied');
    const again = await readMapFile(at('out.mrc'));
    expect(again.data).toEqual(image.data);
    expect(again.header.labels.join(' ')).toContain('copied');
    expect(readdirSync(folder).sort()).toEqual(['in.mrc', 'out.mrc']);
  });

  it('writes the file that a link points to, and leaves the link', async () => {
    mkdirSync(at('disk'));
    symlinkSync('disk/real.mrc', at('out.mrc'));
    await writeMapFile(at('out.mrc'), image, 'linked');
    expect(readlinkSync(at('out.mrc'))).toBe('disk/real.mrc');
    expect(readFileSync(at('disk/real.mrc')).length).toBe(1024 + 4 * 6 ** 3);
  });

  it('removes what a killed run left of the same file, and nothing else', async () => {
    // The name that a process of this machine gives, with the number of one that has ended.
    const own = takeTemporaryName(at('out.mrc'));
    const left = own.replace(`-${process.pid}-`, '-4194399-');
    writeFileSync(left, 'half a map');
    writeFileSync(left.replace('.out.mrc.', '.other.mrc.'), 'half a map');
    await writeMapFile(at('out.mrc'), image, 'x');
    expect(readdirSync(folder).filter((name) => name.endsWith('.tmp'))).toEqual([
      expect.stringMatching(/^\.other\.mrc\./),
    ]);
  });

  it('names no option in its errors, and leaves nothing', async () => {
    const error = await writeMapFile(at('absent/out.mrc'), image, 'x').catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ tag: 'bad-output', hint: 'Choose another folder or name.' });
    expect(readdirSync(folder)).toEqual(['in.mrc']);
  });
});

describe('readModelFile', () => {
  it('says in a sentence that a file is not there', async () => {
    await expect(readModelFile(at('absent.cif'))).rejects.toMatchObject({
      tag: 'bad-input',
      message: `${at('absent.cif')} does not exist.`,
    });
  });
});
