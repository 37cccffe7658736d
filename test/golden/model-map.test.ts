/**
 * Maps of real models against gemmi: golden/trpv1-c4/reference.mrc, which gemmi made of model.cif with its B
 * factors as deposited, frequencies up to 1 / 2.8 A (Nyquist); and, where gemmi is installed, its
 * DensityCalculatorE on a finer grid.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { createCpuEngine } from '../../src/cpu-fallback/index.ts';
import { readStructure } from '../../src/formats/coordinates.ts';
import { writeMmcif } from '../../src/formats/write-mmcif.ts';
import { type AtomSet, atomSetOf } from '../../src/math/atoms/atom-set.ts';
import type { Grid, Shape } from '../../src/math/grid.ts';
import { gemmiPresent, unlessGemmi } from '../cli/independent-reader.ts';
import { readGoldenMap } from '../support/read-golden.ts';
import { referenceFft3d, signedIndex } from '../support/reference-fft.ts';
import { describeWithSharedData, sharedPath } from '../support/shared-data.ts';

function correlation(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let [sa, sb, saa, sbb, sab] = [0, 0, 0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    sa += a[i];
    sb += b[i];
    saa += a[i] * a[i];
    sbb += b[i] * b[i];
    sab += a[i] * b[i];
  }
  const n = a.length;
  return (n * sab - sa * sb) / Math.sqrt((n * saa - sa * sa) * (n * sbb - sb * sb));
}

async function simulate(atoms: AtomSet, grid: Grid): Promise<Float32Array> {
  const engine = await createCpuEngine({ threads: 2 });
  try {
    return Float32Array.from(await engine.download(await engine.simulateMap(atoms, grid)));
  } finally {
    await engine.dispose();
  }
}

const shape: Shape = [96, 96, 96];
const folder = mkdtempSync(join(tmpdir(), 'locscale-model-map-'));
afterAll(() => rmSync(folder, { recursive: true }));

/**
 * Structure factors by gemmi of a model in a box, in its own blur and on a grid of twice the rate; as a map
 * on ours.
 */
const script = `
import sys, json, gemmi, numpy as np
path, out, n, voxel = sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4])
s = gemmi.read_structure(path)
m = s[0]
fine = 2 * n
d = gemmi.DensityCalculatorE()
d.d_min = 2 * voxel
d.cutoff = 1e-7
d.grid.set_unit_cell(gemmi.UnitCell(n * voxel, n * voxel, n * voxel, 90, 90, 90))
d.grid.set_size(fine, fine, fine)
d.grid.spacegroup = gemmi.SpaceGroup('P1')
d.rate = 2
d.set_refmac_compatible_blur(m)
d.add_model_density_to_grid(m)
F = np.fft.fftn(np.array(d.grid, copy=True).astype(float))
f = np.fft.fftfreq(fine, voxel / 2)
k2 = f[:, None, None] ** 2 + f[None, :, None] ** 2 + f[None, None, :] ** 2
F *= np.where(k2 < (0.5 / voxel) ** 2, np.exp(d.blur * k2 / 4), 0)
keep = np.r_[0 : n // 2, fine - n // 2 : fine]
F = F[np.ix_(keep, keep, keep)] / 8
# Of gemmi's array the first index is x.
np.fft.ifftn(F).real.transpose(2, 1, 0).astype('<f4').tofile(out)
`;

function simulateByGemmi(cif: string, edge: number, voxelSize: number): Float32Array {
  const [model, out] = [join(folder, 'model.cif'), join(folder, 'map.bin')];
  writeFileSync(model, cif);
  const run = spawnSync('/usr/bin/python3', ['-c', script, model, out, String(edge), String(voxelSize)], {
    encoding: 'utf8',
  });
  if (run.status !== 0) throw new Error(run.stderr);
  return new Float32Array(readFileSync(out).buffer.slice(0));
}

/**
 * Sums over shells of |f| < 0.5 cycles per voxel: log ratio of powers, and the correlation of the transforms.
 */
