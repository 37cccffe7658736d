#!/usr/bin/env node
/**
 * Derives the average radial profile of alpha helices and writes
 * src/atoms/average-profile/helix-profile-table.ts. Not part of any build, test or command: it needs a
 * folder of real structures (PDB format, gzipped) and a built dist/.
 *
 *   node tools/derive-helix-profile.mjs [--structures FOLDER] [--out FILE]
 *
 * 1. Helices: runs of at least 14 residues with phi in (-90, -35) and psi in (-70, -15) degrees, from the
 *    coordinates (half of the files have no HELIX records); up to 3 a structure, drawn by a seed.
 * 2. For each a cube of 25 A, as LocScale's window, centred on the axis in the middle of the helix, in a
 *    random orientation. It holds the residues of all helices of the structure that reach into it, other
 *    residues left out: electron form factors, B = 0, voxels of 0.3125 A, band limit at 1.44 / A.
 * 3. Amplitudes |F(a, b, c)| of the window, a, b, c >= 0 as in LocScale, averaged over bins one coefficient
 *    wide every half coefficient, and over the windows.
 * 4. Frequency of a bin: the mean of sqrt(a^2 + b^2 + c^2) / 25 A over it. LocScale labels shell r of a
 * window
 *    by r / 25 A, about half a coefficient too low; an average profile is a property of helices, not of a
 *    window, and goes by its true frequencies.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { gunzipSync } from 'node:zlib';
import { transformVolume } from '../dist/math/fourier/host-fft.js';
import { createRandom } from '../dist/math/statistics/random.js';
import { simulateMapPair } from '../dist/synthetic/simulate-map.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const { values } = parseArgs({
  options: {
    structures: { type: 'string', default: join(root, '../shared/structures') },
    out: { type: 'string', default: join(root, 'src/atoms/average-profile/helix-profile-table.ts') },
  },
});

const SEED = 25;
const SHORTEST_HELIX = 14;
const HELICES_PER_STRUCTURE = 3;
const VOXEL = 0.3125;
const WINDOW_ANGSTROM = 25;
const WINDOW = WINDOW_ANGSTROM / VOXEL;
/** The periodic box of the simulation: what wraps around stays 7.5 A from the window. */
const BOX = 128;
/** simulateMap tapers beyond 0.9 of Nyquist, 1 / A. */
const LAST_FREQUENCY = 1.44;
/** Residues whose axis is averaged for the centre of the window: two turns. */
const AXIS_RESIDUES = 7;

const random = createRandom(SEED);

function readAtoms(path) {
  const atoms = [];
  for (const line of gunzipSync(readFileSync(path)).toString('latin1').split('\n')) {
    if (line.startsWith('ENDMDL')) break;
    if (!line.startsWith('ATOM') || !' A1'.includes(line[16])) continue;
    const atomName = line.slice(12, 16).trim();
    const element = line.slice(76, 78).trim() || atomName.replace(/\d/g, '')[0];
    if (!['C', 'N', 'O', 'S', 'SE'].includes(element)) continue;
    const [x, y, z] = [30, 38, 46].map((column) => Number(line.slice(column, column + 8)));
    atoms.push({ element, x, y, z, bFactor: 0, occupancy: 1, atomName, residue: line.slice(17, 27) });
  }
  return atoms;
}

function groupResidues(atoms) {
  const residues = [];
  let last;
  for (const atom of atoms) {
    if (atom.residue !== last?.name) {
      last = { name: atom.residue, atoms: [], backbone: {} };
      residues.push(last);
    }
    last.atoms.push(atom);
    last.backbone[atom.atomName] ??= atom;
  }
  return residues.filter(({ backbone }) => backbone.N && backbone.CA && backbone.C);
}

const difference = (a, b) => [a.x - b.x, a.y - b.y, a.z - b.z];
const dot = (a, b) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
const cross = (a, b) => [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];

/** Degrees. */
function torsion(a, b, c, d) {
  const axis = difference(c, b);
  const first = cross(difference(b, a), axis);
  const second = cross(axis, difference(d, c));
  const sine = Math.hypot(...axis) * dot(difference(b, a), second);
  return (Math.atan2(sine, dot(first, second)) * 180) / Math.PI;
}

function isHelical(previous, { backbone }, next) {
  if (!previous || !next) return false;
  const bonded = (c, n) => Math.hypot(...difference(c, n)) < 2;
  if (!bonded(previous.backbone.C, backbone.N) || !bonded(backbone.C, next.backbone.N)) return false;
  const phi = torsion(previous.backbone.C, backbone.N, backbone.CA, backbone.C);
  const psi = torsion(backbone.N, backbone.CA, backbone.C, next.backbone.N);
  return phi > -90 && phi < -35 && psi > -70 && psi < -15;
}

function findHelices(residues) {
  const helices = [];
  let run = [];
  residues.forEach((residue, i) => {
    if (isHelical(residues[i - 1], residue, residues[i + 1])) {
      run.push(residue);
      return;
    }
    if (run.length >= SHORTEST_HELIX) helices.push(run);
    run = [];
  });
  if (run.length >= SHORTEST_HELIX) helices.push(run);
  return helices;
}

