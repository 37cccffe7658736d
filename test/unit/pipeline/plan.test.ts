/** What a plan says, that it executes nothing expensive, and that its memory is what the run takes. */
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { createCpuEngine } from '../../../src/cpu-fallback/index.ts';
import { NOTHING_TO_SCALE } from '../../../src/engine/checks.ts';
import type { Engine, LocalScalingSettings } from '../../../src/engine/engine.ts';
import { LocScaleError } from '../../../src/errors.ts';
import type { Structure } from '../../../src/formats/structure.ts';
import { spectrumPitch } from '../../../src/math/fourier/fft-plan.ts';
import type { ReferencePredictor } from '../../../src/network/graph/model.ts';
import { planFeatureEnhance, planLocScale, runLocScale } from '../../../src/pipeline/index.ts';
import { trackVolumes, VolumeLedger } from '../../../src/pipeline/tracked-engine.ts';
import type {
  LocScaleContext,
  LocScaleJob,
  MapImage,
  MapSource,
  ReferenceChoice,
} from '../../../src/pipeline/types.ts';
import { createSimpleEngine, type SimpleEngine } from '../../support/simple-engine.ts';
import { smallNetwork } from '../../support/small-network.ts';
import { smallDataset } from '../../support/synthetic.ts';
import { ballMask, edge, errorOf, gridOf, halfMapJob, noisyBlob, parameters } from './test-maps.ts';

let engine: SimpleEngine;
beforeEach(() => {
  engine = createSimpleEngine();
});

const later = (image: MapImage): MapSource => {
  const { name, header, grid } = image;
  return { name, header, grid, load: async () => image };
};

const data = smallDataset();
const structure: Structure = {
  id: 'test',
  title: '',
  notes: [],
  atoms: data.atoms.map((atom, i) => ({
    ...atom,
    altloc: '',
    insertionCode: '',
    model: 1,
    charge: 0,
    hetero: false,
    serial: i + 1,
  })),
};
const part: Structure = { ...structure, atoms: structure.atoms.slice(0, structure.atoms.length / 2) };
const pseudoAtoms = { method: 'gradient', iterations: 5, distanceAngstrom: 1.2, seed: 3 } as const;
let predictions = 0;
const predictor: ReferencePredictor = {
  manifest: { ...smallNetwork(1, 16).manifest, stride: 8, voxelSizeAngstrom: 1.5 },
  description: 'a predictor of the tests',
  output: 'reference',
  batchSize: 4,
  secondsPerCube: 0.01,
  async predict(cubes) {
    predictions++;
    return cubes;
  },
  dispose: async () => undefined,
};
const atoms = { kind: 'atomic-model', structure, theoreticalProfile: false } as const;
const references: readonly (readonly [string, ReferenceChoice])[] = [
  ['none', { kind: 'none' }],
  ['a map', { kind: 'model-map', map: later(data.reference) }],
  [
    'a map with a difference mask',
    { kind: 'hybrid-map', map: later(data.reference), differenceMask: later(data.mask) },
  ],
  ['atoms', { ...atoms, refinementCycles: undefined }],
  ['atoms with new B factors', { ...atoms, refinementCycles: 2 }],
  [
    'atoms and pseudo-atoms',
    { kind: 'hybrid-model', structure: part, refinementCycles: 1, pseudoAtoms, averagingWindow: 3 },
  ],
  ['pseudo-atoms', { kind: 'pseudo-model', refinementCycles: 1, pseudoAtoms }],
  ['a network', { kind: 'network', predictor }],
];

let cpu: Engine | undefined;
afterAll(() => cpu?.dispose());

