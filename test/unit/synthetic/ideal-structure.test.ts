import { describe, expect, it } from 'vitest';
import type { Atom } from '../../../src/math/atoms/atom.ts';
import { buildBackbone } from '../../../src/synthetic/backbone.ts';
import { buildIdealStructure, type IdealStructure } from '../../../src/synthetic/ideal-structure.ts';
import {
  add,
  angleOf,
  apply,
  cross,
  dihedralOf,
  distance,
  dot,
  normalise,
  scale,
  subtract,
  type Vector,
} from '../../../src/synthetic/vectors.ts';

const position = (a: Atom): Vector => [a.x, a.y, a.z];

/** Rise and turn per residue from four consecutive CA (Kahn, Comput. Chem. 13 (1989) 185). */
function helixOf(ca: readonly Vector[]): { rise: number; turn: number; handed: number } {
  const [a, b, c, d] = ca as [Vector, Vector, Vector, Vector];
  const towardsAxis1 = normalise(subtract(add(a, c), scale(b, 2)));
  const towardsAxis2 = normalise(subtract(add(b, d), scale(c, 2)));
  const axis = normalise(cross(towardsAxis1, towardsAxis2));
  const turn = (Math.acos(dot(towardsAxis1, towardsAxis2)) * 180) / Math.PI;
  const rise = dot(subtract(c, b), axis);
  return { rise: Math.abs(rise), turn, handed: Math.sign(rise) };
}

describe('ideal backbones', () => {
  const helix = buildBackbone('helix', 18);
  const strand = buildBackbone('strand', 8);

  it('have the bond lengths, angles and torsions requested', () => {
    for (const [residues, phi, psi] of [
      [helix, -57, -47],
      [strand, -139, 135],
    ] as const) {
      residues.forEach((r, i) => {
        expect(distance(r.N, r.CA)).toBeCloseTo(1.47, 9);
        expect(distance(r.CA, r.C)).toBeCloseTo(1.53, 9);
        expect(distance(r.C, r.O)).toBeCloseTo(1.24, 9);
        expect(distance(r.CA, r.CB)).toBeCloseTo(1.53, 9);
        expect(angleOf(r.N, r.CA, r.C)).toBeCloseTo(110, 6);
        expect(angleOf(r.CA, r.C, r.O)).toBeCloseTo(121, 6);
        const next = residues[i + 1];
        if (!next) return;
        expect(distance(r.C, next.N)).toBeCloseTo(1.32, 9);
        expect(angleOf(r.CA, r.C, next.N)).toBeCloseTo(114, 6);
        expect(angleOf(r.C, next.N, next.CA)).toBeCloseTo(123, 6);
        expect(dihedralOf(r.N, r.CA, r.C, next.N)).toBeCloseTo(psi, 6);
        expect(dihedralOf(r.C, next.N, next.CA, next.C)).toBeCloseTo(phi, 6);
        // O and the next N lie on opposite sides of the flat peptide group.
        expect(angleOf(r.O, r.C, next.N)).toBeGreaterThan(120);
      });
    }
  });

  it('are of L amino acids', () => {
    // Seen from H the groups CO, R, N run clockwise about CA: (N - CA) x (C - CA) points to CB's side.
    for (const r of [...helix, ...strand]) {
      const normal = cross(subtract(r.N, r.CA), subtract(r.C, r.CA));
      expect(dot(normal, subtract(r.CB, r.CA))).toBeGreaterThan(0);
    }
  });

  it('make a right-handed alpha helix of 1.5 A and 3.6 residues per turn', () => {
    const { rise, turn, handed } = helixOf(helix.slice(4, 8).map((r) => r.CA));
    // The textbook helix; these bond angles give 1.517 A and 3.58.
    expect(Math.abs(rise - 1.5)).toBeLessThan(0.05);
    expect(Math.abs(360 / turn - 3.6)).toBeLessThan(0.1);
    expect(handed).toBe(1);
    // The hydrogen bond O(i)...N(i+4).
    expect(distance(helix[2]!.O, helix[6]!.N)).toBeGreaterThan(2.7);
    expect(distance(helix[2]!.O, helix[6]!.N)).toBeLessThan(3.2);
  });

  it('make an extended strand with alternating side chains', () => {
    const rise = distance(strand[0]!.CA, strand[6]!.CA) / 6;
    expect(rise).toBeGreaterThan(3.2);
    expect(rise).toBeLessThan(3.5);
    const side = (i: number): Vector => normalise(subtract(strand[i]!.CB, strand[i]!.CA));
    expect(dot(side(3), side(4))).toBeLessThan(-0.4);
    expect(dot(side(3), side(5))).toBeGreaterThan(0.8);
  });
});

