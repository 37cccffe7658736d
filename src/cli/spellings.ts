/** Replaces names of library parameters in messages (`named` of errors.ts) by command-line options. */

import { respell } from '../errors.ts';
import { definitionOf, optionIds } from '../options/index.ts';

/** Keyed by parameter name, or "name: value" if a value has its own option. */
export const spellings: Readonly<Record<string, string>> = Object.fromEntries(
  optionIds.map(definitionOf).flatMap(({ parameter, called = parameter, names: [name] }) => {
    return called === undefined ? [] : [[called, name]];
  }),
);

/** The sentence with options instead of parameters. */
export function inOptions(sentence: string): string {
  return respell(sentence, (name, value) => {
    const option = spellings[name];
    if (value === undefined) return option;
    return spellings[`${name}: ${value}`] ?? (option && `${option} ${value}`);
  });
}
