/** Point groups: orders, axes in RELION's settings, names, operator files, helices. */
import { describe, expect, it } from 'vitest';
import {
  isGroup,
  type Operator,
  parseSymmetry,
  pointGroup,
} from '../../../../src/math/symmetry/point-group.ts';
import {
  applyMatrix,
  axisOf,
  determinant,
  IDENTITY,
  matrixDistance,
  rotationAbout,
  type Vector3,
} from '../../../../src/math/symmetry/rotation.ts';
import { planSymmetrise } from '../../../../src/math/symmetry/rotation-plan.ts';
import { helicalOperators, readOperators } from '../../../../src/math/symmetry/symmetry-operators.ts';

const has = (group: readonly Operator[], operator: Operator): boolean =>
  group.some((other) => matrixDistance(other, operator) < 1e-6);

describe('point groups', () => {
  it.each([
    ['C1', 1],
    ['C7', 7],
    ['D1', 2],
    ['d7', 14],
    ['T', 12],
    ['o', 24],
    ['I', 60],
    ['I1', 60],
    ['I2', 60],
    ['i3', 60],
    ['I4', 60],
  ])('%s is a closed group of %i rotations', (name, order) => {
    const group = pointGroup(name);
    expect(group.length).toBe(order);
    expect(parseSymmetry(name).order).toBe(order);
    expect(group[0]).toEqual(IDENTITY);
    expect(isGroup(group)).toBe(true);
    for (const m of group) expect(Math.abs(determinant(m) - 1)).toBeLessThan(1e-12);
  });

  // The axes of RELION's symmetry library, with its digits.
  const AXES: readonly (readonly [string, number, Vector3])[] = [
    ['C5', 5, [0, 0, 1]],
    ['D3', 2, [1, 0, 0]],
    ['T', 3, [0, 0, 1]],
    ['T', 2, [0, 0.816496, 0.57735]],
    ['O', 3, [0.5773502, 0.5773502, 0.5773502]],
    ['O', 4, [0, 0, 1]],
    ['I1', 2, [1, 0, 0]],
    ['I1', 5, [0.85065080703, 0, -0.52573111426]],
    ['I1', 3, [0.934172364, 0.3568220765, 0]],
    ['I2', 2, [0, 0, 1]],
    ['I2', 5, [0.525731114, 0, 0.850650807]],
    ['I2', 3, [0, 0.356822076, 0.934172364]],
    ['I', 5, [0.525731114, 0, 0.850650807]],
    ['I3', 2, [-0.5257311143, 0, 0.850650807]],
    ['I3', 5, [0, 0, 1]],
    ['I3', 3, [-0.4911234779, 0.3568220765, 0.7946544754]],
    ['I4', 2, [0.5257311143, 0, 0.850650807]],
    ['I4', 5, [0.8944271932, 0, 0.447213591]],
    ['I4', 3, [0.4911234779, 0.3568220765, 0.7946544754]],
  ];
  it.each(AXES)('%s has a %i-fold axis along %s', (name, fold, axis) => {
    expect(has(pointGroup(name), rotationAbout(axis, 360 / fold))).toBe(true);
  });

  it.each(['C0', 'X3', 'D', 'C', 'C100', 'C-2', 'C2.5', 'I5', 'Ih', 'T2', '', 'toString'])(
    'refuses "%s"',
    (name) => {
      expect(() => pointGroup(name)).toThrow(/is not a point group/);
    },
  );

  it('grid rotations are exact, with their share of every group', () => {
    const moved = (name: string, n: number): readonly [number, number] => {
      const { maps, interpolation } = planSymmetrise([n, n, n], pointGroup(name));
      return [maps.count, interpolation?.copies.length ?? 0];
    };
    for (const n of [10, 11]) {
      expect(moved('C4', n)).toEqual([4, 0]);
      expect(moved('D2', n)).toEqual([4, 0]);
      expect(moved('O', n)).toEqual([24, 0]);
      expect(moved('C7', n)).toEqual([1, 7]);
      expect(moved('D7', n)).toEqual([2, 7]);
      expect(moved('C6', n)).toEqual([2, 3]);
      expect(moved('I1', n)).toEqual([12, 5]);
      expect(moved('I2', n)).toEqual([12, 5]);
      expect(moved('T', n)).toEqual([1, 12]);
    }
  });

  it('the axis of a rotation comes back', () => {
    for (const axis of [
      [0, 0, 1],
      [0.6, 0, 0.8],
      [-0.6, 0.48, 0.64],
    ] as const) {
      for (const degrees of [10, 120, 180]) {
        const found = axisOf(rotationAbout(axis, degrees));
        expect(Math.hypot(...found.map((c, i) => c - axis[i]))).toBeLessThan(1e-6);
      }
    }
  });
});

