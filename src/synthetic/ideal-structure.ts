/**
 * A small protein-like assembly from ideal geometry. A subunit of about 150 residues: a five-stranded
 * antiparallel sheet between two layers of helices, one helix below it, and a three-helix domain on
 * top that is flexible (high B factor, lower occupancy). Connecting loops are omitted: residue numbers jump
 * between segments. Chains are placed by a point group about `centre`. B factors vary smoothly in space: low
 * in the core, high at the periphery and in the flexible domain.
 */
import { LocScaleError } from '../errors.ts';
import type { Atom } from '../math/atoms/atom.ts';
import { createRandom, type RandomSource } from '../math/statistics/random.ts';
import { type BackboneResidue, buildBackbone, type ElementKind, placeBackbone } from './backbone.ts';
import { createPointSet, type PointSet } from './neighbours.ts';
import { pointGroupRotations } from './point-group.ts';
import { buildSideChain, type PlacedAtom, RESIDUE_TYPES, ROTAMERS } from './side-chains.ts';
import {
  add,
  apply,
  centroid,
  type Matrix,
  norm,
  rotationAbout,
  scale,
  subtract,
  transpose,
  type Vector,
} from './vectors.ts';

/** Symmetry and B factors of the structure. */
export interface StructureOptions {
  readonly seed: number;
  /** "C1", "C2", "C4", "D2", ...: RELION's setting, about `centre`. */
  readonly symmetry: string;
  /** Centre of the point group, A (x, y, z). */
  readonly centre: Vector;
  /** B factors in the core, added at the periphery, added in the flexible domain; A^2. */
  readonly coreB?: number;
  readonly peripheryB?: number;
  readonly flexibleB?: number;
}

/** A helix or strand in the sequence of its chain. */
export interface SecondaryStructure {
  readonly kind: ElementKind;
  readonly chain: string;
  readonly firstResidue: number;
  readonly lastResidue: number;
  readonly flexible: boolean;
}

/** Chains related by the operators of the point group. */
export interface IdealStructure {
  readonly atoms: readonly Atom[];
  readonly stretches: readonly SecondaryStructure[];
  readonly symmetry: string;
  /** Rotation of each chain about the centre, the identity first. */
  readonly rotations: readonly Matrix[];
  /** Largest distance of an atom from the centre, A. */
  readonly radius: number;
}

/** Minimum distance in A between backbones of different segments; a hydrogen bond N...O is 2.9 A. */
const BACKBONE_CONTACT_ANGSTROM = 2.8;
/** Minimum distance in A of side chains from other residues, and between chains. */
const SIDE_CHAIN_CONTACT_ANGSTROM = 3;
const CHAIN_CONTACT_ANGSTROM = 3.2;
const STRAND_SPACING_ANGSTROM = 4.8;
/** Residue numbers skipped for the loop between two segments. */
const LOOP_RESIDUES = 5;
/** Below 1, as atoms of a flexible domain are partly absent from the map. */
const FLEXIBLE_OCCUPANCY = 0.9;
/** Width of the flexible domain's extra B factor around its centre, A. */
const FLEXIBLE_SPREAD_ANGSTROM = 11;

/**
 * Places helices and strands, adds side chains, and packs copies until chains touch. Throws 'internal' if
 * there is no room.
 */
export function buildIdealStructure(options: StructureOptions): IdealStructure {
  const random = createRandom(options.seed);
  const stretches = placeStretches(random);
  const subunit = decorate(stretches, random);
  const rotations = pointGroupRotations(options.symmetry);
  const offset = packChains(
    subunit.map((a) => a.position),
    rotations,
    options.symmetry,
  );
  const radius = Math.max(...subunit.map((a) => norm(add(a.position, offset))));
  const flexibleCentre = add(centroid(subunit.filter((a) => a.flexible).map((a) => a.position)), offset);
  const { coreB = 25, peripheryB = 45, flexibleB = 70, centre } = options;

  const atoms: Atom[] = [];
  rotations.forEach((rotation, chainIndex) => {
    for (const { position, flexible, ...rest } of subunit) {
      const local = add(position, offset);
      const outward = Math.min(1, norm(local) / radius);
      const away = norm(subtract(local, flexibleCentre)) / FLEXIBLE_SPREAD_ANGSTROM;
      const bFactor = coreB + peripheryB * outward ** 2 + flexibleB * Math.exp((-away * away) / 2);
      const [x, y, z] = add(centre, apply(rotation, local));
      atoms.push({
        ...rest,
        x,
        y,
        z,
        bFactor,
        occupancy: flexible ? FLEXIBLE_OCCUPANCY : 1,
        chain: chainName(chainIndex),
      });
    }
  });
  return {
    atoms,
    stretches: rotations.flatMap((_, i) => stretches.map((s) => describeStretch(s, chainName(i)))),
    symmetry: options.symmetry,
    rotations,
    radius,
  };
}

