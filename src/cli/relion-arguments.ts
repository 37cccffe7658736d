/**
 * Converts the command line of a RELION external job to one of this program:
 *   EXECUTABLE --o External/job012/ --in_3dref MAP [--in_mask MASK] [--LABEL VALUE ...] --j THREADS [...]
 * LABEL and VALUE come from the Params tab; they are options of this program.
 */
import { LocScaleError } from '../errors.ts';
import { type CommandName, definitionOf, optionIds } from '../options/index.ts';
import { parseArgv } from './parse-argv.ts';
import { PROCESSING_FOLDER } from './resume.ts';
import { usage } from './usage.ts';

/** Commands available as a job. A label of that name selects it; otherwise the map is scaled. */
const relionCommands = ['scale', 'feature_enhance', 'locres'] as const;
export type RelionCommand = (typeof relionCommands)[number];

/** Name of the main output in the folder of the job. */
export const relionOutputs: Readonly<Record<RelionCommand, string>> = {
  scale: 'locscale.mrc',
  feature_enhance: 'feature_enhanced.mrc',
  locres: 'localres.mrc',
};

/** RELION's own arguments; each takes one value. */
const ownWords = ['--o', '--in_3dref', '--in_mask', '--j'] as const;
type OwnWord = (typeof ownWords)[number];

/** Input nodes of RELION's form for other kinds of programs; they are refused. */
const otherInputs = ['--in_movies', '--in_mics', '--in_parts', '--in_coords'];

/** RELION's own arguments by name, and the user's options in order. */
interface RelionWords {
  readonly own: Readonly<Partial<Record<OwnWord, string>>>;
  readonly command: RelionCommand;
  /** Options for this program. */
  readonly rest: readonly string[];
}

/**
 * Separates RELION's arguments from this program's options. Throws 'usage' for inputs that are not maps, for
 * a value behind a flag, and for two commands.
 */
export function sortRelionWords(words: readonly string[]): RelionWords {
  const own: Partial<Record<OwnWord, string>> = {};
  const commands: RelionCommand[] = [];
  const rest: string[] = [];
  for (let i = 0; i < words.length; i++) {
    const word = words[i] as string;
    const known = ownWords.find((name) => name === word);
    const command = relionCommands.find((name) => word.replaceAll('-', '_') === `__${name}`);
    if (known !== undefined) {
      const value = words[++i];
      if (value === undefined || value === '')
        throw usage(`${word} needs a value.`, word, 'RELION writes it: start the job from RELION.');
      own[known] = value;
    } else if (otherInputs.includes(word))
      throw usage(
        `${word} is of no use here: this job takes maps.`,
        word,
        'On the Input tab, give a half map as "Input 3D reference" and, if you have one, a mask.',
      );
    else {
      refuseValue(word, command !== undefined, words[i + 1]);
      if (command === undefined) rest.push(singleDash(word));
      else commands.push(command);
    }
  }
  if (commands.length > 1)
    throw usage(`A job is one of ${commands.join(' and ')}, not both.`, `--${commands[1]}`);
  return { own, command: commands[0] ?? 'scale', rest };
}

/** A flag for which the user has typed a value into the form. */
function refuseValue(word: string, isCommand: boolean, next: string | undefined): void {
  if (!word.startsWith('--') || next === undefined || next.startsWith('-')) return;
  const names = [word, singleDash(word)].map((name) => name.replaceAll('-', '_'));
  const isFlag = optionIds
    .map(definitionOf)
    .some(
      ({ values, names: own }) =>
        values === 0 && own.some((name) => names.includes(name.replaceAll('-', '_'))),
    );
  if (!isCommand && !isFlag) return;
  const label = word.slice(2);
  throw usage(
    `The label ${label} takes no value, found "${next}".`,
    word,
    `On the Params tab, leave the value of ${label} empty; to switch it off, take the label away.`,
  );
}

/** RELION puts two dashes before a label: --wn becomes -wn if only that is an option. */
function singleDash(word: string): string {
  const names = optionIds.flatMap((id) => [...definitionOf(id).names]);
  const name = word.split('=')[0] as string;
  return name.startsWith('--') && !names.includes(name) && names.includes(name.slice(1))
    ? word.slice(1)
    : word;
}

/**
 * The command line of the job in `folder`, to be parsed like any other. `exists`: whether a file exists;
 * `note` receives remarks on the choice of the map. Throws 'usage' if maps or masks are missing or given
 * twice.
 */
