/** Parses -sym, --sym_center and the helix options before any map is read. */
import { readInput } from '../files/read-files.ts';
import { parseSymmetry } from '../math/symmetry/point-group.ts';
import type { OptionValues } from '../options/index.ts';
import type { SymmetryRequest } from '../pipeline/symmetrise.ts';
import { usage } from './usage.ts';

/** For options of helices that are incomplete. */
const HELIX_HINT = 'Give --twist DEGREES and --rise ANGSTROM.';

/**
 * The symmetry of the options; undefined if none is requested. Twist in degrees, rise in A, centre in voxels
 * (z, y, x). Throws 'usage' for incomplete combinations and unknown groups.
 */
export async function symmetryRequestOf(values: OptionValues): Promise<SymmetryRequest | undefined> {
  const { symmetry: text, symmetryCentre: centre, helicalTwist, helicalRise, helicalSteps } = values;
  if ((helicalTwist === undefined) !== (helicalRise === undefined)) {
    const missing = helicalTwist === undefined ? '--twist' : '--rise';
    throw usage(`A helix needs ${missing}, too.`, missing, HELIX_HINT);
  }
  const helix =
    helicalTwist === undefined || helicalRise === undefined
      ? undefined
      : { twistDegrees: helicalTwist, riseAngstrom: helicalRise, steps: helicalSteps };
  if (helicalSteps !== undefined && helix === undefined)
    throw usage('-n_steps counts steps of a helix, and none is given.', '-n_steps', HELIX_HINT);
  if (text === undefined && helix === undefined) {
    if (values.symmetriseOutput === true)
      throw usage(
        'The output is to be symmetrised, but no symmetry is given.',
        ...without('--symmetrise_output'),
      );
    if (centre === undefined) return undefined;
    throw usage('A centre of symmetry is given, but no symmetry.', ...without('--sym_center'));
  }
  return { group: await groupOf(text ?? 'C1'), centre, helix };
}

/** Position and hint for an option that needs a symmetry. */
function without(name: string): [where: string, hint: string] {
  return [name, `Add -sym GROUP, or leave ${name} out.`];
}

/** A group name, or a file if it contains a dot or a slash. */
async function groupOf(text: string): Promise<SymmetryRequest['group']> {
  if (!/[./\\]/.test(text)) return { name: parseSymmetry(text).name };
  return { file: text, text: (await readInput(text)).toString() };
}