/** A to Z, then AA, AB and so on. */
function chainName(index: number): string {
  const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ';
  return index < 26
    ? letters.charAt(index)
    : letters.charAt(Math.floor(index / 26) - 1) + letters.charAt(index % 26);
}

/** A stretch with its coordinates. */
interface Stretch {
  readonly kind: ElementKind;
  readonly firstResidue: number;
  readonly residues: readonly BackboneResidue[];
  readonly flexible: boolean;
}

/** Entry of a stretch in the description of a chain. */
function describeStretch(stretch: Stretch, chain: string): SecondaryStructure {
  const { kind, firstResidue, residues, flexible } = stretch;
  return { kind, chain, firstResidue, lastResidue: firstResidue + residues.length - 1, flexible };
}

/** Target position of a segment; it moves along `outward` until it touches nothing. */
interface SegmentRequest {
  readonly kind: ElementKind;
  readonly length: number;
  readonly centre: Vector;
  readonly direction: Vector;
  readonly towards: Vector;
  readonly outward: Vector;
  readonly flexible: boolean;
}

/** The fold in the subunit's own frame: strands along z, the sheet in the plane y = 0. */
function segmentRequests(random: RandomSource): SegmentRequest[] {
  const list: SegmentRequest[] = [];
  const up = (sign: number): Vector => [0, 0, sign];
  // Antiparallel strands from the middle outwards; neighbours are twisted against each other.
  [0, 1, -1, 2, -2].forEach((place) => {
    const twist = rotationAbout([1, 0, 0], -14 * place);
    list.push({
      kind: 'strand',
      length: random.integer(7, 8),
      centre: [STRAND_SPACING_ANGSTROM * place, 0, 0],
      direction: apply(twist, up(place % 2 === 0 ? 1 : -1)),
      towards: apply(twist, [0, 1, 0]),
      outward: [Math.sign(place), 0, 0],
      flexible: false,
    });
  });
  for (const side of [1, -1]) {
    for (const place of [-1, 1]) {
      const tilt = rotationAbout([0, 1, 0], -side * 35 + 8 * random.gaussian());
      list.push({
        kind: 'helix',
        length: random.integer(15, 18),
        centre: [5.2 * place, 9.2 * side, 0],
        direction: apply(tilt, up(side * place)),
        towards: [1, 0, 0],
        outward: [0.3 * place, side, 0],
        flexible: false,
      });
    }
  }
  list.push({
    kind: 'helix',
    length: random.integer(13, 15),
    centre: [0, 0, -16],
    direction: [Math.cos(0.5), Math.sin(0.5), 0],
    towards: [0, 0, 1],
    outward: [0, 0, -1],
    flexible: false,
  });
  // The flexible domain: three antiparallel helices on a triangle, leaning outwards (+x).
  const lean = rotationAbout([0, 1, 0], 25);
  for (let i = 0; i < 3; i++) {
    const corner = apply(rotationAbout([0, 0, 1], 120 * i + 60), [5.6, 0, 0]);
    list.push({
      kind: 'helix',
      length: random.integer(12, 14),
      centre: add([9, 0, 26], apply(lean, corner)),
      direction: apply(lean, up(i === 1 ? -1 : 1)),
      towards: apply(lean, corner),
      outward: apply(lean, [0, 0, 1]),
      flexible: true,
    });
  }
  return list;
}

/** Backbone of every segment, with the turn and shift that leave the most room. */
function placeStretches(random: RandomSource): Stretch[] {
  const occupied = createPointSet();
  const stretches: Stretch[] = [];
  let firstResidue = 1;
  for (const request of segmentRequests(random)) {
    const ideal = buildBackbone(request.kind, request.length);
    const residues = findRoom(ideal, request, occupied);
    for (const point of residues.flatMap(backbonePoints)) occupied.insert(point, stretches.length);
    stretches.push({ kind: request.kind, firstResidue, residues, flexible: request.flexible });
    firstResidue += residues.length + LOOP_RESIDUES;
  }
  return stretches;
}

