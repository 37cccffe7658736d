import { LocScaleError } from '../errors.ts';

/** What is wrong with a command line, the word concerned, and what to write instead. */
export function usage(message: string, where: string, hint?: string): LocScaleError {
  return new LocScaleError('usage', message, { where, hint });
}
