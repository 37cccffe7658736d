/** Errors as the screens show them. */
import { describeMismatch, type LocScaleError } from '../errors.ts';
import type { Failure } from './protocol.ts';

/** Text, hint, and what was expected and found. */
export function failureFrom(error: LocScaleError): Failure {
  const { tag, message, hint } = error;
  const mismatch = describeMismatch(error);
  return { tag, message: mismatch === undefined ? message : `${message} (${mismatch})`, hint };
}
