/** Maps compared with a model: every number against a slow computation of its own, in float64. */
import { expect, it } from 'vitest';
import type { Structure, StructureAtom } from '../../src/formats/structure.ts';
import { atomSetOf } from '../../src/math/atoms/atom-set.ts';
import { qScores } from '../../src/math/atoms/q-score.ts';
import { type Grid, voxelCount } from '../../src/math/grid.ts';
import { createRandom } from '../../src/math/statistics/random.ts';
import { runAssess } from '../../src/pipeline/assess.ts';
import { measureLocalCorrelation } from '../../src/pipeline/local-correlation.ts';
import { type AssessJob, planAssess } from '../../src/pipeline/plan-assess.ts';
import { startRun } from '../../src/pipeline/run.ts';
import { makeMapImage } from '../../src/synthetic/map-image.ts';
import { modelMapDirectly } from '../support/direct-model-map.ts';
import { describeEngines } from '../support/engines.ts';
import { pearson } from '../support/pearson.ts';
import { noiseVolume } from '../support/random-volume.ts';
import { referenceFft3d, signedIndex } from '../support/reference-fft.ts';

const grid: Grid = { shape: [24, 24, 24], voxelSize: [1.25, 1.25, 1.25], origin: [-6, 3, 10] };
const step = 1.25;
const resolution = 4;

/** Two chains with alternates, a ligand, waters and hydrogens, somewhere in the box. */
function someModel(): Structure {
  const random = createRandom(8);
  const atoms: StructureAtom[] = [];
  const add = (chain: string, number: number, name: string, atomName: string, more = {}): void => {
    const at = (axis: number): number => grid.origin[axis] + 30 * (0.25 + 0.5 * random.uniform());
    const element = atomName[0];
    atoms.push({
      ...{ chain, residueNumber: number, residueName: name, atomName, element },
      ...{ x: at(2), y: at(1), z: at(0), bFactor: 20 + 40 * random.uniform(), occupancy: 1 },
      ...{ altloc: '', insertionCode: '', model: 1, charge: 0, hetero: false, serial: atoms.length + 1 },
      ...more,
    });
  };
  for (const chain of ['A', 'B'])
    for (let number = 1; number <= 4; number++)
      for (const atomName of ['N', 'CA', 'C', 'O', 'HA']) add(chain, number, 'ALA', atomName);
  add('A', 9, 'SER', 'OG', { altloc: 'A', occupancy: 0.3 });
  add('A', 9, 'SER', 'OG', { altloc: 'B', occupancy: 0.7 });
  add('B', 20, 'LIG', 'C1', { hetero: true });
  add('B', 21, 'HOH', 'O', { hetero: true });
  return { id: 'TEST', title: '', atoms, notes: [] };
}

const structure = someModel();
const place = (i: number): number[] => [
  grid.origin[2] + step * (i % 24),
  grid.origin[1] + step * (Math.floor(i / 24) % 24),
  grid.origin[0] + step * Math.floor(i / 576),
];
const nearAny = (i: number, atoms: readonly StructureAtom[], radius: number): boolean => {
  const [x, y, z] = place(i);
  return atoms.some((atom) => Math.hypot(atom.x - x, atom.y - y, atom.z - z) <= radius);
};
const all = Array.from({ length: voxelCount(grid.shape) }, (_, i) => i);
const heavy = structure.atoms.filter(({ element }) => element !== 'H');

/** Of the model up to a resolution (A), in float64. */
function modelUpTo(end: number): Float64Array {
  const { re, im } = referenceFft3d(
    modelMapDirectly(atomSetOf(structure.atoms), grid),
    undefined,
    grid.shape,
  );
  for (const i of all) {
    const k = [Math.floor(i / 576), Math.floor(i / 24) % 24, i % 24].map((v) => signedIndex(v, 24));
    if (Math.hypot(...k) / (24 * step) > 1 / end) re[i] = im[i] = 0;
  }
  return referenceFft3d(re, im, grid.shape, true).re;
}

