/**
 * The store of imported networks: one folder each, with manifest.json and the files it names. A network is
 * written to a temporary folder and renamed when complete, so that every named folder is complete even with
 * concurrent imports.
 */
import { mkdir, mkdtemp, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { LocScaleError, named } from '../../errors.ts';
import type { Calibration, NetworkFile, NetworkManifest } from '../graph/model.ts';
import { checkManifest, isNetworkName } from './check-manifest.ts';
import type { ReadNetwork } from './read-networks.ts';
import { readModels, sha256Of, throwIfStopped } from './read-weights.ts';

/** A network on disk or in memory; files are read on demand and verified by their checksums. */
export interface StoredNetwork {
  readonly manifest: NetworkManifest;
  /** Folder or file of the network. */
  readonly location: string;
  readonly readPlain: () => Promise<Uint8Array>;
  readonly readMonteCarlo?: () => Promise<Uint8Array>;
}

/** Where and how to import. */
export interface ImportOptions {
  /** Folder of the store; created if missing. */
  readonly folder: string;
  readonly name?: string;
  readonly calibration?: Calibration;
  readonly licence?: string;
  readonly signal?: AbortSignal;
}

/** An imported network. */
export interface ImportedNetwork {
  readonly manifest: NetworkManifest;
  readonly location: string;
  /** The same network was already stored. */
  readonly unchanged: boolean;
}

/** Name of the bundled network for -model_path. */
export const BUNDLED_NAME = 'bundled';
const MANIFEST_FILE = 'manifest.json';
/** Names of incomplete imports and of networks being removed. */
const TEMPORARY_PREFIX = '.import-';
/** Imports take seconds: anything older was left by a killed process. */
const ABANDONED_MILLISECONDS = 24 * 3600 * 1000;
/** Another import may store its network between two renames of this one. */
const MOST_ATTEMPTS = 20;

/** Stores every network of a weight file; an unreadable network leaves nothing behind. */
export async function importNetwork(file: string, options: ImportOptions): Promise<ImportedNetwork[]> {
  const { folder, name, ...rest } = options;
  if (name !== undefined && (!isNetworkName(name) || name === BUNDLED_NAME))
    throw new LocScaleError('usage', `"${name}" cannot be the name of a model.`, {
      parameter: 'name',
      expected: 'lower-case letters, digits and dashes, as in emmernet-2024',
      found: name,
      hint: `Choose another name, or leave ${named('name')} out.`,
    });
  await makeStore(folder);
  await removeAbandoned(folder);
  const imported: ImportedNetwork[] = [];
  for await (const model of readModels(file, { ...rest, name })) {
    throwIfStopped(options.signal);
    imported.push(await store(model, folder));
  }
  return imported;
}

/** Creates the folder; throws 'bad-output' if it cannot. */
async function makeStore(folder: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true });
  } catch (error) {
    throw notWritable(folder, error);
  }
}

/** Writes into a temporary folder and renames it: a network is stored as a whole or not at all. */
async function store({ manifest, plain }: ReadNetwork, folder: string): Promise<ImportedNetwork> {
  const location = join(folder, manifest.name);
  const text = `${JSON.stringify(manifest, null, 2)}\n`;
  if (await isStored(location, manifest, text)) return { manifest, location, unchanged: true };
  let temporary: string | undefined;
  try {
    temporary = await mkdtemp(join(folder, TEMPORARY_PREFIX));
    await writeDurably(join(temporary, manifest.files.plain.file), plain);
    await writeDurably(join(temporary, MANIFEST_FILE), new TextEncoder().encode(text));
    await putInPlace(temporary, location, folder);
    temporary = undefined;
  } catch (error) {
    throw notWritable(folder, error);
  } finally {
    if (temporary !== undefined) await rm(temporary, { recursive: true, force: true });
  }
  return { manifest, location, unchanged: false };
}

/** Whether the same network is stored and undamaged. */
async function isStored(location: string, manifest: NetworkManifest, text: string): Promise<boolean> {
  try {
    if ((await readFile(join(location, MANIFEST_FILE), 'utf8')) !== text) return false;
    await readChecked(location, manifest.files.plain, manifest.name);
    return true;
  } catch {
    return false;
  }
}

/** Written and synced before the rename. */
async function writeDurably(path: string, content: Uint8Array): Promise<void> {
  const file = await open(path, 'wx');
  try {
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** A rename cannot replace a non-empty folder: move the old one away first. */
async function putInPlace(temporary: string, location: string, folder: string): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await rename(temporary, location);
      return;
    } catch (error) {
      const taken = ['ENOTEMPTY', 'EEXIST', 'EPERM', 'ENOTDIR'].includes(codeOf(error));
      if (!taken || attempt === MOST_ATTEMPTS) throw error;
    }
    const graveyard = await mkdtemp(join(folder, TEMPORARY_PREFIX));
    try {
      await rename(location, join(graveyard, 'replaced'));
    } catch (error) {
      // A concurrent import stored it first.
      if (codeOf(error) !== 'ENOENT') throw error;
    } finally {
      await rm(graveyard, { recursive: true, force: true });
    }
  }
}

