/**
 * Scaling in soft frequency bands (math/soft-scaling/) as a step: the power of every band around every voxel
 * becomes that of a reference or of an average protein, weighted by the local agreement of the half maps. It
 * is planned before the reference exists, like LocScale's scheme.
 */
import type {
  BandScalingEstimate,
  BandScalingMaps,
  BandScalingRun,
  BandScalingSettings,
  LocalBandMaps,
  OpenedBandScaling,
  Volume,
} from '../engine/engine.ts';
import { LocScaleError, named } from '../errors.ts';
import { type Grid, voxelCount } from '../math/grid.ts';
import { planBands } from '../math/soft-scaling/bands.ts';
import { type AmplitudeProfile, decayProfile, proteinProfile } from '../math/soft-scaling/profile.ts';
import {
  type BandSummary,
  type SoftTarget,
  usesReference,
  windowSigmaOf,
} from '../math/soft-scaling/targets.ts';
import { BANDS_IN_FLIGHT, scaleBandsInRounds, secondsInRounds } from './band-rounds.ts';
import type { Run } from './run.ts';
import type { SharedBands } from './team.ts';

/** Standard deviation of the window over the edge of LocScale's: as much of the map counts. */
const SIGMA_PER_EDGE = 0.4;
/** A profile leaves the first two bands as they are: with so few, next to nothing is scaled. */
const FEW_BANDS = 3;

/** Maps of a soft scaling on the engine, all of one grid. Who made them releases them. */
export interface SoftScalingMaps {
  /** Both half maps, or one map. */
  readonly maps: readonly [Volume] | readonly [Volume, Volume];
  /** Binary: which bands hold signal is decided inside. */
  readonly mask?: Volume;
  readonly reference?: Volume;
  readonly differenceMask?: Volume;
  /** Released once they are transformed, or at once where they are not used. */
  readonly spent?: readonly Volume[];
}

/** Settings of a soft scaling, before its maps exist. */
export interface SoftScalingSettings {
  readonly grid: Pick<Grid, 'shape' | 'voxelSize'>;
  /**
   * `half maps`: the signal is their cross power. `dependent half maps`: they share noise, so that their
   * agreement says nothing; the signal is the power of their mean, as of a `single map`. Both must fade at a
   * resolution.
   */
  readonly input: 'half maps' | 'dependent half maps' | 'single map';
  readonly target: SoftTarget;
  /** Edge of the window, A (25): the Gaussian has 0.4 of it as its standard deviation. */
  readonly windowAngstrom?: number;
  /** A. Half maps fade only with `fadeOutput`. */
  readonly resolution?: number;
  readonly fadeOutput?: boolean;
  /** The result is 0 outside the mask. */
  readonly zeroOutside: boolean;
  /** Also make maps of the local B factor, the local resolution, and the local signal. */
  readonly measureLocal?: boolean;
}

/** Result of a soft scaling; volumes on the engine. */
export interface SoftScaling {
  readonly scaled: Volume;
  readonly bands: readonly BandSummary[];
  /** A: where the result was faded. */
  readonly fadeResolution: number | undefined;
  readonly local: LocalBandMaps | undefined;
}

/** A soft scaling whose cost is known and whose maps may still be missing. */
export interface PlannedSoftScaling {
  /** Of the engine's job. */
  prepare?(): void;
  /** Standard deviation of the windows, A. */
  readonly windowSigma: number;
  readonly estimate: OpenedBandScaling['estimate'];
  /** Scales; in a team every process takes bands. The volumes of the result are the caller's to release. */
  scale(maps: SoftScalingMaps, run: Run): Promise<SoftScaling>;
}

/** What amplitudes are scaled to in a mode of LocScale. */
export function softTargetOf(
  mode:
    | { readonly kind: 'profile' | 'reference' | 'geometric-mean' | 'hybrid' }
    /** Without reference: exp(-B f^2 / 4) everywhere. */
    | { readonly kind: 'decay'; readonly bFactor: number },
  { profile = proteinProfile(), locality }: { profile?: AmplitudeProfile; locality?: number } = {},
): SoftTarget {
  if (mode.kind === 'decay') return { kind: 'profile', profile: decayProfile(mode.bFactor), locality: 1 };
  return mode.kind === 'reference' ? { kind: 'reference' } : { kind: mode.kind, profile, locality };
}

