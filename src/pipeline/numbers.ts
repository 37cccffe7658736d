/** The numbers of a run for its plan, log and record. */
import type { FscCutoffSource } from '../math/scaling/molecular-numbers.ts';
import { nyquistCutoffOf } from '../math/scaling/molecular-numbers.ts';
import type { ResolvedMap } from './fsc.ts';
import type { LocalResolutionMaps, LocalResolutionNumbers } from './local-resolution.ts';
import type { MaskOrigin, ScalingMask } from './mask.ts';
import type { InputMaps } from './read-maps.ts';
import type { FitRange } from './scaling-rule.ts';
import type { Symmetry } from './symmetrise.ts';

/** Numbers of method 3 and everything a reader needs to repeat the run. */
export interface LocScaleNumbers {
  readonly voxelSize: number;
  readonly shape: readonly [number, number, number];
  readonly windowVoxels: number;
  readonly windowAngstrom: number;
  /** Range of the B-factor fit in windows: start and end, A, and the number of shells in between. */
  readonly fitRange?: { readonly start: number; readonly end: number; readonly shells: number };
  readonly maskVoxels: number;
  readonly maskOrigin: MaskOrigin;
  readonly molecularVolume: number;
  readonly atoms: number;
  readonly pseudoModelAtoms: number;
  readonly wilsonCutoff: number;
  /** Symmetry imposed on the reference, if any. */
  readonly symmetry?: { readonly name: string; readonly operators: number };
  readonly localResolution?: LocalResolutionNumbers;
  readonly nyquistCutoff: number;
  readonly fscCutoff: number;
  readonly fscCutoffSource: FscCutoffSource;
  readonly noise?: {
    readonly mean: number;
    readonly variance: number;
    readonly boxes: readonly {
      readonly start: readonly number[];
      readonly size: number;
      readonly mean: number;
      readonly sd: number;
    }[];
  };
}

/** Results of the steps that numbers are taken from. */
export interface Measured {
  readonly maps: InputMaps;
  readonly resolved: ResolvedMap;
  readonly masked: ScalingMask;
  readonly windowVoxels: number;
  readonly fitRange: FitRange | undefined;
  readonly symmetry: Symmetry | undefined;
}

/** The numbers of a run, for plan, record and report. */
export function numbersOf(measured: Measured): LocScaleNumbers {
  const { maps, resolved, masked, windowVoxels, fitRange, symmetry } = measured;
  const { voxelSize, grid } = maps;
  return {
    voxelSize,
    shape: grid.shape,
    windowVoxels,
    windowAngstrom: windowVoxels * voxelSize,
    maskVoxels: masked.maskVoxels,
    maskOrigin: masked.origin,
    ...masked.molecule,
    nyquistCutoff: nyquistCutoffOf(voxelSize),
    fscCutoff: resolved.cutoff.cutoff,
    fscCutoffSource: resolved.cutoff.source,
    noise: masked.noise,
    fitRange,
    symmetry: symmetry && { name: symmetry.name, operators: symmetry.operators.length },
  };
}

/** Adds the local-resolution numbers to those of a run. */
export function numbersWith(
  numbers: LocScaleNumbers,
  found: LocalResolutionMaps | undefined,
): LocScaleNumbers {
  return found === undefined ? numbers : { ...numbers, localResolution: found.numbers };
}
