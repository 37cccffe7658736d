/**
 * Tagged errors. Each says what happened, where, what was expected, and what to do about it. The command line
 * prints `message`, what `expected` and `found` add to it, and `hint`, and maps the tag to an exit code
 * (cli/exit-codes.ts).
 */
export type ErrorTag =
  | 'usage' // an option is unknown, missing, contradictory or out of range
  | 'bad-input' // a file is missing, unreadable, not what it says it is, or does not fit the others
  | 'bad-output' // an output cannot be written, or would overwrite an input
  | 'unsupported' // a mode of LocScale that this version does not have
  | 'no-device' // no usable GPU, or the device was lost
  | 'out-of-memory'
  | 'aborted' // AbortSignal or a signal
  | 'internal';

export interface ErrorDetails {
  /** What the user can do about it, one sentence. */
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

/** Ends what a signal has asked to end. `cause`: what was thrown for it. */
export function stopIfAborted(signal: AbortSignal | undefined, cause?: unknown): void {
  if (signal?.aborted !== true) return;
  throw new LocScaleError('aborted', 'The run was stopped.', { cause });
}

/**
 * A parameter of the library in a sentence: `resolution`, or with a value `engine: cpu`. The command line
 * puts its option in the place of it (cli/spellings.ts), so that each caller reads what he can set.
 */
export function named(parameter: string, value?: string): string {
  return value === undefined ? `\`${parameter}\`` : `\`${parameter}: ${value}\``;
}

/**
 * Parameters and values, as `named` writes them, in the words of a caller; undefined: they stay as they are.
 */
export function respell(
  sentence: string,
  spell: (parameter: string, value: string | undefined) => string | undefined,
): string {
  return sentence.replaceAll(
    /`([a-zA-Z0-9]+)(?:: ([^`]+))?`/g,
    (whole, parameter: string, value?: string) => spell(parameter, value) ?? whole,
  );
}

type Saying = Pick<LocScaleError, 'message' | 'hint' | 'expected' | 'found'>;

/** "expected: at least 4 voxels; found: 2"; undefined where it would repeat the sentence. */
export function describeMismatch(error: Saying): string | undefined {
  const { expected, found } = error;
  if (expected !== undefined && expected === found) return undefined;
  const parts = Object.entries({ expected, found })
    .filter(([, value]) => value !== undefined && value !== '' && !isSaid(value, error))
    .map(([label, value]) => `${label}: ${value}`);
  return parts.length === 0 ? undefined : parts.join('; ');
}

/** The words themselves, or all of the numbers in them. */
function isSaid(value: string, { message, hint = '' }: Saying): boolean {
  const text = `${message}\n${hint}`.toLowerCase();
  const words = value.toLowerCase();
  const at = text.indexOf(words);
  // "12" is not said by "128".
  if (at >= 0 && !/[\w.]/.test(`${text[at - 1] ?? ''}`) && !/\w/.test(`${text[at + words.length] ?? ''}`))
    return true;
  const numbers = numbersIn(value);
  const said = new Set(numbersIn(message));
  return numbers.length > 0 && numbers.every((number) => said.has(number));
}

/** Not those within names: "map_2.mrc", "run/3/map". */
function numbersIn(text: string): string[] {
  return text.match(/(?<![\w./-])\d+(?:\.\d+)?(?![\w/])/g) ?? [];
}
