/** What rows of several output tables share. */
import { resolve } from 'node:path';
import type { RunFacts } from './outputs.ts';

export const whenMaskIsMade = {
  test: ({ values }: RunFacts) => values.mask === undefined,
  says: 'no mask is given',
};
export const whenHalfMaps = {
  test: ({ input }: RunFacts) => input.kind === 'half-maps',
  says: 'half maps are given',
};

/** ChimeraX reads relative paths from its own working directory. */
export function absolute(path: string | undefined): string {
  return resolve(path as string);
}
