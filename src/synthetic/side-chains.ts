/**
 * Builds side chains beyond CB from internal coordinates, and lists the residue types per segment. Dihedrals
 * keep aromatic rings planar; chi angles come from a short list of rotamers.
 */
import type { BackboneResidue, ElementKind } from './backbone.ts';
import { placeAtom, type Vector } from './vectors.ts';

/** An atom of a side chain in internal coordinates: A and degrees. */
interface SideChainAtom {
  readonly name: string;
  readonly element: string;
  /** The three preceding atoms: dihedral a-b-c-this, angle b-c-this, bond c-this. */
  readonly after: readonly [string, string, string];
  readonly bond: number;
  readonly angle: number;
  /** Degrees, or the index of the chi angle plus an offset. */
  readonly dihedral: number | { readonly chi: 1 | 2; readonly offset: number };
}

const chi1 = (offset = 0): SideChainAtom['dihedral'] => ({ chi: 1, offset });
const chi2 = (offset = 0): SideChainAtom['dihedral'] => ({ chi: 2, offset });
const atom = (
  name: string,
  after: SideChainAtom['after'],
  bond: number,
  angle: number,
  dihedral: SideChainAtom['dihedral'],
): SideChainAtom => ({ name, element: name.charAt(0), after, bond, angle, dihedral });

const ONE: SideChainAtom['after'] = ['N', 'CA', 'CB'];
const TWO: SideChainAtom['after'] = ['CA', 'CB', 'CG'];
const CARBON_GAMMA = atom('CG', ONE, 1.52, 113.8, chi1());

/** Side chains by residue type; atoms in the order in which they can be placed. */
const SIDE_CHAINS: Readonly<Record<string, readonly SideChainAtom[]>> = {
  ALA: [],
  SER: [atom('OG', ONE, 1.417, 110.8, chi1())],
  CYS: [atom('SG', ONE, 1.808, 113.8, chi1())],
  THR: [atom('OG1', ONE, 1.433, 109.6, chi1()), atom('CG2', ONE, 1.521, 110.5, chi1(-120))],
  VAL: [atom('CG1', ONE, 1.521, 110.5, chi1()), atom('CG2', ONE, 1.521, 110.5, chi1(122))],
  LEU: [CARBON_GAMMA, atom('CD1', TWO, 1.521, 110.7, chi2()), atom('CD2', TWO, 1.521, 110.7, chi2(122))],
  ASP: [CARBON_GAMMA, atom('OD1', TWO, 1.249, 118.4, chi2()), atom('OD2', TWO, 1.249, 118.4, chi2(180))],
  ASN: [CARBON_GAMMA, atom('OD1', TWO, 1.231, 120.8, chi2()), atom('ND2', TWO, 1.328, 116.4, chi2(180))],
  MET: [
    CARBON_GAMMA,
    atom('SD', TWO, 1.803, 112.7, chi2()),
    atom('CE', ['CB', 'CG', 'SD'], 1.791, 100.9, 180),
  ],
  GLU: [
    CARBON_GAMMA,
    atom('CD', TWO, 1.516, 112.6, chi2()),
    atom('OE1', ['CB', 'CG', 'CD'], 1.249, 118.4, 20),
    atom('OE2', ['CB', 'CG', 'CD'], 1.249, 118.4, 200),
  ],
  LYS: [
    CARBON_GAMMA,
    atom('CD', TWO, 1.52, 111.3, chi2()),
    atom('CE', ['CB', 'CG', 'CD'], 1.52, 111.3, 180),
    atom('NZ', ['CG', 'CD', 'CE'], 1.489, 111.9, 180),
  ],
  PHE: [
    CARBON_GAMMA,
    atom('CD1', TWO, 1.384, 120.7, chi2(-90)),
    atom('CD2', TWO, 1.384, 120.7, chi2(90)),
    atom('CE1', ['CB', 'CG', 'CD1'], 1.382, 120.7, 180),
    atom('CE2', ['CB', 'CG', 'CD2'], 1.382, 120.7, 180),
    atom('CZ', ['CG', 'CD1', 'CE1'], 1.382, 120, 0),
  ],
};

/** Residue types to draw from: strands prefer branched and aromatic residues, helices long ones. */
export const RESIDUE_TYPES: Readonly<Record<ElementKind, readonly string[]>> = {
  helix: ['LEU', 'LEU', 'GLU', 'LYS', 'MET', 'ASN', 'PHE', 'SER', 'ASP', 'ALA'],
  strand: ['VAL', 'VAL', 'THR', 'PHE', 'LEU', 'SER', 'LYS', 'CYS'],
};

/** Chi angles in degrees, the most frequent rotamers first. */
export const ROTAMERS: readonly { readonly chi1: number; readonly chi2: number }[] = [
  { chi1: -65, chi2: 175 },
  { chi1: -177, chi2: 65 },
  { chi1: 62, chi2: 175 },
  { chi1: -65, chi2: -60 },
  { chi1: -177, chi2: 175 },
];

/** A side-chain atom with its position (x, y, z), A. */
export interface PlacedAtom {
  readonly name: string;
  readonly element: string;
  readonly position: Vector;
}

/** Atoms of a side chain beyond CB; empty for ALA. */
export function buildSideChain(
  residueName: string,
  backbone: BackboneResidue,
  rotamer: { readonly chi1: number; readonly chi2: number },
): PlacedAtom[] {
  const positions = new Map<string, Vector>(Object.entries(backbone));
  return SIDE_CHAINS[residueName].map(({ name, element, after, bond, angle, dihedral }) => {
    const [a, b, c] = after.map((parent) => positions.get(parent)!) as [Vector, Vector, Vector];
    const degrees =
      typeof dihedral === 'number'
        ? dihedral
        : (dihedral.chi === 1 ? rotamer.chi1 : rotamer.chi2) + dihedral.offset;
    const position = placeAtom(a, b, c, bond, angle, degrees);
    positions.set(name, position);
    return { name, element, position };
  });
}