function compareShells(
  a: Float32Array,
  b: Float32Array,
  edge: number,
): { ratio: number[]; correlation: number[]; cycles: number[] } {
  const [fa, fb] = [
    referenceFft3d(a, undefined, [edge, edge, edge]),
    referenceFft3d(b, undefined, [edge, edge, edge]),
  ];
  const sums = Array.from({ length: edge / 2 }, () => [0, 0, 0]);
  for (let i = 0; i < a.length; i++) {
    const k = [Math.floor(i / edge ** 2), Math.floor(i / edge) % edge, i % edge].map((v) =>
      signedIndex(v, edge),
    );
    const sum = sums[Math.round(Math.hypot(...k))];
    if (!sum) continue;
    sum[0] += fa.re[i] ** 2 + fa.im[i] ** 2;
    sum[1] += fb.re[i] ** 2 + fb.im[i] ** 2;
    sum[2] += fa.re[i] * fb.re[i] + fa.im[i] * fb.im[i];
  }
  return {
    ratio: sums.map(([pa, pb]) => Math.sqrt(pa / pb)),
    correlation: sums.map(([pa, pb, cross]) => cross / Math.sqrt(pa * pb)),
    cycles: sums.map((_, r) => r / edge),
  };
}

describeWithSharedData('model-map of TRPV1', () => {
  const read = () => readStructure(readFileSync(sharedPath('golden/trpv1-c4/model.cif')), 'model.cif');
  const grid: Grid = { shape, voxelSize: [1.4, 1.4, 1.4], origin: [0, 0, 0] };

  it('is reference.mrc of the golden data (0.9995)', async () => {
    const reference = readGoldenMap('golden/trpv1-c4/reference.mrc');
    const ours = await simulate(atomSetOf(read().atoms), grid);
    expect(correlation(ours, reference.data)).toBeGreaterThan(0.9995);
    // B factors scaled as those of the half maps were would be seen.
    const atoms = atomSetOf(read().atoms);
    const scaled = { ...atoms, bFactors: atoms.bFactors.map((b) => 0.6 * b + 60) };
    expect(correlation(await simulate(scaled, grid), reference.data)).toBeLessThan(0.995);
  });

  it.skipIf(!gemmiPresent)(
    `is the map of gemmi: correlation 0.9999, every frequency 0.9999, B factor within 1 %${unlessGemmi}`,
    async () => {
      const structure = read();
      // A part of moderate size; sharp and blurred atoms, several elements.
      const atoms = structure.atoms.filter((_, i) => i % 8 === 0);
      const edge = 96;
      for (const [factor, offset] of [
        [0.3, 20],
        [1, 0],
      ]) {
        const changed = atoms.map((atom) => ({ ...atom, bFactor: factor * atom.bFactor + offset }));
        const gemmi = simulateByGemmi(writeMmcif({ ...structure, atoms: changed }), edge, 1.4);
        const ours = await simulate(atomSetOf(changed), grid);
        const shells = compareShells(ours, gemmi, edge);
        for (const value of shells.correlation.slice(0, 47)) expect(value).toBeGreaterThan(0.9999);
        for (const value of shells.ratio.slice(0, 47)) expect(Math.abs(value - 1)).toBeLessThan(0.002);
        expect(correlation(ours, gemmi)).toBeGreaterThan(0.9999);
        // Least squares of ln ratio against f^2 / 4, f in 1/A: the difference of the B factors.
        const x = shells.cycles.slice(1, 47).map((f) => (f / 1.4) ** 2 / 4);
        const y = shells.ratio.slice(1, 47).map((ratio) => Math.log(ratio));
        const [mx, my] = [x, y].map((v) => v.reduce((s, value) => s + value, 0) / v.length);
        const slope =
          x.reduce((s, value, i) => s + (value - mx) * (y[i] - my), 0) /
          x.reduce((s, value) => s + (value - mx) ** 2, 0);
        const meanB = changed.reduce((s, { bFactor }) => s + bFactor, 0) / changed.length;
        expect(Math.abs(slope)).toBeLessThan(0.01 * meanB);
      }
    },
  );
});
