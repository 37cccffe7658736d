/**
 * Refines isotropic B factors, and nothing else, against a map (method 8; replaces refmac).
 *
 * Target E = 1/2 sum over f of W^2 |k F_model - F_map|^2 (refine-weights.ts). With the derivative of an
 * atom's transform, -(f^2 / 4) F_i, gradient and curvature are integrals over the atom's own density rho_i:
 *   g_i = dE/dB_i          = -k   integral rho_i  filter(k model - map, W^2 f^2 / 4)
 *   h_i = sum_j d2E/dB_idB_j ~ k^2 integral rho_i  filter(model, W^2 f^4 / 16)      (Gauss-Newton part)
 * so that each cycle costs one simulated map, two filters and a pass over the atoms. h_i is the curvature for
 * a change shared by the atom's surroundings: at 3 to 5 A an atom overlaps with dozens of others, and steps
 * by the atom's own curvature would overshoot by that factor. For the same reason g and h are averaged over
 * neighbours before the division.
 *
 * A cycle: scale k and an overall B from shells; one Newton step, limited; B in [0, 500] A^2, more for data
 * coarser than 6 A; average over neighbours within 3 A. LocScale averages pseudo-atoms after each cycle of
 * refmac, which itself restrains B factors of bonded atoms; here there are no restraints, so atoms of a model
 * are averaged too.
 */
import type { Engine, OperationHooks, ShellSpectra, VerbBytes, Volume } from '../../engine/engine.ts';
import { inspectAll } from '../../engine/jobs.ts';
import { LocScaleError } from '../../errors.ts';
import type { AtomSet } from '../../math/atoms/atom-set.ts';
import { tabulateTransfer } from '../../math/fourier/radial-transfer.ts';
import { type Grid, isotropicVoxelSize, voxelCount } from '../../math/grid.ts';
import { averageOverNeighbours } from './average-bfactors.ts';
import { clampB } from './b-factor-field.ts';
import { coarserGrid, onCoarserGrid } from './refine-grid.ts';
import {
  fitScale,
  type MapScale,
  type RefinementWeight,
  refinementWeight,
  type ShellFrequency,
  signalOfHalves,
  signalOfModel,
} from './refine-weights.ts';
import { sampleAtoms, samplingBlur } from './sample-atoms.ts';

export interface RefinementJob {
  readonly engine: Engine;
  readonly grid: Grid;
  /** The caller keeps ownership of the volumes. */
  readonly map: Volume;
  /** Half maps, whose FSC gives the weights; otherwise the map–model FSC is used. */
  readonly halves: readonly [Volume, Volume] | undefined;
  /** Resolution, A. */
  readonly fscCutoff: number;
  /** Initial B factors: local Wilson B factors. */
  readonly atoms: AtomSet;
  /** LocScale: 10. */
  readonly cycles: number;
  /** Radius of the average in A; 0 for none. Default 3. */
  readonly neighbourRadius?: number;
  /** Called after each cycle. */
  readonly onCycle?: (cycle: RefinementCycle) => void;
}

export interface RefinementCycle {
  /** Target at the start of the cycle, relative to that of an empty model. */
  readonly residual: number;
  readonly scale: MapScale;
  /** Root mean square change of the B factors, A^2. */
  readonly change: number;
}

const NEIGHBOUR_RADIUS = 3;
/** Limit of a step: this fraction of B plus this value in A^2. */
const LONGEST_STEP = { share: 0.5, plus: 20 } as const;
/**
 * For changes that alternate from atom to atom h_i is too small, and they overshoot increasingly. If the
 * target rises, all further steps are shortened by this factor.
 */
const GAIN_AFTER_RISE = 0.4;
/**
 * Curvatures below this fraction of the average are unreliable: atoms outside the density, or very weak ones.
 */
const LEAST_CURVATURE = 0.2;

/** Refined B factors, A^2. Deterministic. */
export function refineBFactors(job: RefinementJob, hooks: OperationHooks = {}): Promise<Float64Array> {
  return onCoarserGrid(job.engine, job, job.fscCutoff, (maps) => refineOnGrid({ ...job, ...maps }, hooks));
}

/**
 * Peak engine memory of a refinement in bytes, excluding the maps passed in; `halves`: whether there are half
 * maps.
 */
