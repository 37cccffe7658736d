/**
 * Sentences of the library name its parameters (`named` of errors.ts); here their options take the place of
 * the names.
 */

import { respell } from '../errors.ts';
import { definitionOf, optionIds } from '../options/index.ts';

/** By the name of a parameter, or "name: value" where a value has an option of its own. */
export const spellings: Readonly<Record<string, string>> = Object.fromEntries(
  optionIds.map(definitionOf).flatMap(({ parameter, called = parameter, names: [name] }) => {
    return called === undefined ? [] : [[called, name]];
  }),
);

/** The sentence with options in the place of parameters. */
export function inOptions(sentence: string): string {
  return respell(sentence, (name, value) => {
    const option = spellings[name];
    if (value === undefined) return option;
    return spellings[`${name}: ${value}`] ?? (option && `${option} ${value}`);
  });
}
