/** The scaling schemes: one row each. */
import { locScaleScheme } from './locscale.ts';

export const scalingSchemes = { locscale: locScaleScheme } as const;
