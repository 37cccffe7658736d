import { describe, expect, it } from 'vitest';
import type { Shape } from '../../../src/math/grid.ts';
import { shellWeights } from '../../../src/math/scaling/windows.ts';
import { createRandom } from '../../../src/math/statistics/random.ts';
import { localPower } from '../../../src/report/local-power.ts';
import { bFactorsOf, placeWindows, profilesOf, sampleMask } from '../../../src/report/local-windows.ts';
import { cutSection } from '../../../src/report/section.ts';
import { shrink } from '../../../src/report/solid.ts';

const shape: Shape = [12, 10, 14];
const random = createRandom(5);
const noise = Float32Array.from({ length: 12 * 10 * 14 }, () => random.gaussian());
const everywhere = new Float32Array(noise.length).fill(1);

/** |F(a, b, c)| of a window by the definition. */
function directAmplitude(start: Shape, edge: number, [a, b, c]: Shape): number {
  let re = 0;
  let im = 0;
  for (let z = 0; z < edge; z++)
    for (let y = 0; y < edge; y++)
      for (let x = 0; x < edge; x++) {
        const v = noise[((start[0] + z) * 10 + start[1] + y) * 14 + start[2] + x]!;
        const angle = (2 * Math.PI * (a * z + b * y + c * x)) / edge;
        re += v * Math.cos(angle);
        im -= v * Math.sin(angle);
      }
  return Math.hypot(re, im);
}

describe('profiles of windows', () => {
  it.each(['octant', 'sphere'] as const)('are means of amplitudes over shells (%s)', (kind) => {
    const edge = 6;
    const windows = {
      ...placeWindows(everywhere, noise.length, { shape, voxelSize: 1, edge, resolution: 3 }),
      // An odd number: the last window is alone in its transform.
      centres: [
        [3, 3, 3],
        [6, 5, 7],
        [9, 7, 11],
      ] as Shape[],
    };
    const found = profilesOf(noise, shape, windows, kind);
    const { a, b, c, shell, multiplicity, counts } = shellWeights(edge, kind);
    windows.centres.forEach((centre, w) => {
      const start = centre.map((v) => v - 3) as unknown as Shape;
      const expected = new Float64Array(counts.length);
      shell.forEach((r, i) => {
        expected[r]! += multiplicity[i]! * directAmplitude(start, edge, [a[i]!, b[i]!, c[i]!]);
      });
      // Sums of 216 terms in float64.
      found[w]!.forEach((v, r) => {
        expect(v).toBeCloseTo(expected[r]! / counts[r]!, 9);
      });
    });
  });

  it('return the B factor of an exponential decay', () => {
    const windows = placeWindows(everywhere, noise.length, {
      shape,
      voxelSize: 1,
      edge: 10,
      resolution: 2.2,
    });
    const fallOff = (bFactor: number): Float64Array =>
      windows.frequency.map((f) => 7 * Math.exp((-bFactor * f * f) / 4));
    const found = bFactorsOf([fallOff(80), fallOff(-30), new Float64Array(6)], windows);
    expect(found[0]).toBeCloseTo(80, 9);
    expect(found[1]).toBeCloseTo(-30, 9);
    // An amplitude of 0 has no logarithm.
    expect(found[2]).toBeNaN();
  });

  it('have no B factor where the resolution leaves fewer than three shells', () => {
    const windows = placeWindows(everywhere, noise.length, { shape, voxelSize: 1, edge: 10, resolution: 8 });
    expect(windows.fit).toBeUndefined();
    expect(bFactorsOf([windows.frequency], windows)).toEqual([Number.NaN]);
  });
});

