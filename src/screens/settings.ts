/**
 * The user's settings, and their encoding in the URL: a link reproduces the settings, never names or data.
 */

/** z, y, x. */
export type Voxel = readonly [number, number, number];

export const references = [
  'profile',
  'map',
  'model',
  'completed-model',
  'pseudo-model',
  'network',
  'none',
] as const;
export type Reference = (typeof references)[number];

export interface Settings {
  /** Undefined: chosen by the files. */
  readonly reference?: Reference;
  /** With a reference map or atoms: LocScale's windows, the default there, or soft bands. */
  readonly scheme?: 'windows' | 'soft';
  readonly engine?: 'cpu' | 'gpu';
  readonly bFactors?: boolean;
  readonly localResolution?: boolean;
  /** A. */
  readonly resolution?: number;
  readonly voxelSize?: number;
  readonly window?: number;
  /** False-discovery rate of the mask. */
  readonly fdr?: number;
  /** Edge of the mask's noise boxes, voxels. */
  readonly noiseBox?: number;
  /** First voxels of the noise boxes, z, y, x; default: four boxes. */
  readonly noiseBoxesAt?: readonly Voxel[];
  /** Low-pass before the mask is made, A: by false-discovery rate or of a density. */
  readonly maskFilter?: number;
  /** Density that the mask is made of, or value from which a given mask counts. */
  readonly threshold?: number;
  readonly fillHoles?: boolean;
  /** So many of the largest pieces of the mask. */
  readonly keepPieces?: number;
  /** A; negative: smaller. */
  readonly extend?: number;
  /** Width of the mask's soft edge, A. */
  readonly softEdge?: number;
  /** kDa. */
  readonly molecularWeight?: number;
  /** Which FSC of half maps gives the resolution; default: that of the whole box. */
  readonly resolutionFrom?: 'masked';
  /** A point group: "C4". */
  readonly symmetry?: string;
  /** Voxel, z, y, x; default: the middle of the box. */
  readonly symmetryCentre?: Voxel;
  /** Of a helix along z: degrees and A from one subunit to the next. */
  readonly helicalTwist?: number;
  readonly helicalRise?: number;
  /** Average the result over the symmetry, too. */
  readonly symmetriseOutput?: boolean;
  /** Put maps on other grids on the grid of the first. */
  readonly matchGrid?: boolean;
  /** Look for density that the reference does not explain. */
  readonly unexplained?: boolean;
  /** Refine the B factors of a model; default true. */
  readonly refine?: boolean;
  /** Low-pass the reference map, A. */
  readonly referenceResolution?: number;
  /** Without a reference: B factor of every window, A^2. */
  readonly targetBFactor?: number;
  /** Share of the local differences in decay that soft scaling to a profile takes away. */
  readonly locality?: number;
  /** Low-pass the result at its resolution. */
  readonly fadeOutput?: boolean;
}

interface Entry<T> {
  readonly key: string;
  read(text: string): T | undefined;
  /** The opposite of `read`, where String is not. */
  write?(value: T): string;
  /** What can be read, for messages; of fields that are typed. */
  readonly expects?: string;
}

const oneOf =
  <T extends string>(values: readonly T[]) =>
  (text: string): T | undefined =>
    values.find((value) => value === text);

/** Decimal numbers, as the command line reads them. */
const DECIMAL = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/;

/** Decimal commas and typographic minus signs are read, too; NaN: no number. */
function numberOf(text: string): number {
  const plain = text
    .trim()
    .replace('−', '-')
    .replace(/^([+-]?\d*),(\d+)$/, '$1.$2');
  return DECIMAL.test(plain) ? Number(plain) : Number.NaN;
}

/** Both ends are excluded. */
const between = (low: number, high: number, unit = '') => ({
  read: (text: string): number | undefined => {
    const value = numberOf(text);
    return value > low && value < high ? value : undefined;
  },
  expects: `a number between ${low} and ${high}${unit}`,
});

/** Both ends are included. */
const from = (low: number, high: number, unit = '') => ({
  read: (text: string): number | undefined => {
    const value = numberOf(text);
    return value >= low && value <= high ? value : undefined;
  },
  expects: `a number from ${low} to ${high}${unit}`.replaceAll(' -', ' −'),
});

const anyNumber = {
  read: (text: string): number | undefined => {
    const value = numberOf(text);
    return Number.isFinite(value) ? value : undefined;
  },
  expects: 'a number',
};

const wholeBetween = (low: number, high: number, unit: string) => ({
  read: (text: string): number | undefined =>
    /^\d+$/.test(text) && Number(text) >= low && Number(text) <= high ? Number(text) : undefined,
  expects: `a whole number from ${low} to ${high}${unit}`,
});

function readVoxel(text: string): Voxel | undefined {
  const parts = text.split(/[,;]/).map((part) => (part.trim() === '' ? Number.NaN : Number(part)));
  const [z, y, x] = parts;
  return parts.length === 3 && parts.every((part) => part >= 0) ? [z, y, x] : undefined;
}

