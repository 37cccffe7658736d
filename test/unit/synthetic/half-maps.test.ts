import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { DEMO_DEFAULTS, generateDemoData } from '../../../src/synthetic/half-maps.ts';
import { fourierShells, type Shell } from '../../support/fourier-shells.ts';
import { smallDataset } from '../../support/synthetic.ts';

const hash = (data: Float32Array): string =>
  createHash('sha256')
    .update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
    .digest('hex');

/** First crossing of 0.143 with linear interpolation, A. */
function resolutionOf(shells: readonly Shell[]): number {
  const fsc = shells.map((s) => s.cross / Math.sqrt(s.powerA * s.powerB));
  const i = fsc.findIndex((v, r) => r > 0 && v < 0.143);
  const t = (fsc[i - 1]! - 0.143) / (fsc[i - 1]! - fsc[i]!);
  const [f0, f1] = [shells[i - 1]!.frequency, shells[i]!.frequency];
  return 1 / (f0 + t * (f1 - f0));
}

describe('generated half maps', () => {
  const data = smallDataset();
  const shape = data.truth.grid.shape;

  it('are the same for a seed, bit for bit, and others for another seed', () => {
    const options = { shape: [40, 40, 40], voxelSize: 2, symmetry: 'C1', resolution: 5 } as const;
    const [a, b, c] = [1, 1, 2].map((seed) => generateDemoData({ ...options, seed }));
    for (const key of ['half1', 'half2', 'truth', 'reference'] as const) {
      expect(hash(a![key].data)).toBe(hash(b![key].data));
      expect(hash(a![key].data)).not.toBe(hash(c![key].data));
    }
    expect(hash(a!.half1.data)).not.toBe(hash(a!.half2.data));
  });

  it('carry independent noise over the whole box, solvent included', () => {
    const n1 = data.half1.data.map((v, i) => v - data.truth.data[i]!);
    const n2 = data.half2.data.map((v, i) => v - data.truth.data[i]!);
    const shells = fourierShells(n1, n2, data.truth.grid);
    for (const s of shells.slice(3, 29)) {
      // A correlation of n independent coefficient pairs has the standard error sqrt(2 / n) (Friedel mates
      // count once).
      expect(Math.abs(s.cross / Math.sqrt(s.powerA * s.powerB))).toBeLessThan(4.5 * Math.sqrt(2 / s.count));
      expect(Math.abs(s.powerA / s.powerB - 1)).toBeLessThan(6 * Math.sqrt(4 / s.count));
    }
    const sd = (x: Float32Array, from: number, to: number): number =>
      Math.sqrt(x.slice(from, to).reduce((sum, v) => sum + v * v, 0) / (to - from));
    const slab = shape[1] * shape[2] * 6;
    const [edge, middle] = [sd(n1, 0, slab), sd(n1, slab * 5, slab * 6)];
    expect(Math.abs(edge / middle - 1)).toBeLessThan(0.1);
    // Coloured: amplitude at 30 A well above that at 4 A.
    const amplitude = (r: number): number => Math.sqrt(shells[r]!.powerA / shells[r]!.count);
    expect(amplitude(3) / amplitude(24)).toBeGreaterThan(1.8);
  });

  it.each([4, 5, 6.5])('have their FSC = 0.143 crossing near %f A', (resolution) => {
    const { half1, half2 } = smallDataset({ resolution });
    const shells = fourierShells(half1.data, half2.data, half1.grid);
    // The level is set on the mean power around the target; the noise of a shell's FSC moves the crossing by
    // up to two shells.
    const steps = Math.abs(1 / resolutionOf(shells) - 1 / resolution) * 60 * 1.5;
    expect(steps).toBeLessThan(2);
  });

  it('have truth and reference that differ by the B factor shift only', () => {
    const { frequency, ratio } = amplitudeRatio(data.reference.data, data.truth.data);
    const shift = DEMO_DEFAULTS.overallB + data.referenceShift;
    // Atoms below the 1st percentile are floored at B = 0, which costs less than 1 %.
    for (let r = 1; r < 24; r++) {
      const expected = Math.exp((shift * frequency[r]! ** 2) / 4);
      expect(Math.abs(ratio[r]! / expected - 1), `shell ${r}`).toBeLessThan(0.06);
    }
    const sorted = data.atoms.map((a) => a.bFactor).sort((a, b) => a - b);
    expect(data.referenceShift).toBeGreaterThanOrEqual(sorted[Math.floor(0.01 * sorted.length) - 1]!);
    expect(data.referenceShift).toBeLessThanOrEqual(sorted[Math.ceil(0.01 * sorted.length) + 1]!);
  });

  it('keep the particle clear of the faces and the mask around it', () => {
    const max = data.truth.data.reduce((m, v) => Math.max(m, v), 0);
    const [nz, ny, nx] = shape;
    let [inside, total] = [0, 0];
    for (let z = 0, i = 0; z < nz; z++) {
      for (let y = 0; y < ny; y++) {
        for (let x = 0; x < nx; x++, i++) {
          const face = Math.min(z, y, x, nz - 1 - z, ny - 1 - y, nx - 1 - x) < 3;
          if (face) expect(data.truth.data[i]!).toBeLessThan(0.05 * max);
          total += data.truth.data[i]! ** 2;
          if (data.mask.data[i] === 1) inside += data.truth.data[i]! ** 2;
        }
      }
    }
    expect(inside / total).toBeGreaterThan(0.9);
  });

  it('has a header that describes its grid', () => {
    expect(data.half1.header).toMatchObject({
      nc: 60,
      nr: 60,
      ns: 60,
      cellA: 90,
      cellB: 90,
      cellC: 90,
      mode: 2,
    });
    expect(data.half1.grid).toEqual({ shape: [60, 60, 60], voxelSize: [1.5, 1.5, 1.5], origin: [0, 0, 0] });
  });

  it('shares the symmetry of the structure voxel by voxel', () => {
    const { truth } = generateDemoData({
      shape: [40, 40, 40],
      voxelSize: 3,
      symmetry: 'C4',
      resolution: 8,
      seed: 3,
    });
    const at = (z: number, y: number, x: number): number =>
      truth.data[(z * 40 + ((y + 40) % 40)) * 40 + ((x + 40) % 40)]!;
    const max = truth.data.reduce((m, v) => Math.max(m, v), 0);
    let worst = 0;
    for (let z = 0; z < 40; z++) {
      for (let y = 0; y < 40; y++) {
        // (x, y) -> (-y, x) about voxel 20.
        for (let x = 0; x < 40; x++) worst = Math.max(worst, Math.abs(at(z, y, x) - at(z, x, 40 - y)));
      }
    }
    // Float32 rounding of the stored map.
    expect(worst / max).toBeLessThan(1e-6);
  });
});

function amplitudeRatio(a: Float32Array, b: Float32Array): { frequency: number[]; ratio: number[] } {
  const shells = fourierShells(a, b, smallDataset().truth.grid);
  return {
    frequency: shells.map((s) => s.frequency),
    ratio: shells.map((s) => Math.sqrt(s.powerA / s.powerB)),
  };
}