/** A place for a stretch that touches nothing placed before: rotated and shifted until it fits. */
function findRoom(
  ideal: readonly BackboneResidue[],
  request: SegmentRequest,
  occupied: PointSet,
): BackboneResidue[] {
  // A strand's side chains must point out of the sheet, so its turn is limited; its register is free.
  const turns =
    request.kind === 'strand' ? [0, -10, 10, -20, 20] : Array.from({ length: 12 }, (_, i) => 30 * i);
  const shifts = request.kind === 'strand' ? [0, -0.6, 0.6, -1.2, 1.2, -1.8, 1.8, -2.4, 2.4, -3, 3] : [0];
  for (let outward = 0; outward < 30; outward += 0.25) {
    let best: { residues: BackboneResidue[]; room: number } | undefined;
    for (const turn of turns) {
      for (const shift of shifts) {
        const centre = add(request.centre, scale(request.outward, outward));
        const residues = placeBackbone(ideal, { ...request, centre, turn, shift });
        const room = Math.min(
          ...residues.flatMap(backbonePoints).map((p) => occupied.nearest(p, () => true)),
        );
        if (room >= BACKBONE_CONTACT_ANGSTROM && room > (best?.room ?? 0)) best = { residues, room };
      }
    }
    if (best) return best.residues;
  }
  throw new LocScaleError(
    'internal',
    `No room was found for a ${request.kind} of ${request.length} residues.`,
  );
}

/** Atoms that must keep their distance. */
function backbonePoints(residue: BackboneResidue): Vector[] {
  return [residue.N, residue.CA, residue.C, residue.O, residue.CB];
}

/** An atom before chains are made. */
interface SubunitAtom {
  readonly element: string;
  readonly atomName: string;
  readonly residueName: string;
  readonly residueNumber: number;
  readonly position: Vector;
  readonly flexible: boolean;
}

/** Adds side chains: the drawn residue type in the first rotamer that fits, else a smaller type. */
function decorate(stretches: readonly Stretch[], random: RandomSource): SubunitAtom[] {
  const occupied = createPointSet();
  for (const { residues, firstResidue } of stretches) {
    residues.forEach((residue, i) => {
      for (const point of backbonePoints(residue)) occupied.insert(point, firstResidue + i);
    });
  }
  const atoms: SubunitAtom[] = [];
  for (const { kind, residues, firstResidue, flexible } of stretches) {
    const types = RESIDUE_TYPES[kind];
    residues.forEach((backbone, i) => {
      const residueNumber = firstResidue + i;
      const drawn = types[random.integer(0, types.length - 1)];
      const fits = (a: PlacedAtom): boolean =>
        occupied.nearest(a.position, (tag) => tag !== residueNumber) >= SIDE_CHAIN_CONTACT_ANGSTROM;
      const { residueName, sideChain } = chooseSideChain([drawn, 'VAL', 'SER', 'ALA'], backbone, fits);
      for (const a of sideChain) occupied.insert(a.position, residueNumber);
      const all: PlacedAtom[] = [
        ...Object.entries(backbone).map(([name, position]) => ({ name, element: name.charAt(0), position })),
        ...sideChain,
      ];
      for (const { name, element, position } of all) {
        atoms.push({ element, atomName: name, residueName, residueNumber, position, flexible });
      }
    });
  }
  const centre = centroid(atoms.map((a) => a.position));
  return atoms.map((a) => ({ ...a, position: subtract(a.position, centre) }));
}

/** The first residue type and rotamer whose atoms touch nothing; alanine if none does. */
function chooseSideChain(
  types: readonly string[],
  backbone: BackboneResidue,
  fits: (atom: PlacedAtom) => boolean,
): { residueName: string; sideChain: PlacedAtom[] } {
  for (const residueName of types) {
    for (const rotamer of ROTAMERS) {
      const sideChain = buildSideChain(residueName, backbone, rotamer);
      if (sideChain.every(fits)) return { residueName, sideChain };
    }
  }
  return { residueName: 'ALA', sideChain: [] };
}

/** Offset of the subunit from the symmetry centre: the smallest at which the chains do not touch. */
function packChains(points: readonly Vector[], rotations: readonly Matrix[], symmetry: string): Vector {
  if (rotations.length === 1) return [0, 0, 0];
  const order = Number(symmetry.trim().slice(1));
  const dihedral = rotations.length > order;
  // In a dihedral group the subunit is off the z = 0 plane, half-way between the 2-fold axes.
  const azimuth = dihedral ? Math.PI / (2 * order) : 0;
  const outward: Vector = [Math.cos(azimuth), Math.sin(azimuth), dihedral ? 0.75 : 0];
  const occupied = createPointSet();
  for (const point of points) occupied.insert(point, 0);
  const free = (offset: Vector): boolean =>
    rotations.slice(1).every((rotation) => {
      // In another chain's frame this chain's atoms are at R^-1 (p + t) - t.
      const back = transpose(rotation);
      return points.every(
        (p) =>
          occupied.nearest(subtract(apply(back, add(p, offset)), offset), () => true) >=
          CHAIN_CONTACT_ANGSTROM,
      );
    });
  let distance = 2;
  while (!free(scale(outward, distance))) distance += 2;
  while (free(scale(outward, distance - 0.25))) distance -= 0.25;
  return scale(outward, distance);
}
