/** Kernels of verbs are verified at their first use: right ones pass, and every spoilt one is found. */
import { expect, it } from 'vitest';
import type { Engine, Volume } from '../../../src/engine/engine.ts';
import { localResolution } from '../../../src/engine/jobs.ts';
import { createGpuEngine } from '../../../src/gpu/index.ts';
import { filterBins } from '../../../src/math/fourier/local-filter.ts';
import type { Shape } from '../../../src/math/grid.ts';
import { pointGroup } from '../../../src/math/symmetry/point-group.ts';
import { describeGpu } from '../../support/gpu-device.ts';
import { blobMask, mapLikeVolume } from '../../support/random-volume.ts';
import { fails, listing, openWith } from '../../support/wrong-gpu.ts';

const SHAPE: Shape = [12, 12, 12];

const put = (engine: Engine, data = mapLikeVolume(SHAPE, 1)): Promise<Volume> => engine.upload(data, SHAPE);

/** Each verb, on a small volume. */
const VERBS = {
  average: async (engine) => engine.average(await put(engine), await put(engine, mapLikeVolume(SHAPE, 2))),
  statistics: async (engine) => engine.statistics(await put(engine)),
  binarise: async (engine) => (await engine.binarise(await put(engine), 0.2)).mask,
  noise: async (engine) => engine.noiseStatistics(await put(engine), [{ start: [1, 2, 3], size: 5 }]),
  confidence: async (engine) => engine.confidenceMap(await put(engine), { mean: 0, variance: 0.01 }),
  resample: async (engine) => engine.resample(await put(engine), [14, 14, 14]),
  model: async (engine) =>
    engine.simulateMap(
      {
        count: 1,
        positions: Float64Array.of(5, 6, 7),
        elements: ['C'],
        bFactors: Float64Array.of(40),
        occupancies: Float64Array.of(1),
      },
      { shape: SHAPE, voxelSize: [1, 1, 1], origin: [0, 0, 0] },
    ),
  C4: async (engine) => engine.symmetrise(await put(engine), pointGroup('C4')),
  I: async (engine) => engine.symmetrise(await put(engine), pointGroup('I')),
  translate: async (engine) => engine.translate(await put(engine), [0.5, 0.25, 0]),
  phases: async (engine) => engine.randomisePhases(await put(engine), { from: 0.2, seed: 3 }),
  filter: async (engine) => {
    const cutoffs = new Float32Array(SHAPE[0] ** 3).fill(5);
    return engine.localFilter(await put(engine), await put(engine, cutoffs), filterBins(cutoffs, 1));
  },
  hann: (engine) => measure(engine, 'hann'),
  box: (engine) => measure(engine, 'box'),
} satisfies Record<string, (engine: Engine) => Promise<unknown>>;
type Verb = keyof typeof VERBS;

async function measure(engine: Engine, weights: 'hann' | 'box'): Promise<Volume> {
  const result = await localResolution(engine, {
    half1: await put(engine),
    half2: await put(engine, mapLikeVolume(SHAPE, 2)),
    mask: await put(engine, blobMask(SHAPE, 0.6)),
    windowVoxels: 8,
    weights,
    voxelSize: 1.5,
    threshold: 0.143,
    padValues: [0.4, -0.2],
    correlationShells: [2],
  });
  return result.resolution;
}

