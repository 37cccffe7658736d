import {
  linkSync,
  lstatSync,
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
import { checkOutputs } from '../../../src/files/check-outputs.ts';
import { makeFolder, StagedFiles } from '../../../src/files/staged-files.ts';

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

describe('StagedFiles', () => {
  it('puts all files in place at once', async () => {
    const staged = new StagedFiles('-o');
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
    const staged = new StagedFiles('-o');
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

  it('writes pieces one after the other, or where they belong', async () => {
    const text = (words: string): Uint8Array => new TextEncoder().encode(words);
    const staged = new StagedFiles();
    await staged.stage(at('a'), [text('one '), text('two '), text('three')]);
    await staged.stage(at('b'), [
      { at: 4, bytes: text('two ') },
      text('three'),
      { at: 0, bytes: text('one ') },
    ]);
    await staged.commit();
    expect(['a', 'b'].map((name) => readFileSync(at(name), 'utf8'))).toEqual([
      'one two three',
      'one two three',
    ]);
  });

  it('reports why a file cannot be written', async () => {
    await expect(new StagedFiles('-o').stage(at('none/a'), 'x')).rejects.toMatchObject({
      tag: 'bad-output',
      message: `${at('none/a')} cannot be written: its folder does not exist or accepts no files.`,
    });
  });

  it('puts the first staged file in place last', async () => {
    const staged = new StagedFiles('-o');
    for (const name of ['map', 'extra', 'record']) await staged.stage(at(name), name);
    // A folder in the way of the main file stops the commit when all others are in place.
    mkdirSync(at('map'));
    const failure = await staged.commit().catch((error: unknown) => error);
    expect(failure).toMatchObject({
      tag: 'bad-output',
      message: `${at('map')} cannot be written: a folder has that name; no output was written.`,
    });
    expect(readdirSync(folder)).toEqual(['map']);
    expect(readdirSync(at('map'))).toEqual([]);
  });

  it('takes back what was in place when another file fails, and says what it cannot take back', async () => {
    writeFileSync(at('record'), 'old');
    const staged = new StagedFiles('-o');
    for (const name of ['map', 'extra', 'other', 'record']) await staged.stage(at(name), `new ${name}`);
    mkdirSync(at('extra'));
    await expect(staged.commit()).rejects.toMatchObject({
      message: `${at('extra')} cannot be written: a folder has that name; of the outputs only ${at('record')} (in place of an older file) was written.`,
    });
    expect(readdirSync(folder).sort()).toEqual(['extra', 'record']);
    expect(readFileSync(at('record'), 'utf8')).toBe('new record');
    expect(await staged.commit()).toEqual([]);
  });
});

describe('links', () => {
  it('are followed: the file behind them is written, next to it its temporary, and they stay', async () => {
    mkdirSync(at('data'));
    writeFileSync(at('data/old.mrc'), 'old');
    symlinkSync('data/old.mrc', at('existing.mrc'));
    symlinkSync('data/new.mrc', at('dangling.mrc'));
    symlinkSync('dangling.mrc', at('twice.mrc'));
    await checkOutputs([at('existing.mrc'), at('twice.mrc')], []);
    const staged = new StagedFiles('-o');
    await staged.stage(at('existing.mrc'), 'one');
    await staged.stage(at('twice.mrc'), 'two');
    expect(readdirSync(at('data'))).toHaveLength(3);
    expect(await staged.commit()).toEqual([at('existing.mrc'), at('twice.mrc')]);
    expect(readdirSync(at('data')).sort()).toEqual(['new.mrc', 'old.mrc']);
    expect(readFileSync(at('data/old.mrc'), 'utf8')).toBe('one');
    expect(readFileSync(at('data/new.mrc'), 'utf8')).toBe('two');
    for (const name of ['existing.mrc', 'dangling.mrc', 'twice.mrc'])
      expect(lstatSync(at(name)).isSymbolicLink()).toBe(true);
  });

  it('are refused where they lead nowhere, in a circle, or to another output', async () => {
    symlinkSync('none/out.mrc', at('nowhere.mrc'));
    symlinkSync('b.mrc', at('a.mrc'));
    symlinkSync('a.mrc', at('b.mrc'));
    symlinkSync('out.json', at('out.mrc'));
    await expect(checkOutputs([at('nowhere.mrc')], [])).rejects.toThrow('none does not exist');
    await expect(checkOutputs([at('a.mrc')], [])).rejects.toThrow('its links form a loop');
    await expect(checkOutputs([at('out.mrc'), at('out.json')], [])).rejects.toThrow(
      'Two outputs have the name',
    );
  });
});

describe('makeFolder', () => {
  it('makes parents, accepts an existing folder, refuses a file', async () => {
    await makeFolder(at('x/y'), '-op');
    await makeFolder(at('x/y'), '-op');
    expect(readdirSync(at('x'))).toEqual(['y']);
    writeFileSync(at('file'), '');
    await expect(makeFolder(at('file'), '-op')).rejects.toMatchObject({
      tag: 'bad-output',
      message: `The folder ${at('file')} cannot be made: another file has that name.`,
      hint: 'Choose another folder with -op.',
    });
    await expect(makeFolder(at('file/sub'), '-o')).rejects.toMatchObject({
      message: `The folder ${at('file/sub')} cannot be made: a part of its path is a file, not a folder.`,
      hint: 'Choose another folder with -o.',
    });
  });
});
