/**
 * Command line to option values, by the rules of LocScale's own parser (Python's argparse), so that
 * existing command lines run unchanged: single-dash long names (-hm a b), --name=value, -p1.2,
 * unambiguous prefixes of long names, negative numbers as values, `--` before names that start
 * with a dash. Values stay text until the option's own check: a file may be called 007 or 1e3.
 * Anything unknown is an error with the nearest spelling.
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

export interface ParsedCommandLine {
  readonly command: CommandName;
  readonly values: OptionValues;
  readonly positionals: readonly string[];
  /** Options given, in the order of the command line. */
  readonly given: readonly OptionId[];
}

interface Spelling {
  readonly id: OptionId;
  readonly name: string;
  readonly definition: OptionDefinition;
}

/** Commands a user can type; `scale` is what runs without one. */
export const typedCommands = commandNames.filter((name) => name !== 'scale');

/** `locscale-gpu help [COMMAND]` is `locscale-gpu [COMMAND] --help`. */
const HELP_WORD = 'help';

/** LocScale 2.1's command; feature_enhance took its place. */
const RUN_EMMERNET = 'run_emmernet';

export function parseArgv(argv: readonly string[]): ParsedCommandLine {
  const commandIndex = findCommand(argv);
  if (commandIndex !== undefined && argv[commandIndex] === HELP_WORD)
    return parseHelp(argv.slice(commandIndex + 1));
  const command =
    commandIndex === undefined ? 'scale' : (canonicalCommand(argv[commandIndex] as string) as CommandName);
  const rest = commandIndex === undefined ? [...argv] : argv.filter((_, index) => index !== commandIndex);
  // The words of RELION are sorted in relion-arguments.ts.
  if (command === 'relion') {
    const asked = rest.filter((word) => ['-h', '--help', '--version'].includes(word));
    return asked.length > 0
      ? parseOptions(command, asked)
      : { command, values: {}, positionals: rest, given: [] };
  }
  const parsed = parseOptions(command, rest);
  // LocScale 2.1 predicted once, without dropout.
  const once = commandIndex !== undefined && normaliseCommand(argv[commandIndex] as string) === RUN_EMMERNET;
  return once ? { ...parsed, values: { noMonteCarlo: true, ...parsed.values } } : parsed;
}

function parseHelp(words: readonly string[]): ParsedCommandLine {
  const asked = words.find((word) => !looksLikeOption(word));
  const command = asked === undefined ? 'scale' : canonicalCommand(asked);
  if (command === undefined) throw unknownCommand(asked as string);
  return { command, values: { help: true }, positionals: [], given: ['help'] };
}

/**
 * Index of the command: the first token that is neither an option nor an option's value. Options before
 * it must be known without it, as in LocScale.
 */
function findCommand(argv: readonly string[]): number | undefined {
  const spellings = spellingsOf('scale');
  for (let i = 0; i < argv.length; i++) {
    const token = argv[i] as string;
    if (token === '--') return undefined;
    if (!looksLikeOption(token)) {
      if (token === HELP_WORD || canonicalCommand(token) !== undefined) return i;
      throw unknownCommand(token);
    }
    const match = matchOption(token, spellings);
    // The parser proper says what is wrong with an unknown option.
    if (match === undefined) return undefined;
    const wanted = match.spelling.definition.values;
    if (match.attached !== undefined) {
      // A list that begins behind "=": the parser proper says how it is written.
      if (wanted !== 'many' && wanted > 1) return undefined;
      continue;
    }
    for (let taken = 0; i + 1 < argv.length && !looksLikeOption(argv[i + 1] as string); taken++) {
      if (wanted !== 'many' && taken >= wanted) break;
      // `-gpus 0 1 feature_enhance`: a list of values ends where a command begins.
      if (wanted === 'many' && canonicalCommand(argv[i + 1] as string) !== undefined) break;
      i++;
    }
  }
  return undefined;
}

function normaliseCommand(token: string): string {
  return token.replaceAll('-', '_');
}

function canonicalCommand(token: string): CommandName | undefined {
  const name = normaliseCommand(token);
  if (name === 'run_locscale') return 'scale';
  if (name === RUN_EMMERNET) return 'feature_enhance';
  return typedCommands.find((command) => command === name);
}

function unknownCommand(token: string): LocScaleError {
  const nearest = nearestOf(token, typedCommands);
  const file = /[./\\]/.test(token);
  const hint =
    nearest !== undefined
      ? `Did you mean "${nearest}"?`
      : file
        ? 'Maps are given with -em MAP or -hm HALF1 HALF2.'
        : `Commands are ${typedCommands.join(', ')}.`;
  return new LocScaleError('usage', `Unknown command "${token}".`, { where: token, hint });
}

