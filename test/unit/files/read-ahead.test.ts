/** Files are read ahead whole, until somebody stops it, and what is wrong with them is nobody's error. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { readAhead } from '../../../src/files/read-ahead.ts';

const MIB = 2 ** 20;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'locscale-ahead-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const file = (name: string, bytes: number): string => {
  const path = join(folder, name);
  writeFileSync(path, new Uint8Array(bytes));
  return path;
};

it('reads all files to their ends, but those that cannot be read', async () => {
  const paths = [file('a', 9 * MIB), join(folder, 'missing'), folder, file('b', 10)];
  expect(await readAhead(paths).done).toBe(9 * MIB + 10);
});

it('stops with the piece that it is reading', async () => {
  const ahead = readAhead([file('a', 40 * MIB), file('b', 40 * MIB)]);
  ahead.stop();
  expect(await ahead.done).toBeLessThanOrEqual(8 * MIB);
});
