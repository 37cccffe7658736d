#!/usr/bin/env node
/**
 * Soft scaling with the protein profile on real maps with fitted models, against the map as it is. Not part of any
 * build, test or command: it needs a folder of maps with their models, and a built dist/.
 *
 *   node tools/evaluate-soft-scaling.mjs [--maps FOLDER] [--golden FOLDER] [--profile-b A2,...] [--locality Q,...]
 *
 * Score: correlation, inside a mask of 3 A around the model's atoms, with the map of the model at B = 20 and at
 * B = 60 A^2 throughout; the map and that of the model are low-passed at the map's resolution first. The maps are single
 * ones: signal = power, and a fade at the resolution. Half maps with a model: golden/trpv1-c4,
 * simulated. More simulated half maps: evaluate-soft-simulated.mjs.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { placeModel } from '../dist/atoms/place-model.js';
import { createCpuEngine } from '../dist/cpu-fallback/index.js';
import { bandScaling } from '../dist/engine/jobs.js';
import { readMapFile, readModelFile } from '../dist/files.js';
import { atomSetOf } from '../dist/math/atoms/atom-set.js';
import { tanhLowPass } from '../dist/math/fourier/radial-transfer.js';
import { proteinProfile } from '../dist/math/soft-scaling/profile.js';

const shared = fileURLToPath(new URL('../../shared', import.meta.url));
const { values } = parseArgs({
  options: {
    maps: { type: 'string', default: join(shared, 'maps') },
    golden: { type: 'string', default: join(shared, 'golden') },
    'profile-b': { type: 'string', default: '25' },
    locality: { type: 'string', default: '0.5' },
  },
});
const numbers = (text) => text.split(',').map(Number);

/** Name, map (or half maps), model, resolution (A). */
const MAPS = [
  [
    'EMD-5778 box',
    ['emd_5778_unfiltered_box/unfiltered_box.mrc'],
    'emd_5778_unfiltered_box/pdb3j5p_refined.pdb',
    3.4,
  ],
  ['EMD-3186', ['emd_3186_5fj6/emd_3186.map'], 'emd_3186_5fj6/5fj6.pdb', 7.9],
  ['EMD-3240 box', ['emd_3240_5fn5/5fn5_box.ccp4'], 'emd_3240_5fn5/5fn5_box_complete.pdb', 4.3],
  ['EMD-0093', ['emd_0093_hcn4/emd_0093_masked4A.mrc.gz'], 'emd_0093_hcn4/6gyn.pdb', 3.4],
  ['EMD-30342 A', ['emd_30342_7cec/390_emd_30342_A_z4.mrc'], 'emd_30342_7cec/390_7cec_A.cif', 3.9],
].map(([name, maps, model, resolution]) => ({
  name,
  maps: maps.map((file) => join(values.maps, file)),
  model: join(values.maps, model),
  resolution,
}));
const trpv1 = join(values.golden, 'trpv1-c4');
MAPS.push({
  name: 'TRPV1, simulated half maps',
  maps: [join(trpv1, 'half1.mrc'), join(trpv1, 'half2.mrc')],
  model: join(trpv1, 'model.cif'),
  resolution: 3.4,
});

const TARGETS = [20, 60];
const MASK_RADIUS = 3;
const engine = await createCpuEngine();

function maskAround(atoms, { shape, voxelSize, origin }) {
  const mask = new Float32Array(shape[0] * shape[1] * shape[2]);
  for (const { x, y, z } of atoms) {
    const at = [z, y, x].map((value, axis) => (value - origin[axis]) / voxelSize[axis]);
    const ranges = at.map((centre, axis) => {
      const reach = MASK_RADIUS / voxelSize[axis];
      return [Math.max(0, Math.ceil(centre - reach)), Math.min(shape[axis] - 1, Math.floor(centre + reach))];
    });
    for (let k = ranges[0][0]; k <= ranges[0][1]; k++)
      for (let j = ranges[1][0]; j <= ranges[1][1]; j++)
        for (let i = ranges[2][0]; i <= ranges[2][1]; i++) {
          const d2 = [k, j, i].reduce((sum, v, axis) => sum + ((v - at[axis]) * voxelSize[axis]) ** 2, 0);
          if (d2 <= MASK_RADIUS ** 2) mask[(k * shape[1] + j) * shape[2] + i] = 1;
        }
  }
  return mask;
}

