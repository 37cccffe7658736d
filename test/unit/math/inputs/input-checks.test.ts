import { expect, it } from 'vitest';
import { filteredMapWarning, maskedMapWarning } from '../../../../src/math/inputs/input-checks.ts';

const SHELLS = 60;
const VOXEL = 1.2;
/** Falling signal on a flat noise floor: the shape of an unfiltered half map. */
const unfiltered = Array.from(
  { length: SHELLS },
  (_, r) => 1e4 * Math.exp(-0.5 * r) + 10 * Math.exp(-0.05 * r) + 1,
);

/** Power after a filter that falls to 1e-6 over `width` shells at `cutoff` A. */
function filtered(cutoff: number, width: number): number[] {
  const edge = (2 * VOXEL * SHELLS) / cutoff;
  return unfiltered.map((p, r) => p * (r < edge ? 1 : Math.max(1e-6, 10 ** ((-6 * (r - edge)) / width))));
}

it('does not warn of an unfiltered map', () => {
  expect(filteredMapWarning(unfiltered, VOXEL)).toBeUndefined();
});

it('does not take a B factor for a filter', () => {
  const blurred = unfiltered.map((p, r) => p * Math.exp((-150 * (r / (2 * VOXEL * SHELLS)) ** 2) / 2));
  expect(filteredMapWarning(blurred, VOXEL)).toBeUndefined();
});

it.each([4, 5, 8])('names the cut-off of a filter at %i A', (cutoff) => {
  for (const width of [1, 4, 10]) {
    const warning = filteredMapWarning(filtered(cutoff, width), VOXEL);
    expect(warning).toMatch(/^The map seems to be low-pass filtered at about [\d.]+ A already; .*\.$/);
    expect(Math.abs(Number(/about ([\d.]+) A/.exec(warning!)![1]) / cutoff - 1)).toBeLessThan(0.1);
  }
});

it('power of exactly 0 beyond the cut-off counts as filtered, a drop at Nyquist does not', () => {
  expect(
    filteredMapWarning(
      unfiltered.map((p, r) => (r < 30 ? p : 0)),
      VOXEL,
    ),
  ).toContain('4.8 A');
  expect(
    filteredMapWarning(
      unfiltered.map((p, r) => (r < 57 ? p : 0)),
      VOXEL,
    ),
  ).toBeUndefined();
  expect(filteredMapWarning(new Float64Array(SHELLS), VOXEL)).toBeUndefined();
});

it('distinguishes a masked map from one that is 0 outside the reconstruction sphere', () => {
  expect(maskedMapWarning(48, 100)).toBeUndefined();
  expect(maskedMapWarning(0, 100)).toBeUndefined();
  expect(maskedMapWarning(983, 1000)).toMatch(/^98 % of the voxels are exactly 0/);
});
