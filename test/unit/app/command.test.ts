/** What is printed for users who are elsewhere, and how a browser gets the address. */
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { tunnelTo } from '../../../src/app/command.ts';
import { openInBrowser } from '../../../src/app/open-browser.ts';

describe('the tunnel', () => {
  const here = { host: 'node7', user: 'ada', port: '4000' };
  it.each([
    [{}, undefined],
    [{ SSH_CONNECTION: '10.0.0.1 5 10.0.0.2 22' }, 'ssh -L 4000:127.0.0.1:4000 ada@node7'],
    [{ SLURM_SUBMIT_HOST: 'login1' }, 'ssh -J ada@login1 -L 4000:127.0.0.1:4000 ada@node7'],
    [{ PBS_O_HOST: 'login2' }, 'ssh -J ada@login2 -L 4000:127.0.0.1:4000 ada@node7'],
    [{ SLURM_SUBMIT_HOST: 'node7' }, undefined],
  ])('with %o is %s', (env, command) => {
    expect(tunnelTo({ env, ...here })).toBe(command);
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
