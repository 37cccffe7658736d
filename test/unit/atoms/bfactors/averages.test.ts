/** Averages of B factors over spheres and the final shift, against brute force and numpy. */
import process from 'node:process';
import { describe, expect, it } from 'vitest';
import {
  averageBFactors,
  percentile,
  shiftBFactors,
} from '../../../../src/atoms/bfactors/average-bfactors.ts';
import { createRandom } from '../../../../src/math/statistics/random.ts';
import { maxDifference } from '../../../support/compare.ts';
import { processorSeconds } from '../../../support/processor-time.ts';

function cloud(
  count: number,
  edge: number,
  seed: number,
): { positions: Float64Array; bFactors: Float64Array } {
  const random = createRandom(seed);
  return {
    positions: Float64Array.from({ length: 3 * count }, () => edge * random.uniform()),
    bFactors: Float64Array.from({ length: count }, () => 200 * random.uniform()),
  };
}

function averageDirectly(atoms: ReturnType<typeof cloud>, radius: number): number[] {
  const { positions, bFactors } = atoms;
  return Array.from(bFactors, (_, i) => {
    let sum = 0;
    let count = 0;
    for (let j = 0; j < bFactors.length; j++) {
      const d = Math.hypot(...[0, 1, 2].map((axis) => positions[3 * i + axis] - positions[3 * j + axis]));
      if (d >= radius) continue;
      sum += bFactors[j];
      count++;
    }
    return sum / count;
  });
}

describe('averages over spheres', () => {
  it.each([0.5, 3, 25, 200])('of %f A equal brute force (rounding of sums, 1e-9)', (radius) => {
    const atoms = cloud(400, 60, 1);
    const direct = averageDirectly(atoms, radius);
    expect(maxDifference(averageBFactors(atoms, radius), direct)).toBeLessThan(1e-9);
  });

  it('have a radius of 25 A if none is given; an atom alone keeps its B factor', () => {
    const atoms = {
      positions: Float64Array.of(0, 0, 0, 24, 0, 0, 60, 0, 0),
      bFactors: Float64Array.of(10, 30, 77),
    };
    expect([...averageBFactors(atoms)]).toEqual([20, 20, 77]);
  });

  it('leave everything as it is where the radius is 0', () => {
    const atoms = cloud(10, 5, 2);
    expect(averageBFactors(atoms, 0)).toEqual(atoms.bFactors);
  });

  it('compare neighbours, not all pairs', () => {
    // As dense as protein, 5 A: 3e6 pairs of neighbours, 0.2 s of processor time; all 2e10 pairs: a minute.
    const atoms = cloud(200_000, 159, 3);
    const before = process.cpuUsage();
    averageBFactors(atoms, 5);
    expect(processorSeconds(before)).toBeLessThan(10);
  });
});

describe('the percentile', () => {
  // numpy.percentile([15, 20, 35, 40, 50], [0, 1, 25, 40, 99, 100]) = 15, 15.2, 20, 29, 49.6, 50.
  it.each([
    [0, 15],
    [1, 15.2],
    [25, 20],
    [40, 29],
    [99, 49.6],
    [100, 50],
  ])("%d is numpy's", (percent, expected) => {
    expect(percentile([40, 15, 50, 20, 35], percent)).toBeCloseTo(expected, 12);
  });

  it('of no values is refused', () => {
    expect(() => percentile([], 1)).toThrow(/no values/);
  });
});

describe('the shift', () => {
  it('brings the 1st percentile to 0, and nothing below', () => {
    const { bFactors } = cloud(1000, 10, 4);
    const before = bFactors.map((b) => b + 50);
    const { bFactors: after, shift } = shiftBFactors(before);
    expect(shift).toBeCloseTo(percentile(before, 1), 12);
    // Ten of 1000 values lie below the percentile, which is interpolated between the 10th and the 11th.
    expect(after.filter((b) => b === 0)).toHaveLength(10);
    expect(after).toEqual(before.map((b) => Math.max(0, b - shift)));
  });

  it('never raises B factors', () => {
    const { bFactors, shift } = shiftBFactors(Float64Array.of(-5, -4, 10));
    expect(shift).toBe(0);
    expect([...bFactors]).toEqual([0, 0, 10]);
  });
});
