/** Defines what an option is, and helpers for the tables of options. */
import { LocScaleError } from '../errors.ts';
import type { LocScaleParameters } from '../pipeline/types.ts';
import type { Belonging, Idle } from './effects.ts';

/** Commands by the name that is typed; `scale` is what runs without one. */
export const commandNames = [
  'scale',
  'feature_enhance',
  'fsc',
  'mask',
  'locres',
  'postprocess',
  'assess',
  'resample',
  'symmetrise',
  'symmetry',
  'validate',
  'demo',
  'page',
  'app',
  'bench',
  'devices',
  'models',
  'setup',
  'relion',
  'version',
] as const;
export type CommandName = (typeof commandNames)[number];

/**
 * Whether an option is used. LocScale's options are all known, so that its command lines parse; those that
 * cannot be honoured say so.
 */
export type OptionState =
  | { readonly kind: 'works' }
  /** The run stops with exit code 2 and this reason. */
  | { readonly kind: 'refused'; readonly reason: string; readonly hint: string }
  /** The run continues; this note is printed once. */
  | { readonly kind: 'noted'; readonly note: string };

/** Names of the method's parameters with a value of this type. */
type ParameterOf<T> = {
  [K in keyof LocScaleParameters]-?: T extends LocScaleParameters[K] ? K : never;
}[keyof LocScaleParameters];

/** An option as a row of the table. `T`: its parsed value. */
export interface OptionDefinition<T = unknown> {
  /**
   * All spellings with their dashes, short ones first. Dashes and underscores inside a name are equivalent.
   */
  readonly names: readonly string[];
  /** Values taken: none, exactly n, or one and more. */
  readonly values: 0 | 1 | 2 | 'many';
  /** Placeholder of the values in the help text. */
  readonly placeholder: string;
  /** A sentence or two that stand alone: commands list subsets of the options. */
  readonly help: string;
  /** Default as shown in the help text. */
  readonly defaultText?: string;
  /** Parameter of the method set by the option. */
  readonly parameter?: keyof LocScaleParameters;
  /** Its name in messages of the library (`named` of errors.ts), if it is not such a parameter. */
  readonly called?: string;
  /** Kinds of reference that it belongs to; refused with others. */
  readonly belongsTo?: Belonging;
  /** Reason why it is incompatible with soft scaling. */
  readonly notInSoft?: string;
  /** Conditions under which it has no effect. */
  readonly idle?: readonly Idle[];
  /** Help and default of commands in which the option has another meaning. */
  readonly perCommand?: Partial<
    Record<
      CommandName,
      { readonly placeholder?: string; readonly help: string; readonly defaultText?: string }
    >
  >;
  /** Commands that take it; with others it is refused. */
  readonly commands: readonly CommandName[];
  readonly group: OptionGroup;
  /** An addition of this program, not an option of LocScale. */
  readonly own: boolean;
  /** Whether it may be given several times; otherwise the last one counts. */
  readonly repeatable: boolean;
  /**
   * Converts and checks the texts; throws 'usage'. `name`: the spelling used. `previous`: the value so far,
   * if repeatable.
   */
  readonly parse: (texts: readonly string[], name: string, previous: T | undefined) => T;
  /** What becomes of a parsed value in this version. */
  readonly state: (value: T) => OptionState;
}

/** Headings of the help, in its order. */
export const optionGroups = [
  'Map input',
  'Reference',
  'Mask',
  'Scaling',
  'Local resolution',
  'Output',
  'Run',
  'Network',
  'Pseudo-model and refinement',
] as const;
export type OptionGroup = (typeof optionGroups)[number];

/** The state of almost all options. */
export const works: OptionState = { kind: 'works' };

/** Parts of a definition that all kinds of option share. */
interface Common<T> {
  help: string;
  group: OptionGroup;
  commands?: readonly CommandName[];
  defaultText?: string;
  perCommand?: OptionDefinition['perCommand'];
  own?: boolean;
  parameter?: ParameterOf<T>;
  called?: string;
  belongsTo?: Belonging;
  notInSoft?: string;
  idle?: readonly Idle[];
  state?: OptionState | ((value: T) => OptionState);
}

/**
 * Defines an option. `names`: spellings separated by spaces, LocScale's first. Without `commands` it belongs
 * to the two that scale.
 */
export function define<T>(
  names: string,
  values: OptionDefinition['values'],
  placeholder: string,
  common: Common<T>,
  parse: OptionDefinition<T>['parse'],
  repeatable = false,
): OptionDefinition<T> {
  const { state = works } = common;
  return {
    names: names.split(' '),
    values,
    placeholder,
    help: common.help,
    defaultText: common.defaultText,
    perCommand: common.perCommand,
    parameter: common.parameter,
    called: common.called,
    belongsTo: common.belongsTo,
    notInSoft: common.notInSoft,
    idle: common.idle,
    commands: common.commands ?? ['scale', 'feature_enhance'],
    group: common.group,
    own: common.own ?? false,
    repeatable,
    parse,
    state: typeof state === 'function' ? state : () => state,
  };
}

