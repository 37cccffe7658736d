/** Ways in which people call the program that its authors did not have in mind. */
import { spawnSync } from 'node:child_process';
import {
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ballValues, runCli, Workspace } from './run-cli.ts';

let workspace: Workspace;
beforeEach(() => {
  workspace = new Workspace();
  workspace.map('half1.mrc', 2);
  workspace.map('half2.mrc', 3);
  workspace.map('reference.mrc', 4);
  workspace.map('mask.mrc', 0, { values: ballValues(3) });
});
afterEach(() => workspace.remove());

const rest = ['-mm', 'reference.mrc', '-ma', 'mask.mrc', '-wn', '6', '--engine', 'cpu'];
const scale = ['-hm', 'half1.mrc', 'half2.mrc', ...rest, '-np', '1'];
const run = (args: readonly string[]) => runCli(workspace.folder, args);
const hasMkfifo = spawnSync('mkfifo', ['--version']).status === 0;

describe('names', () => {
  it('may have spaces, accents and other scripts; .map.gz is read', async () => {
    mkdirSync(workspace.path('my maps'));
    workspace.bytes('my maps/half map 1 ü 日本.map.gz', gzipSync(readFileSync(workspace.path('half1.mrc'))));
    const files = ['-hm', 'my maps/half map 1 ü 日本.map.gz', 'half2.mrc'];
    const result = await run([...files, ...rest, '-o', 'my maps/scaled ü.mrc']);
    expect([result.code, result.stderr]).toEqual([0, '']);
    expect(workspace.list().filter((name) => name.includes('scaled'))).toEqual([
      'my maps/scaled ü.json',
      'my maps/scaled ü.mrc',
    ]);
  });

  it('may come in any order, and -np does not change a bit of the result', async () => {
    await run([...rest, '-np', '1', '-hm', 'half1.mrc', 'half2.mrc', '-o', 'a.mrc']);
    await run(['-np', '2', '-o', 'b.mrc', '-hm', 'half1.mrc', 'half2.mrc', ...rest]);
    await run([...scale.slice(0, -1), '5', '-o', 'c.mrc']);
    const [a, b, c] = ['a.mrc', 'b.mrc', 'c.mrc'].map((name) => readFileSync(workspace.path(name)));
    expect(a.equals(b) && b.equals(c)).toBe(true);
  });
});

describe('outputs', () => {
  // A rename would replace the device or pipe itself. Only a pipe of the test's own is ever tried.
  it.skipIf(!hasMkfifo)('a pipe or device is refused and left in place', async () => {
    spawnSync('mkfifo', [workspace.path('pipe.mrc')]);
    symlinkSync('pipe.mrc', workspace.path('link.mrc'));
    for (const name of ['pipe.mrc', 'link.mrc']) {
      const result = await run([...scale, '-o', name]);
      expect(result.code).toBe(3);
      expect(result.stderr).toContain(
        `error: ${name} cannot be written: it is a device or a pipe, not a file.`,
      );
    }
    expect(lstatSync(workspace.path('pipe.mrc')).isFIFO()).toBe(true);
    // As an input it has no length to check.
    const asInput = await run(['-em', 'pipe.mrc', ...rest]);
    expect(asInput.code).toBe(3);
    expect(asInput.stderr).toContain('error: pipe.mrc is a device or a pipe, not a file.');
  });

  it('a path through a folder that does not exist is refused before the work, also as absent/../out.mrc', async () => {
    for (const name of ['absent/out.mrc', 'absent/../out.mrc']) {
      const before = workspace.list();
      const result = await run([...scale, '-o', name]);
      expect(result.code).toBe(3);
      expect(result.stderr).toMatch(/cannot be written: the folder .* does not exist\./);
      expect(result.stdout).toBe('');
      expect(workspace.list()).toEqual(before);
    }
  });

  it('link/../out.mrc is written where the system says it is', async () => {
    mkdirSync(workspace.path('one/two'), { recursive: true });
    symlinkSync('one/two', workspace.path('link'));
    const result = await run([...scale, '-o', 'link/../out.mrc']);
    expect([result.code, result.stderr]).toEqual([0, '']);
    expect(existsSync(workspace.path('one/out.mrc'))).toBe(true);
    expect(existsSync(workspace.path('out.mrc'))).toBe(false);
  });

  it('an input is never overwritten, whatever it is called', async () => {
    linkSync(workspace.path('half1.mrc'), workspace.path('hard.mrc'));
    symlinkSync('half2.mrc', workspace.path('soft.mrc'));
    symlinkSync('.', workspace.path('here'));
    const before = ['half1.mrc', 'half2.mrc'].map((name) => readFileSync(workspace.path(name)));
    for (const name of ['./half1.mrc', 'hard.mrc', 'soft.mrc', 'here/half2.mrc', 'here/../here/mask.mrc']) {
      const result = await run([...scale, '-o', name]);
      expect([name, result.code]).toEqual([name, 3]);
    }
    const after = ['half1.mrc', 'half2.mrc'].map((name) => readFileSync(workspace.path(name)));
    expect(after.every((bytes, i) => bytes.equals(before[i]))).toBe(true);
  });

  it('a link is replaced; what it points to stays', async () => {
    writeFileSync(workspace.path('kept.mrc'), 'old');
    symlinkSync('kept.mrc', workspace.path('out.mrc'));
    expect((await run([...scale, '-o', 'out.mrc'])).code).toBe(0);
    expect(readFileSync(workspace.path('kept.mrc'), 'utf8')).toBe('old');
    expect(lstatSync(workspace.path('out.mrc')).isFile()).toBe(true);
    rmSync(workspace.path('out.mrc'));
  });
});