function parseOptions(command: CommandName, argv: readonly string[]): ParsedCommandLine {
  const spellings = spellingsOf(command);
  const values: Record<string, unknown> = {};
  const positionals: string[] = [];
  const given: OptionId[] = [];
  for (let i = 0; i < argv.length; i++) {
    const token = argv[i] as string;
    if (token === '--') {
      positionals.push(...argv.slice(i + 1));
      break;
    }
    if (!looksLikeOption(token)) {
      positionals.push(token);
      continue;
    }
    const match = matchOption(token, spellings);
    if (match === undefined) throw unknownOption(token, command, spellings);
    const { id, name, definition } = match.spelling;
    const texts: string[] = [];
    if (match.attached !== undefined) {
      if (definition.values === 0)
        throw new LocScaleError('usage', `Option ${name} takes no value, found "${match.attached}".`, {
          where: name,
          hint: `Write ${name} alone.`,
        });
      // As in LocScale: "=" attaches one value, never the first of several.
      if (definition.values !== 'many' && definition.values > 1)
        throw new LocScaleError(
          'usage',
          `Option ${name} takes ${definition.values} values, which cannot be attached to it: found "${token}".`,
          { where: name, hint: `Write ${name} ${definition.placeholder}.` },
        );
      texts.push(match.attached);
    }
    const most = definition.values === 'many' ? Number.POSITIVE_INFINITY : definition.values;
    const attachedIsAll = match.attached !== undefined && definition.values === 'many';
    while (
      !attachedIsAll &&
      texts.length < most &&
      i + 1 < argv.length &&
      !looksLikeOption(argv[i + 1] as string)
    ) {
      texts.push(argv[++i] as string);
    }
    const least = definition.values === 'many' ? 1 : definition.values;
    if (texts.length < least) {
      const found = texts.length === 0 ? 'none was given' : `only ${texts.length} was given`;
      throw new LocScaleError(
        'usage',
        `Option ${name} needs ${least === 1 ? 'a value' : `${least} values`}, ${found}.`,
        {
          where: name,
          hint: `Write ${name} ${definition.placeholder}.`,
        },
      );
    }
    values[id] = definition.parse(texts, name, values[id]);
    if (!given.includes(id)) given.push(id);
    if (id === 'help' || id === 'version') break;
  }
  return { command, values: values as OptionValues, positionals, given };
}

/** Negative numbers are values, and so is a lone dash. */
function looksLikeOption(token: string): boolean {
  return token.length > 1 && token.startsWith('-') && !/^-(\d|\.\d)/.test(token);
}

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

interface Match {
  readonly spelling: Spelling;
  readonly attached: string | undefined;
}

function matchOption(token: string, spellings: readonly Spelling[]): Match | undefined {
  const equals = token.indexOf('=');
  const written = normalise(equals < 0 ? token : token.slice(0, equals));
  const attached = equals < 0 ? undefined : token.slice(equals + 1);
  const exact = spellings.find((spelling) => normalise(spelling.name) === written);
  if (exact !== undefined) return { spelling: exact, attached };

  const candidates = distinct(
    written.length > 2 ? spellings.filter((s) => normalise(s.name).startsWith(written)) : [],
  );
  // An abbreviation that LocScale would have understood keeps its meaning beside our own options.
  const original = candidates.filter((candidate) => !candidate.definition.own);
  const only = candidates.length === 1 ? candidates[0] : original.length === 1 ? original[0] : undefined;
  if (only !== undefined) return { spelling: only, attached };
  if (candidates.length > 1) {
    throw new LocScaleError(
      'usage',
      `Option ${token} is ambiguous: it could be ${candidates.map((c) => c.name).join(', ')}.`,
      {
        where: token,
        hint: 'Write the name in full.',
      },
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

function distinct(spellings: readonly Spelling[]): Spelling[] {
  return spellings.filter(
    (spelling, index) => spellings.findIndex((other) => other.id === spelling.id) === index,
  );
}

function unknownOption(token: string, command: CommandName, spellings: readonly Spelling[]): LocScaleError {
  const written = token.split('=')[0] as string;
  const elsewhere = spellingsOf(undefined).find(
    (spelling) => normalise(spelling.name) === normalise(written),
  );
  if (elsewhere !== undefined) {
    const owners = elsewhere.definition.commands.map((name) =>
      name === 'scale' ? 'scaling (no command)' : name,
    );
    return new LocScaleError(
      'usage',
      `Option ${written} does not belong to ${command === 'scale' ? 'scaling' : `the command ${command}`}.`,
      {
        where: written,
        hint: `It belongs to: ${owners.join(', ')}.`,
      },
    );
  }
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

/** Nearest by edit distance, dashes aside; undefined when nothing is near. */
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

/**
 * Options that are refused stop the run here; the notes of those that are accepted without effect
 * are returned, one line each.
 */
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
