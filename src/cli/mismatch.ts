/** What an error expected and what it found, as a line below its sentence: only what the sentence does not say already. */
import type { LocScaleError } from '../errors.ts';

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
