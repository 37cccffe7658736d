/**
 * Global post-processing of half maps, as in RELION and the counterpart of local scaling: masked FSC, one B
 * factor from the Guinier plot, weights from the FSC, low-pass at the resolution, mask.
 */
import type { Volume } from '../engine/engine.ts';
import { LocScaleError, named } from '../errors.ts';
import type { MrcHeader } from '../formats/mrc-header.ts';
import { FSC_THRESHOLD } from '../math/fourier/fsc.ts';
import { endOfSignal } from '../math/fourier/masked-fsc.ts';
import type { Grid } from '../math/grid.ts';
import type { GuinierFit } from '../math/scaling/guinier.ts';
import type { LocScaleContext } from './context.ts';
import { resolveMap } from './fsc.ts';
import type { FscCurve } from './half-maps.ts';
import type { LocScaleJob } from './job.ts';
import { multiplyVolumes, type ShellAmplitudes, sharpenGlobally } from './map-measures.ts';
import type { MaskOrigin } from './mask.ts';
import { prepareWeights } from './mask-weights.ts';
import { independentHalves, resolutionUnknown } from './masked-resolution.ts';
import { completeParameters, defaultSeed, GUINIER_START, type LocScaleParameters } from './parameters.ts';
import { readMaps } from './read-maps.ts';
import { usableResolutions } from './resolutions.ts';
import { type Run, withRun } from './run.ts';
import { type FscInMask, fscInMask } from './run-fsc.ts';

/** How a map is sharpened by one B factor; all are optional. */
export interface PostprocessSettings {
  /** Added to the map, A^2: negative ones sharpen. Default: from the Guinier plot. */
  readonly bFactor?: number;
  /** Range of the Guinier plot, A. Default: 10 A to the resolution. */
  readonly fitFrom?: number;
  readonly fitTo?: number;
  /** A; default the resolution within the mask. */
  readonly lowPass?: number;
  /** Leave the map unweighted by sqrt(2 FSC / (1 + FSC)). */
  readonly skipFscWeighting?: boolean;
  /** Of the random phases. */
  readonly seed?: number;
}

/** A map or half maps, their mask, and how to sharpen. */
export type PostprocessJob = Pick<LocScaleJob, 'input' | 'mask'> & {
  /** Resolution of a single map, and settings of the FDR mask. */
  readonly parameters?: Partial<LocScaleParameters>;
  readonly settings?: PostprocessSettings;
};

/** Numbers of post-processing, for record and report. */
export interface PostprocessNumbers {
  /** Resolution of the low-pass, A. */
  readonly lowPass: number;
  /** Resolution within the mask, else the user's, A. */
  readonly resolution: number;
  /** Added B factor, A^2: the user's, that of the Guinier plot, or 0 if no line could be fitted. */
  readonly bFactor: number;
  readonly bFactorSource: 'user' | 'Guinier plot' | 'none';
  /** Undefined if the B factor was given or no line could be fitted. */
  readonly guinier?: GuinierFit & { readonly from: number; readonly to: number };
  /** Amplitudes of the map before sharpening, per shell. */
  readonly amplitudes: ShellAmplitudes;
  readonly fscWeighted: boolean;
  readonly maskVoxels: number;
  readonly maskOrigin: MaskOrigin;
}

/** What `runPostprocess` returns. */
export interface PostprocessResult {
  readonly sharpened: Volume;
  /** The sharpened map times the mask. */
  readonly masked: Volume;
  /** 0 to 1. */
  readonly mask: Volume;
  /** The map before sharpening, with `keepMap`. */
  readonly map?: Volume;
  readonly fsc?: FscCurve;
  readonly fscInMask?: FscInMask;
  readonly numbers: PostprocessNumbers;
  readonly grid: Grid;
  readonly header: MrcHeader;
  readonly timings: Readonly<Record<string, number>>;
  readonly warnings: readonly string[];
}

/** The volumes of the result stay on the engine: release them. */
export function runPostprocess(
  { input, mask: given, parameters, settings = {} }: PostprocessJob,
  context: LocScaleContext,
): Promise<PostprocessResult> {
  return withRun(context, async (run) => {
    const maps = await readMaps({ input, mask: given }, run);
    const complete = usableResolutions(completeParameters(parameters ?? {}, true), maps.grid, run);
    const resolved = await resolveMap(maps, complete, run, true);
    const { map, fsc } = resolved;
    const halves = independentHalves(resolved);
    if (halves === undefined && complete.resolution === undefined) throw resolutionUnknown('Post-processing');
    const weights = await prepareWeights(given, map, maps, complete, run);
    const measured =
      halves && (await fscInMask(halves, weights, maps.voxelSize, settings.seed ?? defaultSeed, run));
    run.release(...(halves ?? []));
    const resolution = complete.resolution ?? endOf(measured as FscInMask, maps.voxelSize);
    const { sharpened, numbers } = await sharpen(map, maps.voxelSize, resolution, measured, settings, run);
    const masked = await multiplyVolumes(run.engine, sharpened, weights.weights);
    const kept = context.keepMap ? map : undefined;
    run.keep(sharpened, masked, weights.weights, kept);
    return {
      ...{ sharpened, masked, mask: weights.weights, map: kept, fsc, fscInMask: measured },
      numbers: { ...numbers, maskVoxels: weights.voxels, maskOrigin: weights.origin },
      ...{ grid: maps.grid, header: maps.header, timings: run.timings, warnings: run.warnings },
    };
  });
}

/** Resolution of half maps within the mask, A. Throws 'bad-input' if they have no signal in common. */
function endOf(measured: FscInMask, voxelSize: number): number {
  const end = endOfSignal(measured, voxelSize);
  if (end !== undefined) return end;
  throw new LocScaleError('bad-input', 'The half maps have no signal in common within the mask.', {
    expected: `an FSC of at least ${FSC_THRESHOLD} at low resolution`,
    hint: `Check the half maps and the mask, or give the resolution with ${named('resolution')}.`,
  });
}

/** The step. */
function sharpen(
  map: Volume,
  voxelSize: number,
  resolution: number,
  measured: FscInMask | undefined,
  settings: PostprocessSettings,
  run: Run,
): Promise<{ sharpened: Volume; numbers: Omit<PostprocessNumbers, 'maskVoxels' | 'maskOrigin'> }> {
  return run.step('scaling', 'Sharpening by one B factor', async () => {
    const correlation = settings.skipFscWeighting === true ? undefined : measured?.corrected;
    const lowPass = Math.max(settings.lowPass ?? resolution, 2 * voxelSize);
    const from = settings.fitFrom ?? GUINIER_START;
    const to = Math.max(settings.fitTo ?? resolution, 2 * voxelSize);
    const { sharpened, bFactor, fit, amplitudes } = await sharpenGlobally(run.engine, map, voxelSize, {
      resolution: lowPass,
      correlation,
      bFactor: settings.bFactor,
      fitRange: [from, to],
    });
    if (fit === undefined && settings.bFactor === undefined)
      run.warn(
        `No B factor could be fitted between ${from.toFixed(1)} A and ${to.toFixed(2)} A: the map is ` +
          `weighted and low-passed only. Give a B factor with ${named('bFactor')}.`,
      );
    const guinier = fit && { ...fit, from, to };
    const bFactorSource = settings.bFactor === undefined ? (fit ? 'Guinier plot' : 'none') : 'user';
    return {
      sharpened,
      numbers: {
        ...{ lowPass, resolution, bFactor, bFactorSource, guinier, amplitudes },
        fscWeighted: correlation !== undefined,
      },
    };
  });
}
