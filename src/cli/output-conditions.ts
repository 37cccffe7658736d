/** What rows of several output tables share. */
import { resolve } from 'node:path';
import { maskShapeOf } from './job-options.ts';
import type { RunRequest } from './outputs.ts';

export const whenMaskIsMade = {
  test: ({ values }: RunRequest) => values.mask === undefined,
  description: 'no mask is given',
};
/** With -op it is in that folder, as all masks. */
export const whenMaskIsShaped = {
  test: ({ values }: RunRequest) =>
    maskShapeOf(values) !== undefined && values.outputProcessingFiles === undefined,
  description: 'an option shapes the mask, without `-op`',
};
export const whenHalfMaps = {
  test: ({ input }: RunRequest) => input.kind === 'half-maps',
  description: 'half maps are given',
};

/** ChimeraX reads relative paths from its own working directory. */
export function absolute(path: string | undefined): string {
  return resolve(path as string);
}
