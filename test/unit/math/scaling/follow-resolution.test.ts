import { expect, it } from 'vitest';
import {
  bFactorStretch,
  chooseFitStart,
  scalingWindowFor,
  windowAngstromFor,
} from '../../../../src/math/scaling/follow-resolution.ts';
import { windowVoxelsFor } from '../../../../src/math/scaling/windows.ts';

it('windows are those of LocScale up to 6 A, then grow without a step, and keep 6.25 times the resolution', () => {
  expect([1.5, 3, 5.9, 6].map(windowAngstromFor)).toEqual([25, 25, 25, 25]);
  expect([7, 8, 12, 30].map(windowAngstromFor)).toEqual([37.5, 50, 75, 187.5]);
  for (let d = 2; d < 40; d += 0.1) {
    const step = windowAngstromFor(d + 0.1) - windowAngstromFor(d);
    expect(step).toBeGreaterThanOrEqual(0);
    expect(step).toBeLessThan(1.3);
  }
});

it('windows in voxels are even, end at the box, and hold shells enough on any voxels', () => {
  for (const voxelSize of [0.7, 1, 1.2156, 1.4, 2.5])
    expect(scalingWindowFor(voxelSize, 3, 200)).toBe(windowVoxelsFor(voxelSize));
  expect(scalingWindowFor(1.35, 7.9, 100)).toBe(38);
  expect(scalingWindowFor(1.35, 7.9, 33)).toBe(32);
  // A box narrower than LocScale's window is refused elsewhere.
  expect(scalingWindowFor(1, 12, 20)).toBe(26);
  for (let voxelSize = 3; voxelSize <= 15; voxelSize += 0.37)
    // Resolutions finer than the grid holds count as Nyquist.
    for (const resolution of [3, 2 * voxelSize, 2.4 * voxelSize, 4 * voxelSize]) {
      const window = scalingWindowFor(voxelSize, resolution, 200);
      expect(window % 2).toBe(0);
      expect(window).toBeGreaterThanOrEqual(10);
      const end = Math.max(resolution, 2 * voxelSize);
      expect(chooseFitStart(window, voxelSize, 10, end).shells).toBeGreaterThanOrEqual(3);
    }
});

it("fits begin where LocScale's do while that leaves three shells", () => {
  // Windows of 25.2 A: shells at 8.4, 6.3, 5.04, 4.2 and 3.6 A.
  expect(chooseFitStart(18, 1.4, 9.2, 3.4)).toEqual({ start: 9.2, shells: 5 });
  expect(chooseFitStart(18, 1.4, 10, 5)).toEqual({ start: 10, shells: 3 });
  // Two shells are left at 5.1 A: the fit begins at 2.5 times the resolution, which takes in 12.6 A.
  expect(chooseFitStart(18, 1.4, 10, 5.1)).toEqual({ start: 2.5 * 5.1, shells: 3 });
  // None at 7.9 A: the last three, from shell 1 on.
  const last = chooseFitStart(20, 1.35, 7.88, 7.9);
  expect(last.start).toBeCloseTo(27, 6);
  expect(last.shells).toBe(3);
  // A window of the user, too small for more than two shells, or for any line.
  expect(chooseFitStart(6, 13.28, 12, 27.7).shells).toBe(2);
  expect(chooseFitStart(6, 1.35, 7.88, 7.9)).toEqual({ start: 7.88, shells: 0 });
});

it('limits of B factors grow with the square of the resolution beyond 6 A', () => {
  expect([2, 6, 12, 30].map(bFactorStretch)).toEqual([1, 1, 4, 25]);
});
