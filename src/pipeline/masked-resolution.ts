/**
 * Where the signal of a map ends: the resolution that the user gave, else that of independent half maps
 * within the mask, else the cut-off of the run, where that says something about the data.
 */
import type { Volume } from '../engine/engine.ts';
import { LocScaleError, named } from '../errors.ts';
import { endOfSignal, type MaskedFsc } from '../math/fourier/masked-fsc.ts';
import { type Shape, voxelCount } from '../math/grid.ts';
import type { ResolvedMap } from './fsc.ts';
import { measureMaskedFsc, softenMask } from './map-measures.ts';
import type { ScalingMask } from './mask.ts';
import { defaultSeed } from './parameters.ts';
import type { Run } from './run.ts';
import { fscInMask as fscInMaskOf } from './run-fsc.ts';

/** Volumes beside the map and the half maps at most: the soft mask and what the masked FSC makes. */
const VOLUMES_OF_MASKED_FSC = 6;

export interface SignalEnd {
  /** A. */
  readonly resolution: number;
  /** Of the half maps within the mask, where they were measured. */
  readonly fsc?: MaskedFsc;
}

/** A measurement that waits for the step that needs it. */
export interface PlannedSignalEnd {
  readonly usesHalfMaps: boolean;
  /** Most bytes beside the volumes that live then. */
  readonly bytes: number;
  find(run: Run): Promise<SignalEnd>;
}

/** Half maps whose agreement says how much of them is signal. */
export function independentHalves({ halves, fsc }: ResolvedMap): readonly [Volume, Volume] | undefined {
  return fsc?.verdict.relation === 'independent' ? halves : undefined;
}

/** `what`: that ends at it, as the subject of a sentence. */
export function resolutionUnknown(what: string): LocScaleError {
  return new LocScaleError('usage', `${what} ends at the resolution, which is not known.`, {
    parameter: 'resolution',
    hint: `Give it with ${named('resolution')}, or give two independent half maps.`,
  });
}

/**
 * `what`: that ends there, as the subject of a sentence. `weights`: the curve is wanted even with a
 * resolution.
 */
export function planSignalEnd(
  what: string,
  resolved: ResolvedMap,
  mask: Volume,
  voxelSize: number,
  asked: number | undefined,
  { run, weights }: { readonly run: Run; readonly weights: boolean },
): PlannedSignalEnd {
  const { cutoff, resolutionKnown } = resolved;
  const measured = asked === undefined || weights ? independentHalves(resolved) : undefined;
  if (measured === undefined && !resolutionKnown) throw resolutionUnknown(what);
  return {
    usesHalfMaps: measured !== undefined,
    bytes: measured === undefined ? 0 : bytesOfMaskedFsc(mask.shape, run),
    async find(current) {
      if (measured === undefined) return { resolution: asked ?? cutoff.cutoff };
      const edge = await softenMask(current.engine, mask, voxelSize);
      const masked = await measureMaskedFsc(current.engine, measured, edge, voxelSize);
      current.release(edge);
      return { resolution: asked ?? endOfSignal(masked, voxelSize) ?? cutoff.cutoff, fsc: masked };
    },
  };
}

/** The run with the resolution of its independent half maps within the mask, corrected for it; the step. */
export async function resolveWithin(
  resolved: ResolvedMap,
  { mask, maskVoxels, origin }: Pick<ScalingMask, 'mask' | 'maskVoxels' | 'origin'>,
  voxelSize: number,
  run: Run,
): Promise<ResolvedMap> {
  const halves = independentHalves(resolved);
  if (halves === undefined) {
    run.warn(
      'The half maps are not independent: their FSC within the mask is not measured, and the resolution is that of the whole box.',
    );
    return resolved;
  }
  const weights = await softenMask(run.engine, mask, voxelSize);
  const fscInMask = await fscInMaskOf(
    halves,
    { weights, voxels: maskVoxels, origin },
    voxelSize,
    defaultSeed,
    run,
  );
  run.release(weights);
  const end = endOfSignal(fscInMask, voxelSize);
  if (end === undefined) {
    run.warn(
      'The half maps have no signal in common within the mask: the resolution is that of the whole box.',
    );
    return { ...resolved, fscInMask };
  }
  run.info(`Resolution within the mask, corrected for it: ${end.toFixed(2)} A.`);
  const cutoff = { cutoff: Math.max(end, 2 * voxelSize), source: 'half-map FSC within the mask' } as const;
  return { ...resolved, fscInMask, cutoff, resolutionKnown: true };
}

function bytesOfMaskedFsc(shape: Shape, { engine: { bytesOf } }: Run): number {
  const transforms = Math.max(bytesOf.radialFilter(shape), bytesOf.shellSpectra(shape));
  return transforms + VOLUMES_OF_MASKED_FSC * 4 * voxelCount(shape);
}
