/** Models in the frame of a map, and why they do not fit. */
import { describe, expect, it } from 'vitest';
import { diagnoseModel, judgeModelFit, placeModel } from '../../../src/atoms/place-model.ts';
import { createCpuEngine } from '../../../src/cpu-fallback/index.ts';
import type { Engine, Volume } from '../../../src/engine/engine.ts';
import type { Atom } from '../../../src/math/atoms/atom.ts';
import { atomSetOf } from '../../../src/math/atoms/atom-set.ts';
import type { Grid } from '../../../src/math/grid.ts';
import { createRandom } from '../../../src/math/statistics/random.ts';

function atomAt(x: number, y: number, z: number, more: Partial<Atom> = {}): Atom {
  return {
    element: 'C',
    x,
    y,
    z,
    bFactor: 30 + x,
    occupancy: 1,
    chain: 'A',
    residueNumber: 1,
    residueName: 'ALA',
    atomName: 'CA',
    ...more,
  };
}

const GRID: Grid = { shape: [10, 20, 30], voxelSize: [1, 1, 1], origin: [-50, 100, 200] };

describe('placeModel', () => {
  it('keeps positions, which are absolute already, and all that is in order', () => {
    const atoms = [atomAt(200, 100, -50), atomAt(229, 119, -41), atomAt(210.5, 110, -45)];
    const placed = placeModel({ atoms }, GRID);
    expect(placed.inside).toEqual(atoms);
    expect(Array.from(placed.atoms.positions)).toEqual([200, 100, -50, 229, 119, -41, 210.5, 110, -45]);
    expect(placed.warnings).toEqual([]);
    expect(placed.outside).toMatchObject({ count: 0, farthestAngstrom: 0 });
  });

  it('leaves out what is outside by more than half a voxel, and says how far', () => {
    const inside = Array.from({ length: 18 }, (_, i) => atomAt(200 + i, 105, -45));
    const placed = placeModel(
      { atoms: [...inside, atomAt(199.4, 105, -45), atomAt(233.5, 123.5, -45)] },
      GRID,
    );
    expect(placed.atoms.count).toBe(18);
    expect(placed.outside.count).toBe(2);
    // 4 A beyond 229.5 along x and 4 A beyond 119.5 along y.
    expect(placed.outside.farthestAngstrom).toBeCloseTo(Math.hypot(4, 4), 10);
    expect(placed.warnings).toEqual([
      '2 of 20 atoms lie outside the map, by up to 5.7 A; these are left out.',
    ]);
  });

  it('says when a map without its origin would hold the model', () => {
    const atoms = [atomAt(1, 2, 3), atomAt(20, 10, 5)];
    const { warnings, atoms: none, outside } = placeModel({ atoms }, GRID);
    expect(none.count).toBe(0);
    expect(outside.countWithoutOrigin).toBe(0);
    expect(warnings[0]).toMatch(/^All 2 atoms lie outside the map, by up to .* without its origin\?$/);
  });

  it('leaves out unknown elements and empty atoms, and reports impossible B factors', () => {
    const atoms = [
      atomAt(205, 105, -45),
      atomAt(206, 105, -45, { element: 'X' }),
      atomAt(207, 105, -45, { occupancy: 0 }),
      atomAt(208, 105, -45, { bFactor: -3 }),
    ];
    const placed = placeModel({ atoms }, GRID);
    expect(placed.inside).toEqual([atoms[0], atoms[3]]);
    expect(placed.warnings).toEqual([
      '1 atom of unknown element "X" left out.',
      '1 atom with occupancy 0 left out.',
      '1 atom with a negative B factor, which counts as 0.',
    ]);
    const flat = [atomAt(205, 105, -45, { bFactor: 20 }), atomAt(206, 105, -45, { bFactor: 20 })];
    expect(placeModel({ atoms: flat }, GRID).warnings).toEqual([
      'All atoms have the same B factor, 20.0 A^2.',
    ]);
  });
});

describe('judgeModelFit', () => {
  it('accepts 0.3 and more', () => {
    expect(judgeModelFit(0.3)).toBeUndefined();
    expect(judgeModelFit(0.29)).toMatch(/does not fit the map: correlation 0.29/);
    expect(judgeModelFit(Number.NaN)).toMatch(/undefined/);
  });
});

