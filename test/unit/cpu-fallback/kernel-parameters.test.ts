/** Structs of the kernels: AssemblyScript declares the fields that TypeScript writes, in one order. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  correlationFields,
  profileFields,
  slidingFields,
} from '../../../src/cpu-fallback/kernels/parameters.ts';

const sourceOf = (name: string): string =>
  readFileSync(new URL(`../../../src/cpu-fallback/kernels/assembly/${name}.ts`, import.meta.url), 'utf8');

/** Fields of a class, in their order; each must be one word. */
function fieldsOf(source: string, name: string): string[] {
  const body = new RegExp(`^class ${name} \\{\\n([^}]*)\\}`, 'm').exec(source)?.[1] ?? '';
  return [...body.matchAll(/^ {2}(\w+): usize;$/gm)].map(([, field]) => field);
}

describe('the structs of sliding DFTs', () => {
  it.each([
    ['window-profiles', 'Sliding', slidingFields],
    ['window-profiles', 'Profiles', profileFields],
    ['local-resolution', 'Correlations', correlationFields],
  ] as const)('%s: %s', (file, name, fields) => {
    expect(fieldsOf(sourceOf(file), name)).toEqual([...fields]);
  });
});
