#!/usr/bin/env node
/**
 * Derives how the power of an average protein falls off with frequency at B = 0 and writes
 * src/atoms/bfactors/protein-fall-off-table.ts. Not part of any build, test or command: it needs a folder
 * of real structures (PDB format, gzipped) and a built dist/.
 *
 *   node tools/derive-protein-fall-off.mjs [--structures FOLDER] [--out FILE]
 *
 * Proteins of 1,000 to 3,000 atoms without nucleic acid, every third of them in the order of their names: all
 * atoms but hydrogen, water and ligands, B = 0, occupancy 1, voxels of 0.9 A. Windows of 25 A with the taper
 * of window-spectra.ts, centred on every 40th atom; power per coefficient in shells half a coefficient wide,
 * averaged over windows and structures.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { gunzipSync } from 'node:zlib';
import { latticeFor } from '../dist/atoms/bfactors/b-factor-field.js';
import { forEachWindowSpectra, planWindows } from '../dist/atoms/bfactors/window-spectra.js';
import { simulateMap } from '../dist/synthetic/simulate-map.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const { values } = parseArgs({
  options: {
    structures: { type: 'string', default: join(root, '../shared/structures') },
    out: { type: 'string', default: join(root, 'src/atoms/bfactors/protein-fall-off-table.ts') },
  },
});

const VOXEL = 0.9;
const WINDOW = 28;
const MARGIN_ANGSTROM = 8;
const ATOMS = { least: 1000, most: 3000 };
const EVERY_ATOM = 40;
const EVERY_STRUCTURE = 3;
const ELEMENTS = new Set(['C', 'N', 'O', 'S', 'SE']);
const NUCLEOTIDES = new Set(['DA', 'DC', 'DG', 'DT', 'DU', 'A', 'C', 'G', 'U', 'T']);
/** The window's first shells of use and the last frequency within the simulation's full band (A). */
const RANGE = { low: 13, high: 2.05 };

function readProtein(path) {
  const atoms = [];
  for (const line of gunzipSync(readFileSync(path)).toString('latin1').split('\n')) {
    if (line.startsWith('ENDMDL')) break;
    if (!line.startsWith('ATOM') || !' A1'.includes(line[16])) continue;
    if (NUCLEOTIDES.has(line.slice(17, 20).trim())) return [];
    const name = line.slice(12, 16).trim();
    const element = line.slice(76, 78).trim() || name.replace(/\d/g, '')[0];
    if (!ELEMENTS.has(element)) continue;
    const [x, y, z] = [30, 38, 46].map((column) => Number(line.slice(column, column + 8)));
    atoms.push({ element: element === 'SE' ? 'Se' : element, x, y, z, bFactor: 0, occupancy: 1 });
  }
  return atoms;
}

const plan = planWindows(WINDOW, VOXEL, RANGE.low, RANGE.high);
const power = new Float64Array(plan.shells);
let windows = 0;
let structures = 0;
const proteins = readdirSync(values.structures)
  .filter((name) => name.endsWith('.pdb.gz'))
  .sort()
  .map((name) => readProtein(join(values.structures, name)))
  .filter((atoms) => atoms.length >= ATOMS.least && atoms.length <= ATOMS.most);
for (let s = 0; s < proteins.length; s += EVERY_STRUCTURE) {
  const atoms = proteins[s];
  const axes = ['z', 'y', 'x'].map((axis) => atoms.map((atom) => atom[axis]));
  const low = axes.map((a) => Math.min(...a) - MARGIN_ANGSTROM);
  const shape = axes.map((a, i) => 4 * Math.ceil((Math.max(...a) + MARGIN_ANGSTROM - low[i]) / VOXEL / 4));
  const grid = { shape, voxelSize: [VOXEL, VOXEL, VOXEL], origin: low };
  const map = Float32Array.from(simulateMap(atoms, grid));
  const lattice = latticeFor(grid, 1);
  for (let i = 0; i < atoms.length; i += EVERY_ATOM) {
    const [z, y, x] = axes.map((a, axis) => Math.round((a[i] - low[axis]) / VOXEL));
    lattice.wanted[(z * lattice.shape[1] + y) * lattice.shape[2] + x] = 1;
  }
  forEachWindowSpectra([map], shape, [0], plan, lattice, [[0, 0]], (_point, [sums]) => {
    for (let r = 0; r < plan.shells; r++) power[r] += sums[r] / (plan.counts[r] || 1);
    windows++;
  });
  structures++;
  console.log(`${structures}: ${atoms.length} atoms, ${windows} windows`);
}

const used = [...plan.counts.keys()].filter((r) => plan.counts[r] > 0);
const frequency = used.map((r) => Math.sqrt(plan.squaredFrequency[r]));
const logPower = used.map((r) => Math.log(power[r] / power[used[0]]));
const lines = (numbers, digits) =>
  numbers
    .map((value) => String(Number(value.toFixed(digits))))
    .join(', ')
    .replace(/(.{80,104},) /g, '$1\n  ');
writeFileSync(
  values.out,
  `/**
 * Power of an average protein at B = 0 against frequency. Made by tools/derive-protein-fall-off.mjs, which
 * says how; not edited by hand.
 */

export const PROTEIN_FALL_OFF_SOURCE = { windows: ${windows}, structures: ${structures} } as const;

/** 1 / A. */
export const PROTEIN_FREQUENCY: readonly number[] = [
  ${lines(frequency, 5)},
];

/** ln of the power per coefficient, 0 at the first frequency. */
export const PROTEIN_LOG_POWER: readonly number[] = [
  ${lines(logPower, 4)},
];
`,
);
const slope = (from, to) => {
  const at = frequency.flatMap((f, i) => (f >= 1 / from && f <= 1 / to ? [i] : []));
  const xs = at.map((i) => frequency[i] ** 2 / 2);
  const ys = at.map((i) => logPower[i]);
  const mean = (a) => a.reduce((sum, v) => sum + v, 0) / a.length;
  const [mx, my] = [mean(xs), mean(ys)];
  return (
    -xs.reduce((sum, x, i) => sum + (x - mx) * (ys[i] - my), 0) /
    xs.reduce((sum, x) => sum + (x - mx) ** 2, 0)
  );
};
for (const to of [4.5, 4, 3.5, 3, 2.5])
  console.log(`10 A to ${to} A: falls off as B = ${slope(10, to).toFixed(1)} A^2`);
