/** References simulated from atoms, through the whole pipeline: atomic model, hybrid, pseudo-model. */
import { afterAll, describe, expect, it } from 'vitest';
import { createCpuEngine } from '../../../src/cpu-fallback/index.ts';
import type { Engine } from '../../../src/engine/engine.ts';
import type { Structure, StructureAtom } from '../../../src/formats/structure.ts';
import { tabulateTransfer } from '../../../src/math/fourier/radial-transfer.ts';
import { createRandom } from '../../../src/math/statistics/random.ts';
import { correlationInside } from '../../../src/math/statistics/statistics.ts';
import { defaultParameters, runLocScale } from '../../../src/pipeline/index.ts';
import type { LocScaleResult, ReferenceChoice } from '../../../src/pipeline/types.ts';
import { smallDataset } from '../../support/synthetic.ts';

const data = smallDataset();
const pseudoAtoms = { method: 'gradient', iterations: 20, distanceAngstrom: 1.2, seed: 3 } as const;

/** The generated structure as a file would give it; B factors all 20: what is in the file must not matter. */
function structureOf(change: (atom: StructureAtom) => Partial<StructureAtom> | undefined): Structure {
  const atoms = data.atoms.flatMap((atom, i) => {
    const whole: StructureAtom = {
      ...atom,
      bFactor: 20,
      altloc: '',
      insertionCode: '',
      model: 1,
      charge: 0,
      hetero: false,
      serial: i + 1,
    };
    const changed = change(whole);
    return changed === undefined ? [] : [{ ...whole, ...changed }];
  });
  return { id: 'test', title: '', atoms, notes: [] };
}

let engine: Engine | undefined;
afterAll(() => engine?.dispose());

async function run(reference: ReferenceChoice): Promise<{
  result: LocScaleResult;
  warnings: string[];
  /** Correlation with the ideal map inside the mask. */
  after: number;
  /** The same for the difference mask, if there is one. */
  differenceMask: Float32Array | undefined;
}> {
  engine ??= await createCpuEngine({ threads: 2 });
  const { half1, half2, mask } = data;
  const warnings: string[] = [];
  const result = await runLocScale(
    { input: { kind: 'half-maps', half1, half2 }, mask, reference, parameters: { ...defaultParameters } },
    { engine, keepReference: true, onWarning: (message) => warnings.push(message) },
  );
  const scaled = await engine.download(result.scaled);
  const differenceMask = result.differenceMask && (await engine.download(result.differenceMask)).slice();
  const after = correlationInside(scaled, data.reference.data, mask.data);
  for (const volume of [result.scaled, result.mask, result.reference, result.differenceMask])
    if (volume !== undefined) engine.release(volume);
  return { result, warnings, after, differenceMask };
}

const before = correlationInside(
  data.half1.data.map((value, i) => (value + data.half2.data[i]) / 2),
  data.reference.data,
  data.mask.data,
);

