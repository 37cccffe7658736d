/** `locscale-gpu symmetry MAP`: the point group of a map, its axis and its centre. */

import { sizeOfInput } from '../files/read-files.ts';
import { runFindSymmetry } from '../pipeline/index.ts';
import type { LocatedSymmetry } from '../pipeline/symmetrise.ts';
import { chooseInput, refusePositionals } from './job-options.ts';
import { inputPathsOf, openInputs } from './open-inputs.ts';
import { contextFor, type Session, withEngine } from './session.ts';

/** Prints only; nothing is written. */
export async function runSymmetryCommand(session: Session): Promise<void> {
  const { values, positionals } = session.parsed;
  const input = chooseInput(values, positionals[0]);
  refusePositionals(positionals, 1);
  for (const path of inputPathsOf(input, values.mask)) await sizeOfInput(path);
  await withEngine(session, async (engine) => {
    const { mask, input: maps } = await openInputs(session, engine, input);
    const job = { input: maps, mask, centre: values.symmetryCentre };
    const found = await runFindSymmetry(job, contextFor(session, engine));
    for (const line of symmetryLines(found)) session.logger.line(line);
  });
}

/**
 * Correlations per fold, the group, its axis and centre, and the options that apply it. Axes are (x, y, z),
 * centres voxels (z, y, x).
 */
function symmetryLines(found: LocatedSymmetry): string[] {
  const { name, axis, twofold, correlation, standard, folds, centre, centred } = found;
  const vector = (v: readonly number[]): string => `(${v.map((c) => (c + 0).toFixed(3)).join(', ')})`;
  const lines = [
    `Fold about ${vector(axis)} (x, y, z)   correlation`,
    ...folds.map((entry) => `${String(entry.fold).padStart(4)}   ${entry.correlation.toFixed(3)}`),
  ];
  // Centres are at voxels or half-way between; a tenth of a voxel exceeds the precision of the measurement.
  const voxel = centre.map((c) => String(Number(c.toFixed(1)))).join(',');
  if (name === 'C1') return [...lines, 'Symmetry: C1 (the map correlates with no rotated copy of itself)'];
  lines.push(`Symmetry: ${name}, axis ${vector(axis)}, correlation ${correlation.toFixed(3)}`);
  if (twofold !== undefined && !standard) lines.push(`2-fold across it along ${vector(twofold)}`);
  lines.push(
    centred
      ? `Centre: voxel ${voxel} (z,y,x), the middle of the box`
      : `Centre: voxel ${voxel} (z,y,x), not the middle of the box: give it with --sym_center ${voxel}`,
  );
  lines.push(
    standard
      ? `The map is oriented as -sym ${name} expects.`
      : `The map is not oriented as -sym ${name} expects: rotate it, or give the operators in a file.`,
  );
  return lines;
}
