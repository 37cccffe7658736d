/** Masks that cannot be right, and what takes their place. */
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { createCpuEngine } from '../../../src/cpu-fallback/index.ts';
import type { Engine } from '../../../src/engine/engine.ts';
import type { Structure } from '../../../src/formats/structure.ts';
import type { Grid, Shape } from '../../../src/math/grid.ts';
import { createRandom } from '../../../src/math/statistics/random.ts';
import { defaultParameters, planLocScale, runLocScale, runMask } from '../../../src/pipeline/index.ts';
import type { LocScaleJob, LocScaleParameters, LocScalePlan, MapImage } from '../../../src/pipeline/types.ts';
import { makeMapImage } from '../../../src/synthetic/map-image.ts';
import { smallDataset } from '../../support/synthetic.ts';

const data = smallDataset();
const [nz, ny, nx] = data.half1.grid.shape;
const mean = data.half1.data.map((value, i) => (value + data.half2.data[i]) / 2);
const whole: MapImage = { ...data.half1, name: 'whole.mrc', data: mean };

let engine: Engine | undefined;
afterAll(() => engine?.dispose());
let warnings: string[] = [];
beforeEach(() => {
  warnings = [];
});
const context = async () => {
  engine ??= await createCpuEngine({ threads: 2 });
  return { engine, onWarning: (message: string) => warnings.push(message) };
};

/** Voxels of a cube of the map around its centre, whose particle reaches the faces. */
function crop(image: MapImage, edge: number): MapImage {
  const start = [nz, ny, nx].map((n) => Math.floor((n - edge) / 2));
  const voxels = new Float32Array(edge ** 3);
  for (let i = 0; i < voxels.length; i++) {
    const z = start[0] + Math.floor(i / edge ** 2);
    const y = start[1] + (Math.floor(i / edge) % edge);
    voxels[i] = image.data[(z * ny + y) * nx + start[2] + (i % edge)];
  }
  const shape: Shape = [edge, edge, edge];
  const [vz, vy, vx] = image.grid.voxelSize;
  const [oz, oy, ox] = image.grid.origin;
  const origin: Grid['origin'] = [oz + start[0] * vz, oy + start[1] * vy, ox + start[2] * vx];
  return makeMapImage(image.name, { ...image.grid, shape, origin }, voxels);
}

function structureOf(keep: (index: number) => boolean = () => true): Structure {
  const rest = { altloc: '', insertionCode: '', model: 1, charge: 0, hetero: false };
  const atoms = data.atoms.map((atom, i) => ({ ...atom, ...rest, serial: i + 1 }));
  return { id: 'test', title: '', atoms: atoms.filter((_, i) => keep(i)), notes: [] };
}

function jobOf(change: Partial<LocScaleJob>, map = whole): LocScaleJob {
  return {
    input: { kind: 'map', map: { ...map, data: map.data.slice() } },
    reference: { kind: 'none' },
    parameters: { ...defaultParameters, resolution: 4 },
    ...change,
  };
}

async function plan(change: Partial<LocScaleJob>, map?: MapImage): Promise<LocScalePlan> {
  return planLocScale(jobOf(change, map), await context());
}

/** To the end: references are made after the plan. */
async function run(change: Partial<LocScaleJob>, map?: MapImage): Promise<void> {
  const { engine: own, ...events } = await context();
  const { scaled, mask: made } = await runLocScale(jobOf(change, map), { engine: own, ...events });
  own.release(scaled, made);
}

const asIs = (structure: Structure) =>
  ({ kind: 'atomic-model', structure, refinementCycles: undefined, theoreticalProfile: false }) as const;
const mask = async (map: MapImage, change: Partial<LocScaleParameters> = {}) =>
  runMask(
    { kind: 'map', map: { ...map, data: map.data.slice() } },
    { ...defaultParameters, ...change },
    await context(),
  );
/** 1,150 atoms. */
const weight = 16;

