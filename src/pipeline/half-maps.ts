/** The FSC of two half maps and the verdict on them, for every command with half maps. */

import type { Engine, Volume } from '../engine/engine.ts';
import { LocScaleError } from '../errors.ts';
import { fourierShellCorrelation } from '../math/fourier/fsc.ts';
import type { HalfMapVerdict } from '../math/inputs/half-map-verdict.ts';
import { halfFall, isSuspicious, judgeHalfMaps } from '../math/inputs/half-map-verdict.ts';
import {
  describeResolution,
  type HalfMapNames,
  halfMapWarnings,
  refusalOf,
} from '../math/inputs/half-map-words.ts';
import { correlateNoise } from '../math/inputs/noise-correlation.ts';
import type { Run } from './run.ts';

/** FSC of half maps over the whole box, unmasked, with what it says about them. */
export interface FscCurve {
  /** 1/A, LocScale's axis: linspace(0, 1/(2 voxelSize), n/2). */
  readonly frequency: readonly number[];
  readonly correlation: readonly number[];
  /**
   * A: first fall below 0.143, or Nyquist (twice the voxel size) if the curve stays above; undefined without
   * common signal. `verdict.end` distinguishes them.
   */
  readonly resolution: number | undefined;
  /** First fall below 0.5, A. */
  readonly resolutionHalf: number | undefined;
  /** The verdict from curve and power. */
  readonly verdict: HalfMapVerdict;
}

/** The axis of the curve is LocScale's (method 1). */
export async function measureFsc(
  engine: Engine,
  half1: Volume,
  half2: Volume,
  voxelSize: number,
): Promise<FscCurve> {
  const spectra = await engine.shellSpectra(half1, half2);
  const curve = fourierShellCorrelation(spectra, voxelSize);
  const noise = isSuspicious(curve, spectra)
    ? await inspectBoth(engine, half1, half2, (a, b) => correlateNoise(a, b, half1.shape))
    : undefined;
  const verdict = judgeHalfMaps(curve, spectra, voxelSize, noise);
  return {
    ...curve,
    resolution: verdict.resolution,
    resolutionHalf: halfFall(curve, spectra, verdict),
    verdict,
  };
}

/** Calls `body` with the voxels of two volumes. */
export async function inspectBoth<T>(
  engine: Engine,
  first: Volume,
  second: Volume,
  body: (first: Float32Array, second: Float32Array) => T,
): Promise<Awaited<T>> {
  return await await engine.inspect(first, (a) => engine.inspect(second, (b) => body(a, b)));
}

/** Prints the findings; throws for unusable half maps. */
export function reportVerdict({ verdict }: FscCurve, names: HalfMapNames, voxelSize: number, run: Run): void {
  const refusal = refusalOf(verdict, names);
  if (refusal !== undefined) {
    const { message, ...details } = refusal;
    throw new LocScaleError('bad-input', message, { where: names[1], ...details });
  }
  run.info(describeResolution(verdict, voxelSize));
  for (const warning of halfMapWarnings(verdict, names)) run.warn(warning);
}
