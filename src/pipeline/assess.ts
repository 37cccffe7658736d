/**
 * Is a map better? Maps of one grid side by side, each compared with a model map: FSC and correlation within
 * a mask, correlation and Q-score per residue and chain, radial profile and Guinier B; and how far the maps
 * agree with the first of them, place by place.
 */
import { diagnoseModel, judgeModelFit, noAtomInMap } from '../atoms/place-model.ts';
import type { ResidueKind } from '../atoms/residues.ts';
import type { Volume } from '../engine/engine.ts';
import { inspectAll } from '../engine/jobs.ts';
import { LocScaleError } from '../errors.ts';
import type { MrcHeader } from '../formats/mrc-header.ts';
import type { Structure } from '../formats/structure.ts';
import { type AtomSet, atomSetOf } from '../math/atoms/atom-set.ts';
import { expectedQ, type Polymer } from '../math/atoms/expected-q.ts';
import { FSC_THRESHOLD, type FscFall, findFall } from '../math/fourier/fsc.ts';
import { endOfSignal, shellCentres, shellCorrelation } from '../math/fourier/masked-fsc.ts';
import { tabulateTransfer } from '../math/fourier/radial-transfer.ts';
import type { Grid } from '../math/grid.ts';
import { regionAroundAtoms } from '../math/masks/around-atoms.ts';
import { moleculeRegion } from '../math/masks/molecule.ts';
import { softEdge } from '../math/masks/shape-mask.ts';
import { fitGuinier, type GuinierFit } from '../math/scaling/guinier.ts';
import {
  type AssessedAtom,
  type AssessedChain,
  type AssessedResidue,
  type ModelParts,
  type ModelScores,
  meanScores,
  partsOf,
  scoreModel,
  tabulate,
} from './assess-model.ts';
import type { LocScaleContext } from './context.ts';
import { type FscCurve, measureFsc, reportVerdict } from './half-maps.ts';
import { measureLocalCorrelation } from './local-correlation.ts';
import type { MapInput } from './map-input.ts';
import { multiplyVolumes } from './map-measures.ts';
import type { MaskOrigin } from './mask.ts';
import { prepareWeights } from './mask-weights.ts';
import { completeParameters, DEFAULT_MODEL_RADIUS, defaultSeed, GUINIER_START } from './parameters.ts';
import { type AssessJob, mapLabels } from './plan-assess.ts';
import { checkValues, type InputMaps, readMaps } from './read-maps.ts';
import { placeInMap } from './references/given-model.ts';
import { usableResolutions } from './resolutions.ts';
import { type Run, withRun } from './run.ts';
import { type FscInMask, fscInMask } from './run-fsc.ts';

/**
 * FSC of a map and a model is read at 0.5, as a model has no noise; at 0.143 for comparison with half maps.
 */
const MODEL_THRESHOLD = 0.5;
/** Width of the soft edge of the FSC mask around the atoms, A. */
const MASK_EDGE = 6;
/** A: around the atoms of a residue, half the resolution where that is more. */
const LEAST_RADIUS = 2;
/** A: standard deviation of the windows of the local correlation, the resolution where that is more. */
const LEAST_WINDOW = 3;

/** One map. */
export interface AssessedMap {
  readonly label: string;
  /** Of the file. */
  readonly name: string;
  /** With the map of the model, within the mask, per shell. */
  readonly fsc: readonly number[];
  /** A, where that falls below 0.5 and 0.143. */
  readonly fscAtHalf: FscFall;
  readonly fscAt0143: FscFall;
  /** RMS amplitude within the mask, per shell. */
  readonly amplitude: readonly number[];
  /** Line through ln(amplitude) against the squared frequency. */
  readonly guinier?: GuinierFit & { readonly from: number; readonly to: number };
  /** Correlation with the map of the model inside the mask. */
  readonly cc: number | undefined;
  /** Mean Q-score of the atoms, and of those of each kind of residue. */
  readonly q: number | undefined;
  readonly qByKind: Readonly<Partial<Record<ResidueKind, number>>>;
  /** Mean correlation with the first map around the voxels of the mask; absent for that map. */
  readonly localCorrelation?: number;
}

/** Scores of all maps; arrays per map are in the order of `maps`. */
export interface Assessment {
  readonly maps: readonly AssessedMap[];
  readonly chains: readonly AssessedChain[];
  readonly residues: readonly AssessedResidue[];
  readonly atoms: readonly AssessedAtom[];
  /** Centres of the shells of all curves, 1/A. */
  readonly frequency: readonly number[];
  /** RMS amplitude of the model's map within the mask. */
  readonly modelAmplitude: readonly number[];
  /** A; undefined: unknown, model maps end at Nyquist. */
  readonly resolution?: number;
  readonly resolutionSource: 'user' | 'half-map FSC within the mask' | 'unknown';
  /** Mean Q-scores of published models at that resolution. */
  readonly expectedQ: Readonly<Partial<Record<Polymer, number>>>;
  readonly maskOrigin: MaskOrigin;
  /** Inside which correlations are taken. */
  readonly maskVoxels: number;
  /** As used, A. */
  readonly radiusAngstrom: number;
  readonly localWindow: number;
}

