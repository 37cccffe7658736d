/**
 * Ideal backbones from internal coordinates: N, CA, C, O and CB of helices and strands.
 * Peptide geometry: Corey & Pauling, Proc. R. Soc. B 141 (1953) 10-20, with which the textbook torsions
 * -57, -47 give the textbook helix (modern restraints would stretch its rise by 4 %).
 */
import {
  add,
  apply,
  centroid,
  frameAlong,
  type Matrix,
  multiply,
  placeAtom,
  principalAxis,
  rotationAbout,
  subtract,
  transpose,
  type Vector,
} from './vectors.ts';

/** Secondary structure of a stretch. */
export type ElementKind = 'helix' | 'strand';

/** Backbone atoms of one residue, A. */
export interface BackboneResidue {
  readonly N: Vector;
  readonly CA: Vector;
  readonly C: Vector;
  readonly O: Vector;
  readonly CB: Vector;
}

/** Lengths in A and angles in degrees of an ideal backbone. */
const BOND = { nToCa: 1.47, caToC: 1.53, cToN: 1.32, cToO: 1.24, caToCb: 1.53 };
const ANGLE = { nCaC: 110, caCN: 114, cNCa: 123, caCO: 121, nCaCb: 110.5 };
/** Dihedral of CB about N-CA against C, for an L amino acid. */
const CB_DIHEDRAL = -122.6;
/** Helix: rise 1.5 A, 3.6 residues per turn. Strand: antiparallel, rise 3.3 A. */
export const TORSIONS: Readonly<Record<ElementKind, { phi: number; psi: number; omega: number }>> = {
  helix: { phi: -57, psi: -47, omega: 180 },
  strand: { phi: -139, psi: 135, omega: -178 },
};

/**
 * A segment of `length` residues with its centroid at the origin, its axis along z and its N-terminus at low
 * z.
 */
export function buildBackbone(kind: ElementKind, length: number): BackboneResidue[] {
  const { phi, psi, omega } = TORSIONS[kind];
  // The first three atoms are arbitrary but for their geometry: the result is moved into its own frame.
  let n: Vector = [0, 0, 0];
  let ca: Vector = [BOND.nToCa, 0, 0];
  let c = placeAtom([0, 1, 0], n, ca, BOND.caToC, ANGLE.nCaC, 0);
  const residues: BackboneResidue[] = [];
  for (let i = 0; i < length; i++) {
    const nextN = placeAtom(n, ca, c, BOND.cToN, ANGLE.caCN, psi);
    const oxygen = placeAtom(n, ca, c, BOND.cToO, ANGLE.caCO, psi + 180);
    const cb = placeAtom(c, n, ca, BOND.caToCb, ANGLE.nCaCb, CB_DIHEDRAL);
    residues.push({ N: n, CA: ca, C: c, O: oxygen, CB: cb });
    const nextCa = placeAtom(ca, c, nextN, BOND.nToCa, ANGLE.cNCa, omega);
    const nextC = placeAtom(c, nextN, nextCa, BOND.caToC, ANGLE.nCaC, phi);
    [n, ca, c] = [nextN, nextCa, nextC];
  }
  const points = residues.flatMap((r) => [r.N, r.CA, r.C]);
  const centre = centroid(points);
  // At turn 0 the middle residue's CB points along x, so that a strand's side chains alternate between +x and
  // -x.
  const middle = residues[length >> 1];
  const frame = transpose(frameAlong(principalAxis(points), subtract(middle.CB, middle.CA)));
  return residues.map((r) => mapResidue(r, (p) => apply(frame, subtract(p, centre))));
}

/** Where a stretch lies, A. */
export interface Placement {
  readonly centre: Vector;
  /** From the N- to the C-terminus. */
  readonly direction: Vector;
  /** Direction of the middle residue's side chain at turn 0. */
  readonly towards: Vector;
  /** Rotation about the element's own axis, degrees. */
  readonly turn: number;
  /** Shift along the direction, A. */
  readonly shift: number;
}

/** Moves an ideal stretch to its place: rotated about its axis, then shifted along it. */
export function placeBackbone(residues: readonly BackboneResidue[], placement: Placement): BackboneResidue[] {
  const frame = frameAlong(placement.direction, placement.towards);
  const rotation: Matrix = multiply(frame, rotationAbout([0, 0, 1], placement.turn));
  const axis = apply(frame, [0, 0, placement.shift]);
  const centre = add(placement.centre, axis);
  return residues.map((r) => mapResidue(r, (p) => add(centre, apply(rotation, p))));
}

function mapResidue(residue: BackboneResidue, map: (p: Vector) => Vector): BackboneResidue {
  return {
    N: map(residue.N),
    CA: map(residue.CA),
    C: map(residue.C),
    O: map(residue.O),
    CB: map(residue.CB),
  };
}
