/** Ways in which people call the program that its authors did not have in mind. */
import { spawnSync } from 'node:child_process';
import {
  closeSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { edge } from '../unit/pipeline/test-maps.ts';
import { ballValues, runCli, runCommand, Workspace } from './run-cli.ts';

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
const run = (args: readonly string[]) => runCommand(workspace.folder, args);
const isRoot = process.getuid?.() === 0;
const unlessRoot = isRoot ? ' [skipped: the superuser may write anywhere]' : '';
const hasMkfifo = spawnSync('mkfifo', ['--version']).status === 0;

describe('names', () => {
  it('may have spaces, accents and other scripts; .map.gz is read', async () => {
    mkdirSync(workspace.path('my maps'));
    workspace.bytes('my maps/half map 1 ü 日本.map.gz', gzipSync(readFileSync(workspace.path('half1.mrc'))));
    const files = ['-hm', 'my maps/half map 1 ü 日本.map.gz', 'half2.mrc'];
    const result = await run([...files, ...rest, '-o', 'my maps/scaled ü.mrc']);
    expect([result.code, result.stderr]).toEqual([0, '']);
    expect(workspace.list().filter((name) => name.includes('scaled'))).toEqual([
      'my maps/scaled ü.cxc',
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

  it('link/../out.mrc is written where the system resolves it', async () => {
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

  it('a link is followed: its file is written, also when it is not there yet, and the link stays', async () => {
    mkdirSync(workspace.path('data'));
    writeFileSync(workspace.path('data/old.mrc'), 'old');
    symlinkSync('data/old.mrc', workspace.path('out.mrc'));
    symlinkSync('data/new.json', workspace.path('out.json'));
    const result = await run([...scale, '-o', 'out.mrc']);
    expect([result.code, result.stderr]).toEqual([0, '']);
    expect(lstatSync(workspace.path('out.mrc')).isSymbolicLink()).toBe(true);
    expect(lstatSync(workspace.path('data/old.mrc')).size).toBe(1024 + 4 * edge ** 3);
    expect(JSON.parse(readFileSync(workspace.path('data/new.json'), 'utf8')).outputs).toEqual([
      'out.mrc',
      'out.cxc',
    ]);
    expect(workspace.list().filter((name) => name.startsWith('data/'))).toEqual([
      'data/new.json',
      'data/old.mrc',
    ]);
  });

  // The map is put in place last: what stands in its way is found when the record is already there.
  it('that cannot be put in place are reported by name, and nothing of the run stays', async () => {
    const before = workspace.list();
    const result = await runCli(workspace.folder, scale, {
      onStdout: (text) => {
        if (text.includes('Scaling') && !existsSync(workspace.path('locscale_output.mrc')))
          mkdirSync(workspace.path('locscale_output.mrc'));
      },
    });
    expect(result.code).toBe(3);
    expect(result.stderr).toBe(
      'error: locscale_output.mrc cannot be written: a folder has that name; no output was written.\n' +
        'hint: Choose another folder or name with -o.\n',
    );
    expect(workspace.list()).toEqual([...before, 'locscale_output.mrc'].sort());
  });
});

describe('the standard output', () => {
  // Open for reading only: every write fails, as on a full disk. Deno takes just this error as success.
  it('that cannot be written ends in one sentence and exit code 3', async () => {
    writeFileSync(workspace.path('log'), '');
    const stdout = openSync(workspace.path('log'), 'r');
    try {
      const args = ['fsc', 'half1.mrc', 'half2.mrc', '--engine', 'cpu', '-np', '1'];
      const result = await runCli(workspace.folder, args, { stdout });
      expect(result.code).toBe(3);
      expect(result.stderr.trimEnd().split('\n')).toEqual([
        'error: The standard output cannot be written: it is not open for writing.',
        expect.stringMatching(/^hint: /),
      ]);
    } finally {
      closeSync(stdout);
    }
  });
});

describe('words', () => {
  it('help [COMMAND] is --help', async () => {
    for (const command of ['', 'fsc', 'mask', 'validate', 'demo', 'version', 'feature-enhance']) {
      const words = command === '' ? [] : [command];
      const result = await run(['help', ...words]);
      expect([command, result.code, result.stderr]).toEqual([command, 0, '']);
      expect(result.stdout).toBe((await run([...words, '--help'])).stdout);
    }
    const unknown = await run(['help', 'masc']);
    expect([unknown.code, unknown.stderr]).toEqual([
      2,
      'error: Unknown command "masc".\nhint: Did you mean "mask"?\n',
    ]);
  });

  it('a list attached with "=" is refused in one sentence about the option', async () => {
    for (const written of ['--halfmap_paths', '-hm']) {
      const result = await run([`${written}=half1.mrc`, 'half2.mrc', ...rest]);
      expect([result.code, result.stderr]).toEqual([
        2,
        `error: Option ${written} takes 2 values, which cannot be attached to it: found "${written}=half1.mrc".\n` +
          `hint: Write ${written} HALF1 HALF2.\n`,
      ]);
    }
  });

  it('the demo says what is wrong with its folder, and that it takes no files', async () => {
    writeFileSync(workspace.path('file'), '');
    const folder = await run(['demo', '-o', 'file/demo']);
    expect([folder.code, folder.stderr]).toEqual([
      3,
      'error: The folder file/demo cannot be made: a part of its path is a file, not a folder.\n' +
        'hint: Choose another folder with -o.\n',
    ]);
    const extra = await run(['demo', 'extra']);
    expect([extra.code, extra.stderr]).toEqual([
      2,
      'error: Unexpected argument "extra".\nhint: The demo makes its own maps; its folder is chosen with -o FOLDER.\n',
    ]);
  });

  it.skipIf(isRoot)(`a read-only folder is refused by the demo${unlessRoot}`, async () => {
    mkdirSync(workspace.path('locked'), { mode: 0o555 });
    const result = await runCli(workspace.path('locked'), ['demo']);
    expect([result.code, result.stderr]).toEqual([
      3,
      'error: The folder demo-output cannot be made: permission is denied.\nhint: Choose another folder with -o.\n',
    ]);
  });

  it('--memory that is too little is reported with what the run needs', async () => {
    const result = await run([...scale, '--memory', '0.0001']);
    expect(result.code).toBe(5);
    expect(result.stderr).toMatch(
      /^error: Local scaling needs [\d.]+ [MG]iB with 1 thread, more than the memory limit of [\d.]+ [MG]iB\.\nhint: Raise --memory, .*\n$/,
    );
  });
});
