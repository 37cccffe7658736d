/** The point group of a map, found: groups in RELION's setting, and turned ones with their axes. */
import { describe, expect, it } from 'vitest';
import { createRandom } from '../../../../src/math/statistics/random.ts';
import { type Operator, pointGroup } from '../../../../src/math/symmetry/point-group.ts';
import {
  applyMatrix,
  dot,
  multiplyMatrices,
  rotationAbout,
  type Vector3,
} from '../../../../src/math/symmetry/rotation.ts';
import {
  type CoarseMap,
  correlationRoom,
  detectSymmetry,
  selfCorrelation,
  selfCorrelations,
} from '../../../../src/math/symmetry/self-rotation.ts';
import { rotateOperators } from '../../../../src/math/symmetry/symmetry-operators.ts';

/** Voxels; the blobs lie within 9 of the middle, the sphere that is compared reaches to 11. */
const EDGE = 24;

/** Gaussian blobs at seeded places and their images; sd 1.2 voxels, noise of 2 %. */
function blobMap(operators: readonly Operator[], seed = 3): CoarseMap {
  const random = createRandom(seed);
  const places: Vector3[] = [];
  for (let i = 0; i < 3; i++) {
    const place = [6.5, 2.6, 2].map((c) => c + 3.2 * (random.uniform() - 0.5)) as unknown as Vector3;
    for (const m of operators) places.push(applyMatrix(m, place));
  }
  const data = new Float32Array(EDGE ** 3);
  for (const [px, py, pz] of places) {
    for (let z = 0, i = 0; z < EDGE; z++)
      for (let y = 0; y < EDGE; y++)
        for (let x = 0; x < EDGE; x++, i++) {
          const d = (x - 12 - px) ** 2 + (y - 12 - py) ** 2 + (z - 12 - pz) ** 2;
          if (d < 30) data[i] += Math.exp(-d / (2 * 1.2 ** 2));
        }
  }
  for (let i = 0; i < data.length; i++) data[i] += 0.02 * random.gaussian();
  return { data, shape: [EDGE, EDGE, EDGE], centre: [12, 12, 12], radius: 11 };
}

describe('detectSymmetry', () => {
  // Seconds each: some of every kind.
  it.each(['C1', 'D2', 'O', 'I1'])('finds %s as it stands', (name) => {
    const found = detectSymmetry(blobMap(pointGroup(name)));
    expect([found.name, found.standard]).toEqual([name, true]);
    if (name !== 'C1') expect(found.correlation).toBeGreaterThan(0.8);
  });

  it.each(['C5', 'D4'])('finds %s turned, and its axis', (name) => {
    const turn = multiplyMatrices(rotationAbout([0, 0, 1], 25), rotationAbout([1, 0.3, 0], 37));
    const operators = rotateOperators(pointGroup(name), turn);
    const found = detectSymmetry(blobMap(operators));
    expect([found.name, found.standard]).toEqual([name, false]);
    if (name === 'C3' || name === 'C5' || name === 'D4') {
      // Half the last but one step of the refinement.
      expect(Math.abs(dot(found.axis, applyMatrix(turn, [0, 0, 1])))).toBeGreaterThan(
        Math.cos(Math.PI / 180),
      );
    }
  });

  it('correlates about one centre after another in shared memory with the bits of memory of its own', () => {
    const map = blobMap(pointGroup('C3'));
    const [, ...turns] = pointGroup('D3');
    const about = selfCorrelations({ ...map, room: correlationRoom(map.data.length) }, 500);
    for (const centre of [
      [12, 12, 12],
      [11.25, 12.5, 13],
      [12, 12, 12],
    ] as const) {
      const shared = about(centre);
      const fresh = selfCorrelation({ ...map, centre }, 500);
      expect(turns.map((turn) => shared(turn))).toEqual(turns.map((turn) => fresh(turn)));
    }
  });

  it('correlates a map with itself by 1', () => {
    const correlate = selfCorrelation(blobMap(pointGroup('C2')));
    expect(correlate(rotationAbout([0, 0, 1], 360))).toBeCloseTo(1, 6);
    expect(correlate(rotationAbout([0, 0, 1], 180))).toBeGreaterThan(0.95);
    expect(correlate(rotationAbout([0, 0, 1], 60))).toBeLessThan(0.5);
  });
});