describe('places of windows', () => {
  it('lie in the box with their whole window, also for voxels at its faces', () => {
    const { centres } = placeWindows(everywhere, noise.length, {
      shape,
      voxelSize: 1,
      edge: 8,
      resolution: 3,
    });
    expect(centres.length).toBeGreaterThan(100);
    for (const centre of centres)
      centre.forEach((v, axis) => {
        expect(v).toBeGreaterThanOrEqual(4);
        expect(v).toBeLessThanOrEqual(shape[axis]! - 4);
      });
  });

  it('are those with most of the molecule', () => {
    // The lower half of the box: windows in its middle are full, those at its end are half empty.
    const mask = new Float32Array(40 ** 3);
    for (let i = 0; i < mask.length; i++) if (Math.floor(i / 1600) < 20) mask[i] = 1;
    const box: Shape = [40, 40, 40];
    const { centres, fill } = placeWindows(mask, 32_000, {
      shape: box,
      voxelSize: 1,
      edge: 10,
      resolution: 3,
    });
    // Every second voxel is looked at: a window may reach one layer beyond.
    expect(Math.min(...fill)).toBe(1);
    expect(Math.max(...centres.map(([z]) => z))).toBeLessThanOrEqual(16);
    // Spread over the mask, not heaped at its start.
    expect(Math.max(...centres.map(([z]) => z))).toBeGreaterThan(12);
    expect(Math.min(...centres.map(([z]) => z))).toBeLessThan(8);
  });

  it('sample the mask evenly, without repeating a voxel', () => {
    const mask = Float32Array.from({ length: 1000 }, (_, i) => (i % 3 === 0 ? 1 : 0));
    const indices = sampleMask(mask, 334, 50);
    expect(new Set(indices).size).toBe(50);
    expect(indices.every((i) => i % 3 === 0)).toBe(true);
    expect(indices[0]).toBeLessThan(20);
    expect(indices.at(-1)).toBeGreaterThan(980);
    expect(sampleMask(mask, 334, 9999)).toHaveLength(334);
  });
});

describe('the strength around a voxel', () => {
  it('is the mean square over the mask in the window', () => {
    const mask = noise.map((v) => (v > -0.5 ? 1 : 0));
    const edge = 4;
    for (const axis of [0, 1, 2] as const) {
      const at = 5;
      const found = localPower(noise, mask, shape, axis, at, edge);
      const indices = Float32Array.from({ length: noise.length }, (_, i) => i);
      const voxels = cutSection(indices, shape, { start: [0, 0, 0], size: shape }, axis, at).values;
      voxels.forEach((index, i) => {
        if (mask[index] === 0) {
          expect(found.values[i]).toBeNaN();
          return;
        }
        const here = [Math.floor(index / 140), Math.floor(index / 14) % 10, index % 14];
        let sum = 0;
        let count = 0;
        noise.forEach((v, j) => {
          const there = [Math.floor(j / 140), Math.floor(j / 14) % 10, j % 14];
          const near = there.every((k, d) => k >= here[d]! - 2 && k < here[d]! + 2);
          if (!near || mask[j] === 0) return;
          sum += v * v;
          count++;
        });
        // Float32 results of float64 sums.
        expect(Math.abs(found.values[i]! / (sum / count) - 1)).toBeLessThan(1e-6);
      });
    }
  });
});

describe('the small copy of a map', () => {
  it('is the map itself where that is small, on a root scale', () => {
    const box = { start: [0, 0, 0], size: shape } as const;
    const values = Float32Array.from({ length: noise.length }, (_, i) =>
      i % 2 === 0 ? 4 : i % 3 === 0 ? 1 : -1,
    );
    const { shape: small, bytes } = shrink(values, shape, box);
    expect(small).toEqual(shape);
    expect([bytes[0], bytes[3], bytes[1]]).toEqual([255, 128, 0]);
  });

  it('has at most 80 voxels along an edge, means of the requested part', () => {
    const big: Shape = [4, 4, 200];
    const values = Float32Array.from({ length: 3200 }, (_, i) => Math.floor((i % 200) / 2));
    const { shape: small, bytes } = shrink(values, big, { start: [0, 0, 40], size: [4, 4, 160] });
    expect(small).toEqual([2, 2, 80]);
    // From 20 to 99 in steps of 1, relative to the highest.
    expect(bytes[0]).toBe(Math.round(255 * Math.sqrt(20 / 99)));
    expect(bytes[79]).toBe(255);
  });
});