function correlation(a, b, mask) {
  const sums = { n: 0, a: 0, b: 0, aa: 0, bb: 0, ab: 0 };
  for (let i = 0; i < mask.length; i++) {
    if (mask[i] === 0) continue;
    sums.n++;
    sums.a += a[i];
    sums.b += b[i];
    sums.aa += a[i] * a[i];
    sums.bb += b[i] * b[i];
    sums.ab += a[i] * b[i];
  }
  const { n, a: sa, b: sb, aa, bb, ab } = sums;
  return (n * ab - sa * sb) / Math.sqrt((n * aa - sa * sa) * (n * bb - sb * sb));
}

const lowPassed = async (volume, resolution, voxel) => {
  const filtered = await engine.radialFilter(volume, tanhLowPass(resolution, voxel));
  const voxels = Float32Array.from(await engine.download(filtered));
  engine.release(filtered);
  return voxels;
};

const variants = numbers(values['profile-b']).flatMap((b) =>
  numbers(values.locality).map((locality) => ({ b, locality })),
);
const header = ['map', 'A', 'as it is', ...variants.map(({ b, locality }) => `B ${b}, q ${locality}`)];
console.log(`| ${header.join(' | ')} |\n|${header.map(() => ' - ').join('|')}|`);
const totals = header.slice(2).map(() => TARGETS.map(() => 0));
let counted = 0;
for (const { name, maps, model, resolution } of MAPS) {
  if (!maps.every(existsSync)) continue;
  const images = await Promise.all(maps.map((path) => readMapFile(path)));
  const { grid } = images[0];
  const structure = await readModelFile(model);
  const { kept: atoms } = placeModel(structure, grid);
  const voxel = grid.voxelSize[2];
  const mask = maskAround(atoms, grid);
  const references = [];
  for (const bFactor of TARGETS) {
    const simulated = await engine.simulateMap(atomSetOf(atoms.map((atom) => ({ ...atom, bFactor }))), grid);
    references.push(await lowPassed(simulated, resolution, voxel));
    engine.release(simulated);
  }
  const volumes = await Promise.all(images.map(({ data }) => engine.upload(data, grid.shape)));
  const scores = [];
  const score = async (volume) => {
    const voxels = await lowPassed(volume, resolution, voxel);
    scores.push(references.map((reference) => correlation(voxels, reference, mask)));
  };
  const whole = volumes.length === 2 ? await engine.average(...volumes) : volumes[0];
  await score(whole);
  for (const { b, locality } of variants) {
    const { scaled } = await bandScaling(engine, {
      half1: volumes[0],
      ...(volumes.length === 2 ? { half2: volumes[1] } : { fadeResolution: resolution }),
      voxelSize: grid.voxelSize,
      target: { kind: 'profile', profile: proteinProfile(b), locality },
    });
    await score(scaled);
    engine.release(scaled);
  }
  engine.release(...new Set([...volumes, whole]));
  console.log(
    `| ${[name, resolution, ...scores.map((s) => s.map((c) => c.toFixed(3)).join(' / '))].join(' | ')} |`,
  );
  if (maps.length === 1) {
    counted++;
    scores.forEach((s, v) => {
      s.forEach((c, t) => {
        totals[v][t] += c;
      });
    });
  }
}
console.log(
  `| ${['mean of the real maps', '', ...totals.map((t) => t.map((c) => (c / counted).toFixed(3)).join(' / '))].join(' | ')} |`,
);
await engine.dispose();