/** One text of one shader changed, as a compiler might: what the message says is wrong. */
const WRONG: readonly [verb: Verb, subject: string, from: string, to: string][] = [
  ['average', 'average', '(a[i] + b[i]) * 0.5', '(a[i] + b[i]) * 0.501'],
  ['average', 'average', 'if (i >= parameters.voxels)', 'if (i > parameters.voxels)'],
  ['statistics', 'statistics', 'own += vec2f(d, d * d)', 'own += vec2f(d, 1.001 * d * d)'],
  ['statistics', 'statistics', 'max(a.w, b.w)', 'max(a.w, b.z)'],
  ['statistics', 'statistics', 'is_finite(bits)', 'true'],
  ['binarise', 'binary mask', 'order_key(bits) >= parameters', 'order_key(bits) > parameters'],
  ['binarise', 'binary mask', '!is_nan(bits) &&', ''],
  ['hann', 'count of mask voxels', 'bits > 0x3f000000u', 'bits >= 0x3f000000u'],
  ['noise', 'copy of a box', 'volume[p.slab]', 'volume[max(p.slab, 1) - 1]'],
  ['confidence', 'choice of voxels for the confidence map', 'x >= (row >> 16u)', 'x > (row >> 16u)'],
  ['confidence', 'confidence map', 'low = middle + 1u', 'low = middle + 2u'],
  ['confidence', 'confidence map', 'out[i] = 1.0', 'out[i] = 0.999'],
  ['resample', 'resampling', 'k + 1u == parameters.bins', 'k == parameters.bins'],
  ['resample', 'resampling', 'tap.y != NONE', 'tap.y == NONE + 1u'],
  ['model', 'map of a model', 'exp(-exponent * dy * dy)', 'exp(-1.001 * exponent * dy * dy)'],
  ['C4', 'symmetry of the grid', 'sum / inside', 'sum / f32(parameters.maps)'],
  ['I', 'average over rotated copies', 'corner.y - 2 + r', 'corner.y - 1 + r'],
  ['I', 'average over rotated copies', 'fraction -= carry', 'fraction -= 0.0 * carry'],
  ['I', 'filter before rotations', 'square + fx * fx < 0.2499999', 'square + fx * fx < 0.2'],
  ['translate', 'translate of 12 values', 'parameters.first_row + row', 'parameters.first_row + row + 1u'],
  ['phases', 'randomise-phases of 12 values', '(PHASES - hashed(', '(PHASES + hashed('],
  ['filter', 'local filter', 'select(falling, rising', 'select(falling, 1.01 * rising'],
  ['hann', 'local resolution (hann)', 'cosines + rotated', 'cosines - rotated'],
  ['hann', 'local resolution (hann)', 'vec4f(cosines.x, -sines.x', 'vec4f(cosines.x, sines.x'],
  ['box', 'local resolution (box)', 'multiplicity * products(c0', '1.001 * multiplicity * products(c0'],
  ['hann', 'local resolution (hann)', 'above / (above - below)', '1.01 * above / (above - below)'],
  ['hann', 'local resolution (hann)', 'volume[at] = correlation(', 'volume[at] = 1.001 * correlation('],
  ['hann', 'local resolution (hann)', 'bitcast<u32>(parameters.pad)', '0u'],
];

describeGpu('kernels of verbs', (shared) => {
  it('are right here, are checked once, and compute the same bits as without a check', async () => {
    const known = new Map<string, number>();
    const { gpu, engine } = await openWith(listing(known));
    const unverified = await createGpuEngine(await shared(), { kind: 'software' });
    const voxelsOf = async (on: Engine, verb: Verb): Promise<unknown> => {
      const made = (await VERBS[verb](on)) as Volume;
      return 'shape' in made ? on.download(made) : made;
    };
    for (const verb of Object.keys(VERBS) as Verb[])
      expect(await voxelsOf(engine, verb), verb).toEqual(await voxelsOf(unverified, verb));
    const { counts } = gpu.verification ?? { counts: undefined };
    expect(counts).toMatchObject({ run: known.size });
    for (const verb of ['average', 'I', 'hann'] as const) await VERBS[verb](engine);
    expect(counts).toMatchObject({ run: known.size });
    gpu.destroy();
    const subjects = [...known.keys()].join();
    for (const [, subject] of WRONG) expect(subjects).toContain(subject);
    // Far below the 1e-4 that is allowed.
    expect(Math.max(...known.values())).toBeLessThan(1e-5);
  });

  it.each(WRONG)('%s: sees that its %s is wrong: %s', async (verb, subject, from, to) => {
    const { message } = await fails(subject, from, to, VERBS[verb]);
    expect(message).toMatch(/^The GPU .* failed its self-test: its .* is wrong by (NaN|\d\.\de[+-]\d)/);
    expect(message).toContain(`its ${subject} is wrong`);
  });
});
