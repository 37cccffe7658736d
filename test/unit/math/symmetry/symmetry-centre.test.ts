/**
 * The centre of a map's symmetry, found with the group: boxes cut off-centre, odd and even, turned maps,
 * noise.
 */
import { describe, expect, it } from 'vitest';
import type { Shape } from '../../../../src/math/grid.ts';
import { createRandom } from '../../../../src/math/statistics/random.ts';
import { type Operator, pointGroup } from '../../../../src/math/symmetry/point-group.ts';
import {
  applyMatrix,
  multiplyMatrices,
  rotationAbout,
  type Vector3,
} from '../../../../src/math/symmetry/rotation.ts';
import type { CoarseMap } from '../../../../src/math/symmetry/self-rotation.ts';
import {
  centreOfDensity,
  detectCentredSymmetry,
  nearestEquivalent,
  refineCentre,
} from '../../../../src/math/symmetry/symmetry-centre.ts';
import { rotateOperators } from '../../../../src/math/symmetry/symmetry-operators.ts';

type Centre = readonly [z: number, y: number, x: number];

interface Wanted {
  readonly operators: readonly Operator[];
  readonly shape: Shape;
  /** Of the symmetry, voxels. */
  readonly centre: Centre;
  /** Standard deviation; the blobs are 1 high. */
  readonly noise?: number;
  readonly sign?: 1 | -1;
}

/** Blobs (sd 1.2 voxels) at four seeded places and their images, as a map taken to turn about its middle. */
function blobMap(
  { operators, shape, centre, noise = 0.02, sign = 1 }: Wanted,
  given?: readonly Vector3[],
): CoarseMap {
  const random = createRandom(3);
  // Four, spread out: fewer have a symmetry of their own.
  const own =
    given ??
    [0, 1, 2, 3].map(() => [6, 2.6, 2].map((c) => c + 5.2 * (random.uniform() - 0.5)) as unknown as Vector3);
  const places = own.flatMap((place) => operators.map((m) => applyMatrix(m, place)));
  const data = new Float32Array(shape[0] * shape[1] * shape[2]);
  for (let z = 0, i = 0; z < shape[0]; z++)
    for (let y = 0; y < shape[1]; y++)
      for (let x = 0; x < shape[2]; x++, i++) {
        for (const [px, py, pz] of places) {
          const d = (x - centre[2] - px) ** 2 + (y - centre[1] - py) ** 2 + (z - centre[0] - pz) ** 2;
          if (d < 30) data[i] += sign * Math.exp(-d / (2 * 1.2 ** 2));
        }
        data[i] += noise * random.gaussian();
      }
  const middle = shape.map((n) => Math.floor(n / 2)) as unknown as Centre;
  return { data, shape, centre: middle, radius: Math.min(...middle) - 1.5 };
}

const distance = (a: Centre, b: Centre): number => Math.hypot(...a.map((c, i) => c - b[i]));
const turn = multiplyMatrices(rotationAbout([0, 0, 1], 25), rotationAbout([1, 0.3, 0], 37));

describe('detectCentredSymmetry', () => {
  it.each<[string, string, Wanted, Centre]>([
    // An axis along z leaves the height free: that of the middle of the box is given.
    [
      'a box cut on one side',
      'C4',
      { operators: pointGroup('C4'), shape: [26, 24, 26], centre: [13, 10, 13] },
      [13, 10, 13],
    ],
    [
      'an odd box that turns between voxels',
      'C3',
      { operators: pointGroup('C3'), shape: [25, 25, 27], centre: [11, 11.5, 14.5] },
      [12, 11.5, 14.5],
    ],
    [
      'a box cut along the axis too, where C3 about the middle would do',
      'D3',
      { operators: pointGroup('D3'), shape: [24, 26, 26], centre: [10, 13, 13] },
      [10, 13, 13],
    ],
    [
      'a cube off all its axes',
      'O',
      { operators: pointGroup('O'), shape: [26, 25, 24], centre: [11.5, 13.5, 10.5] },
      [11.5, 13.5, 10.5],
    ],
  ])('finds group and centre: %s', (_, name, wanted, centre) => {
    const { found, centre: where } = detectCentredSymmetry(blobMap(wanted));
    expect([found.name, found.standard]).toEqual([name, true]);
    // One step of the last round of the search, on three axes.
    expect(distance(where, centre)).toBeLessThan(0.2);
    expect(found.correlation).toBeGreaterThan(0.85);
  });

  it('finds the centre of a turned map, up to a shift along its axis', () => {
    const operators = rotateOperators(pointGroup('C5'), turn);
    const centre: Centre = [14, 11, 12];
    const { found, centre: where } = detectCentredSymmetry(
      blobMap({ operators, shape: [26, 26, 26], centre }),
    );
    expect([found.name, found.standard]).toEqual(['C5', false]);
    expect(distance(where, nearestEquivalent(operators, centre, [13, 13, 13]))).toBeLessThan(0.4);
  });

  it('leaves a map without symmetry about the middle', () => {
    const random = createRandom(5);
    const ball = Array.from({ length: 14 }, () => {
      const direction = [0, 1, 2].map(() => random.gaussian());
      const length = (12 * Math.cbrt(random.uniform())) / Math.hypot(...direction);
      return direction.map((c) => c * length) as unknown as Vector3;
    });
    const map = blobMap({ operators: pointGroup('C1'), shape: [36, 36, 36], centre: [18, 15, 18] }, ball);
    const { found, centre } = detectCentredSymmetry(map);
    expect([found.name, centre]).toEqual(['C1', map.centre]);
  });
});

describe('the centre of the density', () => {
  it('is that of the blobs, of either sign, and the middle of an empty map', () => {
    const wanted = {
      operators: pointGroup('D2'),
      shape: [30, 34, 36] as Shape,
      centre: [13, 18, 16] as Centre,
    };
    for (const sign of [1, -1] as const)
      expect(distance(centreOfDensity(blobMap({ ...wanted, sign })), wanted.centre)).toBeLessThan(0.5);
    const empty = { ...blobMap(wanted), data: new Float32Array(30 * 34 * 36) };
    expect(centreOfDensity(empty)).toEqual([15, 17, 18]);
  });
});

describe('refineCentre', () => {
  it('moves across the axis, and not along it', () => {
    const operators = pointGroup('C4');
    const map = blobMap({ operators, shape: [36, 36, 36], centre: [18, 17.2, 18.6] });
    const [z, y, x] = refineCentre({ ...map, centre: [14, 18, 18] }, operators);
    expect(z).toBe(14);
    expect(Math.hypot(y - 17.2, x - 18.6)).toBeLessThan(0.15);
  });
});
