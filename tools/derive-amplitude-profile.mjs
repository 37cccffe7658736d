#!/usr/bin/env node
/**
 * Derives how the Fourier amplitude of an average protein falls off with frequency and writes
 * src/math/soft-scaling/protein-profile-table.ts. Not part of any build, test or command: it needs a folder
 * of real structures (PDB format, gzipped) and a built dist/.
 *
 *   node tools/derive-amplitude-profile.mjs [--structures FOLDER] [--out FILE]
 *
 * Proteins of 1,500 to 4,000 atoms without nucleic acid, every fourth of them in the order of their names,
 * those of the test set of training/split.json left out, so that tests on them stay fair: all atoms but
 * hydrogen and water, in vacuum, B = 0, occupancy 1, voxels of 0.5 A. Per structure |F|^2 averaged in shells
 * and then over 1/40 1/A around every frequency of the table; the geometric mean over structures of its root,
 * relative to 0.1 1/A.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { gunzipSync } from 'node:zlib';
import { createCpuEngine } from '../dist/cpu-fallback/index.js';
import { atomSetOf } from '../dist/math/atoms/atom-set.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const { values } = parseArgs({
  options: {
    structures: { type: 'string', default: join(root, '../shared/structures') },
    out: { type: 'string', default: join(root, 'src/math/soft-scaling/protein-profile-table.ts') },
  },
});

const VOXEL = 0.5;
const MARGIN_ANGSTROM = 6;
const ATOMS = { least: 1500, most: 4000 };
const EVERY_STRUCTURE = 4;
const STEP = 0.025;
/** Up to 1 1/A, Nyquist of the voxels. */
const SAMPLES = 40;
const ELEMENTS = new Set(['C', 'N', 'O', 'S', 'SE']);
const NUCLEOTIDES = new Set(['DA', 'DC', 'DG', 'DT', 'DU', 'A', 'C', 'G', 'U', 'T']);
const tested = new Set(JSON.parse(readFileSync(join(root, 'training/split.json'), 'utf8')).test);

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

const proteins = readdirSync(values.structures)
  .filter((name) => name.endsWith('.pdb.gz') && ![...tested].some((id) => name.startsWith(id)))
  .sort()
  .map((name) => readProtein(join(values.structures, name)))
  .filter((atoms) => atoms.length >= ATOMS.least && atoms.length <= ATOMS.most)
  .filter((_, i) => i % EVERY_STRUCTURE === 0);

const engine = await createCpuEngine();
const logs = [];
for (const atoms of proteins) {
  const axes = ['z', 'y', 'x'].map((axis) => atoms.map((atom) => atom[axis]));
  const low = axes.map((a) => Math.min(...a) - MARGIN_ANGSTROM);
  const length = Math.max(...axes.map((a, i) => Math.max(...a) + MARGIN_ANGSTROM - low[i]));
  const edge = 16 * Math.ceil(length / VOXEL / 16);
  const grid = { shape: [edge, edge, edge], voxelSize: [VOXEL, VOXEL, VOXEL], origin: low };
  const map = await engine.simulateMap(atomSetOf(atoms), grid);
  const { powerA, counts } = await engine.shellSpectra(map, map);
  engine.release(map);
  const sums = Array.from({ length: SAMPLES }, () => ({ power: 0, count: 0 }));
  for (let r = 0; r < powerA.length; r++) {
    const sample = sums[Math.round((r + 0.5) / edge / VOXEL / STEP)];
    if (sample === undefined) continue;
    sample.power += powerA[r];
    sample.count += counts[r];
  }
  const log = sums.map(({ power, count }) => Math.log(power / count) / 2);
  logs.push(log.map((value) => value - log[Math.round(0.1 / STEP)]));
  console.log(`${logs.length} of ${proteins.length}: ${atoms.length} atoms, ${edge} voxels`);
}
await engine.dispose();

const mean = (list) => list.reduce((sum, value) => sum + value, 0) / list.length;
const columns = Array.from({ length: SAMPLES }, (_, i) => logs.map((log) => log[i]));
const amplitude = columns.map((column) => Math.exp(mean(column)));
const spread = columns.map((column) => Math.sqrt(mean(column.map((v) => (v - mean(column)) ** 2))));
const lines = (numbers) =>
  numbers
    .map((value) => String(Number(value.toPrecision(4))))
    .join(', ')
    .replace(/(.{80,104},) /g, '$1\n  ');
writeFileSync(
  values.out,
  `/**
 * RMS Fourier amplitude of an average protein (${logs.length} structures) in vacuum at B = 0, relative to 0.1
 * 1/A. Made by tools/derive-amplitude-profile.mjs, which says how; not edited by hand.
 */

/** Distance between the samples, 1/A; the first is at 0. */
export const PROTEIN_PROFILE_STEP = ${STEP};

export const PROTEIN_AMPLITUDE: readonly number[] = [
  ${lines(amplitude)},
];
`,
);
console.log(`standard deviation of ln: ${spread.map((value) => value.toFixed(2)).join(' ')}`);
