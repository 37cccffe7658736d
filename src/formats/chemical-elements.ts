/** Determines the elements of atoms in coordinate files from the element column or the atom's name. */
import { TABULATED_ELEMENTS } from '../math/atoms/scattering-factors.ts';
import { UNKNOWN_ELEMENT } from './structure.ts';

/** Normalises "ZN" and "zn" to "Zn"; undefined if it is not an element. Deuterium stays "D". */
const SYMBOLS = new Map<string, string>(
  [...TABULATED_ELEMENTS, 'D'].map((symbol) => [symbol.toUpperCase(), symbol]),
);

/** The symbol in its usual spelling; undefined if there is no such element. */
export function elementFromSymbol(text: string): string | undefined {
  return SYMBOLS.get(text.trim().toUpperCase());
}

/**
 * Residues that consist of C, N, O, S, P and H only: their atom names begin with the element in any column.
 */
const POLYMER_RESIDUES = new Set(
  (
    'ALA ARG ASN ASP ASX CYS GLN GLU GLX GLY HIS ILE LEU LYS MET PHE PRO SER THR TRP TYR VAL ' +
    'A C G U I DA DC DG DT DU DI HOH WAT'
  ).split(' '),
);

/**
 * Element of an atom by its name in a PDB file: four characters, the element's symbol right-justified in the
 * first two. Hydrogens with four characters begin in the first column ("HG11"), as mercury does ("HG  ").
 */
export function elementFromPdbName(field: string, residueName: string): string {
  const letters = field.replace(/[^A-Za-z]/g, '').toUpperCase();
  const single = SYMBOLS.get(letters.charAt(0)) ?? UNKNOWN_ELEMENT;
  if (POLYMER_RESIDUES.has(residueName)) return single;
  const start = field.slice(0, 2);
  if (!/^[A-Za-z]{2}$/.test(start)) return single;
  if (/^H/i.test(start) && field.trim().length === 4) return 'H';
  return SYMBOLS.get(start.toUpperCase()) ?? single;
}

/**
 * Element by a name without columns (mmCIF): the whole name if it is an element's symbol in an ion, else its
 * first letter.
 */
export function elementFromPlainName(name: string, residueName: string): string {
  const letters = name.replace(/[^A-Za-z]/g, '').toUpperCase();
  if (!POLYMER_RESIDUES.has(residueName) && letters === residueName.toUpperCase()) {
    const ion = SYMBOLS.get(letters);
    if (ion !== undefined) return ion;
  }
  return SYMBOLS.get(letters.charAt(0)) ?? UNKNOWN_ELEMENT;
}