/** Temporary folders of imports that were killed a while ago. */
async function removeAbandoned(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (!name.startsWith(TEMPORARY_PREFIX)) continue;
    const path = join(folder, name);
    const info = await stat(path).catch(() => undefined);
    if (info !== undefined && Date.now() - info.mtimeMs > ABANDONED_MILLISECONDS)
      await rm(path, { recursive: true, force: true }).catch(() => undefined);
  }
}

/** '' if there is none. */
function codeOf(error: unknown): string {
  return String((error as { code?: unknown } | null)?.code ?? '');
}

/** Errors of the file system become 'bad-output'. */
function notWritable(folder: string, error: unknown): unknown {
  const code = codeOf(error);
  if (error instanceof LocScaleError || code === '') return error;
  return new LocScaleError('bad-output', `The folder of models ${folder} cannot be written: ${code}.`, {
    where: folder,
    cause: error,
    hint: 'Name another folder in the environment variable LOCSCALE_MODELS, or free some space.',
  });
}

/** A network of the store, or why it cannot be used. */
export type ListedNetwork =
  | { readonly name: string; readonly model: StoredNetwork }
  | { readonly name: string; readonly problem: string };

/** All networks of the store by name; damaged ones with their defect. Reads manifests only. */
export async function listNetworks(folder: string): Promise<ListedNetwork[]> {
  const names = await readdir(folder).catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return [];
    throw new LocScaleError('bad-input', `The folder of models ${folder} cannot be read: ${codeOf(error)}.`, {
      where: folder,
      cause: error,
      hint: 'Name another folder in the environment variable LOCSCALE_MODELS.',
    });
  });
  const listed: ListedNetwork[] = [];
  for (const name of names.filter(isNetworkName).sort()) {
    const info = await stat(join(folder, name)).catch(() => undefined);
    if (info?.isDirectory() !== true) continue;
    try {
      listed.push({ name, model: await openNetworkFolder(join(folder, name)) });
    } catch (error) {
      listed.push({ name, problem: error instanceof Error ? error.message : String(error) });
    }
  }
  return listed;
}

/** The network of a folder with a manifest. */
export async function openNetworkFolder(location: string): Promise<StoredNetwork> {
  return openManifest(join(location, MANIFEST_FILE), location);
}

/** Opens the network in `folder` that `manifestPath` describes. */
export async function openManifest(manifestPath: string, folder: string): Promise<StoredNetwork> {
  const manifest = checkManifest(await readJson(manifestPath), manifestPath);
  const { plain, monteCarlo } = manifest.files;
  return {
    manifest,
    location: resolve(folder),
    readPlain: () => readChecked(folder, plain, manifest.name),
    readMonteCarlo: monteCarlo && (() => readChecked(folder, monteCarlo, manifest.name)),
  };
}

/** Throws 'bad-input' for missing files and invalid JSON. */
export async function readJson(path: string): Promise<unknown> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    const missing = codeOf(error) === 'ENOENT';
    throw new LocScaleError(
      'bad-input',
      `${path} cannot be read: ${missing ? 'there is no such file' : codeOf(error)}.`,
      {
        where: path,
        cause: error,
        hint: 'Check the path; "locscale-gpu models list" shows what is imported.',
      },
    );
  }
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new LocScaleError('bad-input', `${path} is not JSON.`, {
      where: path,
      cause: error,
      hint: 'Import the model again, or copy the file again.',
    });
  }
}

/** The content, if its checksum is that of the manifest. */
async function readChecked(folder: string, { file, sha256 }: NetworkFile, name: string): Promise<Uint8Array> {
  const path = join(folder, file);
  const again = `Import the model again: "locscale-gpu models import FILE".`;
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path);
  } catch (error) {
    throw new LocScaleError(
      'bad-input',
      `The model ${name} is incomplete: ${path} cannot be read (${codeOf(error)}).`,
      {
        where: path,
        cause: error,
        hint: again,
      },
    );
  }
  const found = sha256Of(bytes);
  if (found !== sha256)
    throw new LocScaleError('bad-input', `The model ${name} is damaged: ${path} is not what was imported.`, {
      where: path,
      expected: `SHA-256 ${sha256}`,
      found,
      hint: again,
    });
  return bytes;
}

/** Reads every file of a network; returns its defect, or undefined. */
export async function verifyNetwork(model: StoredNetwork): Promise<string | undefined> {
  try {
    await model.readPlain();
    await model.readMonteCarlo?.();
    return undefined;
  } catch (error) {
    if (error instanceof LocScaleError) return error.message;
    throw error;
  }
}