describe('a mask made by false-discovery rate', () => {
  it('stays where model and weight agree, silently', async () => {
    const { numbers } = await plan({
      reference: asIs(structureOf()),
      parameters: { ...defaultParameters, molecularWeightKiloDalton: weight },
    });
    expect(numbers.maskOrigin).toEqual({ source: 'FDR' });
    expect(warnings).toEqual([]);
  });

  it('gives way to the surroundings of the model where the box is full of density', async () => {
    const { numbers } = await plan({ reference: asIs(structureOf()) }, crop(whole, 24));
    expect(numbers.maskOrigin.source).toBe('model');
    expect(numbers.maskOrigin.reason).toMatch(
      /^The FDR mask .*; the surroundings of the model .* are the mask instead\.$/,
    );
    expect(warnings.filter((message) => message.includes('does not fit'))).toEqual([]);
    expect(warnings).toContain(numbers.maskOrigin.reason);
  });

  it('is the whole box where that is full of density and nothing else is known', async () => {
    const { origin, maskVoxels } = await mask(crop(whole, 24));
    expect([origin.source, maskVoxels]).toEqual(['whole box', 24 ** 3]);
  });

  it('is compared with the weight on both sides', async () => {
    const large = await mask(whole, { molecularWeightKiloDalton: weight / 10 });
    expect(large.origin).toMatchObject({
      source: 'contour',
      reason: expect.stringMatching(
        /times more than the molecular weight of 1.6 kDa \(`molecularWeightKiloDalton`\)/,
      ),
    });
    // 1.55 times the volume of 1.6 kDa.
    const volume = large.maskVoxels * 1.5 ** 3;
    expect(volume).toBeGreaterThan(0.95 * 1.55 * 1.21 * 1600);
    expect(volume).toBeLessThan(1.05 * 1.55 * 1.21 * 1600);
    const small = await mask(whole, { molecularWeightKiloDalton: 10 * weight });
    expect(small.origin.source).not.toBe('whole box');
    expect(warnings.at(-1)).toMatch(/times less than the molecular weight of 160 kDa/);
  });

  it('is the non-zero region of a map without noise, and a fraction of it is not enough', async () => {
    const masked: MapImage = { ...whole, data: mean.map((value, i) => (data.mask.data[i] > 0 ? value : 0)) };
    const inside = data.mask.data.reduce((sum, value) => sum + value, 0);
    const made = await mask(masked);
    expect(made.origin.source).toBe('non-zero region');
    expect(made.confidence).toBeUndefined();
    expect(Math.abs(made.maskVoxels - inside)).toBeLessThan(0.02 * inside);
  });

  it('is the non-zero region in soft scaling of a single map that is masked already, not of half maps', async () => {
    // A soft mask's surroundings: noise all around, so that there is an FDR mask, within zeros.
    const [z0, y0, x0] = [nz, ny, nx].map((n) => n / 2);
    const cut = ({ data: voxels }: MapImage) =>
      voxels.map((value, i) => {
        const at = [Math.floor(i / (ny * nx)) - z0, (Math.floor(i / nx) % ny) - y0, (i % nx) - x0];
        return Math.hypot(...at) < 0.42 * nz ? value : 0;
      });
    const inside = cut(whole).reduce((sum, value) => sum + (value === 0 ? 0 : 1), 0);
    const parameters = { resolution: 4, scaling: 'soft' } as const;
    const single = { ...whole, data: cut(whole) };
    const { numbers } = await plan({ reference: { kind: 'profile' }, parameters }, single);
    const trusted = /^The map is masked already; the non-zero region of the map/;
    expect(numbers.maskOrigin.reason).toMatch(trusted);
    expect(warnings).not.toContainEqual(expect.stringMatching(/FDR mask|noise boxes/));
    expect(Math.abs(numbers.maskVoxels - inside)).toBeLessThan(0.05 * inside);
    const half = (image: MapImage): MapImage => ({ ...image, data: cut(image) });
    const input = { kind: 'half-maps', half1: half(data.half1), half2: half(data.half2) } as const;
    const halves = await plan({ input, reference: { kind: 'profile' }, parameters });
    expect(halves.numbers.maskOrigin.reason ?? '').not.toMatch(trusted);
    const windows = await plan({}, single);
    expect(windows.numbers.maskOrigin.reason ?? '').not.toMatch(trusted);
  });

  it('of pure noise is empty, and nothing takes its place', async () => {
    const random = createRandom(3);
    const noise = { ...whole, data: mean.map(() => random.gaussian()) };
    await expect(mask(noise)).rejects.toMatchObject({
      message: 'The FDR mask is empty: no voxel is significant at a rate of 0.01.',
    });
  });

  it('is not replaced for a part of a model that is to be completed', async () => {
    const { numbers } = await plan({
      reference: {
        kind: 'hybrid-model',
        structure: structureOf((i) => i < 150),
        refinementCycles: 0,
        pseudoAtoms: { method: 'gradient', iterations: 2, distanceAngstrom: 1.2, seed: 1 },
        averagingWindow: 3,
      },
    });
    expect(numbers.maskOrigin.source).toBe('FDR');
    expect(warnings.filter((message) => message.includes('does not fit'))).toEqual([]);
  });
});

