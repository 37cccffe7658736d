/**
 * Ideal backbones from internal coordinates: N, CA, C, O and CB of helices and strands.
 * Bond lengths and angles: Engh & Huber, International Tables F (2001), ch. 18.3.
 */
import {
  add,
  apply,
  centroid,
  cross,
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

export type ElementKind = 'helix' | 'strand';

/** Backbone atoms of one residue, A. */
export interface BackboneResidue {
  readonly N: Vector;
  readonly CA: Vector;
  readonly C: Vector;
  readonly O: Vector;
  readonly CB: Vector;
}

const BOND = { nToCa: 1.458, caToC: 1.525, cToN: 1.329, cToO: 1.231, caToCb: 1.53 };
const ANGLE = { nCaC: 111, caCN: 117.2, cNCa: 121.7, caCO: 120.1, nCaCb: 110.5 };
/** Dihedral of CB about N-CA against C, for an L amino acid. */
const CB_DIHEDRAL = -122.6;
/** Helix: rise 1.5 A, 3.6 residues a turn. Strand: antiparallel, rise 3.3 A. */
export const TORSIONS: Readonly<Record<ElementKind, { phi: number; psi: number; omega: number }>> = {
  helix: { phi: -57, psi: -47, omega: 180 },
  strand: { phi: -139, psi: 135, omega: -178 },
};

/** A stretch of `length` residues with its centroid at the origin, its axis along z, N-terminus below. */
export function buildBackbone(kind: ElementKind, length: number): BackboneResidue[] {
  const { phi, psi, omega } = TORSIONS[kind];
  // Any first three atoms with the right geometry do: the result is moved into its own frame.
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
  // Turn 0 of an element is where the middle residue's CB points along x: a strand's side chains then
  // alternate between +x and -x.
  const middle = residues[length >> 1]!;
  const frame = transpose(frameAlong(principalAxis(points), subtract(middle.CB, middle.CA)));
  return residues.map((r) => mapResidue(r, (p) => apply(frame, subtract(p, centre))));
}

export interface Placement {
  readonly centre: Vector;
  /** From the N- to the C-terminus. */
  readonly direction: Vector;
  /** Where the side chain of the middle residue points at turn 0. */
  readonly towards: Vector;
  /** Rotation about the element's own axis, degrees. */
  readonly turn: number;
  /** Shift along the direction, A. */
  readonly shift: number;
}

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

/** Unit normal of the plane N, CA, C: used by tests of chirality. */
export function chiralityOf(residue: BackboneResidue): number {
  const normal = cross(subtract(residue.N, residue.CA), subtract(residue.C, residue.CA));
  const cb = subtract(residue.CB, residue.CA);
  return Math.sign(normal[0] * cb[0] + normal[1] * cb[1] + normal[2] * cb[2]);
}
