import { describe, expect, it } from 'vitest';
import { completeModel } from '../../../../src/atoms/pseudo-model/complete-model.ts';
import { findUnmodelled } from '../../../../src/atoms/pseudo-model/find-unmodelled.ts';
import { makeModelMask } from '../../../../src/atoms/pseudo-model/model-mask.ts';
import { type AtomSet, joinAtomSets } from '../../../../src/math/atoms/atom-set.ts';
import type { Shape } from '../../../../src/math/grid.ts';
import { molecularNumbers } from '../../../../src/math/scaling/molecular-numbers.ts';

const SHAPE: Shape = [24, 26, 28];
const GRID = { shape: SHAPE, voxelSize: 1.5, origin: [3, -6, 9] as const };
const at = (z: number, y: number, x: number): number => (z * 26 + y) * 28 + x;

/** Atoms at (z, y, x) in voxels. */
function atomsAt(...voxels: readonly (readonly [number, number, number])[]): AtomSet {
  return {
    count: voxels.length,
    positions: Float64Array.from(voxels.flatMap(([z, y, x]) => [9 + 1.5 * x, -6 + 1.5 * y, 3 + 1.5 * z])),
    elements: voxels.map(() => 'C'),
    bFactors: new Float64Array(voxels.length).fill(40),
    occupancies: new Float64Array(voxels.length).fill(1),
  };
}

const sum = (values: ArrayLike<number>): number => Array.from(values).reduce((total, v) => total + v, 0);

describe('mask around a model', () => {
  it('is a ball of about the radius around the voxel of an atom', () => {
    const mask = makeModelMask({ ...GRID, atoms: atomsAt([12.2, 12.7, 14.4]), radiusAngstrom: 6 });
    for (let z = 0, i = 0; z < 24; z++) {
      for (let y = 0; y < 26; y++) {
        for (let x = 0; x < 28; x++, i++) {
          const distance = Math.hypot(z - 12, y - 13, x - 14);
          // The cosine window rounds the ball of 4 voxels off by less than a voxel.
          if (distance <= 3) expect(mask[i]).toBe(1);
          if (distance >= 5) expect(mask[i]).toBe(0);
        }
      }
    }
  });

  it('equals a direct convolution of the dilated mask', () => {
    const model = atomsAt([5, 6, 7], [8, 6, 9], [12, 20, 26], [23, 0, 1]);
    const mask = makeModelMask({ ...GRID, atoms: model, radiusAngstrom: 3 });
    const centres = [
      [5, 6, 7],
      [8, 6, 9],
      [12, 20, 26],
      [23, 0, 1],
    ];
    const dilated = (z: number, y: number, x: number): number => {
      if (z < 0 || y < 0 || x < 0 || z >= 24 || y >= 26 || x >= 28) return 0;
      return centres.some((c) => (z - c[0]) ** 2 + (y - c[1]) ** 2 + (x - c[2]) ** 2 <= 4) ? 1 : 0;
    };
    const weight = [0.5, 1.5, 2.5, 3.5, 4.5].map((k) => Math.sin((Math.PI * k) / 5));
    const smooth = new Float64Array(mask.length);
    for (let z = 0, i = 0; z < 24; z++) {
      for (let y = 0; y < 26; y++) {
        for (let x = 0; x < 28; x++, i++) {
          for (let k = 0; k < 125; k++) {
            const [c, b, a] = [Math.floor(k / 25), Math.floor(k / 5) % 5, k % 5];
            smooth[i] += weight[c] * weight[b] * weight[a] * dilated(z + c - 2, y + b - 2, x + a - 2);
          }
        }
      }
    }
    const largest = smooth.reduce((most, value) => Math.max(most, value), 0);
    expect(Array.from(mask)).toEqual(Array.from(smooth, (value) => (value >= largest / 2 ? 1 : 0)));
    expect(sum(mask)).toBeGreaterThan(50);
  });

  it('passes over atoms outside the box', () => {
    expect(sum(makeModelMask({ ...GRID, atoms: atomsAt([-3, 4, 4], [4, 4, 40]), radiusAngstrom: 3 }))).toBe(
      0,
    );
  });
});

