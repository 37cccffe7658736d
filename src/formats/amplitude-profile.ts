/** Reads amplitude profiles from JSON files. */
import { LocScaleError } from '../errors.ts';
import type { AmplitudeProfile } from '../math/soft-scaling/profile.ts';

/** {"frequency": [1/angstrom, ascending], "amplitude": [positive]} */
export function parseProfile(text: string, path: string): AmplitudeProfile {
  const wrong = (what: string, cause?: unknown): LocScaleError =>
    new LocScaleError('bad-input', `The profile ${path} ${what}.`, {
      where: path,
      hint: 'It must be JSON: {"frequency": [ascending, 1/angstrom], "amplitude": [positive numbers]}.',
      cause,
    });
  let parsed: { frequency?: unknown; amplitude?: unknown } | null;
  try {
    parsed = JSON.parse(text) as typeof parsed;
  } catch (cause) {
    throw wrong('is not JSON', cause);
  }
  const { frequency, amplitude } = parsed ?? {};
  const isNumbers = (list: unknown): list is number[] =>
    Array.isArray(list) && list.every((value) => Number.isFinite(value));
  if (!isNumbers(frequency) || !isNumbers(amplitude))
    throw wrong('lacks the lists "frequency" and "amplitude" of numbers');
  if (frequency.length !== amplitude.length || frequency.length < 2)
    throw wrong(`has ${frequency.length} frequencies and ${amplitude.length} amplitudes`);
  if (frequency.some((value, i) => i > 0 && value <= frequency[i - 1]))
    throw wrong('has frequencies that do not ascend');
  if (amplitude.some((value) => value <= 0)) throw wrong('has amplitudes that are not positive');
  return { frequency, amplitude };
}
