/** Atoms of the mmCIF model of the reference data, by a reader independent of src/formats. */
import { readFileSync } from 'node:fs';
import type { AtomSet } from '../../src/math/atoms/atom-set.ts';
import { sharedPath } from './shared-data.ts';

/** Works for files with one _atom_site loop whose values hold no quoted spaces, as the golden model has. */
export function readGoldenModel(...parts: string[]): AtomSet {
  const lines = readFileSync(sharedPath(...parts), 'utf8').split('\n');
  const first = lines.findIndex((line) => line.startsWith('_atom_site.'));
  const names: string[] = [];
  let at = first;
  for (; lines[at].startsWith('_atom_site.'); at++) names.push(lines[at].trim().slice('_atom_site.'.length));
  const rows: string[][] = [];
  for (; at < lines.length && /\S/.test(lines[at]) && !lines[at].startsWith('#'); at++) {
    const values = lines[at].trim().split(/\s+/);
    if (values.length !== names.length) break;
    rows.push(values);
  }
  const column = (name: string): string[] => {
    const index = names.indexOf(name);
    return rows.map((row) => row[index]);
  };
  const [x, y, z] = ['Cartn_x', 'Cartn_y', 'Cartn_z'].map((name) => column(name).map(Number));
  const symbol = (s: string): string => s[0].toUpperCase() + s.slice(1).toLowerCase();
  return {
    count: rows.length,
    positions: Float64Array.from({ length: 3 * rows.length }, (_, i) => [x, y, z][i % 3][Math.floor(i / 3)]),
    elements: column('type_symbol').map(symbol),
    bFactors: Float64Array.from(column('B_iso_or_equiv'), Number),
    occupancies: Float64Array.from(column('occupancy'), Number),
  };
}