/** Uniformly distributed rotation matrix, out of a Gaussian quaternion. */
function randomRotation() {
  const q = Array.from({ length: 4 }, () => random.gaussian());
  const [w, x, y, z] = q.map((component) => component / Math.hypot(...q));
  return [
    [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
    [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
    [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
  ];
}

/** Atoms of the helices around the middle of `helix`, which comes to the origin. */
function cutSegment(helix, helices) {
  const start = Math.floor((helix.length - AXIS_RESIDUES) / 2);
  const middle = helix.slice(start, start + AXIS_RESIDUES).map(({ backbone }) => backbone.CA);
  const mean = (key) => middle.reduce((sum, atom) => sum + atom[key], 0) / middle.length;
  const centre = { x: mean('x'), y: mean('y'), z: mean('z') };
  const rotation = randomRotation();
  const half = (BOX * VOXEL) / 2;
  return helices
    .flat()
    .flatMap(({ atoms }) => atoms)
    .map((atom) => {
      const [x, y, z] = rotation.map((row) => dot(row, difference(atom, centre)));
      return { ...atom, x, y, z };
    })
    .filter(({ x, y, z }) => Math.max(Math.abs(x), Math.abs(y), Math.abs(z)) < half);
}

/** |F(a, b, c)| of the middle of a simulated box as bins, see the head of this file. */
function binAmplitudes(map, bins) {
  const real = new Float64Array(WINDOW ** 3);
  const imaginary = new Float64Array(WINDOW ** 3);
  const offset = (BOX - WINDOW) / 2;
  let i = 0;
  for (let z = offset; z < offset + WINDOW; z++) {
    for (let y = offset; y < offset + WINDOW; y++) {
      for (let x = offset; x < offset + WINDOW; x++) real[i++] = map[(z * BOX + y) * BOX + x];
    }
  }
  transformVolume(real, imaginary, [WINDOW, WINDOW, WINDOW]);
  const sums = new Float64Array(bins.length);
  bins.forEach(({ members }, bin) => {
    for (const index of members) sums[bin] += Math.hypot(real[index], imaginary[index]);
    sums[bin] /= members.length;
  });
  return sums;
}

function listBins() {
  const half = WINDOW / 2;
  const coefficients = [];
  for (let a = 0; a <= half; a++) {
    for (let b = 0; b <= half; b++) {
      for (let c = 0; c <= half; c++) {
        coefficients.push({ index: (a * WINDOW + b) * WINDOW + c, radius: Math.hypot(a, b, c) });
      }
    }
  }
  const bins = [{ frequency: 0, members: [0] }];
  for (let centre = 1; ; centre += 0.5) {
    const inBin = coefficients.filter(({ radius }) => radius >= centre - 0.5 && radius < centre + 0.5);
    const frequency = inBin.reduce((sum, { radius }) => sum + radius, 0) / inBin.length / WINDOW_ANGSTROM;
    if (frequency > LAST_FREQUENCY) return bins;
    bins.push({ frequency, members: inBin.map(({ index }) => index) });
  }
}

const bins = listBins();
const segments = [];
let structures = 0;
for (const file of readdirSync(values.structures)
  .filter((name) => name.endsWith('.pdb.gz'))
  .sort()) {
  const helices = findHelices(groupResidues(readAtoms(join(values.structures, file))));
  if (helices.length > 0) structures++;
  const rest = [...helices];
  for (let drawn = 0; drawn < HELICES_PER_STRUCTURE && rest.length > 0; drawn++) {
    const [helix] = rest.splice(random.integer(0, rest.length - 1), 1);
    segments.push(cutSegment(helix, helices));
  }
}
const total = new Float64Array(bins.length);
const edge = (-BOX * VOXEL) / 2;
const grid = { shape: [BOX, BOX, BOX], voxelSize: [VOXEL, VOXEL, VOXEL], origin: [edge, edge, edge] };
for (let i = 0; i < segments.length; i += 2) {
  const pair = simulateMapPair(segments[i], segments[i + 1] ?? [], grid);
  for (const map of [pair.first, pair.second])
    binAmplitudes(map, bins).forEach((amplitude, bin) => {
      total[bin] += amplitude;
    });
  if (i % 40 === 0) process.stdout.write(`${i} of ${segments.length} helices\n`);
}

const list = (numbers) => numbers.map((value) => String(Number(value.toPrecision(6)))).join(', ');
writeFileSync(
  values.out,
  `/** Average radial profile of alpha helices, generated by tools/derive-helix-profile.mjs. Do not edit. */

export const HELIX_PROFILE_SOURCE = {
  /** Number of windows averaged, one per helix. */
  helices: ${segments.length},
  structures: ${structures},
  windowAngstrom: ${WINDOW_ANGSTROM},
  seed: ${SEED},
} as const;

/** 1 / A. */
export const HELIX_FREQUENCY: readonly number[] = [${list(bins.map(({ frequency }) => frequency))}];

/** In units of the amplitude at 0. */
export const HELIX_AMPLITUDE: readonly number[] = [${list(Array.from(total, (sum) => sum / total[0]))}];
`,
);
process.stdout.write(
  `${segments.length} helices of ${structures} structures: ${values.out}; format it with npx biome check --write\n`,
);
