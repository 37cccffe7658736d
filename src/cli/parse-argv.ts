/**
 * Parses the command line by the rules of LocScale's own parser (Python's argparse), so that existing command
 * lines run unchanged: single-dash long names (-hm a b), --name=value, -p1.2, unambiguous prefixes of long
 * names, negative numbers as values, `--` before names that start with a dash. Values stay text until the
 * option's own check: a file may be called 007 or 1e3. Anything unknown is an error with the nearest
 * spelling.
 */
import { LocScaleError } from '../errors.ts';
import {
  type CommandName,
  commandNames,
  definitionOf,
  type OptionDefinition,
  type OptionId,
  type OptionValues,
  optionIds,
} from '../options/index.ts';
import { usage } from './usage.ts';

/**
 * A parsed command line; values are checked and converted by their options, but not yet against each other.
 */
export interface ParsedCommandLine {
  readonly command: CommandName;
  readonly values: OptionValues;
  readonly positionals: readonly string[];
  /** Options given, in the order of the command line. */
  readonly given: readonly OptionId[];
}

/** One of the names of an option. */
interface Spelling {
  readonly id: OptionId;
  readonly name: string;
  readonly definition: OptionDefinition;
}

/** Commands a user can type; `scale` is what runs without one. */
const typedCommands = commandNames.filter((name) => name !== 'scale');

/** `locscale-gpu help [COMMAND]` is `locscale-gpu [COMMAND] --help`. */
const HELP_WORD = 'help';

/** LocScale 2.1's command, replaced by feature_enhance. */
const RUN_EMMERNET = 'run_emmernet';

/**
 * Parses options until the command, then those of the command. Throws 'usage' for anything unknown; --help
 * and --version end parsing, so that they work on incomplete command lines.
 */
export function parseArgv(argv: readonly string[]): ParsedCommandLine {
  let command: CommandName | undefined;
  // Options before the command belong to the program, as in LocScale.
  let spellings = spellingsOf('scale');
  let values: Record<string, unknown> = {};
  const positionals: string[] = [];
  const given: OptionId[] = [];
  const words = [...argv];
  while (words.length > 0) {
    const word = words.shift() as string;
    if (word === '--') positionals.push(...words.splice(0));
    else if (looksLikeOption(word)) {
      const match = matchOption(word, spellings);
      if (match === undefined) throw unknownOption(word, command ?? 'scale', spellings);
      const { id, name, definition } = match.spelling;
      const texts = takeValues(word, match, words, command === undefined);
      values[id] = definition.parse(texts, name, values[id]);
      if (!given.includes(id)) given.push(id);
      if (id !== 'help' && id !== 'version') continue;
      command ??= words.map(canonicalCommand).find((name) => name !== undefined);
      break;
    } else if (command !== undefined) positionals.push(word);
    else if (word === HELP_WORD) return parseHelp(words);
    else {
      command = commandOf(word);
      if (command === 'relion') return parseRelion(argv.toSpliced(argv.indexOf(word), 1));
      const foreign = given.find((id) => !definitionOf(id).commands.includes(command as CommandName));
      if (foreign !== undefined) throw foreignOption(definitionOf(foreign), command);
      spellings = spellingsOf(command);
      // LocScale 2.1 predicted once, without dropout.
      if (normaliseCommand(word) === RUN_EMMERNET) values = { noMonteCarlo: true, ...values };
    }
  }
  return { command: command ?? 'scale', values: values as OptionValues, positionals, given };
}

/** RELION's arguments are parsed in relion-arguments.ts. */
function parseRelion(words: readonly string[]): ParsedCommandLine {
  const values: OptionValues = {
    ...((words.includes('-h') || words.includes('--help')) && { help: true }),
    ...(words.includes('--version') && { version: true }),
  };
  const given = Object.keys(values) as OptionId[];
  return { command: 'relion', values, positionals: given.length > 0 ? [] : words, given };
}

/** `help COMMAND`, ignoring further options. */
function parseHelp(words: readonly string[]): ParsedCommandLine {
  const requested = words.find((word) => !looksLikeOption(word));
  const command = requested === undefined ? 'scale' : commandOf(requested);
  return { command, values: { help: true }, positionals: [], given: ['help'] };
}

