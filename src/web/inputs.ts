/** Assigns roles to dropped files, by content and by name. */
import type { FileContents, PageFile } from '../screens/protocol.ts';
import type { Reference, Settings } from '../screens/settings.ts';

/** In the order in which cards offer them. */
export const roles = [
  'half1',
  'half2',
  'map',
  'mask',
  'reference',
  'model',
  'network',
  'manifest',
  'unused',
] as const;
/** What a file is used for. */
export type Role = (typeof roles)[number];

/** As written on the cards. */
export const roleNames: Readonly<Record<Role, string>> = {
  half1: 'half map 1',
  half2: 'half map 2',
  map: 'map',
  mask: 'mask',
  reference: 'reference map',
  model: 'atomic model',
  network: 'network',
  manifest: 'manifest of the network',
  unused: 'not used',
};

/** A file on the page, from the moment it is added: most of it is known only once it was read. */
export interface InputFile {
  /** Of the card: two files may have one name. */
  readonly id: number;
  /** What the job is given. */
  readonly file: PageFile;
  /** From its header; undefined until it was read. */
  readonly contents?: FileContents;
  /** Reason why it cannot be used. */
  readonly problem?: string;
  /** At most one file has each role, but for "unused". */
  readonly role: Role;
  /** Chosen by the user: not changed by files dropped later. */
  readonly chosen?: boolean;
}

/** Names of half maps: "half", or h1 and h2 between separators. */
const HALF = /half|(^|[_-])h[12]([_.-]|$)/i;
/** Anywhere in the name. */
const MASK = /mask|msk/i;
/** At the beginning of a word only: any name may contain "ref". */
const REFERENCE = /(^|[_-])(ref|reference|model[_-]?map|mdl)/i;
/** The second of two: half2, half_map_2, h2, and _2_half. */
const SECOND_HALF = /half[_-]?(map)?[_-]?2|(^|[_-])h2([_.-]|$)|_2_half/i;

/** What a file of a kind can be, besides a map's roles. */
export function rolesOf(contents: FileContents | undefined): readonly Role[] {
  if (contents !== undefined && contents.kind !== 'map') return [contents.kind, 'unused'];
  return roles.filter((role) => !['model', 'network', 'manifest'].includes(role));
}