/** What `runAssess` returns. */
export interface AssessResult {
  readonly assessment: Assessment;
  /** Of each further map with the first, -1 to 1. */
  readonly localCorrelations: readonly Volume[];
  /** 1 where correlations are taken. */
  readonly mask: Volume;
  /** The first map, with `keepMap`. */
  readonly map?: Volume;
  readonly fsc?: FscCurve;
  readonly fscInMask?: FscInMask;
  readonly grid: Grid;
  readonly header: MrcHeader;
  readonly timings: Readonly<Record<string, number>>;
  readonly warnings: readonly string[];
}

/** The volumes of the result stay on the engine: release them. */
export function runAssess(job: AssessJob, context: LocScaleContext): Promise<AssessResult> {
  return withRun(context, async (run) => {
    const { against = [], halfMaps, settings = {} } = job;
    const labels = mapLabels(job);
    const maps = await readMaps({ input: job.input, mask: job.mask, mayBeMasked: true }, run, {
      maps: [...against, ...(halfMaps ?? [])],
    });
    const { resolution: given } = usableResolutions(
      completeParameters({ resolution: settings.resolution }, true),
      maps.grid,
      run,
    );
    const placed = placeInMap(job.structure, maps.grid, 'model', run);
    const parts = partsOf(placed.inside, placed.structure.atoms);
    if (parts.scored.length === 0) throw noAtomInMap(maps.grid, 'model');
    const mask = await makeMask(atomSetOf(parts.heavy), job.mask, maps, run);
    const { first, halves } = await openFirst(maps, halfMaps, run);
    const measured = halves && (await measureHalves(halves.volumes, halves.names, mask, maps, run));
    run.release(...(halves?.volumes.filter((volume) => volume !== first) ?? []));
    const resolution = given ?? measured?.resolution;
    const frame: Frame = {
      ...{ maps, mask, resolution, parts },
      model: await simulateModel(placed.atoms, mask.weights, maps, resolution, run),
      radius: settings.radiusAngstrom ?? Math.max(LEAST_RADIUS, (resolution ?? 0) / 2),
      window: settings.localWindow ?? Math.max(LEAST_WINDOW, resolution ?? 0),
    };
    const found = await compareAll(first, [firstName(job), ...against], labels, frame, run);
    await warnOfMisfit(found.maps[0].cc, { structure: placed.structure, map: first, grid: maps.grid }, run);
    const kept = context.keepMap ? first : undefined;
    run.keep(...found.localCorrelations, mask.region, kept);
    return {
      assessment: summarise(found, frame, given),
      ...{ localCorrelations: found.localCorrelations, mask: mask.region, map: kept },
      ...{ fsc: measured?.fsc, fscInMask: measured?.fscInMask },
      ...{ grid: maps.grid, header: maps.header, timings: run.timings, warnings: run.warnings },
    };
  });
}

/** What all maps are compared by. */
interface Frame {
  readonly maps: InputMaps;
  readonly mask: AssessMask;
  /** A. */
  readonly resolution: number | undefined;
  readonly parts: ModelParts;
  readonly model: ModelMaps;
  readonly radius: number;
  readonly window: number;
}

/** The mask as weights for the FSC and as a region for correlations. */
interface AssessMask {
  /** Of the FSC, 0 to 1. */
  readonly weights: Volume;
  readonly weightsVoxels: number;
  /** Of the correlations: 1 inside. */
  readonly region: Volume;
  readonly inside: Uint8Array;
  readonly voxels: number;
  readonly origin: MaskOrigin;
}

/** The map of the model, twice: as correlations take it, and as the FSC takes it. */
interface ModelMaps {
  /** Up to the resolution. */
  readonly ended: Volume;
  /** Times the weights of the mask; all of it. */
  readonly masked: Volume;
}

