/** What is printed for users who are elsewhere, and how a browser gets the address. */
import {
  chmodSync,
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { endOf, tunnelTo } from '../../../src/app/command.ts';
import { guardOutput } from '../../../src/app/guarded-output.ts';
import { openInBrowser } from '../../../src/app/open-browser.ts';

describe('the tunnel', () => {
  const here = { host: 'node7', user: 'ada', port: '4000' };
  it.each([
    [{}, undefined],
    [{ SSH_CONNECTION: '10.0.0.1 5 10.0.0.2 22' }, 'ssh -L 4000:127.0.0.1:4000 ada@node7'],
    [{ SSH_CONNECTION: '10.0.0.1 5 10.0.0.2 2222' }, 'ssh -p 2222 -L 4000:127.0.0.1:4000 ada@node7'],
    [{ SLURM_SUBMIT_HOST: 'login1' }, 'ssh -J ada@login1 -L 4000:127.0.0.1:4000 ada@node7'],
    [{ PBS_O_HOST: 'login2' }, 'ssh -J ada@login2 -L 4000:127.0.0.1:4000 ada@node7'],
    [{ LSB_SUB_HOST: 'login3' }, 'ssh -J ada@login3 -L 4000:127.0.0.1:4000 ada@node7'],
    [
      { SLURM_SUBMIT_HOST: 'login1', SSH_CONNECTION: '10.0.0.1 5 10.0.0.2 2222' },
      'ssh -J ada@login1:2222 -L 4000:127.0.0.1:4000 ada@node7',
    ],
    [{ SLURM_SUBMIT_HOST: 'node7' }, undefined],
  ])('with %o is %s', (env, command) => {
    expect(tunnelTo({ env, ...here })).toBe(command);
  });
});

describe('an output that is a file', () => {
  const folder = mkdtempSync(join(tmpdir(), 'locscale-guarded-'));
  const path = join(folder, 'slurm-7.out');
  const guarded = (mode: number) => {
    writeFileSync(path, '');
    chmodSync(path, mode);
    const descriptor = openSync(path, 'a');
    try {
      return guardOutput(descriptor);
    } finally {
      closeSync(descriptor);
    }
  };

  it.skipIf(process.platform === 'win32')('is closed to others before the address is in it', () => {
    expect([guarded(0o644), statSync(path).mode & 0o777]).toEqual(['closed', 0o600]);
    expect([guarded(0o660), statSync(path).mode & 0o777]).toEqual(['closed', 0o600]);
    expect([guarded(0o700), statSync(path).mode & 0o777]).toEqual(['private', 0o700]);
    const device = openSync('/dev/null', 'w');
    expect(guardOutput(device)).toBeUndefined();
    closeSync(device);
    rmSync(folder, { recursive: true });
  });

  it('names what ends the app where no terminal does', () => {
    const job = { SLURM_JOB_ID: '7' };
    const terminal = { isTTY: true };
    expect(endOf({ env: {}, pid: 12, stdout: terminal }, undefined)).toBe('Ctrl-C');
    expect(endOf({ env: {}, pid: 12, stdout: {} }, undefined)).toBe('Ctrl-C');
    expect(endOf({ env: {}, pid: 12, stdout: {} }, 'private')).toBe('"kill 12"');
    expect(endOf({ env: job, pid: 12, stdout: terminal }, undefined)).toBe('Ctrl-C');
    expect(endOf({ env: job, pid: 12, stdout: {} }, undefined)).toBe('"scancel 7"');
    expect(endOf({ env: job, pid: 12, stdout: {} }, 'closed')).toBe('"scancel 7"');
  });
});

describe('the browser', () => {
  it('gets a private file, not the address', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'locscale-opener-'));
    const opener = join(folder, 'opener.mjs');
    writeFileSync(
      opener,
      `import { writeFileSync } from 'node:fs'; writeFileSync(${JSON.stringify(join(folder, 'given'))}, process.argv.slice(2).join());`,
    );
    expect(await openInBrowser('http://127.0.0.1:1/#token=secret', [process.execPath, opener])).toBe(true);
    const file = readFileSync(join(folder, 'given'), 'utf8');
    expect(file).not.toContain('secret');
    expect(readFileSync(file, 'utf8')).toContain('url=http://127.0.0.1:1/#token=secret');
    expect(statSync(file).mode & 0o77).toBe(0);
    rmSync(folder, { recursive: true });
    rmSync(join(file, '..'), { recursive: true });
  });

  it('may be missing', async () => {
    expect(await openInBrowser('http://127.0.0.1:1/', [join(tmpdir(), 'no-such-opener')])).toBe(false);
    expect(existsSync(join(tmpdir(), 'no-such-opener'))).toBe(false);
  });
});
