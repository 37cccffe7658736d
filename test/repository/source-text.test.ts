/** How a file is divided into comments, strings and code: what is measured and checked rests on it. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { lineCounts, partsOf } from '../../tools/source-text.mjs';

const src = fileURLToPath(new URL('../../src/', import.meta.url));

const kindsOf = (name: string, text: string) =>
  partsOf(name, text).map(({ kind, text: part }) => [kind, part]);

describe('a source file', () => {
  it('has comments outside of its strings and regular expressions only', () => {
    const text = "const a = '// b'; // c\nconst d = /[/*]\"/; /* e\n */ f(`g $" + '{h /* i */} // j`);\n';
    const parts = kindsOf('x.ts', text);
    const of = (kind: string) => parts.filter(([found]) => found === kind).map(([, part]) => part);
    expect(of('comment')).toEqual(['// c', '/* e\n */', '/* i */']);
    expect(of('string').map((part) => part.replace(/['`${}]/g, ''))).toEqual(['// b', 'g ', ' // j']);
    expect(parts.map(([, part]) => part).join('')).toBe(text);
  });

  it('may be AssemblyScript, WGSL or HTML', () => {
    expect(kindsOf('x.ts', '// @ts-ignore: decorator\n@inline\nfunction f(): void {}\n')).toEqual([
      ['comment', '// @ts-ignore: decorator'],
      ['code', '\n@inline\nfunction f(): void {}\n'],
    ]);
    expect(kindsOf('x.wgsl', 'fn f() {} // g')).toEqual([
      ['code', 'fn f() {} '],
      ['comment', '// g'],
    ]);
    const html = partsOf('x.html', '<p title="a">b</p><!-- c --><script>d</script>');
    expect(html.filter(({ kind }) => kind === 'comment').map(({ text }) => text)).toEqual(['<!-- c -->']);
    expect(html.filter(({ kind }) => kind === 'string').map(({ text }) => text)).toEqual(['title="a"', '>b']);
  });

  it('counts lines with nothing but a comment', () => {
    const text = '/**\n * a\n */\nconst b = 1; // c\n\n// d\n';
    expect(lineCounts('x.ts', text, 12)).toEqual({ lines: 6, comments: 4, long: 1 });
  });

  it('is covered by its parts, in all of src/', () => {
    const files = readdirSync(src, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && /\.(ts|wgsl|html|css)$/.test(entry.name))
      .map((entry) => join(entry.parentPath, entry.name));
    expect(files.length).toBeGreaterThan(400);
    for (const file of files) {
      const text = readFileSync(file, 'utf8');
      expect(
        partsOf(file, text)
          .map((part) => part.text)
          .join('') === text,
        file,
      ).toBe(true);
    }
  });
});
