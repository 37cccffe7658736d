/**
 * `locscale-gpu setup --shim FOLDER`: a small program named `locscale`, for scripts and other programs that
 * call LocScale by its name. It is written only to a folder that the user names, never by an installation:
 * users who also have LocScale choose between the two by the order of PATH.
 *
 *   FOLDER/locscale   runs this program (locscale.cmd on Windows)
 *   FOLDER/activate   puts FOLDER first in PATH, for programs that activate an environment before they call
 *
 * Programs that were written for an older LocScale look for the names that its maps had:
 *
 *   FOLDER/2.2.3/locscale    the same with --output_names 2.2.3 for feature_enhance
 *   FOLDER/activate-2.2.3    puts that one first. Scipion reads the version behind the last dash of this name
 */
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { LocScaleError } from '../errors.ts';
import { reasonOf } from '../files/file-errors.ts';
import { isDeno } from '../platform/index.ts';
import { CALLED_AS_VARIABLE } from './called-as.ts';
import type { Session } from './session.ts';
import { shellWords } from './shell-words.ts';

/** Marks a file as one that may be overwritten. */
const MARK = 'written by locscale-gpu setup --shim';

/**
 * Versions of LocScale whose map names are still expected: scipion-em-locscale 3.1.2 is written for this one.
 */
const olderVersions = ['2.2.3'] as const;

/** Writes the programs and activation scripts; existing files of other programs are never overwritten. */
export async function installShim({ logger }: Pick<Session, 'logger'>, where: string): Promise<void> {
  const folder = resolve(where);
  const windows = process.platform === 'win32';
  const files = windows
    ? [{ name: 'locscale.cmd', text: windowsShim() }]
    : [
        { name: 'locscale', text: shellShim() },
        { name: 'activate', text: activation(folder) },
        ...olderVersions.flatMap((version) => [
          { name: join(version, 'locscale'), text: shellShim(version) },
          { name: `activate-${version}`, text: activation(join(folder, version)) },
        ]),
      ];
  for (const { name } of files) await refuseForeign(join(folder, name));
  try {
    for (const { name, text } of files) {
      await mkdir(dirname(join(folder, name)), { recursive: true });
      await writeFile(join(folder, name), text);
      await chmod(join(folder, name), 0o755);
    }
  } catch (cause) {
    throw new LocScaleError('bad-output', `${folder} cannot be written: ${reasonOf(cause)}.`, {
      where: '--shim',
      cause,
    });
  }
  for (const { name } of files) logger.line(`Wrote ${join(folder, name)}`);
  logger.line(
    windows
      ? `Put ${folder} first in PATH: "locscale" is then this program.`
      : `In a shell where "locscale" is to be this program: . ${shellWords([join(folder, 'activate')])}`,
  );
}

/** An existing program may be LocScale itself. */
async function refuseForeign(path: string): Promise<void> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    const code = (error as { code?: unknown }).code;
    return code === 'ENOENT' || code === 'ENOTDIR' ? undefined : '';
  });
  if (text === undefined || text.includes(MARK)) return;
  throw new LocScaleError('bad-output', `${path} is there already, and not by this program.`, {
    where: '--shim',
    hint: 'Name a folder of its own, which no other program uses.',
  });
}

/** The current program: runtime and script. */
function ownCommand(): string[] {
  const script = import.meta.url.endsWith('.js') ? '../cli.js' : '../cli.ts';
  const path = fileURLToPath(new URL(script, import.meta.url));
  return isDeno ? [process.execPath, 'run', '-A', path] : [process.execPath, path];
}

/** `version`: that of LocScale whose map names feature_enhance uses. */
function shellShim(version?: string): string {
  const run = `exec ${shellWords(ownCommand())} "$@"`;
  return [
    '#!/bin/sh',
    `# locscale-gpu under the name of LocScale; ${MARK}.`,
    `${CALLED_AS_VARIABLE}=locscale`,
    `export ${CALLED_AS_VARIABLE}`,
    ...(version === undefined
      ? []
      : [`if [ "$1" = feature_enhance ]; then ${run} --output_names ${version}; fi`]),
    `${run}\n`,
  ].join('\n');
}

/** Read by a POSIX shell with "." or "source". */
function activation(folder: string): string {
  return (
    '# To be read by a shell: locscale is locscale-gpu from here on; ' +
    `${MARK}.\nPATH=${shellWords([folder])}:$PATH\nexport PATH\n`
  );
}

/** A batch file with the same effect. */
function windowsShim(): string {
  const words = ownCommand().map((word) => `"${word}"`);
  return (
    `@rem locscale-gpu under the name of LocScale; ${MARK}.\r\n@setlocal\r\n@set ` +
    `${CALLED_AS_VARIABLE}=locscale\r\n@${words.join(' ')} %*\r\n`
  );
}