/**
 * Consumes the values of an option from the front of `words`. A list before the command ends at the command.
 */
function takeValues(
  word: string,
  { spelling, attached }: Match,
  words: string[],
  endsWithCommand: boolean,
): string[] {
  const { name, definition } = spelling;
  const isList = definition.values === 'many';
  const least = isList ? 1 : (definition.values as number);
  const hint = `Write ${name} ${least === 0 ? 'alone' : definition.placeholder}.`;
  const refuse = (message: string): LocScaleError => usage(`Option ${name} ${message}.`, name, hint);
  if (attached !== undefined) {
    if (least === 0) throw refuse(`takes no value, found "${attached}"`);
    // As in LocScale, "=" attaches a single value, never the first of several.
    if (least > 1) throw refuse(`takes ${least} values, which cannot be attached to it: found "${word}"`);
    return [attached];
  }
  const texts: string[] = [];
  while ((isList || texts.length < least) && words.length > 0 && !looksLikeOption(words[0])) {
    if (isList && endsWithCommand && canonicalCommand(words[0]) !== undefined) break;
    texts.push(words.shift() as string);
  }
  if (texts.length >= least) return texts;
  const found = texts.length === 0 ? 'none was given' : `only ${texts.length} was given`;
  throw refuse(`needs ${least === 1 ? 'a value' : `${least} values`}, ${found}`);
}

/** Dashes and underscores in commands are equivalent, as in options. */
function normaliseCommand(token: string): string {
  return token.replaceAll('-', '_');
}

/** The command of a name, including LocScale's old ones; undefined for any other word. */
function canonicalCommand(token: string): CommandName | undefined {
  const name = normaliseCommand(token);
  if (name === 'run_locscale') return 'scale';
  if (name === RUN_EMMERNET) return 'feature_enhance';
  return typedCommands.find((command) => command === name);
}

/**
 * Throws 'usage' for unknown commands, with the nearest one or, for what looks like a file, the option for
 * maps.
 */
function commandOf(token: string): CommandName {
  const command = canonicalCommand(token);
  if (command !== undefined) return command;
  const nearest = nearestOf(token, typedCommands);
  const file = /[./\\]/.test(token);
  const hint =
    nearest !== undefined
      ? `Did you mean "${nearest}"?`
      : file
        ? 'Maps are given with -em MAP or -hm HALF1 HALF2.'
        : `Commands are ${typedCommands.join(', ')}.`;
  throw usage(`Unknown command "${token}".`, token, hint);
}

/** Negative numbers are values, and so is a lone dash. */
function looksLikeOption(token: string): boolean {
  return token.length > 1 && token.startsWith('-') && !/^-(\d|\.\d)/.test(token);
}

/** Spellings of a command's options; of all options without a command. */
function spellingsOf(command: CommandName | undefined): Spelling[] {
  return optionIds.flatMap((id) => {
    const definition = definitionOf(id);
    if (command !== undefined && !definition.commands.includes(command)) return [];
    return definition.names.map((name) => ({ id, name, definition }));
  });
}

/** "--dry-run" and "--dry_run" are one name; the leading dashes count. */
function normalise(name: string): string {
  const dashes = name.startsWith('--') ? '--' : '-';
  return dashes + name.slice(dashes.length).replaceAll('-', '_');
}

/** An option found, and the value written after "=" or directly after a short name. */
interface Match {
  readonly spelling: Spelling;
  readonly attached: string | undefined;
}

/**
 * Exact names first, then unambiguous prefixes of at least two letters, then short options with attached
 * values.
 */
function matchOption(token: string, spellings: readonly Spelling[]): Match | undefined {
  const equals = token.indexOf('=');
  const written = normalise(equals < 0 ? token : token.slice(0, equals));
  const attached = equals < 0 ? undefined : token.slice(equals + 1);
  const exact = spellings.find((spelling) => normalise(spelling.name) === written);
  if (exact !== undefined) return { spelling: exact, attached };

  const candidates = distinct(
    written.length > 2 ? spellings.filter((s) => normalise(s.name).startsWith(written)) : [],
  );
  // An abbreviation accepted by LocScale keeps its meaning despite this program's additional options.
  const original = candidates.filter((candidate) => !candidate.definition.own);
  const only = candidates.length === 1 ? candidates[0] : original.length === 1 ? original[0] : undefined;
  if (only !== undefined) return { spelling: only, attached };
  if (candidates.length > 1) {
    throw usage(
      `Option ${token} is ambiguous: it could be ${candidates.map((c) => c.name).join(', ')}.`,
      token,
      'Write the name in full.',
    );
  }
  return matchAttachedShort(token, spellings);
}

