/**
 * `node bench/fill-tables.mjs`: puts the tables made from bench/results/ and from the table of
 * options into README.md and docs/. Run it after `node bench/accuracy.mjs`, after
 * `npm run bench -- --write`, `npm run robustness -- --write`, and after a change of an option.
 */
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { documentBlocks, fillBlock } from './doc-tables.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const ready = spawnSync(process.execPath, [join(root, 'tools/build.mjs')], { stdio: 'inherit' });
if (ready.status !== 0) process.exit(ready.status ?? 1);

const { options } = await import('../dist/options/index.js');
const { outputTables } = await import('../dist/cli/output-tables.js');
const { pathOf, recordPathOf } = await import('../dist/cli/outputs.js');
function jsonFilesOf(folder) {
  return readdirSync(join(root, folder))
    .filter((name) => name.endsWith('.json'))
    .map((name) => ({ name, text: readFileSync(join(root, folder, name), 'utf8') }));
}

const blocks = documentBlocks({
  options,
  outputs: { tables: outputTables, paths: { pathOf, recordPathOf } },
  accuracy: jsonFilesOf('bench/results/accuracy'),
  speed: jsonFilesOf('bench/results'),
  startUp: jsonFilesOf('bench/results/start-up'),
  ranks: jsonFilesOf('bench/results/ranks'),
  robustness: jsonFilesOf('bench/results/robustness'),
  quality: jsonFilesOf('bench/results/soft-scaling'),
});
const changed = new Set();
for (const { file, name, content } of blocks) {
  const path = join(root, file);
  const before = readFileSync(path, 'utf8');
  const after = fillBlock(before, name, content);
  if (after === before) continue;
  writeFileSync(path, after);
  changed.add(file);
}
process.stdout.write(changed.size === 0 ? 'nothing changed\n' : `filled ${[...changed].join(', ')}\n`);
