/** The scaling schemes: one row each. */
import { locScaleScheme } from './locscale.ts';
import type { ScalingScheme } from './scheme.ts';
import { softScheme } from './soft.ts';

const schemes: Readonly<Record<'locscale' | 'soft', ScalingScheme>> = {
  locscale: locScaleScheme,
  soft: softScheme,
};

export function scalingSchemeOf(name: keyof typeof schemes = 'locscale'): ScalingScheme {
  return schemes[name];
}
