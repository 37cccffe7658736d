/**
 * Step 4 with atoms: places them in the map's frame, gives them B factors from the data, simulates the
 * reference, and says which rule holds where (method 5 and 8).
 */

import { bRangeFor } from '../atoms/bfactors/b-factor-field.ts';
import { agreementOf, type ModelAgreement } from '../atoms/bfactors/model-agreement.ts';
import {
  type BFactorsFound,
  completeWithPseudoAtoms,
  findBFactors,
  type ModelReferenceData,
  placePseudoAtoms,
  rangeOf,
} from '../atoms/model-reference.ts';
import { diagnoseModel, judgeModelFit, type PlacedModel, placeModel } from '../atoms/place-model.ts';
import { confidenceNote, convertConfidence } from '../atoms/predicted-model.ts';
import type { PseudoModel } from '../atoms/pseudo-model/build.ts';
import { surroundingsOf } from '../atoms/surroundings.ts';
import type { OperationHooks, Volume } from '../engine/engine.ts';
import { LocScaleError } from '../errors.ts';
import type { Structure, StructureAtom } from '../formats/structure.ts';
import type { AtomSet } from '../math/atoms/atom-set.ts';
import { isotropicVoxelSize } from '../math/grid.ts';
import { scalingWindowFor } from '../math/scaling/follow-resolution.ts';
import { correlationInside } from '../math/statistics/statistics.ts';
import type { Run } from './run.ts';
import type { LocScaleParameters, ModelUsed, ReferenceChoice } from './types.ts';

export type ModelChoice = Extract<
  ReferenceChoice,
  { kind: 'atomic-model' | 'hybrid-model' | 'pseudo-model' }
>;

export function isModelChoice(choice: ReferenceChoice): choice is ModelChoice {
  return choice.kind === 'atomic-model' || choice.kind === 'hybrid-model' || choice.kind === 'pseudo-model';
}

export interface SimulatedReference {
  readonly reference: Volume;
  readonly differenceMask: Volume | undefined;
  readonly model: ModelUsed;
}

/** A B-factor range below this says that nothing was found (LocScale's limit), A^2. */
const NARROW_RANGE = 10;
/** Share of pseudo-atoms that keep 80 % of their distance, wherever the mask has room for them. */
const WANTED_SEPARATED_SHARE = 0.95;
/** A low-pass begins to take away signal at this multiple of its cut-off. */
const LOW_PASS_FLANK = 1.2;

/** A model of a file in the map's frame. */
interface GivenModel extends PlacedModel<StructureAtom> {
  /** How far the map agrees with it, where nothing else tells the resolution. */
  readonly agreement: ModelAgreement | undefined;
}

/** The atoms that a reference is simulated from, before they have B factors. */
interface GatheredAtoms {
  /** Those of the file first, then pseudo-atoms. */
  readonly atoms: AtomSet;
  readonly given: GivenModel | undefined;
  readonly pseudo: PseudoModel | undefined;
  readonly differenceMask: Volume | undefined;
}

export async function simulateReference(
  choice: ModelChoice,
  data: ModelReferenceData,
  parameters: LocScaleParameters,
  run: Run,
): Promise<SimulatedReference> {
  const { engine, grid } = data;
  const { signal } = run.context;
  const hooks: OperationHooks = {
    onProgress: (done, total) => run.context.onProgress?.('reference', done, total),
    ...(signal === undefined ? {} : { signal }),
  };
  const gathered = await gatherAtoms(choice, data, parameters, hooks, run);
  const { atoms, given, pseudo, differenceMask } = gathered;
  const userWindow = parameters.windowVoxels !== undefined;
  const bFactors = await chooseBFactors(choice, data, gathered, userWindow, hooks, run);
  const referenceEnd = parameters.referenceResolution ?? endOfReference(choice, given, data);
  const reference = await engine.simulateMap({ ...atoms, bFactors }, grid);
  return {
    reference,
    differenceMask,
    model: {
      structure: structureOf(choice, given?.kept ?? [], atoms, bFactors),
      pseudoAtoms: pseudo?.atoms.count ?? 0,
      bFactors: rangeOf(bFactors),
      ...(referenceEnd === undefined ? {} : { referenceEnd }),
    },
  };
}