export function refinementBytes(
  job: Pick<RefinementJob, 'grid' | 'halves' | 'fscCutoff'> & { readonly atoms: number },
  { resample, shellSpectra, simulateMap, radialFilter }: VerbBytes,
): number {
  const coarser = coarserGrid(job.grid, job.fscCutoff);
  const grid = coarser ?? job.grid;
  const { shape } = grid;
  const volume = 4 * voxelCount(shape);
  const maps = job.halves === undefined ? 1 : 3;
  const copies = coarser === undefined ? 0 : maps * volume;
  const copying = coarser === undefined ? 0 : copies - volume + resample(job.grid.shape, shape);
  // Per cycle: the filtered map, the model map, one of its derivatives, and the filter that makes the other.
  const cycle = Math.max(
    volume + simulateMap(job.atoms, grid),
    2 * volume + shellSpectra(shape),
    3 * volume + radialFilter(shape),
  );
  return Math.max(copying, copies + cycle);
}

async function refineOnGrid(job: RefinementJob, hooks: OperationHooks): Promise<Float64Array> {
  const { engine, atoms, cycles } = job;
  const radius = job.neighbourRadius ?? NEIGHBOUR_RADIUS;
  const setting = await prepareRefinement(job);
  const { mapSpectra, weight, frequencyOf } = setting;
  const clamp = (values: Float64Array): Float64Array => clampAll(values, job.fscCutoff);
  let bFactors = clamp(atoms.bFactors);
  let gain = 1;
  let lastTarget = Number.POSITIVE_INFINITY;
  const pull = await filterForGradient(setting);
  try {
    for (let cycle = 0; cycle < cycles; cycle++) {
      if (hooks.signal?.aborted === true)
        throw new LocScaleError('aborted', 'The refinement of B factors was stopped.');
      const { target, gradient, curvature, scale } = await bFactorDerivatives(setting, pull, bFactors);
      if (target > lastTarget) gain *= GAIN_AFTER_RISE;
      lastTarget = target;
      const empty = weightedPower(mapSpectra.powerA, weight, frequencyOf);
      const shifted = clamp(bFactors.map((b) => b + scale.addedB));
      const step = newtonStep(atoms.positions, gradient, curvature, radius);
      const moved = clamp(shifted.map((b, i) => b + limitStep(gain * step[i], b)));
      const next = averageOverNeighbours(atoms.positions, moved, radius);
      job.onCycle?.({ residual: target / empty, scale, change: rootMeanSquareDifference(next, bFactors) });
      bFactors = next;
      hooks.onProgress?.(cycle + 1, cycles);
    }
  } finally {
    engine.release(pull);
  }
  return bFactors;
}

/** Quantities that are constant over the cycles. */
export interface RefinementSetting {
  readonly job: RefinementJob;
  readonly mapSpectra: ShellSpectra;
  readonly weight: RefinementWeight;
  readonly blur: number;
  readonly frequencyOf: ShellFrequency;
}

export async function prepareRefinement(job: RefinementJob): Promise<RefinementSetting> {
  const { engine, grid, map, halves, fscCutoff } = job;
  const voxelSize = isotropicVoxelSize(grid);
  const edge = Math.min(...grid.shape) * voxelSize;
  const frequencyOf: ShellFrequency = (r) => (r + 0.5) / edge;
  const mapSpectra = await engine.shellSpectra(map, map);
  const signal =
    halves === undefined
      ? signalOfModel(await spectraWithModel(job))
      : signalOfHalves(await engine.shellSpectra(...halves));
  const weight = refinementWeight(mapSpectra, signal, frequencyOf, fscCutoff, voxelSize);
  const blur = samplingBlur(voxelSize, weight.highestFrequency);
  return { job, mapSpectra, weight, blur, frequencyOf };
}

/** Spectra of the map and of the initial model. */
async function spectraWithModel({ engine, atoms, grid, map }: RefinementJob): Promise<ShellSpectra> {
  const model = await engine.simulateMap(atoms, grid);
  try {
    return await engine.shellSpectra(map, model);
  } finally {
    engine.release(model);
  }
}

export interface Derivatives {
  /** E in units of the shell sums (half of Fourier space, weights at the middle of shells). */
  readonly target: number;
  /**
   * dE/dB of each atom at its B factor + scale.addedB, with E = dV / 2 times the sum over voxels of the
   * squared weighted difference, A^3 x map^2 x W^2 / A^2.
   */
  readonly gradient: Float64Array;
  /** Row sum of the Gauss-Newton Hessian, per A^2 more. */
  readonly curvature: Float64Array;
  readonly scale: MapScale;
}

