/** PDB files: columns, and all that programs write where the format has no room. */
import { describe, expect, it } from 'vitest';
import { readStructure } from '../../../src/formats/coordinates.ts';
import { hybrid36 } from '../../../src/formats/pdb.ts';
import type { ReadStructureOptions, Structure } from '../../../src/formats/structure.ts';

const read = (text: string, options?: ReadStructureOptions): Structure =>
  readStructure(new TextEncoder().encode(text), 'model.pdb', options);

interface Fields {
  record?: string;
  serial?: string;
  name?: string;
  altloc?: string;
  residue?: string;
  chain?: string;
  number?: string;
  insertion?: string;
  x?: string;
  occupancy?: string;
  b?: string;
  element?: string;
  charge?: string;
}

function atom(fields: Fields = {}): string {
  const f = {
    record: 'ATOM',
    serial: '1',
    name: ' CA ',
    altloc: ' ',
    residue: 'ALA',
    chain: 'A',
    number: '1',
    insertion: ' ',
    x: '1.000',
    occupancy: '1.00',
    b: '20.00',
    element: 'C',
    charge: '  ',
    ...fields,
  };
  return (
    `${f.record.padEnd(6)}${f.serial.padStart(5)} ${f.name}${f.altloc}${f.residue.padStart(3)}${f.chain.padStart(2)}` +
    `${f.number.padStart(4)}${f.insertion}   ${f.x.padStart(8)}${'2.000'.padStart(8)}${'-3.500'.padStart(8)}` +
    `${f.occupancy.padStart(6)}${f.b.padStart(6)}          ${f.element.padStart(2)}${f.charge}`
  );
}

const only = (text: string) => read(text).atoms[0];

