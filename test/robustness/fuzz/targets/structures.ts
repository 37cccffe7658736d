/** Coordinates as PDB and mmCIF, plain and in gzip. What is accepted must also survive being written. */
import { gzipSync } from 'fflate';
import { readStructure } from '../../../../src/formats/coordinates.ts';
import type { Structure } from '../../../../src/formats/structure.ts';
import { writeMmcif } from '../../../../src/formats/write-mmcif.ts';
import { ascii, property, withClearRefusals } from '../target-tools.ts';
import type { FuzzTarget } from '../types.ts';

/** Of the text; a compressed file may claim more. */
const MOST_BYTES = 2 ** 20;

const pdbText = `\
HEADER    HYDROLASE                               01-JAN-24   1ABC
TITLE     A SMALL MODEL
TITLE    2 IN TWO LINES
CRYST1   60.000   70.000   80.000  90.00  90.00  90.00 P 1           1
MODEL        1
ATOM      1  N   MET A   1      27.340  24.430   2.614  1.00  9.67           N
ATOM      2  CA  MET A   1      26.266  25.413   2.842  1.00 10.38           C1+
ANISOU    2  CA  MET A   1     1000   1000   1000      0      0      0       C
ATOM      3  C  AMET A   1      26.913  26.639  -3.531  0.60  9.62           C
ATOM      4  C  BMET A   1      26.913  26.700  -3.531  0.40  9.62           C
ATOM  A0000  OXT MET A   1A    -25.369  24.768   2.300  1.00  0.00           O1-
TER       6      MET A   1
HETATM    7 ZN    ZN B 201    -100.126-100.026 -99.999  1.00 99.99          ZN
HETATM    8  O   HOH B 301       0.126   0.026   0.999  0.50 30.00
ENDMDL
MODEL        2
ATOM      1  N   MET A   1      27.340  24.430   2.614  1.00  9.67           N
ENDMDL
END
`;
const atomTags = (
  'group_PDB id type_symbol label_atom_id label_alt_id label_comp_id label_asym_id label_entity_id label_seq_id ' +
  'pdbx_PDB_ins_code Cartn_x Cartn_y Cartn_z occupancy B_iso_or_equiv pdbx_formal_charge auth_seq_id auth_comp_id ' +
  'auth_asym_id auth_atom_id pdbx_PDB_model_num'
).split(' ');
const mmcifText = `\
data_1ABC
#
_entry.id 1ABC
_struct.title 'A small "model", it's one'
_cell.length_a 60.000
_cell.length_b 70.000(3)
_cell.length_c 80.000
_cell.angle_alpha 90.00
_cell.angle_beta 90.00
_cell.angle_gamma ?
_struct.pdbx_descriptor
;Text of
several lines
;
# a comment
loop_
_entity.id
_entity.type
1 polymer 2 'non-polymer'
loop_
${atomTags.map((tag) => `_atom_site.${tag}`).join('\n')}
ATOM   1 N  N     . MET A 1 1   ? 27.340  24.430  2.614 1.00 9.67  ? 1   MET A N     1
ATOM   2 C  CA    A MET A 1 1   ? 26.266  25.413  2.842 0.50 10.38 1 1   MET A CA    1
ATOM   3 O  "O5'" B MET A 1 1   A -26.913 26.639 -3.531 0.50 9.62 -1 1   MET A "O5'" 1
HETATM 4 ZN ZN    . ZN  B 2 .   ? 100.126 -0.026  1e1   1    99.99 2 201 ZN  B ZN    1
ATOM   5 N  N     . MET A 1 1   ? 27.340  24.430  2.614 1.00 9.67  ? 1   MET A N     2
#
`;
const singleText = `data_one\n${atomTags.map((tag, i) => `_atom_site.${tag} ${['ATOM', '1', 'C', 'CA', '.', 'GLY', 'A', '1', '1', '?', '1', '2', '3', '1', '20', '?', '1', 'GLY', 'A', 'CA', '1'][i]}`).join('\n')}\n`;

