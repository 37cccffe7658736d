/**
 * src/package.json says which file is `#platform` under which condition. Compiled copies of src/ (the caches
 * of bench and robustness) need it too, for their .js files.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const source = join(dirname(fileURLToPath(import.meta.url)), '../src/package.json');

export function writePackageScope(folder) {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), readFileSync(source, 'utf8').replaceAll(/\.ts"/g, '.js"'));
}