/** Atoms of the file, pseudo-atoms, or both. */
async function gatherAtoms(
  choice: ModelChoice,
  data: ModelReferenceData,
  { molecularWeightKiloDalton }: LocScaleParameters,
  hooks: OperationHooks,
  run: Run,
): Promise<GatheredAtoms> {
  const weight = molecularWeightKiloDalton === undefined ? {} : { molecularWeightKiloDalton };
  if (choice.kind === 'pseudo-model') {
    const pseudo = await placePseudoAtoms(data, { ...choice.pseudoAtoms, ...weight }, hooks);
    reportPseudoModel(pseudo, choice.pseudoAtoms.distanceAngstrom, run);
    return { atoms: pseudo.atoms, given: undefined, pseudo, differenceMask: undefined };
  }
  const given = await placeGiven(choice.structure, data, run);
  if (choice.kind === 'atomic-model')
    return { atoms: given.atoms, given, pseudo: undefined, differenceMask: undefined };
  const { averagingWindow, pseudoAtoms } = choice;
  const completed = await completeWithPseudoAtoms(
    data,
    given.atoms,
    { ...pseudoAtoms, ...weight, averagingWindow },
    hooks,
  );
  const { atoms, pseudoModel: pseudo, unmodelledVoxels } = completed;
  const differenceMask = await data.engine.upload(completed.differenceMask, data.grid.shape);
  run.info(
    `${unmodelledVoxels} voxels of the mask are not modelled: ${pseudo.atoms.count} pseudo-atoms added.`,
  );
  reportPseudoModel(pseudo, pseudoAtoms.distanceAngstrom, run);
  return { atoms, given, pseudo, differenceMask };
}

/** Those of the file, or found in the data. */
async function chooseBFactors(
  choice: ModelChoice,
  data: ModelReferenceData,
  { atoms, given, pseudo }: GatheredAtoms,
  userWindow: boolean,
  hooks: OperationHooks,
  run: Run,
): Promise<Float64Array> {
  const { refinementCycles: cycles } = choice;
  if (cycles === undefined) return atoms.bFactors;
  // Beyond a low-pass, and in its flank, there is nothing that B factors could be measured in.
  const fscCutoff = Math.max(
    given?.agreement?.reliable ?? data.fscCutoff,
    LOW_PASS_FLANK * (data.lowPass ?? 0),
  );
  // The agreement with the model may have shown a resolution that the window was not chosen for.
  const windowVoxels = userWindow
    ? data.windowVoxels
    : Math.max(
        data.windowVoxels,
        scalingWindowFor(isotropicVoxelSize(data.grid), fscCutoff, Math.min(...data.grid.shape)),
      );
  const found = await findBFactors(
    { ...data, fscCutoff, windowVoxels },
    atoms,
    { cycles, pseudoAtoms: pseudo !== undefined },
    hooks,
  );
  const { min, mean, max } = found.refined;
  if (!found.localFallOff)
    run.warn(
      `The map holds too little signal up to ${fscCutoff.toFixed(1)} A to measure local B factors; refinement starts from those of the ${pseudo === undefined ? 'file' : 'pseudo-atoms, 0'}.${data.resolutionKnown ? '' : ' Give the resolution with -res if it is known.'}`,
    );
  run.info(
    `B factors from the ${data.halves === undefined ? 'map' : 'half maps'}: ${min.toFixed(0)} to ${max.toFixed(0)} A^2, mean ${mean.toFixed(0)}; averaged over 25 A and shifted by ${found.shift.toFixed(0)}.`,
  );
  const crowded = crowdedLimit(found.atLimits, fscCutoff);
  if (crowded !== undefined)
    run.warn(
      `${Math.round(100 * crowded.share)} % of the refined B factors lie at the ${crowded.limit > 0 ? 'upper' : 'lower'} limit of ${crowded.limit.toFixed(0)} A^2 (${min.toFixed(0)} to ${max.toFixed(0)}, mean ${mean.toFixed(0)}): the map does not determine them. Check resolution (-res) and fit of the model, or take the B factors of the file with --skip_refine.`,
    );
  if (max - min < NARROW_RANGE)
    run.warn(
      `The B factors of the model all lie within ${(max - min).toFixed(1)} A^2: the reference varies little over the map.`,
    );
  return found.bFactors;
}

/** Share of the atoms above which B factors at a limit of the refinement are warned about. */
const CROWDED_SHARE = 0.2;

function crowdedLimit(
  { least, most }: BFactorsFound['atLimits'],
  resolution: number,
): { limit: number; share: number } | undefined {
  const range = bRangeFor(resolution);
  const [limit, share] = most >= least ? [range.most, most] : [range.least, least];
  return share > CROWDED_SHARE ? { limit, share } : undefined;
}

/**
 * Where a model's map is cut off, A: where the map ends. The model's own amplitudes go on to the grid's limit, and
 * scaling to them what is noise, or the rounding errors behind an earlier low-pass, would bury the signal; that holds for
 * a completed model too. Where all is theoretical profile, which data finer than the Wilson cut-off have, that replaces
 * amplitudes beyond the resolution, after a fit that reaches to the grid's limit.
 */
