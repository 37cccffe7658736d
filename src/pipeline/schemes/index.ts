/** The scaling schemes: one row each. */
import { LocScaleError, named } from '../../errors.ts';
import type { SchemeName } from '../parameters.ts';
import type { ReferenceTraits } from '../references/source.ts';
import { globalScheme } from './global.ts';
import { locScaleScheme } from './locscale.ts';
import type { ScalingScheme } from './scheme.ts';
import { softScheme } from './soft.ts';

/** A row per way to scale. */
const schemes: Readonly<Record<SchemeName, ScalingScheme>> = {
  locscale: locScaleScheme,
  soft: softScheme,
  global: globalScheme,
};

/** The requested scheme, else the reference's default; a profile alone has amplitudes for soft bands only. */
export function scalingSchemeOf(
  { softOnly }: Pick<ReferenceTraits, 'softOnly'>,
  name?: SchemeName,
  parameter: 'scaling' | 'also' = 'scaling',
): ScalingScheme {
  if (softOnly && name === 'locscale')
    throw new LocScaleError('usage', "LocScale's windows cannot be scaled to a profile alone.", {
      parameter,
      expected: 'soft',
      found: 'locscale',
      hint: `Leave ${named(parameter)} out, or choose another reference.`,
    });
  return schemes[name ?? (softOnly ? 'soft' : 'locscale')];
}
