/**
 * The campaign's own processes: what hangs, crashes or fails late is found, and does not end the campaign.
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { itLong } from '../support/required.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'locscale-robustness-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function campaign(...args: string[]): Promise<{ code: number | null; stdout: string }> {
  const script = join(root, 'tools/robustness.mjs');
  const child = spawn(process.execPath, [script, '--failures', join(folder, 'failures'), ...args], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  return new Promise((resolve, reject) => {
    let stdout = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    child.on('error', reject).on('close', (code) => resolve({ code, stdout }));
  });
}

itLong('reports each kind of fault, and continues after it', async () => {
  const names = ['hang', 'wait', 'exit', 'later', 'memory'].map((kind) => `faulty-${kind}`);
  const only = names.flatMap((name) => ['--only', name]);
  const { code, stdout } = await campaign(...only, '--cases', '100', '--hang', '1', '--jobs', '3');
  expect(code).toBe(1);
  expect(stdout).toMatch(/^faulty-hang: \d+ cases .* [1-9]\d* faults$/m);
  expect(stdout).toMatch(/^ {2}case \d+: hung: no end within 1 s$/m);
  expect(stdout).toMatch(/^ {2}case \d+: the process ended with exit code \d+/m);
  expect(stdout).toMatch(/^ {2}case \d+: the process ended with SIG\w+/m);
  expect(stdout).toMatch(/^ {2}case \d+: failed outside of the call: Error: late$/m);
  expect(stdout).toMatch(/^ {2}case \d+: allocated \d+ bytes, more than 1048576$/m);
  for (const name of names) expect(stdout).toContain(`--only ${name} --replay`);
  expect(readdirSync(join(folder, 'failures')).length).toBeGreaterThanOrEqual(names.length);
});

it('finds nothing in a sound reader, and says so', async () => {
  rmSync(join(folder, 'failures'), { recursive: true, force: true });
  const { code, stdout } = await campaign('--only', 'manifest', '--cases', '500');
  expect(stdout).toMatch(/^manifest: 500 cases .* 0 faults$/m);
  expect([code, existsSync(join(folder, 'failures'))]).toEqual([0, false]);
});