/** -p1.2 and -oout.mrc; but -outfile is a mistyped --outfile, not the file "utfile". */
function matchAttachedShort(token: string, spellings: readonly Spelling[]): Match | undefined {
  if (token.startsWith('--')) return undefined;
  const long = normalise(`-${token}`);
  if (spellings.some((spelling) => normalise(spelling.name).startsWith(long.split('=')[0] as string)))
    return undefined;
  const spelling = spellings.find((s) => s.name === token.slice(0, 2));
  if (spelling === undefined || spelling.definition.values === 0) return undefined;
  return { spelling, attached: token.slice(token[2] === '=' ? 3 : 2) };
}

/** One spelling per option, because prefixes may match several names of the same option. */
function distinct(spellings: readonly Spelling[]): Spelling[] {
  return spellings.filter(
    (spelling, index) => spellings.findIndex((other) => other.id === spelling.id) === index,
  );
}

/** The option belongs to another command. */
function foreignOption(
  { commands, names }: OptionDefinition,
  command: CommandName,
  written = names[0],
): LocScaleError {
  const owners = commands.map((name) => (name === 'scale' ? 'scaling (no command)' : name));
  const here = command === 'scale' ? 'scaling' : `the command ${command}`;
  return usage(
    `Option ${written} does not belong to ${here}.`,
    written,
    `It belongs to: ${owners.join(', ')}.`,
  );
}

/** The likeliest mistakes: an option of another command, or a typing error. */
function unknownOption(token: string, command: CommandName, spellings: readonly Spelling[]): LocScaleError {
  const written = token.split('=')[0] as string;
  const elsewhere = spellingsOf(undefined).find(({ name }) => normalise(name) === normalise(written));
  if (elsewhere !== undefined) return foreignOption(elsewhere.definition, command, written);
  const nearest = nearestOf(
    written,
    spellings.map((spelling) => spelling.name),
  );
  const help = `locscale-gpu ${command === 'scale' ? '' : `${command} `}--help`;
  return new LocScaleError('usage', `Unknown option ${written}.`, {
    where: written,
    hint: nearest === undefined ? `Run "${help}" for the list.` : `Did you mean ${nearest}?`,
  });
}

/** Nearest spelling by edit distance, ignoring dashes; undefined if none is near. */
function nearestOf(written: string, names: readonly string[]): string | undefined {
  const bare = (name: string): string => name.replace(/^-+/, '').replaceAll('-', '_').toLowerCase();
  const target = bare(written);
  let best: string | undefined;
  let bestDistance = Math.max(1, Math.floor(target.length / 3)) + 1;
  for (const name of names) {
    const candidate = bare(name);
    const begins = target.length >= 3 && candidate.startsWith(target);
    const distance = begins ? 1 : editDistance(target, candidate);
    if (distance < bestDistance) {
      best = name;
      bestDistance = distance;
    }
  }
  return best;
}

/** Levenshtein distance with one row. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitution = (row[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(substitution, (row[j] as number) + 1, (next[j - 1] as number) + 1));
    }
    row = next;
  }
  return row[b.length] as number;
}

/** Throws for refused options; returns notes for those accepted without effect, one line each. */
export function checkOptionStates(parsed: ParsedCommandLine): string[] {
  const notes: string[] = [];
  for (const id of parsed.given) {
    const definition = definitionOf(id);
    const name = definition.names.at(-1) as string;
    const state = definition.state((parsed.values as Record<string, unknown>)[id]);
    if (state.kind === 'refused')
      throw new LocScaleError('unsupported', state.reason, { where: name, hint: state.hint });
    if (state.kind === 'noted') notes.push(`${name} ${state.note}.`);
  }
  return notes;
}
