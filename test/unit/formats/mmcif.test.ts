/** mmCIF files: syntax, columns in any order, several blocks; and what is written is read again. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readStructure } from '../../../src/formats/coordinates.ts';
import type { ReadStructureOptions, Structure, StructureAtom } from '../../../src/formats/structure.ts';
import { writeMmcif } from '../../../src/formats/write-mmcif.ts';

const read = (text: string, options?: ReadStructureOptions): Structure =>
  readStructure(new TextEncoder().encode(text), 'model.cif', options);

const table = (tags: string, ...rows: string[]): string =>
  ['data_1ABC', 'loop_', ...tags.split(' ').map((tag) => `_atom_site.${tag}`), ...rows, '#', ''].join('\n');

const FULL =
  'group_PDB id type_symbol label_atom_id label_alt_id label_comp_id label_asym_id label_seq_id ' +
  'pdbx_PDB_ins_code Cartn_x Cartn_y Cartn_z occupancy B_iso_or_equiv pdbx_formal_charge auth_seq_id ' +
  'auth_asym_id pdbx_PDB_model_num';

describe('mmCIF', () => {
  it("reads every column; names of chains and numbers of residues are the authors'", () => {
    const text = table(FULL, `HETATM 120000 ZN "ZN" A ZN ABC . B -1.5 2 3e1 0.5 12.25(3) 2 -7 Axp 3`);
    expect(read(text).atoms).toEqual([
      {
        element: 'Zn',
        x: -1.5,
        y: 2,
        z: 30,
        occupancy: 0.5,
        bFactor: 12.25,
        chain: 'Axp',
        residueNumber: -7,
        residueName: 'ZN',
        atomName: 'ZN',
        altloc: 'A',
        insertionCode: 'B',
        model: 3,
        charge: 2,
        hetero: true,
        serial: 120_000,
        labelChain: 'ABC',
      },
    ]);
  });

  it("reads the archive's own names of chains and numbers of residues, too", () => {
    const tags = 'Cartn_x Cartn_y Cartn_z label_atom_id label_asym_id label_seq_id auth_asym_id auth_seq_id';
    const text = table(tags, '1 2 3 CA C 7 X 107', '1 2 3 O D . X 201');
    expect(
      read(text).atoms.map((atom) => [
        ...[atom.chain, atom.residueNumber, atom.labelChain, atom.labelResidueNumber],
      ]),
    ).toEqual([
      ['X', 107, 'C', 7],
      ['X', 201, 'D', undefined],
    ]);
  });

  it('reads columns in any order and letter case, and does without most of them', () => {
    const text = table('cartn_Z CARTN_Y Cartn_x LABEL_ATOM_ID', '3 2 1 CA', "6 5 4 O5'");
    expect(read(text).atoms).toMatchObject([
      { x: 1, y: 2, z: 3, element: 'C', occupancy: 1, bFactor: 0, chain: '', residueNumber: 0, model: 1 },
      { x: 4, y: 5, z: 6, element: 'O', atomName: "O5'", serial: 2 },
    ]);
    expect(read(text).notes).toEqual(['The elements of 2 atoms were derived from their names.']);
  });

  it('falls back from authors\' to labels where they are "." or "?"', () => {
    const text = table(
      'auth_asym_id label_asym_id auth_seq_id label_seq_id type_symbol Cartn_x Cartn_y Cartn_z',
      '? B . 5 C 1 2 3',
    );
    expect(read(text).atoms).toMatchObject([{ chain: 'B', residueNumber: 5 }]);
  });

  it('takes displacements for B factors where there are none: B = 8 pi^2 U', () => {
    const [atom] = read(table('type_symbol Cartn_x Cartn_y Cartn_z U_iso_or_equiv', 'C 1 2 3 0.5')).atoms;
    expect(atom.bFactor).toBeCloseTo(39.478, 3);
  });

  it('reads quotes, text fields, comments, blocks, CR LF', () => {
    const text = [
      '# a comment; data_none',
      'data_other _struct.title wrong # no atoms here',
      'loop_ _a.b _a.c 1 2 3 4',
      'DATA_2XYZ',
      '_struct.title',
      ';A title',
      "with 'quotes' and # no comment",
      ';',
      '_cell.length_a 10 _cell.length_b 20.5(2) _cell.length_c 30 _cell.angle_alpha 90 _cell.angle_beta 90 _cell.angle_gamma 120',
      'LOOP_ _atom_site.type_symbol _atom_site.label_atom_id _atom_site.Cartn_x _atom_site.Cartn_y _atom_site.Cartn_z',
      'C \'C "1"\' 1 2 3 # behind',
      'O "O5\'\'" 4 5 6',
      'N',
      ';N;1',
      ';',
      '7 8 9',
      'data_3 loop_ _atom_site.type_symbol _atom_site.Cartn_x _atom_site.Cartn_y _atom_site.Cartn_z C 0 0 0',
    ].join('\r\n');
    const structure = read(text);
    expect(structure).toMatchObject({
      id: '2XYZ',
      title: "A title with 'quotes' and # no comment",
      cell: { a: 10, b: 20.5, c: 30, gamma: 120 },
      notes: ['Of several data blocks in model.cif the first with atoms is used ("2XYZ").'],
    });
    expect(structure.atoms.map(({ atomName, x }) => [atomName, x])).toEqual([
      ['C "1"', 1],
      ["O5''", 4],
      ['N;1', 7],
    ]);
  });

  it('reads one atom without a loop, and cells in a loop', () => {
    const text =
      'data_a _atom_site.type_symbol C _atom_site.Cartn_x 1 _atom_site.Cartn_y 2 _atom_site.Cartn_z 3\n' +
      'loop_ _cell.length_a _cell.length_b _cell.length_c _cell.angle_alpha _cell.angle_beta _cell.angle_gamma 9 8 7 90 90 90';
    expect(read(text)).toMatchObject({ atoms: [{ x: 1, y: 2, z: 3 }], cell: { a: 9, b: 8, c: 7 } });
  });

  it('takes the first model, another, or all', () => {
    const text = table(
      'type_symbol Cartn_x Cartn_y Cartn_z pdbx_PDB_model_num',
      'C 1 0 0 2',
      'C 2 0 0 5',
      'C 3 0 0 2',
    );
    expect(read(text).atoms.map(({ x }) => x)).toEqual([1, 3]);
    expect(read(text).notes).toEqual(['model.cif holds 2 models; only model 2 is used.']);
    expect(read(text, { model: 5 }).atoms.map(({ x }) => x)).toEqual([2]);
    expect(read(text, { model: 'all' }).atoms.map(({ x }) => x)).toEqual([1, 2, 3]);
    expect(() => read(text, { model: 1 })).toThrow(/no model 1/);
  });

  it.each([
    [
      'a value is missing',
      table('type_symbol Cartn_x Cartn_y Cartn_z', 'C 1 2 3', 'C 1 2'),
      /ends a loop_ within a row/,
    ],
    [
      'a coordinate is no number',
      table('type_symbol Cartn_x Cartn_y Cartn_z', 'C 1 x 3'),
      /Line 7 .* without a number for _atom_site.cartn_y: "x"/,
    ],
    [
      'a coordinate is a text of two lines',
      table('type_symbol Cartn_x Cartn_y Cartn_z', 'C 1\n;two\nlines\n;\n3'),
      /without a number for _atom_site.cartn_y: "two\?lines"/,
    ],
    ['a coordinate is unknown', table('type_symbol Cartn_x Cartn_y Cartn_z', 'C 1 ? 3'), /without a number/],
    [
      'a coordinate is infinite',
      table('type_symbol Cartn_x Cartn_y Cartn_z', 'C 1 1e999 3'),
      /without a number/,
    ],
    ['there is no column of x', table('type_symbol Cartn_y Cartn_z', 'C 1 2'), /_atom_site.cartn_x/],
    [
      'a quote does not end',
      "data_a\n_struct.title 'abc\n_x.y 1",
      /Line 2 .* quoted value that does not end/,
    ],
    [
      'a text field does not end',
      'data_a\n_struct.title\n;abc\ndef',
      /Line 3 .* text field that does not end/,
    ],
    ['a value has no tag', 'data_a\n_x.y 1 2', /Line 2 .* value without a tag/],
    ['a tag has no value', 'data_a\n_x.y\n_x.z 1', /Line 3 .* has no value for _x.y/],
    ['a loop has no tags', 'data_a\nloop_ 1 2', /without tags/],
  ])('says where %s', (_, text, message) => {
    expect(() => read(text)).toThrow(message);
  });
});

const word = fc
  .stringMatching(/^[ -~]{1,6}$/)
  .map((s) => s.trim().replace(/\s+/g, ' '))
  .filter((s) => s !== '' && s !== '.' && s !== '?');
const anAtom = fc.record({
  element: fc.constantFrom('C', 'N', 'O', 'Zn', 'U', 'D', 'X'),
  x: fc.integer({ min: -9_999_999, max: 9_999_999 }).map((i) => i / 1000),
  y: fc.integer({ min: -9_999_999, max: 9_999_999 }).map((i) => i / 1000),
  z: fc.integer({ min: -9_999_999, max: 9_999_999 }).map((i) => i / 1000),
  occupancy: fc.integer({ min: 0, max: 1000 }).map((i) => i / 1000),
  bFactor: fc.integer({ min: -10_000, max: 100_000 }).map((i) => i / 100),
  chain: fc.oneof(fc.constant(''), word),
  residueNumber: fc.integer({ min: -999, max: 999_999 }),
  residueName: word,
  atomName: word,
  altloc: fc.constantFrom('', 'A', 'B', '1'),
  insertionCode: fc.constantFrom('', 'A', 'Z'),
  charge: fc.integer({ min: -4, max: 4 }),
  hetero: fc.boolean(),
});

describe('writeMmcif', () => {
  it('is read again as it was', () => {
    fc.assert(
      fc.property(
        fc.array(anAtom, { minLength: 1, maxLength: 8 }),
        fc.oneof(fc.constant(''), word),
        (list, title) => {
          const atoms: StructureAtom[] = list.map((atom, i) => ({ ...atom, model: 1, serial: i + 1 }));
          const cell = { a: 10.5, b: 20, c: 30, alpha: 90, beta: 91.5, gamma: 120 };
          const back = read(writeMmcif({ id: 'test', title, cell, atoms, notes: [] }));
          // The names that the archive gives are those of the authors here.
          expect(back.atoms.map(({ labelChain: _, labelResidueNumber: __, ...atom }) => atom)).toEqual(atoms);
          expect(back).toMatchObject({ id: 'test', title, cell });
        },
      ),
      { numRuns: 500, seed: 1 },
    );
  });

  it('quotes what is not plain, titles of several lines included', () => {
    const [atom] = read(table('type_symbol Cartn_x Cartn_y Cartn_z', 'C 1 2 3')).atoms;
    for (const title of [
      "it's",
      '_tag',
      'loop_',
      ';x',
      '"a" \'b\'',
      'a\' "b" c" d',
      '#1',
      'data_x',
      'one\n;two',
    ]) {
      const back = read(writeMmcif({ id: '', title, atoms: [atom], notes: [] }));
      expect(back.title).toBe(title === 'one\n;two' ? 'one ;two' : title);
      expect(back.id).toBe('model');
    }
  });
});
