/**
 * Local scaling window by window, in float64: the oracle. For each voxel v the window [v - h, v + h) is
 * cut out of map and reference (voxels outside the box take the pad value), transformed, its radial
 * profile taken, scaled and transformed back; the centre voxel is kept (method 4). With a taper the profiles
 * are those of the window times Hann weights, and a window of twice the edge times its Hann weights is
 * scaled.
 */
import {
  cutWindow,
  makeWindowTransform,
  scaledCentre,
  type WindowTransform,
  windowProfile,
} from '../../src/bench/window-oracle.ts';
import type { Shape } from '../../src/math/grid.ts';
import type { ScalingRule } from '../../src/math/scaling/scaling-rules.ts';
import type { RadialProfileKind, WindowTaper } from '../../src/math/scaling/windows.ts';
import { directScaleFactors } from './direct-scaling-rule.ts';

export interface DirectScalingInput {
  readonly shape: Shape;
  readonly map: ArrayLike<number>;
  /** Left out only for the rule 'no-reference'. */
  readonly reference?: ArrayLike<number>;
  readonly differenceMask?: ArrayLike<number>;
  readonly windowVoxels: number;
  readonly profileKind: RadialProfileKind;
  readonly windowTaper?: WindowTaper;
  readonly rule: ScalingRule;
  readonly padValues: { readonly map: number; readonly reference: number };
}

export interface DirectVoxel {
  /** Index in the map, (z * ny + y) * nx + x. */
  readonly index: number;
  readonly value: number;
  readonly mapProfile: number[];
  /** Empty without a reference. */
  readonly referenceProfile: number[];
  readonly scaleFactors: number[];
  readonly bFactor: number;
  readonly quality: number;
}

/** Scales the voxels of the given indices. */
export function directLocalScaling(input: DirectScalingInput, voxels: ArrayLike<number>): DirectVoxel[] {
  const transform = makeWindowTransform(input.windowVoxels);
  const wide = input.windowTaper && makeWindowTransform(2 * input.windowVoxels);
  return Array.from(voxels, (index) => scaleVoxel(input, index, transform, wide));
}

function scaleVoxel(
  input: DirectScalingInput,
  index: number,
  transformWindow: WindowTransform,
  transformWide: WindowTransform | undefined,
): DirectVoxel {
  const w = input.windowVoxels;
  // The mean square of the weights is 3/8 along each axis.
  const transform: WindowTransform = (window) =>
    transformWindow(transformWide ? hannWeighted(window, w, (8 / 3) ** 1.5) : window);
  const spectrum = transform(cutWindow(input.map, input.shape, index, w, input.padValues.map));
  const mapProfile = windowProfile(spectrum, w, input.profileKind);
  let referenceProfile: number[] = [];
  if (input.reference !== undefined) {
    const window = cutWindow(input.reference, input.shape, index, w, input.padValues.reference);
    referenceProfile = windowProfile(transform(window), w, input.profileKind);
  }
  const inDifferenceMask = input.differenceMask !== undefined && input.differenceMask[index] > 0.5;
  const factors = directScaleFactors(input.rule, mapProfile, referenceProfile, inDifferenceMask);
  const { map, shape, padValues } = input;
  const value = transformWide
    ? scaledCentre(
        transformWide(hannWeighted(cutWindow(map, shape, index, 2 * w, padValues.map), 2 * w, 1)),
        2 * w,
        factors.scaleFactors,
      )
    : scaledCentre(spectrum, w, factors.scaleFactors);
  return {
    index,
    value,
    mapProfile,
    referenceProfile,
    ...factors,
  };
}

/** A window times `scale` and cos^2(pi d / w) along each axis, d from its centre. */
function hannWeighted(window: Float64Array, w: number, scale: number): Float64Array {
  const weight = (i: number): number => Math.cos((Math.PI * (i - w / 2)) / w) ** 2;
  return window.map(
    (value, i) =>
      value * scale * weight(Math.floor(i / (w * w))) * weight(Math.floor(i / w) % w) * weight(i % w),
  );
}