/** An option without a value; absent or true. */
export function flag(names: string, common: Common<true>): OptionDefinition<true> {
  return define(names, 0, '', common, () => true);
}

/** A text that must not be empty, as file names. */
export function text(names: string, placeholder: string, common: Common<string>): OptionDefinition<string> {
  return define(names, 1, placeholder, common, ([value], name) => {
    if (value === '') throw badValue(name, value, 'a non-empty text');
    return value;
  });
}

/** Limits of a number, each of which may be absent. */
interface Range {
  /** Smallest value allowed; `above` excludes it. */
  min?: number;
  above?: number;
  max?: number;
  below?: number;
}

/** A decimal number within limits. The unit is in the placeholder and in the help. */
export function number(
  names: string,
  placeholder: string,
  range: Range,
  common: Common<number>,
  integer = false,
) {
  return define<number>(names, 1, placeholder, common, ([value], name) =>
    parseNumber(value, name, range, integer),
  );
}

/** The same for whole numbers. */
export function integer(names: string, placeholder: string, range: Range, common: Common<number>) {
  return number(names, placeholder, range, common, true);
}

/** One of several words, which are its placeholder. */
export function choice<T extends string>(
  names: string,
  choices: readonly T[],
  common: Common<T>,
): OptionDefinition<T> {
  return define<T>(names, 1, choices.join('|'), common, ([value], name) => {
    const found = choices.find((candidate) => candidate === value);
    if (found === undefined) throw badValue(name, value, `one of ${choices.join(', ')}`);
    return found;
  });
}

/** Error of a value that cannot be read, with what was expected. */
export function badValue(name: string, value: string | undefined, expected: string): LocScaleError {
  return new LocScaleError('usage', `Option ${name} needs ${expected}, not "${value ?? ''}".`, {
    where: name,
    expected,
    found: value ?? '',
    hint: `Run "locscale-gpu --help" for what ${name} means.`,
  });
}

/** Plain decimal numbers only: rejects "0x10", "", " 5" and "Infinity". */
const decimal = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/;

/**
 * The number, or an error that names the limit it breaks. `requireInteger` refuses 2.5 and what no float64
 * holds exactly.
 */
export function parseNumber(
  value: string | undefined,
  name: string,
  range: Range,
  requireInteger: boolean,
): number {
  const kind = requireInteger ? 'a whole number' : 'a number';
  const parsed = value !== undefined && decimal.test(value) ? Number(value) : Number.NaN;
  if (!Number.isFinite(parsed) || (requireInteger && !Number.isSafeInteger(parsed)))
    throw badValue(name, value, kind);
  if (range.min !== undefined && parsed < range.min)
    throw badValue(name, value, `${kind} of at least ${range.min}`);
  if (range.above !== undefined && parsed <= range.above)
    throw badValue(name, value, `${kind} above ${range.above}`);
  if (range.max !== undefined && parsed > range.max)
    throw badValue(name, value, `${kind} of at most ${range.max}`);
  if (range.below !== undefined && parsed >= range.below)
    throw badValue(name, value, `${kind} below ${range.below}`);
  return parsed;
}

/** The run stops with this reason, a sentence. */
export function refused(reason: string, hint: string): OptionState {
  return { kind: 'refused', reason, hint };
}

/** The run continues with this note: the option has no effect here. */
export function noted(note: string): OptionState {
  return { kind: 'noted', note };
}

/** Commands of options that scaling alone has. */
export const scaleOnly = ['scale'] as const;
/** Commands that take half maps or a map with its mask and resolution. */
export const readsMaps = ['scale', 'feature_enhance', 'mask', 'fsc', 'locres', 'postprocess'] as const;
/** Commands that read a map at all. */
export const readsAnyMap = [...readsMaps, 'assess', 'symmetrise', 'symmetry'] as const;
/** Commands that may make an FDR mask. */
export const makesMasks = ['scale', 'feature_enhance', 'mask', 'locres', 'fsc', 'postprocess'] as const;
/** Commands whose runs are planned, and which write maps through run-command.ts. */
export const runsJobs = [...readsMaps, 'assess', 'symmetrise', 'resample'] as const;
/** Commands with steps worth storing for --resume. */
export const hasSteps = ['scale', 'feature_enhance', 'mask', 'locres', 'postprocess'] as const;
/** Commands that offer --print_report. */
export const hasReport = [...hasSteps, 'assess'] as const;
/** Commands that compute on an engine. */
export const usesEngine = [...readsAnyMap, 'resample', 'demo'] as const;
/** Commands that choose threads and GPUs. */
export const measuresEngines = [...usesEngine, 'bench'] as const;