function checkStructure({ atoms, title, id, cell, notes }: Structure): void {
  property(
    [title, id, ...notes].every((text) => typeof text === 'string'),
    'texts are texts',
  );
  for (const { x, y, z, bFactor, occupancy, element, chain, residueNumber, charge } of atoms) {
    property([x, y, z].every(Number.isFinite), `positions are numbers, not ${x}, ${y}, ${z}`);
    property(Number.isFinite(bFactor) && Number.isFinite(occupancy), 'B factors and occupancies are numbers');
    property(
      Number.isSafeInteger(residueNumber) && Number.isFinite(charge),
      'residues and charges have numbers',
    );
    property(/^([A-Z][a-z]?)$/.test(element), `elements are symbols, not ${JSON.stringify(element)}`);
    property(typeof chain === 'string', 'chains have names');
  }
  if (cell !== undefined)
    property(
      Object.values(cell).every((value) => Number.isFinite(value)),
      'a cell has six numbers',
    );
}

async function read(bytes: Uint8Array): Promise<void> {
  const all = readStructure(bytes, 'case.pdb', { maxBytes: MOST_BYTES, model: 'all' });
  checkStructure(all);
  const structure = readStructure(bytes, 'case.pdb', { maxBytes: MOST_BYTES });
  checkStructure(structure);
  property(structure.atoms.length <= all.atoms.length, 'the first model has no more atoms than all');
  const again = readStructure(ascii(writeMmcif(structure)), 'written.cif');
  property(again.atoms.length === structure.atoms.length, 'the atoms written are those read');
  for (const [i, atom] of structure.atoms.entries()) {
    const other = again.atoms[i] as typeof atom;
    property(
      atom.element === other.element && atom.atomName === other.atomName && atom.chain === other.chain,
      `names survive, not ${JSON.stringify([atom.atomName, other.atomName, atom.chain, other.chain])}`,
    );
    property(atom.residueNumber === other.residueNumber, 'numbers of residues survive');
    // Written to 0.001 A; huge numbers have no such digits.
    property(Math.abs(atom.x - other.x) <= 6e-4 + 1e-12 * Math.abs(atom.x), 'positions survive');
  }
}

const limits = { refusals: ['bad-input'], memoryLimitBytes: 32 * 2 ** 20 } as const;
const repair = (bytes: Uint8Array): Uint8Array => gzipSync(bytes, { level: 1, mtime: 0 });

export const pdb: FuzzTarget = {
  name: 'pdb',
  title: 'PDB coordinates, plain and gzip',
  seeds: async () => [ascii(pdbText), gzipSync(ascii(pdbText), { mtime: 0 })],
  dictionary: [
    'ATOM  ',
    'HETATM',
    'MODEL ',
    'ENDMDL',
    'TER   ',
    'CRYST1',
    'END',
    '*****',
    'A0000',
    'ZZZZZ',
    '\r\n',
    ' UNK',
    '\0',
    'é',
    'data_',
  ].map(ascii),
  repair,
  read: withClearRefusals(read),
  ...limits,
};

export const mmcif: FuzzTarget = {
  name: 'mmcif',
  title: 'mmCIF coordinates, plain and gzip',
  seeds: async () => [ascii(mmcifText), ascii(singleText), gzipSync(ascii(mmcifText), { mtime: 0 })],
  dictionary: [
    'loop_',
    'data_',
    'save_',
    'stop_',
    'global_',
    '_atom_site.',
    '_atom_site.Cartn_x',
    '\n;',
    ';\n',
    "'",
    '"',
    '#',
    '?',
    '.',
    '\r',
    '\0',
    'é',
    '_cell.length_a',
    '1e400',
    '(12)',
  ].map(ascii),
  repair,
  read: withClearRefusals(read),
  ...limits,
};
