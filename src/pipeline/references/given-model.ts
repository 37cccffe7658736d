/**
 * An atomic model of the user in the map's frame; one that does not fit is reported with the probable cause.
 */
import { agreementOf, type ModelAgreement } from '../../atoms/bfactors/model-agreement.ts';
import type { ModelReferenceData } from '../../atoms/model-reference.ts';
import {
  diagnoseModel,
  judgeModelFit,
  noAtomInMap,
  type PlacedModel,
  placeModel,
} from '../../atoms/place-model.ts';
import { confidenceNote, convertConfidence } from '../../atoms/predicted-model.ts';
import { surroundingsOf } from '../../atoms/surroundings.ts';
import type { Volume } from '../../engine/engine.ts';
import { inspectAll } from '../../engine/jobs.ts';
import { named } from '../../errors.ts';
import type { Structure, StructureAtom } from '../../formats/structure.ts';
import { type Grid, isotropicVoxelSize } from '../../math/grid.ts';
import { correlationInside } from '../../math/statistics/statistics.ts';
import type { Run } from '../run.ts';

/** A model of a file in the map's frame. */
export interface UserModel extends PlacedModel<StructureAtom> {
  /** Resolution up to which the map agrees with it, if the resolution is otherwise unknown. */
  readonly agreement: ModelAgreement | undefined;
}

/**
 * The atoms of a model that lie in the map, with B factors instead of the confidence of a prediction; what
 * was left out or changed is said. `parameter`: that the model was given by.
 */
export function placeInMap(
  given: Structure,
  grid: Grid,
  parameter: string,
  run: Run,
): PlacedModel<StructureAtom> & { readonly structure: Structure } {
  for (const note of given.notes) run.info(note);
  const converted = convertConfidence(given);
  const structure = converted?.structure ?? given;
  const doubt = converted?.sentence ?? confidenceNote(given);
  if (doubt !== undefined) run.warn(doubt);
  const placed = placeModel(structure, grid);
  for (const warning of placed.warnings) run.warn(warning);
  if (placed.atoms.count === 0) throw noAtomInMap(grid, parameter);
  return { ...placed, structure };
}

/**
 * The atoms that the map shows. A model that fits badly around them is warned about, with the likely cause.
 */
export async function placeUserModel(
  given: Structure,
  data: ModelReferenceData,
  run: Run,
): Promise<UserModel> {
  const { engine, grid, map } = data;
  const { structure, ...placed } = placeInMap(given, grid, 'reference', run);
  const { atoms } = placed;
  const model = await engine.simulateMap(atoms, grid);
  try {
    // Around its own atoms: the mask may hold more (a partial model) or hardly anything. A wider rim would
    // make any model inside a blurred molecule fit.
    const around = surroundingsOf(atoms, grid, undefined, engine);
    const correlation = await inspectAll(engine, [model, map], (modelMap, density) =>
      correlationInside(density, modelMap, around),
    );
    const misfit = judgeModelFit(correlation);
    if (misfit === undefined)
      run.info(`The model fits the map: correlation ${correlation.toFixed(2)} around its atoms.`);
    else run.warn(`${misfit} ${await diagnoseModel({ engine, structure, grid, map, correlation })}`);
    return { ...placed, agreement: data.resolutionKnown ? undefined : await agreementWith(model, data, run) };
  } finally {
    run.release(model);
  }
}

/** Without half maps and without a resolution of the user the model says how far the map goes. */
async function agreementWith(
  model: Volume,
  { engine, grid, map }: ModelReferenceData,
  run: Run,
): Promise<ModelAgreement | undefined> {
  const edge = Math.min(...grid.shape) * isotropicVoxelSize(grid);
  const agreement = agreementOf(await engine.shellSpectra(map, model), edge);
  if (agreement !== undefined)
    run.info(
      `Map and model agree up to ${agreement.reliable.toFixed(1)} A (FSC = 0.5; 0.2 at ` +
        `${agreement.end.toFixed(1)} A): the resolution is taken from that; give another with ` +
        `${named('resolution')}.`,
    );
  return agreement;
}
