/**
 * The folder that the app may read from and write to. Paths of requests are relative to it, with "/"; what
 * they lead to, links followed, must lie in it. Who can make links in it while a request is answered is the
 * user, or someone whom the user lets write there.
 */
import type { Dirent } from 'node:fs';
import { readdir, realpath, stat } from 'node:fs/promises';
import { basename, dirname, isAbsolute, join, relative, sep } from 'node:path';
import { LocScaleError } from '../errors.ts';
import { readError } from '../files/read-files.ts';
import { targetOf } from '../files/staged-files.ts';
import type { ListedFile, Listing, ServerFile } from '../screens/protocol.ts';

/** Names of files with a network's weights; those of .onnx files need a second file, which may lie elsewhere. */
export const WEIGHTS = /\.(hdf5|pt|tar\.gz|tgz)$/i;
/** Names of maps, atomic models and networks. */
const USABLE = new RegExp(
  `\\.(mrc|map|ccp4|rec)(\\.gz|\\.bz2)?$|\\.(pdb|ent|cif|mmcif)(\\.gz)?$|${WEIGHTS.source}`,
  'i',
);
/** More are not listed: nobody reads them, and browsers are slow with them. */
const MOST_LISTED = 2000;

/** A path that is not below the root; says nothing about what is there. */
export class OutsideRoot extends Error {}

/** Folder of all files of the app; throws OutsideRoot for paths that lead elsewhere. */
export class RootFolder {
  /** Absolute, without links. */
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  /** Throws 'usage' for what is not a folder that can be read. */
  static async open(path: string): Promise<RootFolder> {
    const found = await realpath(path).catch((cause) => refuse(path, 'it is not there', cause));
    if (!(await stat(found)).isDirectory()) refuse(path, 'it is not a folder');
    await readdir(found).catch((cause) => refuse(path, 'it cannot be read', cause));
    return new RootFolder(found);
  }

  /** A file to be read. */
  async file(path: string): Promise<ServerFile> {
    const inside = await this.existing(path);
    const { size } = await stat(join(this.path, inside)).catch((error) => {
      throw readError(path, error);
    });
    return { name: basename(path), size, path };
  }

  /**
   * The path of a file to be written: its folder, and what a link of its name leads to, are below the root.
   */
  async output(path: string): Promise<string> {
    const folder = await this.existing(path.split('/').slice(0, -1).join('/'));
    const name = this.native(path.split('/').at(-1) ?? '');
    if (name === '')
      throw new LocScaleError('bad-output', 'The output has no name.', {
        hint: 'Give the name of a file, as locscale_output.mrc.',
      });
    const target = await targetOf(join(this.path, folder, name));
    const real = await realpath(dirname(target)).catch(() => undefined);
    if (real === undefined || !this.has(real)) throw new OutsideRoot(path);
    return join(folder, name);
  }

  /**
   * Folders, maps, models and networks in a folder, in natural order; hidden files and other types are left out.
   */
  async list(path: string): Promise<Listing> {
    const folder = await this.existing(path);
    const entries = await readdir(join(this.path, folder), { withFileTypes: true }).catch((error) => {
      throw readError(path, error);
    });
    const folders: string[] = [];
    const files: ListedFile[] = [];
    let more = 0;
    for (const entry of entries.sort((a, b) => a.name.localeCompare(b.name, 'en', { numeric: true }))) {
      if (entry.name.startsWith('.')) continue;
      const kind = await this.kindOf(join(folder, entry.name), entry);
      if (kind === undefined || (kind === 'file' && !USABLE.test(entry.name))) continue;
      if (folders.length + files.length === MOST_LISTED) more++;
      else if (kind === 'folder') folders.push(entry.name);
      else {
        const whole = path === '' ? entry.name : `${path}/${entry.name}`;
        const info = await stat(join(this.path, folder, entry.name)).catch(() => undefined);
        if (info === undefined) continue;
        files.push({ name: entry.name, path: whole, size: info.size, modified: info.mtime.toISOString() });
      }
    }
    return { folder: path, folders, files, more };
  }

  /** Links out of the root have no kind. */
  private async kindOf(path: string, entry: Dirent): Promise<'file' | 'folder' | undefined> {
    if (entry.isDirectory()) return 'folder';
    if (entry.isFile()) return 'file';
    if (!entry.isSymbolicLink()) return undefined;
    const real = await realpath(join(this.path, path)).catch(() => undefined);
    if (real === undefined || !this.has(real)) return undefined;
    const info = await stat(real).catch(() => undefined);
    return info?.isDirectory() === true ? 'folder' : info?.isFile() === true ? 'file' : undefined;
  }

  /** The path in the system's spelling; it leads to something below the root, or to nothing there. */
  private async existing(path: string): Promise<string> {
    const own = this.native(path);
    const real = await realpath(join(this.path, own)).catch(() => undefined);
    if (real === undefined) {
      // What is missing may lie behind a link: the part that is there decides.
      const above = await this.deepest(dirname(join(this.path, own)));
      if (!this.has(above)) throw new OutsideRoot(path);
    } else if (!this.has(real)) throw new OutsideRoot(path);
    return own;
  }

  /** The deepest part of a path that exists, without links. */
  private async deepest(path: string): Promise<string> {
    const real = await realpath(path).catch(() => undefined);
    return real ?? this.deepest(dirname(path));
  }

  /** In the system's spelling; refuses "..", empty parts and Windows' drives and streams. */
  private native(path: string): string {
    const parts = path === '' ? [] : path.split('/');
    const isOdd = (part: string): boolean =>
      part === '' ||
      part === '.' ||
      part === '..' ||
      part.includes('\0') ||
      (sep === '\\' && /[\\:]/.test(part));
    if (parts.some(isOdd)) throw new OutsideRoot(path);
    return parts.join(sep);
  }

  /** Whether a path without links lies in the root folder. */
  private has(real: string): boolean {
    const way = relative(this.path, real);
    return way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way);
  }
}

function refuse(path: string, why: string, cause?: unknown): never {
  throw new LocScaleError('usage', `${path} cannot be the root folder: ${why}.`, {
    parameter: 'root',
    hint: 'Give a folder that holds your maps.',
    cause,
  });
}
