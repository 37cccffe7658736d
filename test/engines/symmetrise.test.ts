/** Averages over symmetry operators: against the float64 definition, and what must hold for any map. */
import { expect, it } from 'vitest';
import { createCpuEngine } from '../../src/cpu-fallback/index.ts';
import type { Engine } from '../../src/engine/engine.ts';
import { type Shape, voxelCount } from '../../src/math/grid.ts';
import { type Operator, pointGroup } from '../../src/math/symmetry/point-group.ts';
import { rotationAbout } from '../../src/math/symmetry/rotation.ts';
import type { SymmetriseOptions } from '../../src/math/symmetry/rotation-plan.ts';
import { maxDifference, relativeL2 } from '../support/compare.ts';
import { symmetriseDirectly } from '../support/direct-symmetrise.ts';
import { describeEngines } from '../support/engines.ts';
import { mapLikeVolume, noiseVolume } from '../support/random-volume.ts';

async function symmetrised(
  engine: Engine,
  data: Float32Array,
  shape: Shape,
  operators: readonly Operator[],
  options?: SymmetriseOptions,
): Promise<Float32Array> {
  const volume = await engine.upload(data.slice(), shape);
  const result = await engine.symmetrise(volume, operators, options);
  expect(result.shape).toEqual(shape);
  const out = Float32Array.from(await engine.download(result));
  expect(await engine.download(volume)).toEqual(data);
  engine.release(volume, result);
  return out;
}

const cube = (n: number): Shape => [n, n, n];
/** Tetrahedral group with its 2-folds along the axes of the grid: half of the octahedral one. */
const gridTetrahedral = pointGroup('O').filter((m) => {
  const signs = m.flat().filter((value) => value !== 0);
  // Even permutations of the axes: those of trace 3, -1 (2-folds along axes) and 0.
  return (
    [3, 0].includes(m[0][0] + m[1][1] + m[2][2]) || (m[0][0] !== 0 && m[1][1] !== 0 && signs.length === 3)
  );
});

/** 1 but on faces of index 0: those of an even box stand for both sides, and get what one of them has. */
function offFaces(shape: Shape): Float32Array {
  const [, ny, nx] = shape;
  return Float32Array.from({ length: voxelCount(shape) }, (_, i) =>
    [Math.floor(i / (ny * nx)), Math.floor(i / nx) % ny, i % nx].every((k) => k > 0) ? 1 : 0,
  );
}

/** The float64 definition on the noise of one seed: computed once for all engines. */
function definitionOn(data: Float32Array, shape: Shape, group: string): ArrayLike<number> {
  const key = `${group} ${shape}`;
  const known = definitions.get(key) ?? symmetriseDirectly(data, shape, pointGroup(group));
  definitions.set(key, known);
  return known;
}
const definitions = new Map<string, ArrayLike<number>>();

const PERMUTATIONS: readonly (readonly [name: string, operators: readonly Operator[]])[] = [
  ...['C1', 'C2', 'C4', 'D1', 'D2', 'D4', 'O'].map((name) => [name, pointGroup(name)] as const),
  ['T on grid axes', gridTetrahedral],
];