describe('diagnoseModel', () => {
  const grid: Grid = { shape: [40, 44, 48], voxelSize: [2, 2, 2], origin: [30, -64, 90] };
  // A chiral chain of blobs, off the middle.
  const random = createRandom(3);
  const walk = [0, 0, 0];
  const truth: Atom[] = Array.from({ length: 500 }, () => {
    for (let k = 0; k < 3; k++) {
      walk[k] += 3 * random.gaussian();
      walk[k] -= 0.06 * walk[k];
    }
    return atomAt(90 + 52 + walk[0], -64 + 40 + walk[1], 30 + 36 + walk[2], { bFactor: 60 });
  });
  const moved = (change: (position: number, k: number) => number): { atoms: Atom[] } => ({
    atoms: truth.map((atom) => ({
      ...atom,
      x: change(atom.x, 0),
      y: change(atom.y, 1),
      z: change(atom.z, 2),
    })),
  });
  const origin = [90, -64, 30];

  async function withMap<T>(run: (engine: Engine, map: Volume) => Promise<T>): Promise<T> {
    const engine = await createCpuEngine({ threads: 1 });
    try {
      return await run(engine, await engine.simulateMap(atomSetOf(truth), grid));
    } finally {
      await engine.dispose();
    }
  }

  it.each([
    ['the origin ignored', (p: number, k: number) => p - origin[k], /if the origin .* is ignored/],
    ['the origin twice', (p: number, k: number) => p + origin[k], /opposite sign/],
    [
      'the wrong hand',
      (p: number, k: number) => (k === 2 ? 2 * 30 + 78 - p : p),
      /mirror image of the map \(along z\)/,
    ],
    [
      'a wrong voxel size',
      (p: number, k: number) => origin[k] + (p - origin[k]) * 1.03,
      /voxel size of the map is 2\.0[46]00 A instead of 2\.0000 A/,
    ],
    [
      'coordinates from the centre',
      (p: number, k: number) => p - origin[k] - [48, 44, 40][k],
      /count from the centre/,
    ],
    [
      'a shift',
      (p: number, k: number) => p + [12, -6, 0][k],
      /if it is shifted by about -12, 6, 0 A along x, y, z/,
    ],
    [
      'nothing in common',
      (_: number, k: number) => origin[k] + 5,
      /Neither origin, nor hand, nor voxel size/,
    ],
    ['nothing wrong', (p: number) => p, /At low resolution it fits/],
  ])('finds %s', async (_, change, expected) => {
    await withMap(async (engine, map) => {
      const job = { engine, structure: moved(change), grid, map, correlation: 0.1 };
      expect(await diagnoseModel(job)).toMatch(expected);
    });
  });

  it('finds the contrast inverted, and a part of a model where it is', async () => {
    await withMap(async (engine, map) => {
      const data = Float32Array.from(await engine.download(map));
      const negative = await engine.upload(
        data.map((value) => -value),
        grid.shape,
      );
      const job = { engine, structure: { atoms: truth }, grid, correlation: -0.8 };
      expect(await diagnoseModel({ ...job, map: negative })).toMatch(/sign changed .* multiply it by -1/);
      const part = { atoms: truth.slice(0, 125) };
      expect(await diagnoseModel({ ...job, structure: part, map, correlation: 0.1 })).toMatch(
        /^At low resolution it fits/,
      );
    });
  });

  it('compares around the atoms only', async () => {
    await withMap(async (engine, map) => {
      const data = Float32Array.from(await engine.download(map));
      // Something heavy in a corner outside the mask drowns the rest.
      const heavy = [{ ...truth[0], x: 100, y: -54, z: 40, occupancy: 2000, bFactor: 300 }];
      const other = await engine.download(await engine.simulateMap(atomSetOf(heavy), grid));
      const disturbed = await engine.upload(
        data.map((value, i) => value + other[i]),
        grid.shape,
      );
      const job = { engine, structure: { atoms: truth }, grid, map: disturbed, correlation: 0.1 };
      expect(await diagnoseModel(job)).toMatch(/^At low resolution it fits/);
    });
  });
});
