import { LocScaleError } from '../errors.ts';

/** What is wrong with a command line, the word concerned, and what to write instead. */
export function usage(message: string, where: string, hint?: string): LocScaleError {
  return new LocScaleError('usage', message, { where, hint });
}

/** Of two options that cannot be given together. */
export function exclude(one: string, other: string): LocScaleError {
  return usage(`${one} and ${other} exclude each other.`, other, 'Leave one of them out.');
}