export async function relionArgv(
  { own, command, rest }: RelionWords,
  folder: string,
  exists: (path: string) => Promise<boolean>,
  note: (sentence: string) => void,
): Promise<string[]> {
  const first = command === 'scale' ? [] : [command];
  const { values } = parseArgv([...first, ...rest]);
  if (values.outfile !== undefined)
    throw usage(
      '-o cannot be chosen: the results of a job lie in its folder.',
      '-o',
      `The result will be ${folder}/${relionOutputs[command]}.`,
    );
  const argv: string[] = [...first];
  const map = own['--in_3dref'];
  const mapGiven = values.emmapPath !== undefined || values.halfmapPaths !== undefined;
  if (map === undefined && !mapGiven)
    throw usage(
      'The job has no map.',
      '--in_3dref',
      'On the Input tab, give the first half map as "Input 3D reference", as run_half1_class001_unfil.mrc.',
    );
  if (map !== undefined && mapGiven)
    throw usage('The maps are given twice: as "Input 3D reference" and by an option.', '--in_3dref');
  if (map !== undefined) argv.push(...(await mapWords(map, command, exists, note)));
  if (own['--in_mask'] !== undefined) {
    if (values.mask !== undefined)
      throw usage('The mask is given twice: as "Input 3D mask" and by an option.', '--in_mask');
    argv.push('-ma', own['--in_mask']);
  }
  // RELION always passes --j; the user's own option takes precedence.
  if (own['--j'] !== undefined && values.processes === undefined) argv.push('-np', own['--j']);
  // Mask and FSC curve belong to the job's folder, where a continued job finds its finished steps.
  if (command !== 'locres' && values.outputProcessingFiles === undefined)
    argv.push('-op', `${folder}/${PROCESSING_FOLDER}`);
  return [...argv, '-o', `${folder}/${relionOutputs[command]}`, ...rest];
}

/** The pair of half maps for one half map, if the other exists; else a single map, with a note. */
async function mapWords(
  map: string,
  command: RelionCommand,
  exists: (path: string) => Promise<boolean>,
  note: (sentence: string) => void,
): Promise<string[]> {
  const other = otherHalf(map);
  if (other !== undefined) {
    if (!(await exists(other)))
      throw new LocScaleError('bad-input', `The other half of ${map} is not there: ${other}.`, {
        where: other,
        hint:
          'Both half maps have to lie in one folder, with 1 and 2 (or A and B) behind "half" in their ' +
          'names.',
      });
    return ['-hm', map, other];
  }
  if (command === 'locres')
    throw usage(`${map} is no half map by its name, and a local resolution needs two.`, '--in_3dref');
  const half = map.replace(/_class(\d+)\.mrc$/, '_half1_class$1_unfil.mrc');
  if (half !== map && (await exists(half)))
    note(`${map} is one map, filtered by RELION: the half map ${half} next to it is the better input.`);
  return ['-em', map];
}

/**
 * Matches "half1", "half_map_A" and the like in names of half maps; the second group is the number or letter.
 */
const HALF = /(half(?:[_-]?map)?[_-]?)([12ab])(?![a-z0-9])/gi;
/** Which halves there are, and at the same index the other one of each. */
const [HALVES, OTHERS] = ['12abAB', '21baBA'];

/**
 * run_half1_class001_unfil.mrc -> run_half2_class001_unfil.mrc; undefined if the name does not indicate a
 * half.
 */
export function otherHalf(path: string): string | undefined {
  const start = path.lastIndexOf('/') + 1;
  const name = path.slice(start);
  const last = [...name.matchAll(HALF)].at(-1);
  if (last === undefined) return undefined;
  const at = last.index + (last[1] as string).length;
  return path.slice(0, start) + name.slice(0, at) + OTHERS[HALVES.indexOf(last[2])] + name.slice(at + 1);
}

/** "External/job012/" -> "External/job012", the prefix of node names in RELION's pipeline. */
export function relionFolderOf(words: readonly string[]): string {
  const at = words.indexOf('--o');
  const folder = at < 0 ? undefined : words[at + 1];
  if (folder === undefined || folder === '')
    throw usage(
      'The command relion needs the folder of the job: --o FOLDER.',
      '--o',
      'RELION writes it: give this program as external executable of a job of type External.',
    );
  return folder.replace(/(?<=.)\/+$/, '');
}

/** Whether a command may run as a RELION job. */
export function isRelionCommand(command: CommandName): command is RelionCommand {
  return relionCommands.some((name) => name === command);
}
