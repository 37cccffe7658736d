/** Assigns roles to dropped files, by content and by name. */
import type { FileFacts } from '../screens/protocol.ts';
import type { Reference, Settings } from '../screens/settings.ts';

export const roles = ['half1', 'half2', 'map', 'mask', 'reference', 'model', 'unused'] as const;
export type Role = (typeof roles)[number];

export const roleNames: Readonly<Record<Role, string>> = {
  half1: 'half map 1',
  half2: 'half map 2',
  map: 'map',
  mask: 'mask',
  reference: 'reference map',
  model: 'atomic model',
  unused: 'not used',
};

export interface InputFile {
  readonly id: number;
  readonly file: File;
  readonly facts?: FileFacts;
  /** Reason why it cannot be used. */
  readonly problem?: string;
  readonly role: Role;
  /** Chosen by the user: not changed by files dropped later. */
  readonly chosen?: boolean;
}

const HALF = /half|(^|[_-])h[12]([_.-]|$)/i;
const MASK = /mask|msk/i;
const REFERENCE = /(^|[_-])(ref|reference|model[_-]?map|mdl)/i;
const SECOND_HALF = /half[_-]?(map)?[_-]?2|(^|[_-])h2([_.-]|$)|_2_half/i;

/** Roles of all files; the user's own choices are unchanged. */
export function assignRoles(files: readonly InputFile[]): InputFile[] {
  const taken = new Map<Role, number>();
  for (const { chosen, role, id } of files) if (chosen === true && role !== 'unused') taken.set(role, id);
  const found = new Map<number, Role>();
  const open = files.filter(
    ({ chosen, facts, problem }) => chosen !== true && facts && problem === undefined,
  );
  const give = (test: (file: InputFile) => boolean, ...wanted: Role[]): void => {
    for (const file of open) {
      if (found.has(file.id) || !test(file)) continue;
      const role = wanted.find((one) => !taken.has(one));
      if (role === undefined) continue;
      taken.set(role, file.id);
      found.set(file.id, role);
    }
  };
  const isMap = ({ facts }: InputFile): boolean => facts?.kind === 'map';
  give(({ facts }) => facts?.kind === 'model', 'model');
  give((file) => isMap(file) && SECOND_HALF.test(file.file.name), 'half2', 'half1');
  give((file) => isMap(file) && HALF.test(file.file.name), 'half1', 'half2');
  give((file) => isMap(file) && MASK.test(file.file.name), 'mask');
  give((file) => isMap(file) && looksLikeMask(file), 'mask');
  give((file) => isMap(file) && REFERENCE.test(file.file.name), 'reference');
  const rest = open.filter((file) => isMap(file) && !found.has(file.id));
  // Two maps on one grid with uninformative names are half maps; if one is already assigned, the other map is
  // its counterpart.
  if (rest.length === 2 && sameGrid(rest[0], rest[1]) && !taken.has('half1') && !taken.has('map'))
    give(isMap, 'half1', 'half2');
  else if (taken.has('half1') !== taken.has('half2')) give(isMap, 'half1', 'half2');
  else if (!taken.has('half1')) give(isMap, 'map');
  return files.map((file) =>
    file.chosen === true ? file : { ...file, role: found.get(file.id) ?? ('unused' as const) },
  );
}

function looksLikeMask({ facts }: InputFile): boolean {
  if (facts?.kind !== 'map' || facts.range === undefined) return false;
  return facts.range[0] === 0 && facts.range[1] === 1;
}

function sameGrid(a: InputFile, b: InputFile): boolean {
  return (
    a.facts?.kind === 'map' && b.facts?.kind === 'map' && String(a.facts.shape) === String(b.facts.shape)
  );
}

export function fileOf(files: readonly InputFile[], role: Role): File | undefined {
  return files.find((file) => file.role === role && file.problem === undefined)?.file;
}

/** What is missing before a run can start, one sentence; undefined if nothing is. */
export function missing(files: readonly InputFile[], settings: Settings): string | undefined {
  const has = (role: Role): boolean => fileOf(files, role) !== undefined;
  const bad = files.find(({ problem, role }) => problem !== undefined && role !== 'unused');
  if (bad !== undefined) return `${bad.file.name} cannot be used: remove it or replace it.`;
  if (has('map') && (has('half1') || has('half2')))
    return 'Use two half maps or one map, not both: set the other to “not used”.';
  if (has('half1') !== has('half2')) return 'The second half map is missing.';
  if (!has('map') && !has('half1')) return 'Two half maps, or one map, are needed.';
  const reference = referenceOf(files, settings);
  if (reference === 'map' && !has('reference')) return 'A reference map is chosen, but no file is one.';
  if ((reference === 'model' || reference === 'completed-model') && !has('model'))
    return 'An atomic model is chosen as reference, but no file is one.';
  if (has('map') && settings.resolution === undefined && schemeOf(reference, settings) === 'soft')
    return 'A single map is scaled up to its resolution: give it under “Settings”.';
  if (has('map') && settings.localResolution === true) return 'The local resolution needs half maps.';
  return undefined;
}

/** The user's choice, else the one suggested by the files. */
export function referenceOf(files: readonly InputFile[], { reference }: Settings): Reference {
  if (reference !== undefined) return reference;
  if (fileOf(files, 'reference') !== undefined) return 'map';
  return fileOf(files, 'model') === undefined ? 'profile' : 'model';
}

export function schemeOf(reference: Reference, { scheme }: Settings): 'windows' | 'soft' {
  return reference === 'profile' ? 'soft' : reference === 'none' ? 'windows' : (scheme ?? 'windows');
}