const sharp = modelMapDirectly(atomSetOf(structure.atoms), grid);
const spread = Math.sqrt(sharp.reduce((sum, v) => sum + v * v, 0) / sharp.length);
const noisy = (share: number, seed: number): Float32Array => {
  const noise = noiseVolume(grid.shape, seed);
  return Float32Array.from(sharp, (v, i) => 3 + 2 * (v + share * spread * noise[i]));
};
const images = { good: noisy(0.2, 1), poor: noisy(1.5, 2) };

const jobOf = (more: Partial<AssessJob> = {}): AssessJob => ({
  input: { kind: 'map', map: makeMapImage('maps/good.mrc', grid, images.good) },
  structure,
  against: [makeMapImage('poor.map.gz', grid, images.poor)],
  settings: { resolution },
  ...more,
});

describeEngines('maps and a model', (engine) => {
  it('correlate around residues and chains as by the definition (2e-5)', async () => {
    const on = await engine();
    const result = await runAssess(jobOf(), { engine: on });
    const { residues, chains, maps } = result.assessment;
    const model = modelUpTo(resolution);
    const directly = (atoms: readonly StructureAtom[], map: Float32Array): number => {
      const voxels = all.filter((i) => nearAny(i, atoms, 2));
      return pearson(
        voxels.map((i) => map[i]),
        voxels.map((i) => model[i]),
      );
    };
    expect(residues).toHaveLength(11);
    for (const { chain, number, cc } of residues) {
      const atoms = heavy.filter((atom) => atom.chain === chain && atom.residueNumber === number);
      for (const [i, map] of [images.good, images.poor].entries())
        expect(Math.abs((cc[i] as number) - directly(atoms, map))).toBeLessThan(2e-5);
    }
    for (const { chain, cc, atoms } of chains) {
      const own = heavy.filter((atom) => atom.chain === chain);
      expect(Math.abs((cc[1] as number) - directly(own, images.poor))).toBeLessThan(2e-5);
      expect(atoms).toBe(chain === 'A' ? own.length - 1 : own.length);
    }
    expect(maps.map(({ label, name }) => [label, name])).toEqual([
      ['good', 'maps/good.mrc'],
      ['poor', 'poor.map.gz'],
    ]);
    // CC_mask: in the molecule, whose voxels are those of the volume returned.
    const inside = [...(await on.download(result.mask))].flatMap((v, i) => (v > 0.5 ? [i] : []));
    expect(inside).toHaveLength(result.assessment.maskVoxels);
    for (const [i, map] of [images.good, images.poor].entries()) {
      const expected = pearson(
        inside.map((at) => map[at]),
        inside.map((at) => model[at]),
      );
      expect(Math.abs((maps[i].cc as number) - expected)).toBeLessThan(2e-5);
    }
    expect(maps[0].cc as number).toBeGreaterThan((maps[1].cc as number) + 0.05);
    on.release(result.mask, ...result.localCorrelations);
  });

  it('have the Q-scores of the atoms that count, in means over residues, chains and kinds', async () => {
    const on = await engine();
    const { assessment, mask, localCorrelations } = await runAssess(jobOf(), { engine: on });
    on.release(mask, ...localCorrelations);
    const scored = heavy.filter(({ altloc }) => altloc !== 'A');
    const levels = { mean: 0, sd: 0, min: Math.min(...images.poor), max: Math.max(...images.poor) };
    levels.mean = images.poor.reduce((sum, v) => sum + v, 0) / images.poor.length;
    levels.sd = Math.sqrt(
      images.poor.reduce((sum, v) => sum + (v - levels.mean) ** 2, 0) / images.poor.length,
    );
    const q = qScores(images.poor, grid, atomSetOf(scored).positions, levels);
    expect(assessment.atoms).toHaveLength(scored.length);
    for (const [i, atom] of assessment.atoms.entries()) {
      expect(atom.name).toBe(scored[i].atomName);
      expect(Math.abs((atom.q[1] as number) - q[i])).toBeLessThan(1e-4);
    }
    const mean = (list: readonly number[]): number => list.reduce((sum, v) => sum + v, 0) / list.length;
    const of = (test: (atom: StructureAtom) => boolean): number =>
      mean(scored.flatMap((atom, i) => (test(atom) ? [q[i]] : [])));
    for (const { chain, number, q: found } of assessment.residues)
      expect(found[1]).toBeCloseTo(
        of((atom) => atom.chain === chain && atom.residueNumber === number),
        3,
      );
    for (const { chain, q: found } of assessment.chains)
      expect(found[1]).toBeCloseTo(
        of((atom) => atom.chain === chain),
        3,
      );
    expect(assessment.maps[1].q).toBeCloseTo(
      of(() => true),
      3,
    );
    expect(assessment.maps[1].qByKind.water).toBeCloseTo(
      of(({ residueName }) => residueName === 'HOH'),
      3,
    );
    expect(Object.keys(assessment.maps[1].qByKind).sort()).toEqual(['other', 'protein', 'water']);
  });

  it('correlate place by place in Gaussian windows as by the definition (2e-4)', async () => {
    const on = await engine();
    const sigma = 3.1;
    const [a, b] = [
      await on.upload(images.good.slice(), grid.shape),
      await on.upload(images.poor.slice(), grid.shape),
    ];
    const volume = await measureLocalCorrelation(on, a, b, step, sigma);
    const found = (await on.download(volume)).slice();
    on.release(a, b, volume);
    const blurred = (values: Float64Array): Float64Array => {
      const { re, im } = referenceFft3d(values, undefined, grid.shape);
      for (const i of all) {
        const k = [Math.floor(i / 576), Math.floor(i / 24) % 24, i % 24].map((v) => signedIndex(v, 24));
        const g = Math.exp(-2 * (Math.PI * sigma * (Math.hypot(...k) / (24 * step))) ** 2);
        re[i] *= g;
        im[i] *= g;
      }
      return referenceFft3d(re, im, grid.shape, true).re.map((v) => v / all.length);
    };
    const of = (one: Float32Array, other: Float32Array) =>
      blurred(Float64Array.from(one, (v, i) => v * other[i]));
    const [meanA, meanB] = [images.good, images.poor].map((map) => blurred(Float64Array.from(map)));
    const [ab, aa, bb] = [
      of(images.good, images.poor),
      of(images.good, images.good),
      of(images.poor, images.poor),
    ];
    for (const i of all) {
      const expected =
        (ab[i] - meanA[i] * meanB[i]) / Math.sqrt((aa[i] - meanA[i] ** 2) * (bb[i] - meanB[i] ** 2));
      if (Math.abs(found[i] - expected) > 2e-4) expect([i, found[i]]).toEqual([i, expected]);
    }
  });

  it('agree fully with themselves, turned upside down not at all, and nowhere where one is flat', async () => {
    const on = await engine();
    const upload = (data: Float32Array) => on.upload(data, grid.shape);
    const correlate = async (one: Float32Array, other: Float32Array): Promise<Float32Array> => {
      const volumes = [await upload(one), await upload(other)] as const;
      const volume = await measureLocalCorrelation(on, ...volumes, step, 3);
      const values = (await on.download(volume)).slice();
      on.release(...volumes, volume);
      return values;
    };
    const { good } = images;
    for (const v of await correlate(
      good.slice(),
      good.map((x) => 0.1 * x - 40),
    ))
      expect(v).toBeGreaterThan(0.9995);
    for (const v of await correlate(
      good.slice(),
      good.map((x) => -x),
    ))
      expect(v).toBeLessThan(-0.9995);
    expect(new Set(await correlate(good.slice(), new Float32Array(good.length).fill(5)))).toEqual(
      new Set([0]),
    );
  });

  it('have the FSC and the amplitudes of what the mask leaves, and a Guinier B', async () => {
    const on = await engine();
    const weights = Float32Array.from(all, (i) =>
      nearAny(i, heavy, 4) ? 1 : nearAny(i, heavy, 5) ? 0.5 : 0,
    );
    const job = jobOf({ mask: makeMapImage('mask.mrc', grid, weights.slice()), labels: ['a', 'b'] });
    const { assessment, mask, localCorrelations } = await runAssess(job, { engine: on });
    const [one] = assessment.maps;
    expect(assessment.maps.map(({ label }) => label)).toEqual(['a', 'b']);
    expect(assessment.maskOrigin).toEqual({ source: 'user' });
    expect(assessment.maskVoxels).toBe(weights.filter((v) => v >= 0.5).length);
    const spectrum = (map: ArrayLike<number>) =>
      referenceFft3d(
        Float64Array.from(all, (i) => map[i] * weights[i]),
        undefined,
        grid.shape,
      );
    const [a, m] = [spectrum(images.good), spectrum(sharp)];
    for (const shell of [2, 5, 9]) {
      let [cross, powerA, powerM, count] = [0, 0, 0, 0];
      for (const i of all) {
        const k = [Math.floor(i / 576), Math.floor(i / 24) % 24, i % 24].map((v) => signedIndex(v, 24));
        // The half of Fourier space that a real transform stores.
        if (i % 24 > 12 || Math.round(Math.hypot(...k)) !== shell) continue;
        cross += a.re[i] * m.re[i] + a.im[i] * m.im[i];
        powerA += a.re[i] ** 2 + a.im[i] ** 2;
        powerM += m.re[i] ** 2 + m.im[i] ** 2;
        count++;
      }
      expect(one.fsc[shell]).toBeCloseTo(cross / Math.sqrt(powerA * powerM), 4);
      expect(one.amplitude[shell] / Math.sqrt(powerA / count)).toBeCloseTo(1, 3);
      expect(assessment.modelAmplitude[shell] / Math.sqrt(powerM / count)).toBeCloseTo(1, 3);
      expect(assessment.frequency[shell]).toBeCloseTo(shell / (24 * step), 12);
    }
    expect(one.guinier).toMatchObject({ from: 10, to: resolution });
    const local = await on.download(localCorrelations[0]);
    const inside = all.filter((i) => weights[i] >= 0.5);
    const mean = inside.reduce((sum, i) => sum + local[i], 0) / inside.length;
    expect(assessment.maps[1].localCorrelation).toBeCloseTo(mean, 5);
    on.release(mask, ...localCorrelations);
  });

  it('take at most the memory of the plan', async () => {
    const on = await engine();
    // Half a voxel beside the others, in a larger box.
    const other: Grid = { ...grid, shape: [28, 30, 26], origin: [-6.6, 1, 10] };
    const beside = makeMapImage('beside.mrc', other, noiseVolume(other.shape, 3));
    const jobs = [jobOf(), jobOf({ against: [] }), halfMapJob(), halfMapJob({ against: undefined })];
    for (const job of [...jobs, jobOf({ against: [beside] })]) {
      const run = startRun({ engine: on });
      const { peakBytes } = planAssess(job, { engine: on, matchGrid: true });
      const result = await runAssess(job, { engine: run.engine, matchGrid: true });
      expect(run.peak.bytes).toBeLessThanOrEqual(peakBytes);
      expect(run.peak.bytes).toBeGreaterThan(0.5 * peakBytes);
      run.engine.release(result.mask, ...result.localCorrelations);
    }
  });

  it('take the resolution from half maps, whose mean is a map, or that come with one', async () => {
    const on = await engine();
    const { assessment, fscInMask, mask, localCorrelations } = await runAssess(halfMapJob(), { engine: on });
    on.release(mask, ...localCorrelations);
    expect(assessment.resolutionSource).toBe('half-map FSC within the mask');
    expect(assessment.resolution).toBeCloseTo(fscInMask?.resolution ?? 2 * step, 10);
    expect(assessment.maps.map(({ label }) => label)).toEqual(['half maps', 'good']);
    const beside = await runAssess(
      jobOf({ against: undefined, settings: {}, halfMaps: [half(11), half(12)] }),
      { engine: on },
    );
    on.release(beside.mask);
    expect(beside.assessment.resolution).toBeCloseTo(assessment.resolution as number, 6);
    expect(beside.localCorrelations).toEqual([]);
  });
});

const half = (seed: number) => makeMapImage(`half${seed}.mrc`, grid, noisy(0.5, seed));
function halfMapJob(more: Partial<AssessJob> = {}): AssessJob {
  return jobOf({
    input: { kind: 'half-maps', half1: half(11), half2: half(12) },
    against: [makeMapImage('good.mrc', grid, images.good)],
    settings: {},
    ...more,
  });
}
