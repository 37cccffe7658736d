#!/usr/bin/env node
/**
 * Soft scaling with the protein profile on real maps with fitted models, against the map as it is. Not part
 * of any build, test or command: it needs a folder of maps with their models, and a built dist/.
 *
 *   node tools/evaluate-soft-scaling.mjs [--maps FOLDER] [--golden FOLDER] [--profile-b A2,...] [--locality Q,...]
 *
 * Score: correlation, inside a mask of 3 A around the model's atoms, with the map of the model at B = 20 and
 * at B = 60 A^2 throughout; the map and that of the model are low-passed at the map's resolution first. The
 * maps are single ones: signal = power, and a fade at the resolution. Half maps with a model:
 * golden/trpv1-c4, simulated. More simulated half maps: evaluate-soft-simulated.mjs.
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
import { correlation, distances, MASK_RADIUS, mapsWithModels, TARGETS } from './model-score.mjs';

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

const MAPS = mapsWithModels(values.maps);
const trpv1 = join(values.golden, 'trpv1-c4');
MAPS.push({
  name: 'TRPV1, simulated half maps',
  maps: [join(trpv1, 'half1.mrc'), join(trpv1, 'half2.mrc')],
  model: join(trpv1, 'model.cif'),
  resolution: 3.4,
});

const engine = await createCpuEngine();

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
  const nearest = distances(atoms, grid, 2 * MASK_RADIUS);
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
    scores.push(references.map((reference) => correlation(voxels, reference, nearest)));
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