/** The step: a mask with a soft edge for the FSC, and the region of the molecule for correlations. */
async function makeMask(
  atoms: AtomSet,
  given: MapInput | undefined,
  maps: InputMaps,
  run: Run,
): Promise<AssessMask> {
  const { engine } = run;
  const { grid, voxelSize } = maps;
  if (given !== undefined) {
    const { weights, voxels, origin } = await prepareWeights(
      given,
      maps.volumes[0],
      maps,
      completeParameters({}, true),
      run,
    );
    const { mask: region, voxels: count } = await engine.binarise(weights, 0.5);
    if (count === 0)
      throw new LocScaleError('bad-input', `No voxel of the mask ${given.name} reaches 0.5.`, {
        where: given.name,
        hint: 'Check that this is a mask; leave it out for one around the atoms.',
      });
    const inside = await engine.inspect(region, (values) => Uint8Array.from(values));
    return { weights, weightsVoxels: voxels, region, inside, voxels: count, origin };
  }
  return run.step('mask', 'Making the mask around the atoms', async () => {
    const around = regionAroundAtoms(atoms, grid, DEFAULT_MODEL_RADIUS);
    const weights = softEdge(around, grid.shape, MASK_EDGE / voxelSize);
    const inside = moleculeRegion(atoms, grid);
    return {
      weightsVoxels: weights.reduce((sum, value) => sum + value, 0),
      weights: await engine.upload(weights, grid.shape),
      region: await engine.upload(new Float32Array(inside), grid.shape),
      inside,
      voxels: inside.reduce((sum, value) => sum + value, 0),
      origin: { source: 'model' },
    };
  });
}

/** The first map, and the half maps that give the resolution. */
async function openFirst(
  { volumes: [one, two], names }: InputMaps,
  halfMaps: AssessJob['halfMaps'],
  run: Run,
): Promise<{
  first: Volume;
  halves?: { volumes: readonly [Volume, Volume]; names: readonly [string, string] };
}> {
  if (two !== undefined)
    return {
      first: await run.engine.average(one, two),
      halves: { volumes: [one, two], names: [names[0], names[1]] },
    };
  if (halfMaps === undefined) return { first: one };
  const [half1, half2] = [await uploadChecked(halfMaps[0], run), await uploadChecked(halfMaps[1], run)];
  return { first: one, halves: { volumes: [half1, half2], names: [halfMaps[0].name, halfMaps[1].name] } };
}

/** Uploads a map; throws 'bad-input' if its values are not finite or all alike. */
async function uploadChecked(input: MapInput, run: Run): Promise<Volume> {
  const volume = await run.upload(input);
  checkValues(input.name, await run.engine.statistics(volume));
  return volume;
}

/** The resolution of half maps within the mask, where they are independent. */
async function measureHalves(
  halves: readonly [Volume, Volume],
  names: readonly [string, string],
  { weights, weightsVoxels, origin }: AssessMask,
  { voxelSize }: InputMaps,
  run: Run,
): Promise<{ fsc: FscCurve; fscInMask?: FscInMask; resolution?: number }> {
  const fsc = await run.step('fsc', 'Measuring the FSC of the half maps', () =>
    measureFsc(run.engine, ...halves, voxelSize),
  );
  reportVerdict(fsc, names, voxelSize, run);
  if (fsc.verdict.relation !== 'independent') return { fsc };
  const masked = await fscInMask(
    halves,
    { weights, voxels: weightsVoxels, origin },
    voxelSize,
    defaultSeed,
    run,
  );
  return { fsc, fscInMask: masked, resolution: endOfSignal(masked, voxelSize) };
}

/** The step: maps of the model with the B factors that it has. */
function simulateModel(
  atoms: AtomSet,
  weights: Volume,
  { grid, voxelSize }: InputMaps,
  resolution: number | undefined,
  run: Run,
): Promise<ModelMaps> {
  return run.step('reference', 'Simulating the map of the model', async () => {
    const { engine } = run;
    const whole = await engine.simulateMap(atoms, grid);
    const masked = await multiplyVolumes(engine, whole, weights);
    if (resolution === undefined) return { ended: whole, masked };
    const last = voxelSize / resolution;
    const ended = await engine.radialFilter(
      whole,
      tabulateTransfer((f) => (f <= last ? 1 : 0)),
    );
    run.release(whole);
    return { ended, masked };
  });
}

/** Results of all maps, per map in their order. */
interface Compared {
  readonly maps: readonly AssessedMap[];
  readonly scores: readonly ModelScores[];
  readonly localCorrelations: readonly Volume[];
  readonly frequency: readonly number[];
  readonly modelAmplitude: readonly number[];
}

/** The step: one map at a time. */
function compareAll(
  first: Volume,
  inputs: readonly (string | MapInput)[],
  labels: readonly string[],
  frame: Frame,
  run: Run,
): Promise<Compared> {
  return run.step('comparison', 'Comparing the maps with the model', async () => {
    const { engine, context } = run;
    const { masked, ended } = frame.model;
    const maps: AssessedMap[] = [];
    const scores: ModelScores[] = [];
    const localCorrelations: Volume[] = [];
    for (const [i, input] of inputs.entries()) {
      context.onProgress?.('comparison', i, inputs.length);
      const volume = typeof input === 'string' ? first : await uploadChecked(input, run);
      const { map, scored } = await compareMap(volume, frame, run);
      const local = volume === first ? undefined : await correlateLocally(first, volume, frame, run);
      if (volume !== first) run.release(volume);
      if (local !== undefined) localCorrelations.push(local.volume);
      const name = typeof input === 'string' ? input : input.name;
      maps.push({ label: labels[i], name, ...map, localCorrelation: local?.mean });
      scores.push(scored);
    }
    context.onProgress?.('comparison', inputs.length, inputs.length);
    const { powerA, counts } = await engine.shellSpectra(masked, masked, 'nearest');
    run.release(masked, ended);
    return {
      ...{ maps, scores, localCorrelations },
      frequency: shellCentres(powerA.length, Math.min(...masked.shape), frame.maps.voxelSize),
      modelAmplitude: amplitudesOf(powerA, counts),
    };
  });
}

