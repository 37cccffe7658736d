/** `npm test [vitest arguments]`: the whole suite, then one plain line with the counts. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const folder = mkdtempSync(join(tmpdir(), 'locscale-test-'));
const report = join(folder, 'vitest.json');
const vitest = join(root, 'node_modules/vitest/vitest.mjs');
const args = [
  'run',
  '--reporter=default',
  '--reporter=json',
  `--outputFile.json=${report}`,
  ...process.argv.slice(2),
];
const run = spawnSync(process.execPath, [vitest, ...args], {
  cwd: root,
  stdio: ['ignore', 'inherit', 'inherit'],
});
try {
  const counts = JSON.parse(readFileSync(report, 'utf8'));
  const skipped = counts.numPendingTests + (counts.numTodoTests ?? 0);
  process.stdout.write(
    `${counts.numPassedTests} passed, ${counts.numFailedTests} failed, ${skipped} skipped\n`,
  );
} finally {
  rmSync(folder, { recursive: true, force: true });
}
process.exitCode = run.status ?? 1;