describe('a reference simulated from atoms', () => {
  it('of an atomic model: B factors come from the half maps, not from the file', async () => {
    const { result, warnings, after } = await run({
      kind: 'atomic-model',
      structure: structureOf(() => ({})),
      refinementCycles: 3,
      theoreticalProfile: false,
    });
    expect(warnings.filter((message) => !message.includes('same B factor'))).toEqual([]);
    // 0.87 with the true model map as reference.
    expect(after).toBeGreaterThan(before + 0.05);
    const { structure, pseudoAtoms: added, bFactors } = result.model!;
    expect([structure.atoms.length, added]).toEqual([data.atoms.length, 0]);
    // Shifted: the sharpest percent of the atoms has 0; the generated B factors differ by more than 50.
    expect(bFactors.min).toBe(0);
    expect(bFactors.max).toBeGreaterThan(20);
  });

  it('of an atomic model as it is: the B factors of the file are used', async () => {
    const { result } = await run({
      kind: 'atomic-model',
      structure: structureOf(({ serial }) => ({ bFactor: serial % 2 === 0 ? 30 : 50 })),
      refinementCycles: undefined,
      theoreticalProfile: false,
    });
    expect(result.model!.bFactors).toEqual({ min: 30, mean: expect.closeTo(40, 0), max: 50 });
  });

  it('of a pseudo-model improves the map without knowing any atom', async () => {
    const { result, after } = await run({ kind: 'pseudo-model', refinementCycles: 0, pseudoAtoms });
    expect(after).toBeGreaterThan(before + 0.03);
    const { structure, pseudoAtoms: added } = result.model!;
    expect(added).toBe(structure.atoms.length);
    expect(added).toBe(result.numbers.pseudoModelAtoms);
  });

  it('of a partial model: pseudo-atoms and the theoretical-profile rule where it has none', async () => {
    const middle = data.reference.grid.shape[2] / 2;
    const voxelSize = data.reference.grid.voxelSize[2];
    const { result, after, differenceMask } = await run({
      kind: 'hybrid-model',
      structure: structureOf(({ x }) => (x < middle * voxelSize ? {} : undefined)),
      refinementCycles: 0,
      pseudoAtoms,
      averagingWindow: 3,
    });
    expect(after).toBeGreaterThan(before + 0.03);
    const nx = data.reference.grid.shape[2];
    const [left, right] = [0, 0].map((_, side) =>
      differenceMask!.reduce((sum, value, i) => sum + (i % nx >= middle === (side === 1) ? value : 0), 0),
    );
    expect(right).toBeGreaterThan(20 * left);
    const { structure, pseudoAtoms: added } = result.model!;
    expect(added).toBeGreaterThan(50);
    expect(structure.atoms.filter(({ chain }) => chain === 'PSD')).toHaveLength(added);
  });

  it('of a partial model: the reference ends where the half maps do, as that of a whole model', async () => {
    const { result } = await run({
      kind: 'hybrid-model',
      structure: structureOf(({ serial }) => (serial <= 600 ? {} : undefined)),
      refinementCycles: 0,
      pseudoAtoms,
      averagingWindow: 3,
    });
    expect(result.model!.referenceEnd).toBe(result.numbers.fscCutoff);
  });

  it('says that B factors pile up at the limit of the refinement', async () => {
    // Noise that is the same in both half maps falls off as nothing does: the model is pulled to the sharp
    // end, a blur of both pushes it to the other.
    engine ??= await createCpuEngine({ threads: 2 });
    const blur = tabulateTransfer((cycles) => Math.exp((-1200 * cycles ** 2) / (4 * 1.5 ** 2)));
    const volume = await engine.upload(data.truth.data.slice(), data.truth.grid.shape);
    const blurred = await engine.radialFilter(volume, blur);
    // A little noise, so that the blur is not taken for a low-pass, where the data would end.
    const random = createRandom(8);
    const { sd } = await engine.statistics(blurred);
    const noisy = (await engine.download(blurred)).map((v) => v + 0.03 * sd * random.gaussian());
    const map = { ...data.truth, data: noisy };
    engine.release(volume, blurred);
    const warnings: string[] = [];
    let mode = '';
    const { scaled, mask } = await runLocScale(
      {
        input: { kind: 'map', map },
        mask: data.mask,
        reference: {
          kind: 'atomic-model',
          structure: structureOf(({ serial }) => ({ bFactor: 480 + (serial % 7) })),
          refinementCycles: 4,
          theoreticalProfile: false,
        },
        parameters: { ...defaultParameters, resolution: 6 },
      },
      {
        engine,
        onWarning: (message) => warnings.push(message),
        onPlan: (plan) => {
          mode = plan.mode;
        },
      },
    );
    engine.release(scaled, mask);
    expect(mode).toContain('B factors refined');
    expect(warnings.join('\n')).toMatch(/\d+ % of the refined B factors lie at the upper limit of 500 A\^2/);
  });

  it('that holds pLDDT: B factors are made of it, and the run says so', async () => {
    const predicted = {
      ...structureOf(({ serial }) => ({ bFactor: serial % 2 === 0 ? 95 : 70 })),
      predictionMark: '_ma_qa_metric',
    };
    const { result, warnings } = await run({
      kind: 'atomic-model',
      structure: predicted,
      refinementCycles: undefined,
      theoreticalProfile: false,
    });
    expect(warnings.join('\n')).toContain('its B column holds pLDDT (70 to 95)');
    expect(result.model!.bFactors.max).toBeCloseTo(59.2, 1);
    expect(result.model!.bFactors.min).toBeCloseTo(8.0, 1);
    expect(result.model!.structure.atoms[1].bFactor).toBeCloseTo(8.0, 1);
  });

  it('that lies elsewhere is reported with its probable cause', async () => {
    const { warnings } = await run({
      kind: 'atomic-model',
      structure: structureOf(({ z }) => ({ z: 88.5 - z })),
      refinementCycles: undefined,
      theoreticalProfile: false,
    });
    expect(warnings.join('\n')).toMatch(/does not fit the map: correlation .*hand/);
  });

  it('with no atom in the map is refused', async () => {
    const far = structureOf(({ x }) => ({ x: x + 1000 }));
    await expect(
      run({ kind: 'atomic-model', structure: far, refinementCycles: 1, theoreticalProfile: false }),
    ).rejects.toMatchObject({ tag: 'bad-input', message: 'No atom of the model lies in the map.' });
  });
});
