/**
 * The user's settings, and their encoding in the URL: a link reproduces the settings, never names or data.
 */

export const references = ['profile', 'map', 'model', 'completed-model', 'pseudo-model', 'none'] as const;
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
  /** A point group: "C4". */
  readonly symmetry?: string;
  /** Refine the B factors of a model; default true. */
  readonly refine?: boolean;
}

interface Entry<T> {
  readonly key: string;
  read(text: string): T | undefined;
}

const oneOf =
  <T extends string>(values: readonly T[]) =>
  (text: string): T | undefined =>
    values.find((value) => value === text);

const between =
  (low: number, high: number) =>
  (text: string): number | undefined => {
    const value = Number(text);
    return text.trim() !== '' && value > low && value < high ? value : undefined;
  };

const yesOrNo = (text: string): boolean | undefined =>
  text === '1' ? true : text === '0' ? false : undefined;

const entries: { readonly [K in keyof Required<Settings>]: Entry<NonNullable<Settings[K]>> } = {
  reference: { key: 'ref', read: oneOf(references) },
  scheme: { key: 'scheme', read: oneOf(['windows', 'soft']) },
  engine: { key: 'engine', read: oneOf(['cpu', 'gpu']) },
  bFactors: { key: 'b', read: yesOrNo },
  localResolution: { key: 'locres', read: yesOrNo },
  resolution: { key: 'res', read: between(0.5, 100) },
  voxelSize: { key: 'apix', read: between(0.05, 50) },
  window: { key: 'window', read: between(4, 500) },
  fdr: { key: 'fdr', read: between(0, 1) },
  symmetry: {
    key: 'sym',
    read: (text) => (/^([CD]\d{1,3}|[TOI]\w?)$/i.test(text) ? text.toUpperCase() : undefined),
  },
  refine: { key: 'refine', read: yesOrNo },
};

/** Unreadable values are ignored. */
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
    parameters.set(key, typeof value === 'boolean' ? String(Number(value)) : String(value));
  }
  const text = parameters.toString();
  return text === '' ? '' : `#${text}`;
}

/** A field's text as a setting; undefined: none. Never throws: half-typed numbers count as missing. */
export function readSetting<K extends keyof Settings>(name: K, text: string): Settings[K] | undefined {
  return entries[name].read(text) as Settings[K] | undefined;
}
