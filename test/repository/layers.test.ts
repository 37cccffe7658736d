/** The layers that docs/development.md describes are those that Biome enforces and that the imports have. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { CORE_FOLDERS } from '../../tools/core-folders.mjs';

const root = fileURLToPath(new URL('../../', import.meta.url));
const src = join(root, 'src');

/** Folder to the folders it may import, from the table. */
const layers = new Map<string, readonly string[]>(
  [
    ...readFileSync(join(root, 'docs/development.md'), 'utf8')
      .split('### Layers')[1]
      .split('\n## ')[0]
      .matchAll(/^\| `([\w/-]+)` +\| (.*) \|$/gm),
  ].map(([, folder, list]) => [folder, [...list.matchAll(/`([\w/-]+)`/g)].map(([, name]) => name)]),
);

/** "network/graph" for src/network/graph/cubes.ts, "errors.ts" for src/errors.ts. */
function roomOf(path: string): string {
  const parts = relative(src, path).split(sep);
  return parts[0] === 'network' ? parts.slice(0, 2).join('/') : parts[0];
}

interface ImportRule {
  readonly includes: readonly string[];
  readonly linter: {
    readonly rules: {
      readonly style?: {
        readonly noRestrictedImports?: {
          readonly level: string;
          readonly options: { readonly patterns: readonly { readonly group: readonly string[] }[] };
        };
      };
    };
  };
}

const { overrides } = JSON.parse(readFileSync(join(root, 'biome.json'), 'utf8')) as {
  overrides: readonly ImportRule[];
};

/** What Biome forbids in a folder: `up` leads from its files, or from those of its subfolders, to src/. */
function expectedGroups(folder: string, up: string): string[][] {
  const isNetwork = folder.startsWith('network/');
  const base = isNetwork ? up.slice(3) : up;
  const allowed = (layers.get(folder) ?? []).map((name) =>
    isNetwork && name.startsWith('network/')
      ? `!${base}${name.slice('network/'.length)}/**`
      : `!${up}${name}/**`,
  );
  const oneWay = [`${base}**`, ...allowed, `!${up}errors.ts`];
  const isCore = CORE_FOLDERS.includes(folder);
  return isCore ? [['node:*'], oneWay] : [oneWay];
}

describe('layers', () => {
  it('are a table with every folder of src/ but the command line, the page and the app', () => {
    const rooms = readdirSync(src, { withFileTypes: true, recursive: true })
      .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
      .map((entry) => roomOf(join(entry.parentPath, entry.name)))
      .filter((room) => !room.endsWith('.ts') && !['app', 'cli', 'web'].includes(room));
    expect([...layers.keys()].sort()).toEqual([...new Set(rooms)].sort());
  });

  it('are in order: each folder imports from rows below its own', () => {
    const order = [...layers.keys()];
    for (const [folder, below] of layers)
      for (const name of below) expect(order.indexOf(name)).toBeGreaterThan(order.indexOf(folder));
  });

  it.each([...layers.keys()])('of src/%s are those of biome.json', (folder) => {
    const rules = overrides.filter(({ includes: [path] }) =>
      [`src/${folder}/*.ts`, `src/${folder}/*/**`].includes(path),
    );
    // For its files, and for those of subfolders, which it may have or get.
    expect(rules).toHaveLength(2);
    for (const { includes, linter } of rules) {
      const rule = linter.rules.style?.noRestrictedImports;
      const depth = folder.split('/').length + (includes[0].endsWith('/**') ? 1 : 0);
      expect(rule?.level).toBe('error');
      expect(rule?.options.patterns.map(({ group }) => group)).toEqual(
        expectedGroups(folder, '../'.repeat(depth)),
      );
    }
  });

  it('are what the imports keep to, types included', () => {
    const found: string[] = [];
    for (const entry of readdirSync(src, { withFileTypes: true, recursive: true })) {
      if (!entry.isFile() || !entry.name.endsWith('.ts')) continue;
      const path = join(entry.parentPath, entry.name);
      const allowed = layers.get(roomOf(path));
      if (allowed === undefined) continue;
      for (const [, from, dynamic] of readFileSync(path, 'utf8').matchAll(
        /\bfrom '(\.[^']+)'|\bimport\('(\.[^']+)'\)/g,
      )) {
        const room = roomOf(join(dirname(path), from ?? dynamic));
        if (room !== roomOf(path) && room !== 'errors.ts' && !allowed.includes(room))
          found.push(`${relative(root, path)} imports ${room}`);
      }
    }
    expect(found).toEqual([]);
  });
});

describe('the tree of tests', () => {
  const units = join(root, 'test/unit');
  const files = readdirSync(units, { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.test.ts'),
  );

  it.each(files)('mirrors src/: test/unit/%s', (name) => {
    const folder = dirname(name);
    expect(folder).not.toBe('.');
    expect(existsSync(join(src, folder))).toBe(true);
  });
});