/** A job whose maps are read when they are needed, and an engine that counts bytes and verbs. */
async function countedJob(reference: ReferenceChoice, change: Partial<LocScaleJob> = {}) {
  cpu ??= await createCpuEngine({ threads: 2 });
  const verbs: string[] = [];
  const own = cpu;
  const counting = new Proxy(own, {
    get: (target, name) => {
      // What threads keep, and the heap, is most of so small a run: test/cli/memory-truth.test.ts measures
      // it.
      if (name === 'bytesOf') return { ...target.bytesOf, host: () => 0, retained: () => 0 };
      const member = target[name as keyof Engine];
      if (typeof member !== 'function') return member;
      return (...args: never[]) => {
        verbs.push(String(name));
        return (member as (...all: never[]) => unknown).apply(target, args);
      };
    },
  });
  const ledger = new VolumeLedger(() => undefined);
  const job: LocScaleJob = {
    input: { kind: 'map', map: { ...data.half1, data: data.half1.data.slice() } },
    mask: later({ ...data.mask, data: data.mask.data.slice() }),
    reference,
    parameters: { windowVoxels: 10, resolution: 4 },
    ...change,
  };
  return { job, verbs, ledger, engine: trackVolumes(counting, ledger) };
}

describe('planLocScale', () => {
  it('reports everything before the expensive step and leaves nothing behind', async () => {
    const plan = await planLocScale(halfMapJob(), { engine });
    expect(engine.calls).not.toContain('localScaling');
    expect(engine.held.size).toBe(0);
    expect(plan.mode).toBe('reference map reference.mrc');
    expect(plan.volumeBytes).toBe(4 * 4 * edge ** 3);
    // At this size the working memory is most of it.
    expect(plan.peakBytes).toBe(plan.volumeBytes + plan.workingBytes);
    expect(plan).toMatchObject({
      peakStep: 'scaling',
      seconds: 1,
      workingBytes: 1_000_000,
      engine: engine.description,
    });
  });
});

describe.each(references)('a plan with %s', (_name, reference) => {
  it('executes no prediction, simulation or scaling', async () => {
    predictions = 0;
    const { job, verbs, engine: counting } = await countedJob(reference);
    await planLocScale(job, { engine: counting });
    const memory = ['allocateHost', 'upload', 'download', 'release'];
    const allowed = [...memory, 'statistics', 'inspect', 'binarise', 'shellSpectra'];
    expect(verbs.filter((verb) => !allowed.includes(verb))).toEqual(['openLocalScaling']);
    expect(predictions).toBe(0);
  });

  it('says the most memory that the run takes', async () => {
    const { planned, taken } = await peaksOf(await countedJob(reference));
    expect(planned).toBeGreaterThanOrEqual(taken);
    expect(planned).toBeLessThanOrEqual(1.15 * taken);
  });

  it('says so where half maps wait for the local resolution', async () => {
    const { half1, half2 } = data;
    const { planned, taken } = await peaksOf(
      await countedJob(reference, {
        input: {
          kind: 'half-maps',
          half1: { ...half1, data: half1.data.slice() },
          half2: { ...half2, data: half2.data.slice() },
        },
        parameters: {
          windowVoxels: 10,
          resolution: 4,
          localResolution: { windowAngstrom: 12, weights: 'hann', threshold: 0.143 },
        },
      }),
    );
    expect(planned).toBeGreaterThanOrEqual(taken);
    expect(planned).toBeLessThanOrEqual(1.15 * taken);
  });
});

it('a plan with a search for unexplained density, and with maps on other grids, says the most memory', async () => {
  const reference: ReferenceChoice = { kind: 'model-map', map: later(data.reference) };
  const { half1, half2 } = data;
  const input = {
    kind: 'half-maps',
    half1: { ...half1, data: half1.data.slice() },
    half2: { ...half2, data: half2.data.slice() },
  } as const;
  const looking = { windowVoxels: 10, resolution: 4, unexplained: true };
  const searched = await peaksOf(await countedJob(reference, { input, parameters: looking }));
  expect(searched.planned).toBeGreaterThanOrEqual(searched.taken);
  // Arrays of the host, which the plan knows, are not seen from here.
  expect(searched.planned).toBeLessThanOrEqual(1.6 * searched.taken);

  const { grid } = data.reference;
  const between = { ...grid, origin: grid.origin.map((at) => at + 0.4) as unknown as typeof grid.origin };
  const placed = { ...grid, origin: grid.origin.map((at) => at + 30) as unknown as typeof grid.origin };
  const on = (image: MapImage, where: typeof grid): MapImage => ({
    ...image,
    data: image.data.slice(),
    grid: where,
  });
  const moved: ReferenceChoice = {
    kind: 'model-map',
    map: later(on(data.reference, { ...between, origin: between.origin.map((at) => at + 30) as never })),
  };
  const change = {
    input: { kind: 'map', map: on(data.half1, placed) },
    mask: later(on(data.mask, placed)),
  } as const;
  const matched = await peaksOf(await countedJob(moved, change), { matchGrid: true });
  expect(matched.planned).toBeGreaterThanOrEqual(matched.taken);
});