describe('what a model leaves out', () => {
  /** Mask of a box z 4 ... 19, y 4 ... 21, x 4 ... 23, the model covering x < 12. */
  const confidence = new Float32Array(24 * 26 * 28).fill(0.5);
  const modelMask = new Uint8Array(confidence.length);
  for (let z = 4; z < 20; z++) {
    for (let y = 4; y < 22; y++) {
      for (let x = 4; x < 24; x++) {
        confidence[at(z, y, x)] = 0.99;
        if (x < 12) modelMask[at(z, y, x)] = 1;
      }
    }
  }
  const find = (averagingWindow: number) =>
    findUnmodelled({ confidence, threshold: 0.99, modelMask, shape: SHAPE, averagingWindow });

  it('is the rest of the mask, narrowed by half the averaging window', () => {
    expect(find(1).voxels).toBe(16 * 18 * 12);
    const { differenceMask, voxels } = find(3);
    expect(voxels).toBe(14 * 16 * 10);
    expect([differenceMask[at(5, 5, 13)], differenceMask[at(5, 5, 12)]]).toEqual([1, 0]);
    // Windows of even size reach one voxel further down than up.
    const even = find(2).differenceMask;
    expect([even[at(5, 5, 13)], even[at(4, 5, 13)], even[at(19, 21, 23)]]).toEqual([1, 0, 1]);
  });

  it('mirrors the faces of the box', () => {
    const everything = new Float32Array(confidence.length).fill(1);
    const nothing = new Uint8Array(confidence.length);
    const found = findUnmodelled({
      ...{ confidence: everything, threshold: 0.99, modelMask: nothing, shape: SHAPE },
      averagingWindow: 5,
    });
    expect(found.voxels).toBe(confidence.length);
  });
});

describe('completing a model', () => {
  const confidence = new Float32Array(24 * 26 * 28);
  for (let z = 4; z < 20; z++)
    for (let y = 4; y < 22; y++) for (let x = 4; x < 24; x++) confidence[at(z, y, x)] = 1;
  const model = atomsAt([12, 13, 6], [12, 13, 8], [9, 10, 7]);
  const job = {
    ...GRID,
    model,
    confidence,
    map: confidence,
    maskThreshold: 0.99,
    averagingWindow: 3,
    method: 'gradient',
    iterations: 10,
    distanceAngstrom: 1.2,
    seed: 6,
  } as const;

  it('adds pseudo-atoms behind the model, in the difference mask only', async () => {
    const done = await completeModel(job);
    const added = done.pseudoModel.atoms;
    expect(done.unmodelledVoxels).toBe(sum(done.differenceMask));
    expect(added.count).toBe(molecularNumbers(done.unmodelledVoxels, 1.5).atoms);
    expect(added.count).toBeGreaterThan(300);
    for (let i = 0; i < added.count; i++) {
      const [x, y, z] = [9, -6, 3].map((origin, k) =>
        Math.round((added.positions[3 * i + k] - origin) / 1.5),
      );
      expect(done.differenceMask[at(z, y, x)]).toBe(1);
    }
    expect(done.atoms).toEqual(joinAtomSets(model, added));
    expect(done.atoms.positions.slice(0, 9)).toEqual(model.positions);
    expect(done.atoms.bFactors.slice(0, 4)).toEqual(Float64Array.from([40, 40, 40, 0]));
  });

  it('the resolution widens the mask around the model', async () => {
    const narrow = await completeModel({ ...job, iterations: 0 });
    const wide = await completeModel({ ...job, iterations: 0, resolution: 8 });
    expect(wide.unmodelledVoxels).toBeLessThan(narrow.unmodelledVoxels);
  });

  it('fills a mask full of holes, of which averaging leaves nothing', async () => {
    const holes = confidence.map((value, i) => (i % 3 === 0 ? 0 : value));
    expect(findUnmodelled({ ...job, confidence: holes, threshold: 0.99, modelMask: [] }).voxels).toBe(0);
    const done = await completeModel({ ...job, confidence: holes, iterations: 0 });
    const around = makeModelMask({ ...GRID, atoms: model, radiusAngstrom: 3 });
    expect([...done.differenceMask]).toEqual(
      [...holes].map((v, i) => (v === 1 && !(around[i] > 0.5) ? 1 : 0)),
    );
    expect(done.pseudoModel.atoms.count).toBe(molecularNumbers(done.unmodelledVoxels, 1.5).atoms);
  });

  it('leaves single voxels next to a whole model alone', async () => {
    const specks = confidence.map((value, i) => (i % 97 === 0 ? value : 0));
    const around = makeModelMask({ ...GRID, atoms: model, radiusAngstrom: 8 });
    specks.forEach((_, i) => {
      if (around[i] > 0.5) specks[i] = 1;
    });
    await expect(completeModel({ ...job, confidence: specks, resolution: 8 })).rejects.toMatchObject({
      message: 'The atomic model leaves no part of the mask unmodelled.',
    });
  });

  it('says so when nothing is left', async () => {
    await expect(completeModel({ ...job, resolution: 80 })).rejects.toMatchObject({
      tag: 'bad-input',
      message: 'The atomic model leaves no part of the mask unmodelled.',
    });
  });
});
