/**
 * The resolution at which a map's signal ends: the user's, else that of independent half maps within the
 * mask, else the run's cut-off if it reflects the data.
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

/** Peak number of volumes besides map and half maps: soft mask and temporaries of the masked FSC. */
const VOLUMES_OF_MASKED_FSC = 6;

/** Where the signal of the half maps ends. */
export interface SignalEnd {
  /** A. */
  readonly resolution: number;
  /** FSC of the half maps within the mask, if measured. */
  readonly fsc?: MaskedFsc;
}

/** A measurement deferred until a step needs it. */
export interface PlannedSignalEnd {
  readonly usesHalfMaps: boolean;
  /** Peak bytes, excluding the volumes that live then. */
  readonly bytes: number;
  find(run: Run): Promise<SignalEnd>;
}

/** Half maps whose noise is independent, so that their FSC measures signal. */
export function independentHalves({ halves, fsc }: ResolvedMap): readonly [Volume, Volume] | undefined {
  return fsc?.verdict.relation === 'independent' ? halves : undefined;
}

/** `what`: subject of the sentence. */
export function resolutionUnknown(what: string): LocScaleError {
  return new LocScaleError('usage', `${what} ends at the resolution, which is not known.`, {
    parameter: 'resolution',
    hint: `Give it with ${named('resolution')}, or give two independent half maps.`,
  });
}

/** `what`: subject of a sentence. `weights`: the curve is needed even with a given resolution. */
export function planSignalEnd(
  what: string,
  resolved: ResolvedMap,
  mask: Volume,
  voxelSize: number,
  requested: number | undefined,
  { run, weights }: { readonly run: Run; readonly weights: boolean },
): PlannedSignalEnd {
  const { cutoff, resolutionKnown } = resolved;
  const measured = requested === undefined || weights ? independentHalves(resolved) : undefined;
  if (measured === undefined && !resolutionKnown) throw resolutionUnknown(what);
  return {
    usesHalfMaps: measured !== undefined,
    bytes: measured === undefined ? 0 : bytesOfMaskedFsc(mask.shape, run),
    async find(current) {
      if (measured === undefined) return { resolution: requested ?? cutoff.cutoff };
      const edge = await softenMask(current.engine, mask, voxelSize);
      const masked = await measureMaskedFsc(current.engine, measured, edge, voxelSize);
      current.release(edge);
      return { resolution: requested ?? endOfSignal(masked, voxelSize) ?? cutoff.cutoff, fsc: masked };
    },
  };
}

/** The step: resolution of independent half maps within the mask, corrected for it. */
export async function resolveWithin(
  resolved: ResolvedMap,
  { mask, maskVoxels, origin }: Pick<ScalingMask, 'mask' | 'maskVoxels' | 'origin'>,
  voxelSize: number,
  run: Run,
): Promise<ResolvedMap> {
  const halves = independentHalves(resolved);
  if (halves === undefined) {
    run.warn(
      'The half maps are not independent: their FSC within the mask is not measured, and the ' +
        'resolution is that of the whole box.',
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

/** Peak of the measurement besides both half maps and the mask. */
function bytesOfMaskedFsc(shape: Shape, { engine: { bytesOf } }: Run): number {
  const transforms = Math.max(bytesOf.radialFilter(shape), bytesOf.shellSpectra(shape));
  return transforms + VOLUMES_OF_MASKED_FSC * 4 * voxelCount(shape);
}