/** Most bytes of a run: as its plan says, and as seen from outside. */
async function peaksOf(
  { job, ledger, engine: counting }: Awaited<ReturnType<typeof countedJob>>,
  context: Partial<LocScaleContext> = {},
) {
  let planned = 0;
  const { scaled, mask, localResolution, unexplained } = await runLocScale(job, {
    ...context,
    engine: counting,
    onPlan: ({ peakBytes }) => {
      planned = peakBytes;
    },
  });
  counting.release(scaled, mask);
  if (unexplained !== undefined) counting.release(unexplained.map);
  if (localResolution !== undefined) counting.release(localResolution.resolution, localResolution.filtered);
  return { planned, taken: ledger.peakBytes };
}

it('a plan of feature enhancement executes no pass', async () => {
  predictions = 0;
  const { job, verbs, engine: counting } = await countedJob({ kind: 'none' });
  const { input, mask } = job;
  const monteCarlo = { passes: 3, seed: 1 };
  const plan = await planFeatureEnhance({ input, mask, predictor, monteCarlo }, { engine: counting });
  expect(plan.prediction?.passes).toBe(3);
  expect(predictions).toBe(0);
  expect(verbs).not.toContain('resample');
});

it('an average over the symmetry that will not fit is refused before the network predicts, with both numbers', async () => {
  const network: ReferenceChoice = { kind: 'network', predictor };
  const symmetry = { group: { name: 'I' } };
  const plain = await countedJob(network);
  const { peakBytes } = await planLocScale(plain.job, { engine: plain.engine });
  const { job, engine: counting } = await countedJob(network, { symmetry });
  predictions = 0;
  // Enough for all other steps.
  const small = { ...counting, memoryLimitBytes: Math.ceil(1.02 * peakBytes) };
  const error = await runLocScale(job, { engine: small }).catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ tag: 'out-of-memory', where: 'symmetry' });
  expect((error as LocScaleError).message).toMatch(
    /^Averaging over the symmetry I.* does not fit the memory limit: it needs \d+ MiB, the limit is \d+ MiB\.$/,
  );
  expect(predictions).toBe(0);
});

