import { describe, expect, it } from 'vitest';
import type { Atom } from '../../../../src/math/atoms/atom.ts';
import { contourOfVolume, judgeMaskVolume, massOfAtoms } from '../../../../src/math/inputs/mask-volume.ts';
import { createRandom } from '../../../../src/math/statistics/random.ts';

const model = { source: 'the model', least: 3000, most: 3000 };

describe('judgeMaskVolume', () => {
  it('accepts less than a factor of 3 on both sides', () => {
    for (const volume of [1001, 3000, 8999]) expect(judgeMaskVolume(volume, [model])).toBeUndefined();
    expect(judgeMaskVolume(1000, [model])).toEqual({ side: 'too small', factor: 3, expected: model });
    expect(judgeMaskVolume(9000, [model])).toEqual({ side: 'too large', factor: 3, expected: model });
    expect(judgeMaskVolume(0, [model])).toMatchObject({ side: 'too small' });
  });

  it('believes any source that agrees, and names the first where none does', () => {
    const weight = { source: '-mw', least: 12_000, most: 12_000 };
    expect(judgeMaskVolume(12_000, [model, weight])).toBeUndefined();
    expect(judgeMaskVolume(100_000, [model, weight])?.expected).toBe(model);
  });

  it('has no upper side for a part of what the map shows', () => {
    expect(judgeMaskVolume(1e9, [{ ...model, most: Number.POSITIVE_INFINITY }])).toBeUndefined();
    expect(judgeMaskVolume(1, [])).toBeUndefined();
  });
});

describe('massOfAtoms', () => {
  const atom = (change: Partial<Atom>): Atom => ({
    element: 'C',
    x: 0,
    y: 0,
    z: 0,
    bFactor: 20,
    occupancy: 1,
    chain: 'A',
    residueNumber: 1,
    residueName: 'ALA',
    atomName: 'CB',
    ...change,
  });
  // Alanine in a chain: 71 Da.
  const alanine = ['N', 'CA', 'C', 'O', 'CB'].map((atomName) => atom({ atomName, element: atomName[0] }));

  it('counts heavy atoms with their hydrogens, by occupancy, without water', () => {
    const hydrogen = atom({ element: 'H', atomName: 'HA' });
    const water = atom({ element: 'O', atomName: 'O', residueName: 'HOH' });
    expect(massOfAtoms([...alanine, hydrogen, water])).toBeCloseTo(70.5, 6);
    expect(massOfAtoms(alanine.map((a) => ({ ...a, occupancy: 0.5 })))).toBeCloseTo(35.25, 6);
  });

  it('takes a trace of CA or P atoms for whole residues', () => {
    expect(massOfAtoms([atom({ atomName: 'CA' }), atom({ atomName: 'CA' })])).toBe(220);
    expect(massOfAtoms([atom({ atomName: 'P', element: 'P' })])).toBe(325);
    // Calcium is no CA atom.
    expect(massOfAtoms([atom({ atomName: 'CA', element: 'Ca' })])).toBeCloseTo(14.1, 6);
  });
});

it('contourOfVolume finds the level exceeded by the requested number of voxels', () => {
  const random = createRandom(5);
  const data = Float32Array.from({ length: 50_000 }, () => random.gaussian());
  for (const wanted of [100, 5000, 49_000]) {
    const level = contourOfVolume(data, wanted);
    expect(Math.abs(data.filter((value) => value >= level).length - wanted)).toBeLessThan(0.01 * wanted + 2);
  }
});
