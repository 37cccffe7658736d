/**
 * The normalised inputs of the transforms: mean of the half maps, half their difference, reference. Maps are
 * divided by their largest deviation from the mean, rounded to a power of two so that no digits are lost and
 * squares do not overflow float32. A map's mean is subtracted before the transform and stored in the
 * coefficient of frequency 0 afterwards, so that a large mean costs no precision.
 */
import type { TargetKind } from './targets.ts';

/** (a - centres[0]) factors[0] + (b - centres[1]) factors[1] + constant. */
export interface MapSum<V> {
  readonly a: V;
  readonly b: V;
  readonly centres: readonly [number, number];
  readonly factors: readonly [number, number];
  readonly constant: number;
}

export interface BandInputs<V> {
  readonly mean: MapSum<V>;
  /** Undefined for a single map. */
  readonly difference: MapSum<V> | undefined;
  readonly reference: MapSum<V> | undefined;
  /** Unit of the mean's squared voxels, in squared units of the map. */
  readonly powerScale: number;
  /**
   * Brings results back to the unit of the target: that of the reference; of the map with a profile, alone or
   * with a reference (hybrid); of the geometric mean of both.
   */
  readonly outputScale: number;
}

/** A map and its VolumeStatistics. */
export interface MeasuredMap<V> {
  readonly map: V;
  readonly min: number;
  readonly max: number;
  readonly mean: number;
}

export function planInputs<V>(
  half1: MeasuredMap<V>,
  half2: MeasuredMap<V> | undefined,
  reference: MeasuredMap<V> | undefined,
  target: TargetKind,
): BandInputs<V> {
  const scale = unitScale(half2 ? [half1, half2] : [half1]);
  const referenceScale = reference ? unitScale([reference]) : scale;
  return {
    mean: half2 ? sumOf(half1, half2, scale / 2, scale / 2) : sumOf(half1, half1, scale, 0),
    difference: half2 && sumOf(half1, half2, scale / 2, -scale / 2),
    reference: reference && sumOf(reference, reference, referenceScale, 0),
    powerScale: scale ** 2,
    outputScale: outputScaleOf(target, scale, referenceScale),
  };
}

function outputScaleOf(target: TargetKind, scale: number, referenceScale: number): number {
  if (target === 'reference') return 1 / referenceScale;
  return 1 / (target === 'geometric-mean' ? Math.sqrt(scale * referenceScale) : scale);
}

function sumOf<V>(a: MeasuredMap<V>, b: MeasuredMap<V>, factorA: number, factorB: number): MapSum<V> {
  const centres = [Math.fround(a.mean), Math.fround(b.mean)] as const;
  const constant = centres[0] * factorA + centres[1] * factorB;
  return { a: a.map, b: b.map, centres, factors: [factorA, factorB], constant };
}

function unitScale(maps: readonly Omit<MeasuredMap<unknown>, 'map'>[]): number {
  const deviation = Math.max(
    ...maps.map(({ min, max, mean }) => Math.max(max - Math.fround(mean), Math.fround(mean) - min)),
  );
  const largest = deviation > 0 ? deviation : Math.max(...maps.map(({ mean }) => Math.abs(mean)));
  const exponent = largest > 0 ? -Math.floor(Math.log2(largest)) : 0;
  return 2 ** Math.min(125, Math.max(-125, exponent));
}
