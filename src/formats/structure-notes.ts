/** Notes on what the coordinate readers left out or guessed, and the error for a missing model number. */
import { LocScaleError } from '../errors.ts';
import { type StructureAtom, UNKNOWN_ELEMENT } from './structure.ts';

export interface ReaderNotes {
  readonly atoms: readonly StructureAtom[];
  /** Numbers of all models in the file. */
  readonly models: ReadonlySet<number>;
  readonly wanted: number | 'all' | undefined;
  /** Atoms whose element was derived from their name. */
  readonly guessedElements: number;
  readonly file: string;
}

export function structureNotes({ atoms, models, wanted, guessedElements, file }: ReaderNotes): string[] {
  if (typeof wanted === 'number' && models.size > 0 && !models.has(wanted)) {
    throw new LocScaleError('bad-input', `${file} has no model ${wanted}.`, {
      where: file,
      found: `${models.size === 1 ? 'model' : 'models'} ${[...models].slice(0, 10).join(', ')}`,
    });
  }
  const notes: string[] = [];
  if (models.size > 1 && wanted !== 'all') {
    notes.push(`${file} holds ${models.size} models; only model ${wanted} is used.`);
  }
  if (guessedElements > 0) {
    notes.push(`The elements of ${count(guessedElements)} were derived from their names.`);
  }
  const unknown = atoms.filter(({ element }) => element === UNKNOWN_ELEMENT).length;
  if (unknown > 0) notes.push(`The elements of ${count(unknown)} are unknown.`);
  const alternates = atoms.filter(({ altloc }) => altloc !== '').length;
  if (alternates > 0) notes.push(`${count(alternates)} in alternate positions, each with its own occupancy.`);
  const empty = atoms.filter(({ occupancy }) => occupancy === 0).length;
  if (empty > 0) notes.push(`${count(empty)} with occupancy 0, without effect.`);
  return notes;
}

function count(atoms: number): string {
  return atoms === 1 ? '1 atom' : `${atoms} atoms`;
}
