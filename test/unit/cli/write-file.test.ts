import {
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { checkOutputs, makeFolder, StagedOutputs } from '../../../src/cli/write-file.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'locscale-write-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));
const at = (name: string): string => join(folder, name);

describe('checkOutputs', () => {
  it('refuses to overwrite an input under any of its names', async () => {
    writeFileSync(at('in.mrc'), 'x');
    symlinkSync(at('in.mrc'), at('symlink.mrc'));
    linkSync(at('in.mrc'), at('hardlink.mrc'));
    mkdirSync(at('sub'));
    for (const output of [
      at('in.mrc'),
      at('symlink.mrc'),
      at('hardlink.mrc'),
      join(folder, 'sub', '..', 'in.mrc'),
    ]) {
      await expect(checkOutputs([output], [at('in.mrc')])).rejects.toMatchObject({
        tag: 'bad-output',
        message: `The output ${output} would overwrite the input ${at('in.mrc')}.`,
      });
    }
    await checkOutputs([at('out.mrc')], [at('in.mrc')]);
  });

  it('refuses folders, missing folders, files as folders, and two outputs of one name', async () => {
    mkdirSync(at('sub'));
    writeFileSync(at('file'), 'x');
    await expect(checkOutputs([at('sub')], [])).rejects.toThrow('it is a folder');
    await expect(checkOutputs([at('none/out.mrc')], [])).rejects.toThrow(
      `the folder ${at('none')} does not exist`,
    );
    await expect(checkOutputs([at('file/out.mrc')], [])).rejects.toThrow(`${at('file')} is not a folder`);
    await expect(checkOutputs([at('a'), at('a')], [])).rejects.toThrow('Two outputs have the name');
    await expect(checkOutputs([at('n'.repeat(300))], [])).rejects.toThrow('its name is too long');
  });

  it('leaves nothing behind and keeps an output of an earlier run until the new one is complete', async () => {
    writeFileSync(at('out.mrc'), 'old');
    await checkOutputs([at('out.mrc'), at('new.mrc')], []);
    expect(readdirSync(folder)).toEqual(['out.mrc']);
    expect(readFileSync(at('out.mrc'), 'utf8')).toBe('old');
  });
});

describe('StagedOutputs', () => {
  it('puts all files in place at once', async () => {
    const staged = new StagedOutputs();
    writeFileSync(at('a'), 'old');
    await staged.stage(at('a'), 'new');
    await staged.stage(at('b'), [new Uint8Array([1, 2]), new Uint8Array([3])]);
    expect(readFileSync(at('a'), 'utf8')).toBe('old');
    expect(readdirSync(folder)).not.toContain('b');
    expect(await staged.commit()).toEqual([at('a'), at('b')]);
    expect(readdirSync(folder).sort()).toEqual(['a', 'b']);
    expect(readFileSync(at('a'), 'utf8')).toBe('new');
    expect([...readFileSync(at('b'))]).toEqual([1, 2, 3]);
  });

  it('removes everything when the content fails half-way, or the run is given up', async () => {
    const staged = new StagedOutputs();
    await staged.stage(at('a'), 'complete');
    const failing = (function* () {
      yield new Uint8Array(10);
      throw new Error('no more');
    })();
    await expect(staged.stage(at('b'), failing)).rejects.toThrow('no more');
    staged.discard();
    expect(readdirSync(folder)).toEqual([]);
    expect(await staged.commit()).toEqual([]);
  });

  it('says in words why a file cannot be written', async () => {
    await expect(new StagedOutputs().stage(at('none/a'), 'x')).rejects.toMatchObject({ tag: 'bad-output' });
  });
});

describe('makeFolder', () => {
  it('makes parents, accepts an existing folder, refuses a file', async () => {
    await makeFolder(at('x/y'));
    await makeFolder(at('x/y'));
    expect(readdirSync(at('x'))).toEqual(['y']);
    writeFileSync(at('file'), '');
    await expect(makeFolder(at('file'))).rejects.toMatchObject({ tag: 'bad-output' });
  });
});