describe('memory', () => {
  /** Volumes in use at the peak, and its step, on an engine whose scaling needs nothing of its own. */
  async function peakOf(job: LocScaleJob, change: Partial<LocScaleContext> = {}): Promise<[number, string]> {
    const frugal = {
      ...engine,
      openLocalScaling: async (settings: LocalScalingSettings) => ({
        ...(await engine.openLocalScaling(settings)),
        estimate: { ...NOTHING_TO_SCALE, maskVoxels: 1, seconds: 1 },
      }),
    };
    const plan = await planLocScale(job, { engine: frugal, ...change });
    return [plan.peakBytes / (4 * edge ** 3), plan.peakStep];
  }
  const oneMap: LocScaleJob['input'] = { kind: 'map', map: noisyBlob('map.mrc', 5) };

  it('counts maps that wait for their step, spectra, masks and results', async () => {
    const job = halfMapJob();
    /** Volumes that a spectrum is worth: rows of complex numbers, padded. */
    const spectrum = (2 * spectrumPitch(edge)) / edge;
    const expectPeak = async (of: Promise<[number, string]>, volumes: number, step: string) => {
      const [found, at] = await of;
      expect(at).toBe(step);
      expect(found).toBeCloseTo(volumes, 6);
    };
    // Two half maps, their spectra, and mask and reference waiting.
    await expectPeak(peakOf(job), 4 + 2 * spectrum, 'fsc');
    const mask = later(ballMask('mask.mrc', 3));
    const reference: LocScaleJob['reference'] = {
      kind: 'model-map',
      map: later(noisyBlob('reference.mrc', 3, 0.01, 2)),
    };
    const lean = { ...job, mask, reference };
    await expectPeak(peakOf(lean), 2 + 2 * spectrum, 'fsc');
    // Map, mask, reference and result.
    await expectPeak(peakOf({ ...lean, input: oneMap }), 4, 'scaling');
    await expectPeak(peakOf({ ...lean, reference: { kind: 'none' } }), 2 + 2 * spectrum, 'fsc');
    // With B factor and quality, and the mask that checks them: three more.
    const withB = {
      ...lean,
      input: oneMap,
      parameters: parameters({ measureBFactors: true, windowVoxels: 10 }),
    };
    await expectPeak(peakOf(withB), 7, 'scaling');
    // Map, mask, reference, its spectrum and the filtered reference.
    const filtered = { ...lean, input: oneMap, parameters: parameters({ referenceResolution: 15 }) };
    await expectPeak(peakOf(filtered), 4 + spectrum, 'reference');
    // Map, confidence and the values sorted for it, mask, reference and result.
    const { mask: _mask, ...withoutMask } = lean;
    await expectPeak(peakOf({ ...withoutMask, input: oneMap }, { keepConfidence: true }), 5.5, 'scaling');
  });

  it('refuses an average over the symmetry that will not fit before anything expensive starts', async () => {
    const small = { ...engine, memoryLimitBytes: 6 * 4 * edge ** 3 };
    const symmetry = { group: { name: 'C3' } };
    const steps: string[] = [];
    const job = halfMapJob({ symmetry, symmetriseOutput: true });
    const error = await errorOf(runLocScale(job, { engine: small, onStep: (step) => steps.push(step) }));
    expect(error).toMatchObject({ tag: 'out-of-memory', where: 'symmetry' });
    expect(error.message).toMatch(
      /^Averaging over the symmetry C3 does not fit the memory limit: it needs \d+ MiB, the limit is \d+ MiB\.$/,
    );
    expect(steps).not.toContain('scaling');
    expect(engine.held.size).toBe(0);
  });

  it('reads a map that is given as a source when its step begins, and no earlier', async () => {
    const order: string[] = [];
    const source = (image: MapImage): MapSource => ({
      ...later(image),
      load: async () => {
        order.push(`load ${image.name}`);
        return image;
      },
    });
    const job = halfMapJob();
    const direct = await runLocScale(job, { engine });
    const result = await runLocScale(
      {
        ...job,
        mask: source(ballMask('mask.mrc', 3)),
        reference: { kind: 'model-map', map: source(noisyBlob('reference.mrc', 3, 0.01, 2)) },
      },
      { engine, onStep: (step) => order.push(step) },
    );
    expect(order).toEqual([
      'read',
      'fsc',
      'mask',
      'load mask.mrc',
      'reference',
      'load reference.mrc',
      'scaling',
    ]);
    expect(await engine.download(result.scaled)).toEqual(await engine.download(direct.scaled));
  });

  it('refuses a source that does not fit before it is read, and one that changed after', async () => {
    const small = ballMask('small.mrc', 2, gridOf({ shape: [10, 10, 10] }));
    const unread: MapSource = { ...later(small), load: () => expect.unreachable('it does not fit') };
    expect((await errorOf(runLocScale(halfMapJob({ mask: unread }), { engine }))).message).toContain(
      'The maps differ in box',
    );
    const moved = ballMask('moved.mrc', 3);
    const others = [
      small,
      { ...moved, grid: { ...moved.grid, voxelSize: [1, 1, 1] as const } },
      { ...moved, grid: { ...moved.grid, origin: [9, 9, 9] as const } },
    ];
    for (const other of others) {
      const changed: MapSource = { ...later(ballMask('mask.mrc', 3)), load: async () => other };
      expect((await errorOf(runLocScale(halfMapJob({ mask: changed }), { engine }))).message).toBe(
        'mask.mrc changed while the program was running.',
      );
    }
    expect(engine.held.size).toBe(0);
  });

  it('passes on what the engine says of too little memory, and holds nothing', async () => {
    const tooLittle = new LocScaleError('out-of-memory', 'Local scaling needs more than the memory limit.');
    const small = { ...engine, openLocalScaling: () => Promise.reject(tooLittle) };
    expect(await errorOf(runLocScale(halfMapJob(), { engine: small }))).toBe(tooLittle);
    expect(engine.held.size).toBe(0);
  });
});
