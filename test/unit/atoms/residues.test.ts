/** Residues of a model: what belongs together, of what kind it is, and which conformer stands for it. */
import { describe, expect, it } from 'vitest';
import { residuesOf } from '../../../src/atoms/residues.ts';
import { readStructure } from '../../../src/formats/coordinates.ts';

const atom = (
  serial: number,
  name: string,
  residue: string,
  more: { altloc?: string; occupancy?: number; element?: string; hetero?: boolean; chain?: string } = {},
): string => {
  const { altloc = ' ', occupancy = 1, element = name[0], hetero = false, chain = 'A' } = more;
  const [resName, number, code = ' '] = residue.split(' ');
  return [
    (hetero ? 'HETATM' : 'ATOM').padEnd(6),
    String(serial).padStart(5),
    ' ',
    (element.length === 1 ? ` ${name}` : name).padEnd(4),
    altloc,
    resName.padStart(3),
    ` ${chain}`,
    number.padStart(4),
    code,
    '   ',
    '   1.000   2.000   3.000',
    occupancy.toFixed(2).padStart(6),
    ' 20.00          ',
    element.padStart(2),
  ].join('');
};

function residuesIn(lines: readonly string[]) {
  return residuesOf(readStructure(new TextEncoder().encode(lines.join('\n')), 'm.pdb').atoms);
}

describe('residues', () => {
  it('are distinguished by chain, number, insertion code and name, in their order', () => {
    const found = residuesIn([
      atom(1, 'CA', 'ALA 10'),
      atom(2, 'CA', 'ALA 10 A'),
      atom(3, 'CB', 'ALA 10'),
      atom(4, 'CA', 'GLY 10', { chain: 'B' }),
    ]);
    expect(
      found.map(({ chain, number, insertionCode, name }) => [chain, number, insertionCode, name]),
    ).toEqual([
      ['A', 10, '', 'ALA'],
      ['A', 10, 'A', 'ALA'],
      ['B', 10, '', 'GLY'],
    ]);
    expect(found[0].atoms).toEqual([0, 2]);
  });

  it('know protein, nucleic acid, water and the rest', () => {
    const kinds = residuesIn([
      atom(1, 'CA', 'ALA 1'),
      atom(2, 'CA', 'MSE 2', { hetero: true }),
      atom(3, 'C', 'MSE 2', { hetero: true }),
      atom(4, "C1'", 'A 3'),
      atom(5, 'O', 'HOH 4', { hetero: true }),
      atom(6, "C1'", 'ATP 5', { hetero: true }),
      atom(7, 'CA', 'CA 6', { hetero: true, element: 'CA' }),
      atom(8, 'P', 'POX 7'),
    ]).map(({ kind }) => kind);
    expect(kinds).toEqual(['protein', 'protein', 'nucleic', 'water', 'other', 'other', 'other']);
  });

  it('know a residue of which only a part is in the map', () => {
    const bytes = new TextEncoder().encode([atom(1, 'CA', 'ALA 1'), atom(2, 'CB', 'ALA 1')].join('\n'));
    const { atoms } = readStructure(bytes, 'm.pdb');
    expect(residuesOf(atoms.slice(1), atoms)).toMatchObject([{ kind: 'protein', atoms: [0] }]);
    expect(residuesOf(atoms.slice(1))).toMatchObject([{ kind: 'other' }]);
  });

  it('by the numbers of the archive in mmCIF', () => {
    const cif = [
      'data_x',
      'loop_',
      ...['group_PDB', 'type_symbol', 'label_atom_id', 'label_comp_id', 'label_asym_id', 'label_seq_id'],
      ...['auth_seq_id', 'auth_asym_id', 'Cartn_x', 'Cartn_y', 'Cartn_z'],
    ].map((line, i) => (i < 2 ? line : `_atom_site.${line}`));
    const rows = [`HETATM C C1' PSU C 7 55 A 1 1 1`, `HETATM C C1' ATP F . 90 A 2 2 2`];
    const { atoms } = readStructure(new TextEncoder().encode([...cif, ...rows, ''].join('\n')), 'm.cif');
    expect(
      residuesOf(atoms).map(({ kind, chain, number, labelChain, labelNumber }) => [
        ...[kind, chain, number, labelChain, labelNumber],
      ]),
    ).toEqual([
      ['nucleic', 'A', 55, 'C', 7],
      ['other', 'A', 90, 'F', undefined],
    ]);
  });

  it('are scored in their strongest conformer, without hydrogens', () => {
    const [found] = residuesIn([
      atom(1, 'CA', 'SER 1'),
      atom(2, 'CB', 'SER 1', { altloc: 'A', occupancy: 0.4 }),
      atom(3, 'CB', 'SER 1', { altloc: 'B', occupancy: 0.6 }),
      atom(4, 'OG', 'SER 1', { altloc: 'A', occupancy: 0.4 }),
      atom(5, 'OG', 'SER 1', { altloc: 'B', occupancy: 0.6 }),
      atom(6, 'HA', 'SER 1'),
    ]);
    expect(found.atoms).toEqual([0, 1, 2, 3, 4]);
    expect(found.conformer).toEqual([0, 2, 4]);
    const [equal] = residuesIn([
      atom(1, 'CB', 'SER 1', { altloc: 'B', occupancy: 0.5 }),
      atom(2, 'CB', 'SER 1', { altloc: 'A', occupancy: 0.5 }),
    ]);
    expect(equal.conformer).toEqual([0]);
    expect(residuesIn([atom(1, 'H1', 'HOH 1', { hetero: true })])).toEqual([]);
  });
});
