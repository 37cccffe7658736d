/** pLDDT in the B column: recognised by what files say, converted, never by accident. */
import { describe, expect, it } from 'vitest';
import {
  bFactorOfConfidence,
  confidenceNote,
  convertConfidence,
} from '../../../src/atoms/predicted-model.ts';
import { readStructure } from '../../../src/formats/coordinates.ts';
import type { Structure } from '../../../src/formats/structure.ts';

const read = (text: string): Structure => readStructure(new TextEncoder().encode(text), 'model');

const pdbAtoms = (b: (residue: number, atom: number) => number, residues = 30): string =>
  Array.from({ length: residues }, (_, r) =>
    ['N', 'CA', 'C', 'O'].map(
      (name, k) =>
        `ATOM  ${String(4 * r + k + 1).padStart(5)}  ${name.padEnd(3)} ALA A${String(r + 1).padStart(4)}    ${(r * 1.5).toFixed(3).padStart(8)}${k.toFixed(3).padStart(8)}${'0.000'.padStart(8)}  1.00${b(r, k).toFixed(2).padStart(6)}           ${name[0]}`,
    ),
  )
    .flat()
    .join('\n');

const pLDDT = (residue: number): number => 95 - (residue % 10);
const cif = (head: string, b = [90, 40]): string => `data_model
${head}
loop_
_atom_site.id
_atom_site.type_symbol
_atom_site.Cartn_x
_atom_site.Cartn_y
_atom_site.Cartn_z
_atom_site.B_iso_or_equiv
1 C 0 0 0 ${b[0]}
2 C 1 0 0 ${b[1]}
`;

describe('pLDDT', () => {
  it('becomes the B factor of phenix.process_predicted_model', () => {
    // rmsd 1.5 A at 0.7.
    expect(bFactorOfConfidence(0.7)).toBeCloseTo(59.22, 2);
    expect(bFactorOfConfidence(0.95)).toBeCloseTo(59.2176 * Math.exp(-2), 3);
    expect(bFactorOfConfidence(0.1)).toBe(500);
  });

  it.each([
    ['ModelCIF, one metric', cif('_ma_qa_metric.name pLDDT')],
    ['ModelCIF, a table', cif('loop_\n_ma_qa_metric.id\n_ma_qa_metric.name\n1 pLDDT\n2 pLDDT')],
    [
      'ModelCIF, values only',
      cif('loop_\n_ma_qa_metric_local.ordinal_id\n_ma_qa_metric_local.metric_value\n1 90.0'),
    ],
    ['software in mmCIF', cif('_software.name AlphaFold')],
    ['title of AlphaFold', `TITLE     ALPHAFOLD MONOMER V2.0 PREDICTION FOR X (P1)\n${pdbAtoms(pLDDT)}`],
    ['header of ESMFold', `HEADER    ESMFOLD V1 PREDICTION FOR INPUT\n${pdbAtoms(pLDDT)}`],
    ['remark', `REMARK   1 B-FACTOR COLUMN HOLDS PLDDT\n${pdbAtoms(pLDDT)}`],
    ['maker in a remark', `REMARK   1 CREATED WITH BOLTZ 2.0\n${pdbAtoms(pLDDT)}`],
    ['theoretical model', cif("_exptl.method 'THEORETICAL MODEL'\n_software.name Boltz-2")],
  ])('is recognised: %s', (_, text) => {
    const structure = read(text);
    const converted = convertConfidence(structure);
    expect(converted?.sentence).toMatch(/^The model is a prediction \(.*\): its B column holds pLDDT/);
    converted?.structure.atoms.forEach((atom, i) => {
      expect(atom.bFactor).toBe(bFactorOfConfidence(structure.atoms[i].bFactor / 100));
    });
  });

  it('may be a fraction', () => {
    const { structure, sentence } = convertConfidence(read(cif('_ma_qa_metric.name pLDDT', [0.9, 0.4])))!;
    expect(structure.atoms[0].bFactor).toBeCloseTo(bFactorOfConfidence(0.9), 12);
    expect(sentence).toContain('0.40 to 0.90');
  });

  it.each([
    [
      'a deposited structure that began with a prediction',
      cif("_exptl.method 'ELECTRON MICROSCOPY'\n_software.name AlphaFold"),
    ],
    [
      'the same in PDB format',
      `TITLE     FIT OF AN ALPHAFOLD MODEL\nEXPDTA    ELECTRON MICROSCOPY\n${pdbAtoms(pLDDT)}`,
    ],
    [
      'a remark on a starting model',
      `REMARK   3 STARTING MODEL: ALPHAFOLD\nREMARK   3 CREATED WITH COOT\n${pdbAtoms(pLDDT)}`,
    ],
    [
      'a remark of a deposited structure',
      `EXPDTA    ELECTRON MICROSCOPY\nREMARK   1 CREATED WITH ALPHAFOLD\n${pdbAtoms(pLDDT)}`,
    ],
    ['values beyond 100: converted before', cif('_ma_qa_metric.name pLDDT', [8, 300])],
    ['zeros', cif('_ma_qa_metric.name pLDDT', [0, 0])],
    ['another metric', cif('_ma_qa_metric.name QMEANDisCo')],
    ['no mark at all', `${pdbAtoms(pLDDT)}`],
  ])('is not seen in %s', (_, text) => {
    expect(convertConfidence(read(text))).toBeUndefined();
  });

  it('without a mark is only suspected: one high value per residue', () => {
    const suspect = read(pdbAtoms((r) => 95 - r / 3));
    expect(confidenceNote(suspect)).toMatch(/look like pLDDT .* taken as B factors/);
    expect(confidenceNote(read(pdbAtoms((r, k) => 90 - r / 3 - k)))).toBeUndefined();
    expect(confidenceNote(read(pdbAtoms((r) => 30 + r)))).toBeUndefined();
    // Fractions, one a residue or one an atom.
    expect(confidenceNote(read(pdbAtoms((r) => 0.95 - r / 100)))).toMatch(/0\.66 to 0\.95, fractions of 1/);
    expect(confidenceNote(read(pdbAtoms((r, k) => 0.9 - r / 100 - k / 50)))).toMatch(/fractions of 1/);
    expect(confidenceNote(read(pdbAtoms(() => 0)))).toBeUndefined();
    expect(confidenceNote(read(pdbAtoms(() => 1)))).toBeUndefined();
    expect(confidenceNote(read(pdbAtoms((r) => 90 + 2 * r)))).toBeUndefined();
  });
});