describe('operators of a file', () => {
  it('reads BIOMT lines, and the centre that they share', () => {
    const lines = [0, 90, 180, 270].flatMap((angle, k) => {
      const m = rotationAbout([0, 0, 1], angle);
      const shift = [147.4, 147.4, 0].map((c, i) => c - applyMatrix(m, [147.4, 147.4, 0])[i]);
      return m.map(
        (row, i) =>
          `REMARK 350   BIOMT${i + 1}   ${k + 1}  ${row.map((v) => v.toFixed(6)).join(' ')}  ${shift[i].toFixed(5)}`,
      );
    });
    const { operators, centreAngstrom } = readOperators(`HEADER\n${lines.join('\n')}\n`, 'a.pdb');
    expect(operators.length).toBe(4);
    for (const m of pointGroup('C4')) expect(has(operators, m)).toBe(true);
    expect(centreAngstrom![0]).toBeCloseTo(147.4, 4);
    expect(centreAngstrom![1]).toBeCloseTo(147.4, 4);
  });

  it('reads plain matrices: rows of three and four, whole operators on a line, comments', () => {
    const three = '1 0 0\n0 1 0\n0 0 1\n# half a turn\n-1 0 0\n0 -1 0\n0 0 1\n';
    expect(readOperators(three, 'f').operators).toEqual(pointGroup('C2'));
    expect(readOperators(three, 'f').centreAngstrom).toBeUndefined();
    const lines = '1 0 0 0 1 0 0 0 1\n-1 0 0 0 -1 0 0 0 1';
    expect(readOperators(lines, 'f').operators).toEqual(pointGroup('C2'));
    const four = '1 0 0 0\n0 1 0 0\n0 0 1 0\n-1 0 0 20\n0 -1 0 30\n0 0 1 0';
    expect(readOperators(four, 'f').centreAngstrom).toEqual([10, 15, 0]);
  });

  it.each([
    ['', /does not hold symmetry operators/],
    ['1 0 0\n0 1 0', /does not hold/],
    ['1 0 0\n0 1 0\n0 0 x', /not numbers/],
    ['1 0\n0 1', /row of 2 numbers/],
    ['1 0 0\n0 1 0\n0 0 -1', /not a rotation/],
    ['0 -1 0\n1 0 0\n0 0 1', /not a closed group/],
    ['1 0 0 0\n0 1 0 0\n0 0 1 0\n-1 0 0 0\n0 -1 0 0\n0 0 1 5', /no fixed point in common/],
  ])('refuses %j', (text, message) => {
    expect(() => readOperators(text, 'f')).toThrow(message);
  });
});

describe('helices', () => {
  it('has the turns whose rise is at most half the box', () => {
    const { operators, translations } = helicalOperators(
      { twistDegrees: 36, riseAngstrom: 10 },
      pointGroup('C1'),
      60,
      1.5,
    );
    expect(operators.length).toBe(9);
    expect(translations.map(([z]) => z)).toEqual([-4, -3, -2, -1, 0, 1, 2, 3, 4].map((k) => (k * 10) / 1.5));
    expect(matrixDistance(operators[8], rotationAbout([0, 0, 1], 144))).toBeLessThan(1e-12);
  });

  it('refuses a rise that does not fit', () => {
    const helix = { twistDegrees: 36, riseAngstrom: 100 };
    expect(() => helicalOperators(helix, pointGroup('C1'), 60, 1.5)).toThrow(/does not fit the box/);
  });
});