/** First voxels of boxes, between semicolons. */
function readVoxels(text: string): readonly Voxel[] | undefined {
  const voxels = text.split(';').map((part) => part.split(',').map((number) => number.trim()));
  const isVoxel = (parts: string[]): boolean =>
    parts.length === 3 && parts.every((part) => /^\d{1,4}$/.test(part));
  return voxels.every(isVoxel) ? voxels.map(([z, y, x]) => [Number(z), Number(y), Number(x)]) : undefined;
}

const yesOrNo = (text: string): boolean | undefined =>
  text === '1' ? true : text === '0' ? false : undefined;

const entries: { readonly [K in keyof Required<Settings>]: Entry<NonNullable<Settings[K]>> } = {
  reference: { key: 'ref', read: oneOf(references) },
  scheme: { key: 'scheme', read: oneOf(['windows', 'soft']) },
  engine: { key: 'engine', read: oneOf(['cpu', 'gpu']) },
  bFactors: { key: 'b', read: yesOrNo },
  localResolution: { key: 'locres', read: yesOrNo },
  resolution: { key: 'res', ...between(0.5, 100, ' Å') },
  resolutionFrom: { key: 'resfrom', read: oneOf(['masked']) },
  voxelSize: { key: 'apix', ...between(0.05, 50, ' Å') },
  window: { key: 'window', ...wholeBetween(4, 500, ' voxels') },
  fdr: { key: 'fdr', ...between(0, 1) },
  noiseBox: { key: 'noise', ...wholeBetween(2, 1000, ' voxels') },
  noiseBoxesAt: {
    key: 'noiseat',
    read: readVoxels,
    write: (voxels) => voxels.join(';'),
    expects: 'first voxels as z,y,x; z,y,x',
  },
  maskFilter: { key: 'maskfilter', ...between(0, 1000, ' Å') },
  threshold: { key: 'threshold', ...anyNumber },
  fillHoles: { key: 'fillholes', read: yesOrNo },
  keepPieces: { key: 'keep', ...wholeBetween(1, 1000, ' pieces') },
  extend: { key: 'extend', ...from(-200, 200, ' Å') },
  softEdge: { key: 'softedge', ...from(0, 200, ' Å') },
  molecularWeight: { key: 'mw', ...between(0, 1e6, ' kDa') },
  symmetry: {
    key: 'sym',
    read: (text) => (/^([CD][1-9]\d{0,2}|[TOI]\w?)$/i.test(text) ? text.toUpperCase() : undefined),
    expects: 'a point group: C4, D7, T, O or I',
  },
  symmetryCentre: { key: 'symcentre', read: readVoxel, expects: 'a voxel as z,y,x: 48,43,48' },
  helicalTwist: { key: 'twist', ...from(-360, 360, '°') },
  helicalRise: { key: 'rise', ...between(0, 1000, ' Å') },
  symmetriseOutput: { key: 'symout', read: yesOrNo },
  matchGrid: { key: 'grid', read: yesOrNo },
  unexplained: { key: 'unexplained', read: yesOrNo },
  refine: { key: 'refine', read: yesOrNo },
  referenceResolution: { key: 'refres', ...between(0, 1000, ' Å') },
  targetBFactor: { key: 'targetb', ...anyNumber },
  locality: { key: 'locality', ...from(0, 1) },
  fadeOutput: { key: 'fade', read: yesOrNo },
};

/** Unreadable values are left out (`unreadableIn` names them). */
export function settingsOf(hash: string): Settings {
  const given = new URLSearchParams(hash.replace(/^#/, ''));
  const read = Object.entries(entries).map(([name, entry]) => {
    const text = given.get(entry.key);
    return [name, text === null ? undefined : entry.read(text)] as const;
  });
  return Object.fromEntries(read.filter(([, value]) => value !== undefined)) as Settings;
}

export function hashOf(settings: Settings): string {
  const parameters = new URLSearchParams();
  for (const [name, { key }] of Object.entries(entries)) {
    const value = settings[name as keyof Settings];
    if (value === undefined) continue;
    parameters.set(
      key,
      typeof value === 'boolean' ? String(Number(value)) : textOf(name as keyof Settings, value),
    );
  }
  const text = parameters.toString();
  return text === '' ? '' : `#${text}`;
}

/** What of a link is not used, such as "res=-3": values that cannot be read, and unknown names. */
export function unreadableIn(hash: string): string[] {
  const known = new Map(Object.values(entries).map((entry) => [entry.key, entry]));
  return [...new URLSearchParams(hash.replace(/^#/, ''))]
    .filter(([key, text]) => known.get(key)?.read(text) === undefined)
    .map(([key, text]) => (text === '' ? key : `${key}=${text}`));
}

/** What a field takes: "a number between 0.5 and 100 Å". */
export function expectedOf(name: keyof Settings): string {
  return entries[name].expects ?? 'something else';
}

/** A setting as a field's text. */
export function textOf<K extends keyof Settings>(name: K, value: NonNullable<Settings[K]>): string {
  const { write = String } = entries[name] as Entry<NonNullable<Settings[K]>>;
  return write(value);
}

/** A field's text as a setting; undefined: none. Never throws: half-typed numbers count as missing. */
export function readSetting<K extends keyof Settings>(name: K, text: string): Settings[K] | undefined {
  return entries[name].read(text) as Settings[K] | undefined;
}
