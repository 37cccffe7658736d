/**
 * Resolution from the half maps (method 1), the full map, and the optional filters of the
 * input. LocScale takes the resolution of the unmasked half maps.
 */

import type { Engine, Volume } from '../engine/engine.ts';
import { LocScaleError, named } from '../errors.ts';
import { fscWeightFilter, tanhLowPass } from '../math/fourier/radial-transfer.ts';
import type { HalfMapNames } from '../math/inputs/half-map-words.ts';
import { filteredMapWarning, findLowPass } from '../math/inputs/input-checks.ts';
import { chooseFscCutoff, endAtLowPass, type FscCutoff } from '../math/scaling/molecular-numbers.ts';
import { cachedResult, engineIdentity, hashVolume } from './checkpoints.ts';
import type { FscCurve } from './half-maps.ts';
import { measureFsc, reportVerdict } from './half-maps.ts';
import type { LocScaleJob } from './job.ts';
import type { LocScaleParameters } from './parameters.ts';
import type { InputMaps } from './read-maps.ts';
import type { Run } from './run.ts';
import type { FscInMask } from './run-fsc.ts';

/** The map to be scaled with its resolution and where that comes from. */
export interface ResolvedMap {
  /** The map to be scaled: mean of the half maps, or the single map; filtered if requested. */
  readonly map: Volume;
  readonly fsc: FscCurve | undefined;
  /** Origin of the resolution. */
  readonly fscInMask?: FscInMask;
  readonly cutoff: FscCutoff;
  /** False if unrelated to the data: a limit of the grid, or half maps that share noise. */
  readonly resolutionKnown: boolean;
  /** Resolution of an earlier low-pass filter, if detected, A. */
  readonly lowPass: number | undefined;
  /** The half maps, if a later step measures the signal with them. */
  readonly halves: readonly [Volume, Volume] | undefined;
}

/** Rejects filters that the input does not support, before anything is computed. */
export function checkFilters(
  input: LocScaleJob['input']['kind'],
  { applyFscFilter, filterInput, resolution, resolutionFrom }: LocScaleParameters,
): void {
  if (resolutionFrom === 'masked' && (input === 'map' || resolution !== undefined || filterInput))
    throw refuseMaskedResolution(
      input === 'map' ? undefined : resolution === undefined ? 'filterInput' : 'resolution',
    );
  if (input === 'half-maps') return;
  if (applyFscFilter)
    throw new LocScaleError('usage', `Weighting by the FSC (${named('applyFscFilter')}) needs half maps.`, {
      parameter: 'applyFscFilter',
      hint: `Give the half maps with ${named('input', 'half-maps')}.`,
    });
  if (filterInput && resolution === undefined)
    throw new LocScaleError('usage', `Filtering the input (${named('filterInput')}) needs a resolution.`, {
      parameter: 'filterInput',
      hint: `Give it with ${named('resolution')}, or give half maps with ${named('input', 'half-maps')}.`,
    });
}

/** `other`: the parameter it conflicts with; undefined if half maps are missing. */
function refuseMaskedResolution(other: string | undefined): LocScaleError {
  const requested = named('resolutionFrom', 'masked');
  if (other === undefined)
    return new LocScaleError('usage', `The resolution within the mask (${requested}) needs half maps.`, {
      parameter: 'resolutionFrom',
      hint: `Give the half maps with ${named('input', 'half-maps')}.`,
    });
  const why = other === 'filterInput' ? ': the input is filtered before the mask is made' : '';
  return new LocScaleError('usage', `${named(other)} and ${requested} exclude each other${why}.`, {
    parameter: 'resolutionFrom',
    hint: 'Leave one of them out.',
  });
}

/** The step: the map to be scaled and its resolution. `keepHalves`: a later step needs the half maps. */
export function resolveMap(
  maps: InputMaps,
  parameters: LocScaleParameters,
  run: Run,
  keepHalves = false,
): Promise<ResolvedMap> {
  const single = maps.volumes.length === 1;
  checkFilters(single ? 'map' : 'half-maps', parameters);
  const message = single ? 'Preparing the map' : 'Measuring the FSC';
  const keep = keepHalves || parameters.resolutionFrom === 'masked';
  return run.step('fsc', message, () => prepareMap(maps, parameters, run, keep));
}

/**
 * FSC and mean of half maps, then the filters that are requested, in this order. `keepHalves`: a later step
 * measures the signal in them.
 */
async function prepareMap(
  maps: InputMaps,
  parameters: LocScaleParameters,
  run: Run,
  keepHalves: boolean,
): Promise<ResolvedMap> {
  const { engine } = run;
  const [first, second] = maps.volumes;
  let map = first;
  let fsc: FscCurve | undefined;
  if (second !== undefined) {
    fsc = await cachedResult(
      run,
      'fsc',
      async () => ({
        engine: engineIdentity(engine),
        halves: [await hashVolume(engine, first), await hashVolume(engine, second)],
        voxelSize: maps.voxelSize,
        judged: true,
      }),
      () => measureFsc(engine, first, second, maps.voxelSize),
    );
    reportVerdict(fsc, maps.names as HalfMapNames, maps.voxelSize, run);
    map = await engine.average(first, second);
    if (!keepHalves) run.release(first, second);
  }
  const lowPass = fsc === undefined ? await warnIfFiltered(map, maps.voxelSize, run) : fsc.verdict.lowPass;
  const chosen = chooseFscCutoff(parameters.resolution, fsc?.verdict, maps.voxelSize);
  const cutoff = endAtLowPass(chosen, lowPass);
  const dependent = fsc !== undefined && fsc.verdict.relation !== 'independent';
  const resolutionKnown = cutoff.source === 'user' || (chosen.source !== 'nyquist' && !dependent);

  if (parameters.applyFscFilter && fsc !== undefined)
    map = await filterInPlaceOf(map, fscWeightFilter(fsc.correlation, Math.min(...maps.grid.shape)), run);
  if (parameters.filterInput) {
    if (chosen.source === 'nyquist')
      throw new LocScaleError(
        'usage',
        `Filtering the input (${named('filterInput')}) needs a resolution, and the half maps have no ` +
          'signal in common.',
        { parameter: 'filterInput', hint: `Give it with ${named('resolution')}.` },
      );
    map = await filterInPlaceOf(map, tanhLowPass(cutoff.cutoff, maps.voxelSize), run);
    run.info(`Input low-passed at ${cutoff.cutoff.toFixed(2)} A.`);
  }
  const halves = keepHalves && second !== undefined ? ([first, second] as const) : undefined;
  return { map, fsc, cutoff, resolutionKnown, lowPass, halves };
}

/**
 * Resolution of a low-pass filter that the map has had, A, if one shows in its power; warned about, since
 * nothing beyond can be recovered.
 */
async function warnIfFiltered(map: Volume, voxelSize: number, run: Run): Promise<number | undefined> {
  const spectra = await run.engine.shellSpectra(map, map);
  const meanPower = spectra.powerA.map((power, shell) => power / Math.max(1, spectra.counts[shell]));
  const warning = filteredMapWarning(meanPower, voxelSize);
  if (warning !== undefined) run.warn(warning);
  return findLowPass(meanPower, voxelSize);
}

/** Filters and releases the unfiltered map. */
async function filterInPlaceOf(
  map: Volume,
  transfer: Parameters<Engine['radialFilter']>[1],
  run: Run,
): Promise<Volume> {
  const filtered = await run.engine.radialFilter(map, transfer);
  run.release(map);
  return filtered;
}