/** Checks the settings, says what they amount to, and plans the scaling. */
export async function planSoftScaling(settings: SoftScalingSettings, run: Run): Promise<PlannedSoftScaling> {
  const { grid, input, target, resolution, windowAngstrom, zeroOutside } = settings;
  const mustFade = input !== 'half maps';
  if (mustFade && resolution === undefined) {
    const what = input === 'single map' ? 'A single map' : 'The mean of half maps that share noise';
    throw new LocScaleError('usage', `${what} can be scaled in bands only up to its resolution.`, {
      parameter: 'resolution',
      hint: 'Give the resolution of the map, or two independent half maps.',
    });
  }
  if (settings.fadeOutput === true && resolution === undefined)
    throw new LocScaleError('usage', 'The result can fade only at a resolution.', {
      parameter: 'fadeOutput',
      hint: `Give the resolution of the map with ${named('resolution')}.`,
    });
  if (input === 'dependent half maps')
    run.warn(
      'The half maps share noise: the power of their mean is taken for signal, and the result ' +
        `fades at ${resolution} A.`,
    );
  describeBands(settings, run);
  const fadeResolution = mustFade || settings.fadeOutput === true ? resolution : undefined;
  const windowSigma = windowSigmaOf({
    target,
    windowSigma: windowAngstrom === undefined ? undefined : SIGMA_PER_EDGE * windowAngstrom,
  });
  const bandSettings: BandScalingSettings = {
    ...grid,
    halfMaps: input === 'half maps',
    target,
    windowSigma,
    fadeResolution,
    zeroOutside,
    measureLocal: settings.measureLocal,
  };
  const opened = await run.engine.openBandScaling(bandSettings);
  return {
    windowSigma,
    prepare: opened.prepare,
    estimate: estimateFor(run, opened.estimate, bandSettings),
    async scale(maps, current) {
      const { scaled, bands, local } = await scale(opened, bandSettings, maps, current);
      if (!bands.some(({ used }) => used))
        current.warn('No frequency band holds signal: the result is empty.');
      return { scaled, bands, fadeResolution, local };
    },
  };
}

/** The estimate of one process as one for its team. */
function estimateFor(
  { engine, context: { team } }: Run,
  estimate: BandScalingEstimate,
  { shape, target }: BandScalingSettings,
): BandScalingEstimate {
  if (team === undefined || team.size === 1) return estimate;
  // With a GPU they are in the memory of the host, which its limit does not count.
  const received = engine.name === 'cpu' ? BANDS_IN_FLIGHT * 4 * voxelCount(shape) : 0;
  return {
    bands: estimate.bands,
    workingBytes: estimate.workingBytes + received,
    seconds: secondsInRounds(estimate, target, team.size),
  };
}

/** Warns where voxels are so coarse that few bands are left. */
function describeBands({ grid, target, windowAngstrom, measureLocal }: SoftScalingSettings, run: Run): void {
  const sigma = windowAngstrom === undefined ? undefined : SIGMA_PER_EDGE * windowAngstrom;
  const { count, spacing } = planBands(grid, sigma);
  if (!('profile' in target) || count > FEW_BANDS) return;
  const voxel = Math.max(...grid.voxelSize).toFixed(2);
  const withoutB = measureLocal === true ? ', and no B-factor map is written' : '';
  run.warn(
    `Voxels of ${voxel} A leave ${count} frequency bands up to ` +
      `${(spacing * (count - 1)).toFixed(3)} 1/A: only noise weighting is applied${withoutB}.`,
  );
}

/** Starts the opened job, releases maps that were read for the last time, and scales all bands. */
async function scale(
  opened: OpenedBandScaling,
  settings: BandScalingSettings,
  { maps, mask, reference, differenceMask, spent = [] }: SoftScalingMaps,
  run: Run,
) {
  const { engine, context } = run;
  const [first, second] = maps;
  const averaged = second && !settings.halfMaps ? await engine.average(first, second) : undefined;
  const needed: BandScalingMaps = {
    half1: averaged ?? first,
    half2: settings.halfMaps ? second : undefined,
    reference: usesReference(settings.target) ? reference : undefined,
    differenceMask: settings.target.kind === 'hybrid' ? differenceMask : undefined,
    mask,
  };
  const used = Object.values(needed);
  run.release(...spent.filter((volume) => !used.includes(volume)));
  const hooks = {
    signal: context.signal,
    onProgress: (done: number, total: number) => context.onProgress?.('scaling', done, total),
  };
  const { team } = context;
  let shared: SharedBands | undefined;
  let bands: BandScalingRun | undefined;
  try {
    // First the others, so that all transform their maps at the same time.
    shared = await team?.openBands(settings, needed, engine);
    bands = await opened.start(needed);
    run.release(...spent, team === undefined ? averaged : undefined);
    if (team && shared) await scaleBandsInRounds(bands, opened.estimate.bands, team.size, shared, hooks);
    else await bands.run(hooks);
    return await bands.finish();
  } finally {
    await bands?.close();
    run.release(averaged);
    await shared?.close();
  }
}