describe("a user's mask", () => {
  it('is never replaced, only compared', async () => {
    const speck: MapImage = { ...data.mask, name: 'speck.mrc', data: new Float32Array(mean.length) };
    speck.data.fill(1, 100, 200);
    const { numbers } = await plan({ mask: speck, reference: asIs(structureOf()) });
    expect(numbers).toMatchObject({ maskVoxels: 100, maskOrigin: { source: 'user' } });
    expect(warnings.join('\n')).toMatch(
      /The mask speck.mrc holds 338 A\^3, .* times less than the atoms of the model/,
    );
  });

  it('of 1 outside and 0 inside is noticed', async () => {
    const turned: MapImage = { ...data.mask, name: 'turned.mrc', data: data.mask.data.map((v) => 1 - v) };
    await plan({ mask: turned });
    expect(warnings.join('\n')).toMatch(/The mask turned.mrc seems inverted: it is 1 in \d+ % of the box/);
    warnings = [];
    await plan({ mask: { ...data.mask, data: data.mask.data.slice() } });
    expect(warnings).toEqual([]);
  });

  it('next to the model is noticed, whatever its volume; one around a part of it is not', async () => {
    const shifted: MapImage = { ...data.mask, name: 'shifted.mrc', data: new Float32Array(mean.length) };
    const half = Math.floor(nz / 2) * ny * nx;
    data.mask.data.forEach((v, i) => {
      shifted.data[(i + half) % mean.length] = v;
    });
    await plan({ mask: shifted, reference: asIs(structureOf()) });
    expect(warnings.join('\n')).toMatch(/The mask shifted.mrc holds \d+ of the \d+ atoms of the model/);
    warnings = [];
    const part: MapImage = {
      ...data.mask,
      name: 'part.mrc',
      data: data.mask.data.map((v, i) => (i < half ? v : 0)),
    };
    await plan({ mask: part, reference: asIs(structureOf()) });
    expect(warnings.filter((message) => message.includes('atoms of the model that lie'))).toEqual([]);
  });

  it('shows where a model leaves a part of the molecule out', async () => {
    const middle = data.atoms.reduce((sum, { z }) => sum + z, 0) / data.atoms.length;
    const part = structureOf((i) => data.atoms[i].z < middle);
    const mask = { ...data.mask, data: data.mask.data.slice() };
    await plan({ mask, reference: asIs(part) });
    expect(warnings.join('\n')).toMatch(/\d+ % of the mask lie more than 8 A from the atoms of the model/);
    warnings = [];
    await plan({ mask, reference: asIs(structureOf()) });
    // Solvent in a wide mask is not the molecule.
    await plan({
      mask: { ...mask, name: 'wide.mrc', data: new Float32Array(mean.length).fill(1) },
      reference: asIs(structureOf()),
    });
    expect(warnings.filter((message) => message.includes('of the mask lie more'))).toEqual([]);
  });

  it('without a plateau counts from 0.5', async () => {
    const soft: MapImage = { ...data.mask, name: 'soft.mrc', data: data.mask.data.map((v) => 0.98 * v) };
    soft.data[nx * ny * 30 + nx * 30 + 30] = 1;
    const { numbers } = await plan({ mask: soft });
    expect(numbers.molecularVolume).toBeCloseTo(numbers.maskVoxels * 1.5 ** 3, 3);
    expect(warnings.join('\n')).toMatch(
      /Only 1 voxels of the mask soft.mrc reach 0.99 \(`maskThreshold`\), but \d+ reach 0.5/,
    );
  });
});

describe('inverted contrast', () => {
  const negative = (image: MapImage): MapImage => ({ ...image, data: image.data.map((v) => -v) });

  it('of both half maps is named, with what to do', async () => {
    const halves = { half1: negative(data.half1), half2: negative(data.half2) };
    const job: LocScaleJob = {
      input: { kind: 'half-maps', ...halves },
      reference: { kind: 'none' },
      parameters: defaultParameters,
    };
    await expect(planLocScale(job, await context())).rejects.toMatchObject({
      message: expect.stringMatching(/contrast of the map seems inverted/),
      hint: expect.stringContaining('--multiply_constant -1'),
    });
    expect(warnings.join('\n')).toMatch(/The contrast of .* and .* seems inverted/);
    // With a mask of the user the run goes on: amplitudes have no sign.
    await planLocScale({ ...job, mask: data.mask }, await context());
  });

  it('is the cause that a model does not fit', async () => {
    await run({ mask: data.mask, reference: asIs(structureOf()) }, negative(whole));
    expect(warnings.join('\n')).toMatch(/fits the map with its sign changed .* multiply it by -1/);
  });

  it('of a reference map is noticed, and does not matter', async () => {
    await run({
      mask: data.mask,
      reference: { kind: 'model-map', map: { ...negative(data.reference), name: 'dark.mrc' } },
    });
    expect(warnings.join('\n')).toMatch(/The reference dark.mrc and the map have opposite contrast/);
  });
});
