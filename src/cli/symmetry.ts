/** `locscale-gpu symmetry MAP`: the point group of a map and where its axis lies. */

import type { DetectedSymmetry } from '../math/self-rotation.ts';
import { findSymmetry } from '../pipeline/6-symmetrise.ts';
import { openMap, sizeOfInput } from './open-map.ts';
import { readingEvents, type Session, withEngine } from './session.ts';
import { mapOf } from './symmetrise.ts';

export async function runSymmetryCommand(session: Session): Promise<void> {
  const { values, positionals } = session.parsed;
  const path = mapOf(values, positionals);
  await sizeOfInput(path);
  await withEngine(session, async (engine) => {
    const { image } = await openMap(path, {
      role: 'map',
      allocate: (voxels) => engine.allocateHost(voxels),
      ...readingEvents(session),
    });
    const volume = await engine.upload(image.data, image.grid.shape);
    const found = await findSymmetry(engine, volume, image.grid);
    engine.release(volume);
    for (const line of symmetryLines(found)) session.logger.line(line);
  });
}

export function symmetryLines(found: DetectedSymmetry): string[] {
  const { name, axis, twofold, correlation, standard, folds } = found;
  const vector = (v: readonly number[]): string => `(${v.map((c) => (c + 0).toFixed(3)).join(', ')})`;
  const lines = [
    `Fold about ${vector(axis)} (x, y, z)   correlation`,
    ...folds.map((entry) => `${String(entry.fold).padStart(4)}   ${entry.correlation.toFixed(3)}`),
  ];
  if (name === 'C1') return [...lines, 'Symmetry: C1 (no turned copy of the map is like it)'];
  lines.push(`Symmetry: ${name}, axis ${vector(axis)}, correlation ${correlation.toFixed(3)}`);
  if (twofold !== undefined && !standard) lines.push(`2-fold across it along ${vector(twofold)}`);
  lines.push(
    standard
      ? `The map is oriented as -sym ${name} expects.`
      : `The map is not oriented as -sym ${name} expects: turn it, or give the operators in a file.`,
  );
  return lines;
}