describe('the ideal structure', () => {
  const structures: [string, IdealStructure][] = ['C1', 'C2', 'C4', 'D2', 'C3'].map((symmetry, seed) => [
    symmetry,
    buildIdealStructure({ seed, symmetry, centre: [40, 45, 50] }),
  ]);

  it.each(structures)('%s: every rotation maps atoms on atoms', (_, { atoms, rotations }) => {
    const centre: Vector = [40, 45, 50];
    const known = new Map(atoms.map((a) => [keyOf(position(a)), a]));
    const perChain = atoms.length / rotations.length;
    expect(Number.isInteger(perChain)).toBe(true);
    for (const rotation of rotations) {
      for (const atom of atoms.slice(0, perChain)) {
        const mate = known.get(keyOf(add(centre, apply(rotation, subtract(position(atom), centre)))));
        expect(mate).toMatchObject({
          element: atom.element,
          atomName: atom.atomName,
          residueNumber: atom.residueNumber,
          bFactor: atom.bFactor,
          occupancy: atom.occupancy,
        });
      }
    }
  });

  it('C4 and D2 are exact to the last bit about the origin', () => {
    for (const symmetry of ['C4', 'D2']) {
      const { atoms, rotations } = buildIdealStructure({ seed: 3, symmetry, centre: [0, 0, 0] });
      const all = new Set(atoms.map((a) => JSON.stringify([a.x + 0, a.y + 0, a.z + 0])));
      let missing = 0;
      for (const rotation of rotations) {
        for (const atom of atoms) {
          const [x, y, z] = apply(rotation, position(atom));
          if (!all.has(JSON.stringify([x + 0, y + 0, z + 0]))) missing++;
        }
      }
      expect(missing).toBe(0);
    }
  });

  it.each(structures)('%s: stretches and chains do not touch', (_, { atoms, stretches, rotations }) => {
    const groupOf = (a: Atom): number =>
      stretches.findIndex(
        (s) => s.chain === a.chain && a.residueNumber >= s.firstResidue && a.residueNumber <= s.lastResidue,
      );
    const groups = atoms.map(groupOf);
    expect(groups.every((g) => g >= 0)).toBe(true);
    const places = Float64Array.from(atoms.flatMap(position));
    let closest = Number.POSITIVE_INFINITY;
    // One chain against all: the others see the same, by symmetry.
    for (let i = 0; i < atoms.length / rotations.length; i++)
      for (let j = i + 1; j < atoms.length; j++) {
        if (groups[i] === groups[j]) continue;
        const [a, b] = [3 * i, 3 * j];
        const dx = places[a] - places[b];
        const dy = places[a + 1] - places[b + 1];
        const dz = places[a + 2] - places[b + 2];
        closest = Math.min(closest, dx * dx + dy * dy + dz * dz);
      }
    expect(Math.sqrt(closest)).toBeGreaterThan(2.7);
  });

  it.each(structures)(
    '%s: within a stretch no non-bonded atoms of different residues come closer than 2.2 A',
    (_, { atoms }) => {
      const chain = atoms.filter((a) => a.chain === 'A');
      let closest = Number.POSITIVE_INFINITY;
      const places = chain.map(position);
      for (const [i, a] of chain.entries()) {
        for (const [j, b] of chain.entries()) {
          if (b.residueNumber <= a.residueNumber) continue;
          const peptideBond =
            a.atomName === 'C' && b.atomName === 'N' && b.residueNumber === a.residueNumber + 1;
          if (!peptideBond) closest = Math.min(closest, distance(places[i]!, places[j]!));
        }
      }
      // The closest are O...N and CA...N of a peptide group, 2.2 to 2.4 A.
      expect(closest).toBeGreaterThan(2.2);
    },
  );

  it.each(structures)(
    '%s: has the size, composition and B factors of a small protein',
    (_, { atoms, rotations, stretches }) => {
      const residues = atoms.filter((a) => a.atomName === 'CA').length / rotations.length;
      expect(residues).toBeGreaterThanOrEqual(140);
      expect(residues).toBeLessThanOrEqual(165);
      expect(stretches.filter((s) => s.kind === 'strand')).toHaveLength(5 * rotations.length);
      expect(stretches.filter((s) => s.flexible)).toHaveLength(3 * rotations.length);
      expect(atoms.length / rotations.length / residues).toBeGreaterThan(6);
      expect(new Set(atoms.map((a) => a.element))).toEqual(new Set(['C', 'N', 'O', 'S']));
      expect(new Set(atoms.map((a) => a.chain)).size).toBe(rotations.length);
      const b = atoms.map((a) => a.bFactor);
      expect(Math.min(...b)).toBeGreaterThan(20);
      expect(Math.max(...b)).toBeGreaterThan(100);
      expect(Math.max(...b)).toBeLessThan(150);
      // Smooth in space: bonded neighbours differ by little.
      const chain = atoms.filter((a) => a.chain === 'A');
      let steepest = 0;
      const places = chain.map(position);
      for (const [i, a] of chain.entries()) {
        for (const [j, c] of chain.entries()) {
          if (distance(places[i]!, places[j]!) < 1.6)
            steepest = Math.max(steepest, Math.abs(a.bFactor - c.bFactor));
        }
      }
      expect(steepest).toBeLessThan(12);
    },
  );

  it('repeats for a seed and differs for another', () => {
    const build = (seed: number) => buildIdealStructure({ seed, symmetry: 'C2', centre: [0, 0, 0] });
    expect(build(4).atoms).toEqual(build(4).atoms);
    expect(build(4).atoms).not.toEqual(build(5).atoms);
  });

  it('refuses a point group it does not know', () => {
    expect(() => buildIdealStructure({ seed: 1, symmetry: 'T', centre: [0, 0, 0] })).toThrow(
      /point group "T"/,
    );
  });
});

/** Positions to 1e-6 A: rotations by 120 degrees are not exact in binary. */
function keyOf(p: Vector): string {
  return p.map((v) => (Math.round(v * 1e6) + 0).toString()).join();
}
