/**
 * What holds for every shader: plain 32-bit uniform structs, bindings that can be named, a head that
 * explains.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
// The package's main entry is CommonJS in an ES module package; its module build is named in full.
import { WgslReflect } from 'wgsl_reflect/wgsl_reflect.module.js';
import { RUN, UNIT_ROWS } from '../../../src/gpu/tile-units.ts';
import { loadShader } from '../../../src/shaders/load.ts';

const folder = fileURLToPath(new URL('../../../src/shaders', import.meta.url));
const names = readdirSync(folder)
  .filter((file) => file.endsWith('.wgsl'))
  .map((file) => file.slice(0, -5));

const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) =>
  file.endsWith('.wgsl'),
);

const SNAKE_CASE = /^[a-z][a-z0-9]*(_[a-z0-9]+)*$/;
const UPPER_CASE = /^[A-Z][A-Z0-9]*(_[A-Z0-9]+)*$/;
const PASCAL_CASE = /^([A-Z][a-z0-9]*)+$/;

/** Names that a shader declares, by the style they must have. */
function declaredNames(code: string): { types: string[]; constants: string[]; others: string[] } {
  const all = (pattern: RegExp): string[] => [...code.matchAll(pattern)].map(([, name]) => name);
  const constants = all(/\b(?:const|override)\s+(\w+)/g);
  // Functions and variables by their keyword; parameters and members stand before a colon.
  const others = all(/(?:\b(?:fn|let|var(?:<[^>]*>)?)\s+|\b(?=[A-Za-z]\w*\s*:))(\w+)/g);
  return { types: all(/\bstruct\s+(\w+)/g), constants, others: others.filter((n) => !constants.includes(n)) };
}

/**
 * Structs, bindings and constants without the functions: the reflection's parser knows less of WGSL than
 * compilers do.
 */
function declarationsOf(code: string): string {
  let rest = code.replace(/\/\/.*$/gm, '');
  for (;;) {
    const start = rest.search(/((@\w+(\([^)]*\))?\s*)*)\bfn\s+\w+/);
    if (start < 0) return rest;
    let end = rest.indexOf('{', start);
    for (let depth = 1; depth > 0; ) {
      end++;
      if (rest[end] === '{') depth++;
      if (rest[end] === '}') depth--;
      if (end > rest.length) throw new Error('unbalanced braces');
    }
    rest = rest.slice(0, start) + rest.slice(end + 1);
  }
}

describe('shaders', () => {
  it('are there', () => {
    expect(names).toContain('window-profiles');
    expect(names.length).toBeGreaterThan(8);
  });

  it.each(names)(
    '%s: uniform structs are 32-bit scalars without gaps, as encodeFields writes them',
    async (name) => {
      const reflected = new WgslReflect(declarationsOf(await loadShader(name)));
      for (const uniform of reflected.uniforms) {
        const members = uniform.members ?? [];
        expect(members.length).toBeGreaterThan(0);
        members.forEach((member, i) => {
          expect(['u32', 'i32', 'f32']).toContain(member.type.name);
          expect(member.offset).toBe(4 * i);
        });
      }
    },
  );

  it.each(names)('%s: bindings of group 0 have names and numbers of their own', async (name) => {
    const reflected = new WgslReflect(declarationsOf(await loadShader(name)));
    const bindings = [...reflected.uniforms, ...reflected.storage];
    expect(bindings.length).toBeGreaterThan(1);
    expect(new Set(bindings.map((binding) => binding.binding)).size).toBe(bindings.length);
    for (const binding of bindings) expect(binding.group).toBe(0);
  });

  it.each(names)('%s: begins by saying what it does; no trigonometry in it', (name) => {
    const text = readFileSync(`${folder}/${name}.wgsl`, 'utf8');
    const head = text.split('\n').filter((line) => !line.startsWith('//#include'))[0];
    expect(head).toMatch(/^\/\/ \w.{20,}/);
    expect(text.replace(/\/\/.*$/gm, '')).not.toMatch(/\b(sin|cos|tan)\s*\(/);
  });

  it.each(files)('%s: vec2f, snake_case, CONSTANTS and PascalCase types, as in the specification', (file) => {
    const code = readFileSync(`${folder}/${file}`, 'utf8').replace(/\/\/.*$/gm, '');
    expect(code).not.toMatch(/\b(vec[234]|mat[234]x[234])\s*</);
    const { types, constants, others } = declaredNames(code);
    expect(types.filter((name) => !PASCAL_CASE.test(name))).toEqual([]);
    // An override constant that is a size in lower case, one that selects code in upper case.
    expect(constants.filter((name) => !SNAKE_CASE.test(name) && !UPPER_CASE.test(name))).toEqual([]);
    expect(others.filter((name) => !SNAKE_CASE.test(name))).toEqual([]);
  });

  it('style: declared names are found', () => {
    const code =
      'struct Rows { n: u32 } override size = 1; fn add_one(a: u32) { let b = a; var<workgroup> c: u32; }';
    expect(declaredNames(code)).toEqual({
      types: ['Rows'],
      constants: ['size'],
      others: ['n', 'add_one', 'a', 'b', 'c'],
    });
  });

  it.each([
    ['local-resolution', 'RUN', RUN],
    ['scale-factors', 'ROWS', UNIT_ROWS],
    ['shell-convolutions', 'ROWS', UNIT_ROWS],
    ['window-profiles', 'ROWS', UNIT_ROWS],
  ])('%s: units are as long as the engine lists them, said once', async (name, constant, length) => {
    const lengths = [...(await loadShader(name)).matchAll(/^const (RUN|ROWS): u32 = (\d+)u;$/gm)];
    expect(lengths.map(([, which, found]) => [which, Number(found)])).toEqual([[constant, length]]);
  });
});
