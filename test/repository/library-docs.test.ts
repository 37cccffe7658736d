import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import * as library from '../../src/index.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const text = readFileSync(`${root}docs/api.md`, 'utf8');

describe('docs/api.md', () => {
  it('is what the built types say', () => {
    const { status, stderr } = spawnSync(process.execPath, ['tools/api-docs.mjs', '--check'], {
      cwd: root,
      encoding: 'utf8',
    });
    expect([status, stderr]).toEqual([0, '']);
  });

  it('has every value that the library exports, with a comment or a declaration that needs none', () => {
    for (const name of Object.keys(library)) expect(text).toContain(`\n### ${name}\n`);
  });

  it('has no declaration that was cut short', () => {
    for (const [, code] of text.matchAll(/^```ts\n(.*?)^```$/gms)) {
      const bare = (code as string).replaceAll(/\/\*.*?\*\//gs, '').replaceAll(/'[^']*'/g, '');
      for (const [opening, closing] of ['{}', '[]', '()'])
        expect(bare.split(opening as string).length, code).toBe(bare.split(closing as string).length);
      expect(bare.trimEnd()).toMatch(/[;}]$/);
    }
  });
});