describe('PDB', () => {
  it('reads every column', () => {
    const line = atom({
      record: 'HETATM',
      serial: '77',
      name: 'ZN  ',
      altloc: 'B',
      residue: 'ZN',
      chain: 'AB',
      number: '-12',
      insertion: 'C',
      x: '-101.125',
      occupancy: '0.25',
      b: '-4.50',
      element: 'ZN',
      charge: '2+',
    });
    expect(only(line)).toEqual({
      element: 'Zn',
      x: -101.125,
      y: 2,
      z: -3.5,
      occupancy: 0.25,
      bFactor: -4.5,
      chain: 'AB',
      residueNumber: -12,
      residueName: 'ZN',
      atomName: 'ZN',
      altloc: 'B',
      insertionCode: 'C',
      model: 1,
      charge: 2,
      hetero: true,
      serial: 77,
    });
    expect(only(atom({ charge: '1-' })).charge).toBe(-1);
    expect(only(atom({ charge: '+1' })).charge).toBe(1);
  });

  it('reads title, entry and cell; a cell of 1 A is none', () => {
    const text = [
      'HEADER    MEMBRANE PROTEIN                        28-OCT-13   3J5P              ',
      'TITLE     STRUCTURE OF TRPV1 ION CHANNEL DETERMINED BY SINGLE PARTICLE',
      'TITLE    2 ELECTRON CRYO-MICROSCOPY',
      'CRYST1  134.400  134.400  140.000  90.00  90.00 120.00 P 1           1',
      atom(),
    ].join('\n');
    const structure = read(text);
    expect(structure).toMatchObject({
      id: '3J5P',
      title: 'STRUCTURE OF TRPV1 ION CHANNEL DETERMINED BY SINGLE PARTICLE ELECTRON CRYO-MICROSCOPY',
      cell: { a: 134.4, b: 134.4, c: 140, alpha: 90, beta: 90, gamma: 120 },
      notes: [],
    });
    expect(
      read(`CRYST1    1.000    1.000    1.000  90.00  90.00  90.00 P 1\n${atom()}`).cell,
    ).toBeUndefined();
  });

  it.each([['\n'], ['\r\n'], ['\r']])('reads lines that end in %j, with and without END', (end) => {
    const lines = ['REMARK 1', atom(), atom({ serial: '2', x: '5.000' }), 'TER', 'END', atom({ x: '9.000' })];
    expect(read(lines.join(end)).atoms.map(({ x }) => x)).toEqual([1, 5]);
    expect(read(lines.slice(0, 3).join(end)).atoms).toHaveLength(2);
  });

  it('takes the first model, another, or all, and says that there are several', () => {
    const text = [
      'MODEL        4',
      atom(),
      'ENDMDL',
      'MODEL        9',
      atom({ x: '7.000' }),
      'ENDMDL',
      'END',
    ].join('\n');
    expect(read(text).atoms).toMatchObject([{ x: 1, model: 4 }]);
    expect(read(text).notes).toEqual(['model.pdb holds 2 models; only model 4 is used.']);
    expect(read(text, { model: 9 }).atoms).toMatchObject([{ x: 7, model: 9 }]);
    expect(read(text, { model: 'all' }).atoms.map(({ model }) => model)).toEqual([4, 9]);
    expect(() => read(text, { model: 2 })).toThrow(/no model 2/);
  });

  it('keeps alternate positions with their occupancies, and says so', () => {
    const text = [atom({ altloc: 'A', occupancy: '0.70' }), atom({ altloc: 'B', occupancy: '0.30' })].join(
      '\n',
    );
    expect(read(text).atoms).toMatchObject([
      { altloc: 'A', occupancy: 0.7 },
      { altloc: 'B', occupancy: 0.3 },
    ]);
    expect(read(text).notes).toEqual(['2 atoms in alternate positions, each with its own occupancy.']);
  });

  it('takes blank occupancies for 1, zeros for 0, blank B factors for 0, lines that end early', () => {
    expect(only(atom({ occupancy: '' })).occupancy).toBe(1);
    expect(read(atom({ occupancy: '0.00' })).notes).toEqual(['1 atom with occupancy 0, without effect.']);
    expect(only(atom({ b: '' })).bFactor).toBe(0);
    expect(only(atom().slice(0, 54))).toMatchObject({ z: -3.5, occupancy: 1, bFactor: 0, element: 'C' });
  });

  it('ignores anisotropic B factors', () => {
    expect(
      read(`${atom()}\nANISOU    1  CA  ALA A   1     2406   1892   1614    198    519   -328       C`).atoms,
    ).toHaveLength(1);
  });

  it('counts on in hybrid-36, over stars, and reads serials of six digits', () => {
    expect(hybrid36('99999')).toBe(99_999);
    expect(hybrid36('A0000')).toBe(100_000);
    expect(hybrid36('ZZZZZ')).toBe(100_000 + 26 * 36 ** 4 - 1);
    expect(hybrid36('a0000')).toBe(100_000 + 26 * 36 ** 4);
    expect(hybrid36('A000')).toBe(10_000);
    expect(hybrid36(' -12')).toBe(-12);
    for (const none of ['*****', '', 'Aa000', ' A00', 'A-00']) expect(hybrid36(none)).toBeUndefined();
    const serials = (...lines: string[]): number[] =>
      read(lines.join('\n')).atoms.map(({ serial }) => serial);
    const [before, stars] = [atom({ serial: '99999' }), atom({ serial: '*****' })];
    expect(serials(before, stars, stars)).toEqual([99_999, 100_000, 100_001]);
    expect(serials(before, atom({ serial: 'A0001' }))).toEqual([99_999, 100_001]);
    // In the blank before, in the blank behind, and with the rest of the line moved.
    const six = [
      `ATOM 100000${atom().slice(11)}`,
      `ATOM  100000${atom().slice(12)}`,
      `ATOM  100000${atom().slice(11)}`,
    ];
    for (const line of six)
      expect(only(line)).toMatchObject({ serial: 100_000, x: 1, element: 'C', bFactor: 20 });
    const million = `HETATM1000000${atom().slice(11)}`;
    expect(only(million)).toMatchObject({ serial: 1_000_000, x: 1, hetero: true });
  });

  it('counts residues on where their numbers have run out', () => {
    const lines = [
      atom({ number: '9999', name: ' N  ' }),
      atom({ number: '****', residue: 'GLY', name: ' N  ' }),
      atom({ number: '****', residue: 'GLY', name: ' CA ' }),
      atom({ number: '****', residue: 'GLY', name: ' N  ' }),
      atom({ number: '****', residue: 'SER', name: ' N  ' }),
    ];
    expect(read(lines.join('\n')).atoms.map(({ residueNumber }) => residueNumber)).toEqual([
      9999, 10_000, 10_000, 10_001, 10_002,
    ]);
    expect(read([atom({ number: '9999' }), atom({ number: 'A000' })].join('\n')).atoms[1].residueNumber).toBe(
      10_000,
    );
  });

  // Element from the name: symbol right-justified in the first two columns.
  it.each([
    [' CA ', 'ALA', 'C'],
    ['CA  ', 'CA', 'Ca'],
    ['CA  ', 'ALA', 'C'],
    ['HG11', 'VAL', 'H'],
    ['HG11', 'LIG', 'H'],
    ['HG  ', 'HG', 'Hg'],
    ['1HB ', 'ALA', 'H'],
    ['SE  ', 'MSE', 'Se'],
    [" O5'", 'DA', 'O'],
    ['FE  ', 'HEM', 'Fe'],
    [' NA ', 'HEM', 'N'],
    ['NA  ', 'NA', 'Na'],
    [' P  ', 'DG', 'P'],
    ['CL1 ', 'LIG', 'Cl'],
    ['C10 ', 'LIG', 'C'],
    [' D  ', 'DOD', 'D'],
    [' Q  ', 'LIG', 'X'],
  ])('derives the element of "%s" in %s: %s', (name, residue, element) => {
    const structure = read(atom({ name, residue, element: '' }));
    expect(structure.atoms[0].element).toBe(element);
    expect(structure.notes[0]).toBe('The elements of 1 atom were derived from their names.');
    // Old files have the entry's name and line numbers there.
    expect(only(`${atom({ name, residue }).slice(0, 72)}1ABC 123`).element).toBe(element);
  });

  it('keeps what the file calls unknown', () => {
    const structure = read(atom({ element: 'X' }));
    expect(structure.atoms[0].element).toBe('X');
    expect(structure.notes).toEqual(['The elements of 1 atom are unknown.']);
  });

  it('reads Latin-1', () => {
    const bytes = Uint8Array.from(`TITLE     PROT\xc9INE\n${atom()}`, (c) => c.charCodeAt(0));
    expect(readStructure(bytes, 'old.pdb')).toMatchObject({ title: 'PROTÉINE', atoms: [{ x: 1 }] });
  });

  it.each([
    ['x', atom({ x: 'abc' }), /Line 2 of model.pdb has no x coordinate: "abc"/],
    ['x', atom({ x: 'NaN' }), /no x coordinate/],
    ['x', atom({ x: '********' }), /no x coordinate/],
    ['x', atom({ x: '' }), /no x coordinate/],
    ['B', atom({ b: 'x' }), /no B factor/],
    ['occupancy', atom({ occupancy: '1,00' }), /no occupancy/],
    ['residue', atom({ number: 'q' }), /no residue number/],
    ['line', atom().slice(0, 50), /ends before its coordinates/],
  ])('names the line of a bad %s', (_, line, message) => {
    expect(() => read(`REMARK\n${line}\n`)).toThrow(message);
    try {
      read(`REMARK\n${line}\n`);
    } catch (error) {
      expect(error).toMatchObject({ tag: 'bad-input', where: 'model.pdb, line 2' });
    }
  });
});