/** Roles of all files; the user's own choices are unchanged. */
export function assignRoles(
  files: readonly InputFile[],
  { reference }: Pick<Settings, 'reference'> = {},
): InputFile[] {
  const taken = new Map<Role, number>();
  for (const { chosen, role, id } of files) if (chosen === true && role !== 'unused') taken.set(role, id);
  const found = new Map<number, Role>();
  const open = files.filter(
    ({ chosen, contents, problem }) => chosen !== true && contents && problem === undefined,
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
  const isMap = ({ contents }: InputFile): boolean => contents?.kind === 'map';
  for (const kind of ['model', 'network', 'manifest'] as const)
    give(({ contents }) => contents?.kind === kind, kind);
  give((file) => isMap(file) && SECOND_HALF.test(file.file.name), 'half2', 'half1');
  give((file) => isMap(file) && HALF.test(file.file.name), 'half1', 'half2');
  give((file) => isMap(file) && MASK.test(file.file.name), 'mask');
  give((file) => isMap(file) && looksLikeMask(file), 'mask');
  give((file) => isMap(file) && REFERENCE.test(file.file.name), 'reference');
  const unnamed = (): InputFile[] => open.filter((file) => isMap(file) && !found.has(file.id));
  const pair = taken.has('half1') || taken.has('half2') || taken.has('map') ? undefined : pairIn(unnamed());
  give((file) => file === pair?.[0], 'half1');
  give((file) => file === pair?.[1], 'half2');
  const rest = unnamed();
  // Two maps on one grid with uninformative names are half maps; if one is already assigned, the other map is
  // its counterpart.
  if (rest.length === 2 && sameGrid(rest[0], rest[1]) && !taken.has('half1') && !taken.has('map'))
    give(isMap, 'half1', 'half2');
  else if (taken.has('half1') !== taken.has('half2')) give(isMap, 'half1', 'half2');
  else if (!taken.has('half1')) give(isMap, 'map');
  // A full map often lies next to its half maps: it is a reference only where one is wanted.
  if (reference === 'map') give(isMap, 'reference');
  return files.map((file) =>
    file.chosen === true ? file : { ...file, role: found.get(file.id) ?? ('unused' as const) },
  );
}

/** By its values: no density map has exactly 0 and 1 as its extremes. */
function looksLikeMask({ contents }: InputFile): boolean {
  if (contents?.kind !== 'map' || contents.range === undefined) return false;
  return contents.range[0] === 0 && contents.range[1] === 1;
}

/** Two maps on one grid whose names differ in a 1 and a 2, or an A and a B, the first first. */
function pairIn(files: readonly InputFile[]): readonly InputFile[] | undefined {
  for (const one of files)
    for (const other of files) {
      const [a, b] = [one.file.name.toLowerCase(), other.file.name.toLowerCase()];
      const at = [...a].findIndex((letter, i) => letter !== b[i]);
      const differ = at >= 0 && a.length === b.length && a.slice(at + 1) === b.slice(at + 1);
      if (differ && ['12', 'ab'].includes(a[at] + b[at]) && sameGrid(one, other)) return [one, other];
    }
  return undefined;
}

/** By shape alone: enough to guess a pair; the plan compares all of it. */
function sameGrid(a: InputFile, b: InputFile): boolean {
  return (
    a.contents?.kind === 'map' &&
    b.contents?.kind === 'map' &&
    String(a.contents.shape) === String(b.contents.shape)
  );
}

/** Files with a problem have no role in a job. */
export function fileOf(files: readonly InputFile[], role: Role): PageFile | undefined {
  return files.find((file) => file.role === role && file.problem === undefined)?.file;
}

/** What is missing before a run can start. */
export interface Missing {
  /** One sentence. */
  readonly why: string;
  /** The field that would help. */
  readonly field?: 'resolution';
}

/** Undefined if nothing is missing. */
export function missing(files: readonly InputFile[], settings: Settings): Missing | undefined {
  const has = (role: Role): boolean => fileOf(files, role) !== undefined;
  const bad = files.find(({ problem, role }) => problem !== undefined && role !== 'unused');
  if (bad !== undefined) return { why: `${bad.file.name} cannot be used: remove it or replace it.` };
  if (has('map') && (has('half1') || has('half2')))
    return { why: 'Use two half maps or one map, not both: set the other to “not used”.' };
  if (has('half1') !== has('half2')) return { why: 'The second half map is missing.' };
  if (!has('map') && !has('half1')) return { why: 'Two half maps, or one map, are needed.' };
  const reference = referenceOf(files, settings);
  if (reference === 'map' && !has('reference'))
    return { why: 'A reference map is chosen, but no file is one.' };
  if ((reference === 'model' || reference === 'completed-model') && !has('model'))
    return { why: 'An atomic model is chosen as reference, but no file is one.' };
  const network = files.find(({ role }) => role === 'network')?.contents;
  // Files of weights describe themselves.
  const isWhole = network?.kind === 'network' && network.title !== undefined;
  if (!isWhole && has('network') !== has('manifest'))
    return {
      why: has('network')
        ? 'A network needs its manifest, the .json file next to the .onnx file: drop it, too.'
        : 'A manifest of a network is there, but not the network: drop its .onnx file, too.',
    };
  if (has('map') && settings.resolution === undefined && schemeOf(reference, settings) === 'soft')
    return {
      why:
        'A single map is scaled up to its resolution, which its file does not say: give it under ' +
        '“Settings”, or drop the two half maps.',
      field: 'resolution',
    };
  const contradiction = contradictionIn(settings, reference, has('map'));
  return contradiction === undefined ? undefined : { why: contradiction };
}

/** Settings that the files or other settings leave no room for. */
function contradictionIn(settings: Settings, reference: Reference, single: boolean): string | undefined {
  const { localResolution, resolution, resolutionFrom, unexplained } = settings;
  const { helicalTwist, helicalRise, referenceResolution } = settings;
  if ((helicalTwist === undefined) !== (helicalRise === undefined))
    return helicalTwist === undefined
      ? 'A helix needs “Helical twist”, too.'
      : 'A helix needs “Helical rise”, too.';
  if (referenceResolution !== undefined && !hasPlaces(reference))
    return '“Low-pass for the reference” needs a reference map or a model: choose one, or leave it out.';
  if (single && localResolution === true) return 'The local resolution needs half maps.';
  if (single && resolutionFrom !== undefined)
    return 'A resolution from the FSC inside the mask needs half maps.';
  if (resolution !== undefined && resolutionFrom !== undefined)
    return '“Resolution” and “Resolution from” exclude each other: leave one of them out.';
  if (unexplained === true && !hasPlaces(reference))
    return (
      'Only a reference map or a model can explain density: choose one, or switch ' +
      '“Unexplained density” off.'
    );
  return undefined;
}

/** Whether the reference says where density should be. */
export function hasPlaces(reference: Reference): boolean {
  return reference !== 'profile' && reference !== 'none';
}

/** The user's choice, else the one suggested by the files. */
export function referenceOf(files: readonly InputFile[], { reference }: Settings): Reference {
  if (reference !== undefined) return reference;
  if (fileOf(files, 'reference') !== undefined) return 'map';
  if (fileOf(files, 'network') !== undefined) return 'network';
  return fileOf(files, 'model') === undefined ? 'profile' : 'model';
}

/** An average protein exists for soft bands only, and no reference for windows only. */
export function schemeOf(reference: Reference, { scheme }: Settings): 'windows' | 'soft' {
  return reference === 'profile' ? 'soft' : reference === 'none' ? 'windows' : (scheme ?? 'windows');
}
