/**
 * What `--version` and `--help` load: nothing that computes. A command loads its own modules when it runs.
 */
import { readFileSync } from 'node:fs';
import { dirname, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const src = fileURLToPath(new URL('../../../src/', import.meta.url));

/**
 * Modules that importing `entry` loads, relative to src/: imports of types and those made later do not count.
 */
function loadedBy(entry: string, found = new Set<string>()): Set<string> {
  const path = resolve(src, entry);
  if (found.has(relative(src, path))) return found;
  found.add(relative(src, path));
  const text = readFileSync(path, 'utf8');
  for (const [, words, from] of text.matchAll(/^(?:import|export)\s([^;]*?)\sfrom '(\.[^']+)'/gm)) {
    const names = /^\{([^}]*)\}$/s
      .exec(words)?.[1]
      .split(',')
      .filter((name) => name.trim() !== '');
    const isOnlyTypes = words.startsWith('type ') || names?.every((name) => name.trim().startsWith('type '));
    if (isOnlyTypes !== true) loadedBy(resolve(dirname(path), from), found);
  }
  return found;
}

describe('the start of the program', () => {
  it('loads the command line, options and errors, and no step of the method', () => {
    const loaded = [...loadedBy('cli.ts')];
    expect(loaded).toContain('cli/parse-argv.ts');
    expect(loaded.filter((name) => /^(math|engine|gpu|report|atoms|formats)\//.test(name))).toEqual([]);
    // Defaults, which the help texts state.
    expect(loaded.filter((name) => name.startsWith('pipeline/'))).toEqual(['pipeline/parameters.ts']);
    expect(loaded.length).toBeLessThan(45);
  });
});
