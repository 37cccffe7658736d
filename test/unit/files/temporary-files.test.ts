/** What is left of files that were being written: by this process, by killed ones, by others that live. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import process from 'node:process';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { checkOutputs } from '../../../src/files/check-outputs.ts';
import { StagedFiles } from '../../../src/files/staged-files.ts';
import {
  keepTemporary,
  removeLeftovers,
  removeTemporaries,
  takeTemporaryName,
} from '../../../src/files/temporary-files.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'locscale-temporary-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));
const at = (name: string): string => join(folder, name);

/** The name that a process of this machine with another number would take. */
function nameOf(pid: number, name = 'out.mrc'): string {
  const own = takeTemporaryName(at(name));
  keepTemporary(own);
  return basename(own).replace(`-${process.pid}-`, `-${pid}-`);
}

describe('temporary files of killed processes', () => {
  const ended = spawnSync(process.execPath, ['-e', '']).pid;

  it('go when the next run is about to write the same file', async () => {
    const names = [nameOf(ended), nameOf(process.pid)];
    for (const name of names) writeFileSync(at(name), 'half');
    writeFileSync(at(nameOf(ended, 'other.mrc')), 'half');
    await checkOutputs([at('out.mrc')], []);
    for (const name of names) expect(existsSync(at(name))).toBe(false);
    expect(readdirSync(folder)).toHaveLength(1);
  });

  it('stay while their process lives, or while it may live on another machine', async () => {
    const living = nameOf(process.ppid);
    const foreign = living.replace(/[0-9a-f]{8}(?=-\d+-)/, '00000000');
    const old = foreign.replace('00000000', '00000001');
    for (const name of [living, foreign, old]) writeFileSync(at(name), 'half');
    const yesterday = Date.now() / 1000 - 25 * 3600;
    utimesSync(at(old), yesterday, yesterday);
    await removeLeftovers(folder, () => true);
    expect(readdirSync(folder).sort()).toEqual([foreign, living].sort());
  });

  it('of which this process has the number do not keep it from writing', async () => {
    // As in containers, where a program has the same number at every start.
    const [next] = [takeTemporaryName(at('out.mrc'))].map((name) =>
      name.replace(/-(\d+)\.tmp$/, (_, count: string) => `-${Number(count) + 1}.tmp`),
    );
    writeFileSync(next as string, 'half');
    await checkOutputs([at('out.mrc')], []);
    expect(existsSync(next as string)).toBe(false);
  });
});

describe('a run that ends before its files are in place', () => {
  it('takes the folder away that it made for them, and leaves one that was there', async () => {
    mkdirSync(at('there'));
    const staged = new StagedFiles('-o');
    await staged.makeFolder(at('made'));
    await staged.makeFolder(at('there'));
    await staged.stage(at('made/a.png'), 'a');
    await staged.stage(at('there/b.png'), 'b');
    removeTemporaries();
    expect(readdirSync(folder, { recursive: true })).toEqual(['there']);

    const second = new StagedFiles('-o');
    await second.makeFolder(at('made'));
    await second.stage(at('made/a.png'), 'a');
    second.discard();
    expect(readdirSync(folder)).toEqual(['there']);

    const third = new StagedFiles('-o');
    await third.makeFolder(at('made'));
    await third.stage(at('made/a.png'), 'a');
    await third.commit();
    removeTemporaries();
    expect(readdirSync(at('made'))).toEqual(['a.png']);
  });
});
