/**
 * A reference map simulated from atoms (method 5 and 8): an atomic model, pseudo-atoms that fill the mask, or
 * a model completed with pseudo-atoms. B factors are measured in the data, averaged over 25 A and shifted so
 * that the sharpest atoms have B = 0; the map simulated from those atoms is the reference.
 */
import type { Engine, OperationHooks, Volume } from '../engine/engine.ts';
import { inspectAll } from '../engine/jobs.ts';
import { isLocScaleError } from '../errors.ts';
import type { AtomSet } from '../math/atoms/atom-set.ts';
import { type Grid, isotropicVoxelSize } from '../math/grid.ts';
import { averageBFactors, shiftBFactors } from './bfactors/average-bfactors.ts';
import { type BFactorField, bFactorsAt, bRangeFor } from './bfactors/b-factor-field.ts';
import { measureLocalB } from './bfactors/local-wilson-b.ts';
import { refineBFactors } from './bfactors/refine-bfactors.ts';
import { buildPseudoModel, type PseudoModel } from './pseudo-model/build.ts';
import { completeModel } from './pseudo-model/complete-model.ts';
import type { SolverSettings } from './pseudo-model/solve.ts';

/** The data for B factors and pseudo-atoms; the caller keeps ownership of the volumes. */
export interface ModelReferenceData {
  readonly engine: Engine;
  readonly grid: Grid;
  /** The map to be scaled. */
  readonly map: Volume;
  /** Half maps, if any, which separate signal from noise. */
  readonly halves: readonly [Volume, Volume] | undefined;
  /** 1 inside. */
  readonly mask: Volume;
  readonly wilsonCutoff: number;
  /** Resolution, A: the user's or the half maps'; otherwise close to the grid's limit. */
  readonly fscCutoff: number;
  /** False if `fscCutoff` is the grid's limit. */
  readonly resolutionKnown: boolean;
  /** Resolution at which the map has been low-pass filtered, A. */
  readonly lowPass: number | undefined;
  readonly windowVoxels: number;
}

export interface PseudoAtomJob extends SolverSettings {
  readonly seed: number;
  readonly molecularWeightKiloDalton?: number;
}

/** B factors used, and how they were obtained. */
export interface BFactorsFound {
  readonly bFactors: Float64Array;
  /** Before averaging and shift: lowest, mean, highest, A^2. */
  readonly refined: { readonly min: number; readonly mean: number; readonly max: number };
  /**
   * Fractions of the atoms whose B factor, before averaging, is at the lower and upper limit of refinement.
   */
  readonly atLimits: { readonly least: number; readonly most: number };
  /** False if the map has no signal in the fit range: refinement then started from the file's B factors. */
  readonly localDecay: boolean;
  /** Subtracted from all B factors, A^2. */
  readonly shift: number;
}

/** Pseudo-atoms in the whole mask. */
export async function placePseudoAtoms(
  data: ModelReferenceData,
  job: PseudoAtomJob,
  hooks: OperationHooks = {},
): Promise<PseudoModel> {
  const { engine, grid } = data;
  return inspectAll(engine, [data.map, data.mask], (map, mask) =>
    buildPseudoModel({ ...job, ...boxOf(grid), map, mask, memory: engine }, hooks),
  );
}

export interface CompletedReference {
  readonly atoms: AtomSet;
  readonly pseudoModel: PseudoModel;
  readonly differenceMask: Float32Array;
  readonly unmodelledVoxels: number;
}

/** Pseudo-atoms in the part of the mask without model atoms. */
export async function completeWithPseudoAtoms(
  data: ModelReferenceData,
  model: AtomSet,
  job: PseudoAtomJob & { readonly averagingWindow: number },
  hooks: OperationHooks = {},
): Promise<CompletedReference> {
  const { engine, grid, fscCutoff } = data;
  return inspectAll(engine, [data.map, data.mask], (map, mask) =>
    completeModel(
      {
        ...job,
        ...boxOf(grid),
        map,
        model,
        confidence: mask,
        // The scaling mask: binary.
        maskThreshold: 0.5,
        resolution: fscCutoff,
        memory: engine,
      },
      hooks,
    ),
  );
}