/** Scores of one map against the model. `volume` stays on the engine. */
async function compareMap(
  volume: Volume,
  { maps: { grid, voxelSize }, mask, model, parts, resolution, radius }: Frame,
  { engine }: Run,
): Promise<{ map: Omit<AssessedMap, 'label' | 'name'>; scored: ModelScores }> {
  const masked = await multiplyVolumes(engine, volume, mask.weights);
  const spectra = await engine.shellSpectra(masked, model.masked, 'nearest');
  engine.release(masked);
  const fsc = shellCorrelation(spectra);
  const frequency = shellCentres(fsc.length, Math.min(...grid.shape), voxelSize);
  const amplitude = amplitudesOf(spectra.powerA, spectra.counts);
  const fscAtHalf = findFall(frequency, fsc, MODEL_THRESHOLD);
  const levels = await engine.statistics(volume);
  const scored = await inspectAll(engine, [volume, model.ended], (voxels, ended) =>
    scoreModel(voxels, ended, parts, { grid, levels, radius, region: mask.inside }),
  );
  const end = resolution ?? (fscAtHalf.kind === 'falls' ? fscAtHalf.resolution : 2 * voxelSize);
  const fit = fitGuinier(frequency, amplitude, [GUINIER_START, end]);
  const { all, byKind } = meanScores(parts, scored.q);
  return {
    map: {
      ...{ fsc, fscAtHalf, fscAt0143: findFall(frequency, fsc, FSC_THRESHOLD), amplitude },
      guinier: fit && { ...fit, from: GUINIER_START, to: end },
      cc: Number.isNaN(scored.maskCorrelation) ? undefined : scored.maskCorrelation,
      ...{ q: all, qByKind: byKind },
    },
    scored,
  };
}

/** RMS amplitude per shell from sums of power. */
function amplitudesOf(power: ArrayLike<number>, counts: ArrayLike<number>): number[] {
  return Array.from(power, (value, r) => Math.sqrt(value / counts[r]));
}

/** The local correlation of a further map with the first, and its mean inside the mask. */
async function correlateLocally(
  first: Volume,
  other: Volume,
  { maps: { voxelSize }, mask, window }: Frame,
  { engine }: Run,
): Promise<{ volume: Volume; mean: number }> {
  const volume = await measureLocalCorrelation(engine, first, other, voxelSize, window);
  const { mean } = await engine.statistics(volume, { mask: mask.region, inside: true });
  return { volume, mean };
}

/**
 * A warning with the likely cause if the model does not fit the first map; scores of a misplaced model mean
 * nothing.
 */
async function warnOfMisfit(
  correlation: number | undefined,
  given: { readonly structure: Structure; readonly map: Volume; readonly grid: Grid },
  run: Run,
): Promise<void> {
  const misfit = judgeModelFit(correlation ?? Number.NaN);
  if (misfit === undefined) return;
  const cause = await diagnoseModel({
    ...{ engine: run.engine, ...given },
    correlation: correlation ?? Number.NaN,
  });
  run.warn(`${misfit} ${cause}`);
}

/** Tables, and the Q-scores to expect at the resolution. `given`: the user's resolution, A. */
function summarise(
  { maps, scores, frequency, modelAmplitude }: Compared,
  { parts, mask, resolution, radius, window }: Frame,
  given: number | undefined,
): Assessment {
  const expected = (polymer: Polymer): number | undefined =>
    resolution === undefined || maps[0].qByKind[polymer] === undefined
      ? undefined
      : expectedQ(polymer, resolution);
  return {
    maps,
    ...tabulate(parts, scores),
    ...{ frequency, modelAmplitude, resolution },
    resolutionSource:
      resolution === undefined ? 'unknown' : given === undefined ? 'half-map FSC within the mask' : 'user',
    expectedQ: { protein: expected('protein'), nucleic: expected('nucleic') },
    ...{ maskOrigin: mask.origin, maskVoxels: mask.voxels, radiusAngstrom: radius, localWindow: window },
  };
}

/** For messages, the file or both half maps. */
function firstName({ input }: AssessJob): string {
  return input.kind === 'map' ? input.map.name : `${input.half1.name}, ${input.half2.name}`;
}
