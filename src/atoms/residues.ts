/** The residues of a model, of what kind they are, and which of their atoms stand for them. */
import type { StructureAtom } from '../formats/structure.ts';

export type ResidueKind = 'protein' | 'nucleic' | 'water' | 'other';

export interface Residue {
  readonly chain: string;
  readonly number: number;
  readonly insertionCode: string;
  readonly name: string;
  readonly kind: ResidueKind;
  /** As in mmCIF files. */
  readonly labelChain: string | undefined;
  readonly labelNumber: number | undefined;
  /** Atoms of the list that are not hydrogens. */
  readonly atoms: readonly number[];
  /** Those of one conformer: of alternate positions the ones of the highest occupancy. */
  readonly conformer: readonly number[];
}

const WATERS: ReadonlySet<string> = new Set(['HOH', 'DOD', 'WAT', 'H2O']);

/**
 * In the order in which they begin in the list; residues of hydrogens only are left out. `model`: all of it,
 * where the list is a part; what a residue is follows from all of its atoms.
 */
export function residuesOf(
  atoms: readonly StructureAtom[],
  model: readonly StructureAtom[] = atoms,
): Residue[] {
  const whole = groupsOf(model);
  return [...groupsOf(atoms)].map(([key, group]) => {
    const all = whole.get(key)?.map((i) => model[i]) ?? group.map((i) => atoms[i]);
    return { ...residueOf(group, atoms), kind: kindOf(all) };
  });
}

/** Indices of the atoms of each residue. */
function groupsOf(atoms: readonly StructureAtom[]): Map<string, number[]> {
  const groups = new Map<string, number[]>();
  for (const [i, atom] of atoms.entries()) {
    if (isHydrogen(atom)) continue;
    const { chain, residueNumber, insertionCode, residueName, labelChain } = atom;
    // Two residues of one number are alternates of each other, or of another part of the chain.
    const key = JSON.stringify([chain, residueNumber, insertionCode, residueName, labelChain]);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [i]);
    else group.push(i);
  }
  return groups;
}

export function isHydrogen({ element }: Pick<StructureAtom, 'element'>): boolean {
  return element === 'H' || element === 'D';
}

function residueOf(group: readonly number[], atoms: readonly StructureAtom[]): Omit<Residue, 'kind'> {
  const own = group.map((i) => atoms[i]);
  const [{ chain, residueNumber, insertionCode, residueName, labelChain, labelResidueNumber }] = own;
  const altloc = strongest(own);
  return {
    ...{ chain, number: residueNumber, insertionCode, name: residueName },
    ...{ labelChain, labelNumber: labelResidueNumber },
    atoms: group,
    conformer: group.filter((i) => atoms[i].altloc === '' || atoms[i].altloc === altloc),
  };
}

/** The label of the alternate positions with the highest occupancies; of equal ones the first. */
function strongest(atoms: readonly StructureAtom[]): string | undefined {
  const sums = new Map<string, number>();
  for (const { altloc, occupancy } of atoms)
    if (altloc !== '') sums.set(altloc, (sums.get(altloc) ?? 0) + occupancy);
  let best: string | undefined;
  for (const [altloc, sum] of sums) if (best === undefined || sum > (sums.get(best) ?? 0)) best = altloc;
  return best;
}

/** By the atoms of the backbone: names of modified residues are without number. */
function kindOf(atoms: readonly StructureAtom[]): ResidueKind {
  if (WATERS.has(atoms[0].residueName)) return 'water';
  const has = (name: string): boolean =>
    atoms.some(({ atomName, element }) => atomName === name && element === 'C');
  // Ligands may have the same atoms: mmCIF numbers the residues of polymers only, PDB files call them ATOM.
  const [{ labelChain, labelResidueNumber, hetero }] = atoms;
  const isPolymer = labelChain === undefined ? !hetero : labelResidueNumber !== undefined;
  if (has('CA') && (isPolymer || has('C'))) return 'protein';
  if (isPolymer && (has("C1'") || has('C1*'))) return 'nucleic';
  return 'other';
}