/**
 * Determines B factors of `atoms` from the data: local Wilson B factors, then `cycles` of refinement, then
 * averages over 25 A and the shift.
 *
 * The decay of the atoms' own power is divided out. Pseudo-atoms were placed by the density that is measured,
 * so their own map would explain its decay away: for them the decay of an average protein is used.
 */
export async function findBFactors(
  data: ModelReferenceData,
  atoms: AtomSet,
  { cycles, pseudoAtoms }: { readonly cycles: number; readonly pseudoAtoms: boolean },
  hooks: OperationHooks = {},
): Promise<BFactorsFound> {
  const { engine, grid, map, halves, mask, wilsonCutoff, fscCutoff } = data;
  const unit = pseudoAtoms
    ? undefined
    : await engine.simulateMap({ ...atoms, bFactors: new Float64Array(atoms.count) }, grid);
  let started: Float64Array;
  let measured: boolean;
  try {
    const maps = halves ?? [map];
    const volumes = [mask, ...maps, ...(unit ? [unit] : [])];
    const field = await inspectAll(engine, volumes, (inside, ...voxels) => {
      const [first, second] = voxels.slice(0, maps.length);
      return measureOrNot(
        {
          data: second ? { half1: first, half2: second } : { map: first },
          unitMap: unit && voxels[maps.length],
          mask: inside,
        },
        grid,
        { positions: atoms.positions },
        { wilsonCutoff, fscCutoff, windowVoxels: data.windowVoxels, memory: engine },
      );
    });
    // Without a measurement refinement starts from the file's B factors.
    started = field === undefined ? atoms.bFactors : bFactorsAt(field, grid, atoms.positions);
    measured = field !== undefined;
  } finally {
    if (unit !== undefined) engine.release(unit);
  }
  const refined =
    cycles === 0
      ? started
      : await refineBFactors({ ...data, atoms: { ...atoms, bFactors: started }, cycles }, hooks);
  const averaged = averageBFactors({ positions: atoms.positions, bFactors: refined });
  const { bFactors, shift } = shiftBFactors(averaged);
  return {
    bFactors,
    refined: rangeOf(refined),
    atLimits: shareAtLimits(refined, fscCutoff),
    shift,
    localDecay: measured,
  };
}

/** Local B factors; undefined if the map has no signal between the Wilson cut-off and the resolution. */
function measureOrNot(...args: Parameters<typeof measureLocalB>): BFactorField | undefined {
  try {
    return measureLocalB(...args);
  } catch (error) {
    if (isLocScaleError(error) && error.tag === 'bad-input') return undefined;
    throw error;
  }
}

/**
 * Tolerance as a fraction of the range: averages over neighbours keep refined B factors slightly off the
 * limits.
 */
const NEAR_LIMIT = 0.02;

function shareAtLimits(bFactors: Float64Array, resolution: number): { least: number; most: number } {
  const { least, most } = bRangeFor(resolution);
  const shareWhere = (test: (b: number) => boolean): number =>
    bFactors.reduce((count, b) => count + (test(b) ? 1 : 0), 0) / bFactors.length;
  return {
    least: shareWhere((b) => b <= least),
    most: shareWhere((b) => b >= most - NEAR_LIMIT * (most - least)),
  };
}

export function rangeOf(values: Float64Array): { min: number; mean: number; max: number } {
  let min = Number.POSITIVE_INFINITY;
  let max = Number.NEGATIVE_INFINITY;
  let sum = 0;
  for (const value of values) {
    min = Math.min(min, value);
    max = Math.max(max, value);
    sum += value;
  }
  return { min, mean: sum / values.length, max };
}

function boxOf(grid: Grid): {
  shape: Grid['shape'];
  voxelSize: number;
  origin: readonly [number, number, number];
} {
  return { shape: grid.shape, voxelSize: isotropicVoxelSize(grid), origin: grid.origin };
}
