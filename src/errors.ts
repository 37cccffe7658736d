/**
 * Tagged errors. Each states what happened, where, what was expected, and what to do about it. The command
 * line prints `message`, `expected` and `found` if they add to it, and `hint`, and maps the tag to an exit
 * code (cli/exit-codes.ts).
 */
export type ErrorTag =
  | 'usage' // an option is unknown, missing, contradictory or out of range
  | 'bad-input' // a file is missing, unreadable, not of the declared kind, or does not match the others
  | 'bad-output' // an output cannot be written, or would overwrite an input
  | 'unsupported' // a mode of LocScale that this version does not implement
  | 'no-device' // no usable GPU, or the device was lost
  | 'out-of-memory'
  | 'aborted' // AbortSignal or a signal
  | 'internal';

export interface ErrorDetails {
  /** Advice to the user, one sentence. */
  hint?: string;
  /** File or step concerned; default: `parameter`. */
  where?: string;
  /** Parameter of the library concerned. The command line names its option instead. */
  parameter?: string;
  expected?: string;
  found?: string;
  cause?: unknown;
}

export class LocScaleError extends Error {
  readonly tag: ErrorTag;
  readonly hint: string | undefined;
  readonly where: string | undefined;
  readonly parameter: string | undefined;
  readonly expected: string | undefined;
  readonly found: string | undefined;

  constructor(tag: ErrorTag, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = 'LocScaleError';
    this.tag = tag;
    this.hint = details.hint;
    this.where = details.where ?? details.parameter;
    this.parameter = details.parameter;
    this.expected = details.expected;
    this.found = details.found;
  }
}

export function isLocScaleError(error: unknown): error is LocScaleError {
  return error instanceof LocScaleError;
}

/** Throws if the signal is aborted. `cause`: the error raised by the abort. */
export function stopIfAborted(signal: AbortSignal | undefined, cause?: unknown): void {
  if (signal?.aborted !== true) return;
  throw new LocScaleError('aborted', 'The run was stopped.', { cause });
}

/**
 * A library parameter in a sentence: `resolution`, or with a value `engine: cpu`. The command line replaces
 * it by its option (cli/spellings.ts), so that every caller reads what they can set.
 */
export function named(parameter: string, value?: string): string {
  return value === undefined ? `\`${parameter}\`` : `\`${parameter}: ${value}\``;
}

/** Translates parameters and values written by `named` for a caller; undefined: unchanged. */
export function respell(
  sentence: string,
  spell: (parameter: string, value: string | undefined) => string | undefined,
): string {
  return sentence.replaceAll(
    /`([a-zA-Z0-9]+)(?:: ([^`]+))?`/g,
    (whole, parameter: string, value?: string) => spell(parameter, value) ?? whole,
  );
}

type ErrorText = Pick<LocScaleError, 'message' | 'hint' | 'expected' | 'found'>;

/** "expected: at least 4 voxels; found: 2"; undefined where it would repeat the sentence. */
export function describeMismatch(error: ErrorText): string | undefined {
  const { expected, found } = error;
  if (expected !== undefined && expected === found) return undefined;
  const parts = Object.entries({ expected, found })
    .filter(([, value]) => value !== undefined && value !== '' && !isMentioned(value, error))
    .map(([label, value]) => `${label}: ${value}`);
  return parts.length === 0 ? undefined : parts.join('; ');
}

/** Whether the sentence already contains the words, or all numbers in them. */
function isMentioned(value: string, { message, hint = '' }: ErrorText): boolean {
  const text = `${message}\n${hint}`.toLowerCase();
  const words = value.toLowerCase();
  const at = text.indexOf(words);
  // "128" does not contain the number "12".
  if (at >= 0 && !/[\w.]/.test(`${text[at - 1] ?? ''}`) && !/\w/.test(`${text[at + words.length] ?? ''}`))
    return true;
  const numbers = numbersIn(value);
  const said = new Set(numbersIn(message));
  return numbers.length > 0 && numbers.every((number) => said.has(number));
}

/** Ignores numbers within names: "map_2.mrc", "run/3/map". */
function numbersIn(text: string): string[] {
  return text.match(/(?<![\w./-])\d+(?:\.\d+)?(?![\w/])/g) ?? [];
}