/** `pull`: the map filtered by W^2 f^2 / 4, from `filterForGradient`. */
export async function bFactorDerivatives(
  setting: RefinementSetting,
  pull: Volume,
  bFactors: Float64Array,
): Promise<Derivatives> {
  const { job, weight, blur, frequencyOf } = setting;
  const { engine, grid } = job;
  const model = await engine.simulateMap({ ...job.atoms, bFactors }, grid);
  const held = [model];
  try {
    const spectra = await engine.shellSpectra(job.map, model);
    const scale = fitScale(spectra, weight, frequencyOf);
    if (scale === undefined) {
      throw new LocScaleError(
        'bad-input',
        'The model has nothing in common with the map: its B factors cannot be refined.',
        {
          hint:
            'Check that model and map lie in the same frame (ORIGIN), have the same hand and the right ' +
            'voxel size.',
        },
      );
    }
    const push = await filtered(setting, model, 1, scale.addedB);
    held.push(push);
    const bend = await filtered(setting, model, 2, scale.addedB);
    held.push(bend);
    const atoms = {
      ...job.atoms,
      bFactors: clampAll(
        bFactors.map((b) => b + scale.addedB),
        job.fscCutoff,
      ),
    };
    const k = scale.factor;
    const [slope, bent] = await inspectAll(engine, [pull, push, bend], (pulling, pushing, bending) => {
      const difference = engine.allocateHost(pulling.length);
      for (let v = 0; v < difference.length; v++) difference[v] = pulling[v] - k * pushing[v];
      const sampled = sampleAtoms([difference, bending], grid, atoms, blur);
      engine.freeHost(difference);
      return sampled;
    });
    return {
      target: targetOf(spectra, weight, frequencyOf, scale),
      gradient: slope.map((value) => k * value),
      curvature: bent.map((value) => k * k * value),
      scale,
    };
  } finally {
    engine.release(...held);
  }
}

/** The map's contribution to all gradients; the caller releases it. */
export function filterForGradient(setting: RefinementSetting): Promise<Volume> {
  return filtered(setting, setting.job.map, 1, 0);
}

/** W^2 (f^2 / 4)^power exp(-addedB f^2 / 4), sharpened for the sampling of atoms. */
function filtered(
  { job, weight, blur }: RefinementSetting,
  volume: Volume,
  power: number,
  addedB: number,
): Promise<Volume> {
  const voxelSize = isotropicVoxelSize(job.grid);
  return job.engine.radialFilter(
    volume,
    tabulateTransfer((cyclesPerVoxel) => {
      const frequency = cyclesPerVoxel / voxelSize;
      const squared = weight.squared(frequency);
      if (squared === 0 || cyclesPerVoxel > 0.5) return 0;
      const quarter = frequency ** 2 / 4;
      return squared * quarter ** power * Math.exp((blur - addedB) * quarter);
    }),
  );
}

/** 1/2 sum W^2 |s F_model - F_map|^2 over shells. */
function targetOf(
  { cross, powerA, powerB }: { cross: Float64Array; powerA: Float64Array; powerB: Float64Array },
  weight: RefinementWeight,
  frequencyOf: ShellFrequency,
  { factor, addedB }: MapScale,
): number {
  return cross.reduce((sum, value, r) => {
    const frequency = frequencyOf(r);
    const s = factor * Math.exp((-addedB * frequency ** 2) / 4);
    return sum + 0.5 * weight.squared(frequency) * (s * s * powerB[r] - 2 * s * value + powerA[r]);
  }, 0);
}

function weightedPower(power: Float64Array, weight: RefinementWeight, frequencyOf: ShellFrequency): number {
  return power.reduce((sum, value, r) => sum + 0.5 * weight.squared(frequencyOf(r)) * value, 0);
}

function newtonStep(
  positions: Float64Array,
  gradient: Float64Array,
  curvature: Float64Array,
  radius: number,
): Float64Array {
  const slope = averageOverNeighbours(positions, gradient, radius);
  const bend = averageOverNeighbours(positions, curvature, radius);
  const least = (LEAST_CURVATURE * bend.reduce((sum, value) => sum + Math.abs(value), 0)) / bend.length;
  return slope.map((value, i) => -value / Math.max(bend[i], least));
}

function limitStep(step: number, bFactor: number): number {
  const longest = LONGEST_STEP.share * bFactor + LONGEST_STEP.plus;
  return Math.min(longest, Math.max(-longest, step));
}

function clampAll(bFactors: Float64Array, resolution: number): Float64Array {
  return bFactors.map((b) => clampB(b, resolution));
}

function rootMeanSquareDifference(a: Float64Array, b: Float64Array): number {
  return Math.sqrt(a.reduce((sum, value, i) => sum + (value - b[i]) ** 2, 0) / a.length);
}