function endOfReference(
  choice: ModelChoice,
  given: GivenModel | undefined,
  { resolutionKnown, fscCutoff, lowPass, wilsonCutoff }: ModelReferenceData,
): number | undefined {
  const theory =
    choice.kind === 'pseudo-model' || (choice.kind === 'atomic-model' && choice.theoreticalProfile);
  if (theory && fscCutoff < wilsonCutoff) return undefined;
  const resolution = resolutionKnown ? fscCutoff : given?.agreement?.end;
  const end = Math.max(resolution ?? 0, lowPass ?? 0);
  return end > 0 ? end : undefined;
}

/** The atoms of a file in the map's frame; a model that does not fit is told with its probable cause. */
async function placeGiven(given: Structure, data: ModelReferenceData, run: Run): Promise<GivenModel> {
  const { engine, grid, map } = data;
  for (const note of given.notes) run.info(note);
  const converted = convertConfidence(given);
  const structure = converted?.structure ?? given;
  const doubt = converted?.sentence ?? confidenceNote(given);
  if (doubt !== undefined) run.warn(doubt);
  const placed = placeModel(structure, grid);
  for (const warning of placed.warnings) run.warn(warning);
  const { atoms } = placed;
  if (atoms.count === 0)
    throw new LocScaleError('bad-input', 'No atom of the model lies in the map.', {
      where: '-mc',
      expected: `atoms in the box that begins at x, y, z = ${[...grid.origin].reverse().join(', ')} A`,
      hint: 'Fit the model into the map (ChimeraX: fitmap), or check ORIGIN and NSTART of the map.',
    });
  const model = await engine.simulateMap(atoms, grid);
  try {
    // Around its own atoms: the mask may hold more (a partial model) or hardly anything. A wider rim would make
    // any model inside a blurred molecule fit.
    const around = surroundingsOf(atoms, grid, undefined);
    const [modelMap, density] = await Promise.all([model, map].map((v) => engine.download(v)));
    const correlation = correlationInside(density, modelMap, around);
    const misfit = judgeModelFit(correlation);
    if (misfit === undefined)
      run.info(`The model fits the map: correlation ${correlation.toFixed(2)} around its atoms.`);
    else run.warn(`${misfit} ${await diagnoseModel({ engine, structure, grid, map, correlation })}`);
    return { ...placed, agreement: data.resolutionKnown ? undefined : await agreementWith(model, data, run) };
  } finally {
    run.release(model);
  }
}

/** Without half maps and without -res the model says how far the map goes. */
async function agreementWith(
  model: Volume,
  { engine, grid, map }: ModelReferenceData,
  run: Run,
): Promise<ModelAgreement | undefined> {
  const edge = Math.min(...grid.shape) * isotropicVoxelSize(grid);
  const agreement = agreementOf(await engine.shellSpectra(map, model), edge);
  if (agreement !== undefined)
    run.info(
      `Map and model agree up to ${agreement.reliable.toFixed(1)} A (FSC = 0.5; 0.2 at ${agreement.end.toFixed(1)} A): the resolution is taken from that; give another with -res.`,
    );
  return agreement;
}

function reportPseudoModel(
  { atoms, iterations, separatedShare }: PseudoModel,
  distanceAngstrom: number,
  run: Run,
): void {
  const percent = 100 * separatedShare;
  run.info(
    `${atoms.count} pseudo-atoms, ${iterations} iterations; ${percent.toFixed(1)} % keep their distance.`,
  );
  if (separatedShare < WANTED_SEPARATED_SHARE)
    run.warn(
      `Only ${percent.toFixed(0)} % of the pseudo-atoms keep 80 % of ${distanceAngstrom} A: the mask is too small for ${atoms.count} atoms.`,
    );
}

/** The atoms as used: those of the file with new B factors, then the pseudo-atoms as a chain of their own. */
function structureOf(
  choice: ModelChoice,
  kept: readonly StructureAtom[],
  atoms: AtomSet,
  bFactors: Float64Array,
): Structure {
  const given = choice.kind === 'pseudo-model' ? undefined : choice.structure;
  const modelled: StructureAtom[] = kept.map((atom, i) => ({ ...atom, bFactor: bFactors[i] }));
  for (let i = modelled.length; i < atoms.count; i++) {
    const [x, y, z] = atoms.positions.subarray(3 * i, 3 * i + 3);
    modelled.push({
      element: atoms.elements[i],
      x,
      y,
      z,
      bFactor: bFactors[i],
      occupancy: atoms.occupancies[i],
      chain: 'PSD',
      residueNumber: i - kept.length + 1,
      residueName: 'PSD',
      atomName: atoms.elements[i],
      altloc: '',
      insertionCode: '',
      model: 1,
      charge: 0,
      hetero: true,
      serial: i + 1,
    });
  }
  return {
    id: given?.id ?? 'pseudo_model',
    title: given?.title ?? 'pseudo-model',
    ...(given?.cell === undefined ? {} : { cell: given.cell }),
    atoms: modelled,
    notes: [],
  };
}