describeEngines('symmetrise', (engine) => {
  // Sums of up to 24 float32 values: 2e-7. Exactly: no interpolation.
  it.each(PERMUTATIONS)('%s moves voxels, on even and odd boxes (1e-6)', async (_, operators) => {
    for (const shape of [cube(12), cube(13)]) {
      const data = noiseVolume(shape, 1);
      const on = await engine();
      const ours = await symmetrised(on, data, shape, operators);
      expect(relativeL2(ours, symmetriseDirectly(data, shape, operators))).toBeLessThan(1e-6);
      expect(relativeL2(await symmetrised(on, ours, shape, operators), ours)).toBeLessThan(1e-6);
    }
  });

  it('C1 is a copy, bit for bit', async () => {
    const data = noiseVolume([5, 6, 7], 2);
    expect(await symmetrised(await engine(), data, [5, 6, 7], pointGroup('C1'))).toEqual(data);
  });

  it('C4 in a box that is no cube, about its axis (1e-6)', async () => {
    const shape: Shape = [9, 14, 14];
    const data = noiseVolume(shape, 3);
    const ours = await symmetrised(await engine(), data, shape, pointGroup('C4'));
    expect(relativeL2(ours, symmetriseDirectly(data, shape, pointGroup('C4')))).toBeLessThan(1e-6);
  });

  it('a centre of its own: voxels without a partner in the box keep what they have (1e-6)', async () => {
    const shape: Shape = [10, 12, 13];
    const centre = [4, 5.5, 7] as const;
    const data = noiseVolume(shape, 4);
    const ours = await symmetrised(await engine(), data, shape, pointGroup('C2'), { centre });
    expect(relativeL2(ours, symmetriseDirectly(data, shape, pointGroup('C2'), { centre }))).toBeLessThan(
      1e-6,
    );
    // Voxel (0, 0, 0) would go to (0, 11, 14), beyond the box.
    expect(ours[0]).toBe(data[0]);
  });

  // Every copy is exact but for images of the spectrum: white noise to its Nyquist frequency is the hardest
  // map.
  it.each(['C3', 'C7', 'D3', 'T', 'I1', 'I2', 'I3'])(
    '%s equals the definition on white noise (4e-4)',
    async (name) => {
      for (const shape of [cube(8), cube(9)]) {
        const data = noiseVolume(shape, 5);
        const expected = definitionOn(data, shape, name);
        const ours = await symmetrised(await engine(), data, shape, pointGroup(name));
        expect(relativeL2(ours, expected, offFaces(shape))).toBeLessThan(4e-4);
      }
    },
  );

  it('keeps no wave of exactly the Nyquist frequency (1e-6)', async () => {
    const n = 12;
    // (4, 4, 2) / 12 and the like: one half in length, by squares that are no binary fractions.
    for (const k of [
      [4, 4, 2],
      [4, -2, 4],
      [2, 4, 4],
    ]) {
      const data = Float32Array.from({ length: n ** 3 }, (_, i) => {
        const turns = k[0] * Math.floor(i / n ** 2) + k[1] * (Math.floor(i / n) % n) + k[2] * (i % n);
        return Math.cos((2 * Math.PI * turns) / n);
      });
      for (const name of ['T', 'I1']) {
        const ours = await symmetrised(await engine(), data, cube(n), pointGroup(name));
        expect(Math.max(...ours.map(Math.abs)), `${name} ${k}`).toBeLessThan(1e-6);
      }
    }
  });

  it('C3 and C6 in boxes that are no cubes (4e-4)', async () => {
    for (const [name, shape] of [
      ['C3', [7, 12, 15]],
      ['C6', [10, 13, 12]],
    ] as const) {
      const data = noiseVolume(shape, 6);
      const ours = await symmetrised(await engine(), data, shape, pointGroup(name));
      const expected = symmetriseDirectly(data, shape, pointGroup(name));
      expect(relativeL2(ours, expected, offFaces(shape))).toBeLessThan(4e-4);
    }
  });

  it('C3 about a point between voxels (4e-4)', async () => {
    const shape = cube(12);
    const centre = [6, 5.25, 6.7] as const;
    const data = noiseVolume(shape, 7);
    const ours = await symmetrised(await engine(), data, shape, pointGroup('C3'), { centre });
    expect(relativeL2(ours, symmetriseDirectly(data, shape, pointGroup('C3'), { centre }))).toBeLessThan(
      4e-4,
    );
  });

  it('rotations with shifts, as of a helix (4e-4)', async () => {
    const shape: Shape = [14, 12, 12];
    const turns = [-2, -1, 0, 1, 2];
    const operators = turns.map((k) => rotationAbout([0, 0, 1], 31 * k));
    const translations = turns.map((k) => [2.3 * k, 0, 0] as const);
    const data = noiseVolume(shape, 8);
    const ours = await symmetrised(await engine(), data, shape, operators, { translations });
    expect(relativeL2(ours, symmetriseDirectly(data, shape, operators, { translations }))).toBeLessThan(4e-4);
  });

  it('is the same on all voxels of an orbit, to rounding (1e-5)', async () => {
    const n = 12;
    const shape = cube(n);
    const data = mapLikeVolume(shape, 9);
    const on = await engine();
    const once = await symmetrised(on, data, shape, pointGroup('I'));
    const flipped = once.map((_, i) => {
      const [z, y, x] = [Math.floor(i / n ** 2), Math.floor(i / n) % n, i % n];
      return once[(z * n + ((n - y) % n)) * n + ((n - x) % n)];
    });
    expect(maxDifference(flipped, once)).toBeLessThan(1e-5 * Math.max(...once.map(Math.abs)));
  });

  it('is what the CPU engine computes, faces and corners too (1e-5)', async () => {
    const on = await engine();
    const cpu = await createCpuEngine({ threads: 1 });
    try {
      for (const [name, shape] of [
        ['C7', [10, 12, 14]],
        ['D3', cube(16)],
        ['T', cube(15)],
        ['I', cube(16)],
      ] as const) {
        const data = mapLikeVolume(shape, 10);
        const expected = await symmetrised(cpu, data, shape, pointGroup(name));
        expect(relativeL2(await symmetrised(on, data, shape, pointGroup(name)), expected)).toBeLessThan(1e-5);
      }
    } finally {
      await cpu.dispose();
    }
  });

  it('refuses operators that are no group', async () => {
    const on = await engine();
    const volume = await on.upload(new Float32Array(voxelCount([4, 4, 4])), [4, 4, 4]);
    const lone = [rotationAbout([0, 0, 1], 90)];
    await expect(on.symmetrise(volume, lone)).rejects.toThrow(/closed group/);
    await expect(on.symmetrise(volume, [])).rejects.toThrow(/no operators/);
    on.release(volume);
  });
});
