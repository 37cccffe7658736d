import { describe, expect, it } from 'vitest';
import type { Atom } from '../../../src/math/atoms/atom.ts';
import { evaluateScatteringFactor, scatteringFactorOf } from '../../../src/math/atoms/scattering-factors.ts';
import { forEachFrequency, transformVolume } from '../../../src/math/fourier/host-fft.ts';
import type { Grid } from '../../../src/math/grid.ts';
import { antialiasBlur, bandLimit, simulateMap, sumGaussians } from '../../../src/synthetic/simulate-map.ts';

const grid: Grid = { shape: [40, 36, 44], voxelSize: [1.2, 1.2, 1.2], origin: [3, -5, 7] };

const makeAtom = (
  element: string,
  x: number,
  y: number,
  z: number,
  bFactor: number,
  occupancy = 1,
): Atom => ({
  element,
  x,
  y,
  z,
  bFactor,
  occupancy,
  chain: 'A',
  residueNumber: 1,
  residueName: 'ALA',
  atomName: element,
});

const atoms = [
  makeAtom('C', 30.1, 14.2, 27.7, 0),
  makeAtom('O', 27.3, 16.9, 25.05, 35),
  makeAtom('S', 33.3, 11.1, 30.2, 80, 0.6),
  // Beyond the face of the box: comes back in on the other side.
  makeAtom('N', 7.2, -4.8, 3.3, 20),
];

/** The transform at integer indices (kz, ky, kx) by its definition, voxel volume included. */
function analytic(
  k: readonly [number, number, number],
  addedB: number,
): { re: number; im: number; size: number } {
  const f = k.map((v, axis) => v / (grid.shape[axis]! * grid.voxelSize[axis]!));
  const frequency = Math.hypot(...f);
  let [re, im, size] = [0, 0, 0];
  for (const atom of atoms) {
    const amplitude =
      atom.occupancy *
      evaluateScatteringFactor(scatteringFactorOf(atom.element)!, frequency) *
      Math.exp((-(atom.bFactor + addedB) * frequency ** 2) / 4);
    const offset = [atom.z, atom.y, atom.x].map((p, axis) => p - grid.origin[axis]!);
    const phase = -2 * Math.PI * offset.reduce((sum, p, axis) => sum + p * f[axis]!, 0);
    re += amplitude * Math.cos(phase);
    im += amplitude * Math.sin(phase);
    size += amplitude;
  }
  return { re, im, size };
}

function coefficient(map: Float64Array, k: readonly [number, number, number]): { re: number; im: number } {
  const [nz, ny, nx] = grid.shape;
  let [re, im] = [0, 0];
  for (let z = 0, i = 0; z < nz; z++) {
    for (let y = 0; y < ny; y++) {
      for (let x = 0; x < nx; x++, i++) {
        const phase = -2 * Math.PI * ((z * k[0]) / nz + (y * k[1]) / ny + (x * k[2]) / nx);
        re += map[i]! * Math.cos(phase);
        im += map[i]! * Math.sin(phase);
      }
    }
  }
  return { re: re * 1.2 ** 3, im: im * 1.2 ** 3 };
}

describe('a simulated map', () => {
  const map = simulateMap(atoms, grid, 15);

  // Up to 0.7 of the Nyquist frequency, where aliasing is 3e-5 of the amplitude (see simulate-map.ts).
  it.each([
    [[0, 0, 0]],
    [[1, 0, 0]],
    [[0, -3, 2]],
    [[4, 5, -6]],
    [[-9, 2, 7]],
    [[6, 8, 9]],
    [[0, 0, 15]],
    [[-13, 1, 2]],
  ] as [readonly [number, number, number]][])('has the analytic Fourier coefficient at %j', (k) => {
    const expected = analytic(k, 15);
    const found = coefficient(map, k);
    // Amplitude and phase: the error vector against the sum of the atoms' amplitudes.
    expect(Math.hypot(found.re - expected.re, found.im - expected.im) / expected.size).toBeLessThan(1e-4);
  });

  it('holds nothing beyond the Nyquist frequency', () => {
    const re = map.slice();
    const im = new Float64Array(map.length);
    transformVolume(re, im, grid.shape);
    let outside = 0;
    let total = 0;
    forEachFrequency(grid, (i, squared) => {
      const power = re[i]! ** 2 + im[i]! ** 2;
      total += power;
      if (Math.sqrt(squared) * 2 * 1.2 >= 1) outside += power;
    });
    // Rounding of the inverse and forward transform only.
    expect(outside / total).toBeLessThan(1e-25);
  });

  it('is cut where it no longer matters: the total is the sum of f(0)', () => {
    const sum = sumGaussians(atoms, grid, 100).reduce((s, v) => s + v, 0) * 1.2 ** 3;
    const wanted = atoms.reduce(
      (s, a) => s + a.occupancy * evaluateScatteringFactor(scatteringFactorOf(a.element)!, 0),
      0,
    );
    expect(Math.abs(sum / wanted - 1)).toBeLessThan(1e-5);
  });

  it('returns the B factor of a single atom', () => {
    const centred: Grid = { shape: [48, 48, 48], voxelSize: [1.2, 1.2, 1.2], origin: [0, 0, 0] };
    const bFactor = 57;
    const atom = makeAtom('C', 24 * 1.2, 24 * 1.2, 24 * 1.2, bFactor);
    const re = simulateMap([atom], centred);
    const im = new Float64Array(re.length);
    transformVolume(re, im, centred.shape);
    // Slope of ln(|F| / f) against k^2, up to 0.8 of the Nyquist frequency; B = -4 slope.
    let [n, sx, sy, sxx, sxy] = [0, 0, 0, 0, 0];
    forEachFrequency(centred, (i, squared) => {
      if (Math.sqrt(squared) * 2 * 1.2 > 0.8) return;
      const f = evaluateScatteringFactor(scatteringFactorOf('C')!, Math.sqrt(squared));
      const y = Math.log(Math.hypot(re[i]!, im[i]!) / f);
      n++;
      sx += squared;
      sy += y;
      sxx += squared * squared;
      sxy += squared * y;
    });
    const found = (-4 * (n * sxy - sx * sy)) / (n * sxx - sx * sx);
    expect(Math.abs(found / bFactor - 1)).toBeLessThan(0.01);
  });

  it('ends its band softly', () => {
    expect(bandLimit(0.9 / 2.4, 1.2)).toBe(1);
    expect(bandLimit(0.95 / 2.4, 1.2)).toBeCloseTo(0.5, 12);
    expect(bandLimit(1 / 2.4, 1.2)).toBe(0);
    expect(antialiasBlur(1.2)).toBeCloseTo(201.6, 10);
  });

  it('refuses an element without a scattering factor', () => {
    expect(() => simulateMap([makeAtom('Xx', 0, 0, 0, 10)], grid)).toThrow(/"Xx"/);
  });
});
