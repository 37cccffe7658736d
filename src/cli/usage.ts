import { LocScaleError } from '../errors.ts';

/** Usage error: the problem, the word concerned, and the correction. */
export function usage(message: string, where: string, hint?: string): LocScaleError {
  return new LocScaleError('usage', message, { where, hint });
}

/** Usage error for two options that exclude each other. */
export function exclude(one: string, other: string): LocScaleError {
  return usage(`${one} and ${other} exclude each other.`, other, 'Leave one of them out.');
}
