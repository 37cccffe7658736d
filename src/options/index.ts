/**
 * Every option of the command line, once: its spellings, unit, default, value check, help text, the
 * commands it belongs to, and whether it works, is refused (with the reason) or is accepted with a
 * note. The parser (cli/parse-argv.ts), the help text and the manifest read this table.
 *
 * Spellings are LocScale's own (single-dash long names included) so that existing command lines run
 * unchanged; options marked `own` are additions of this program.
 */
import { assessOptions } from './assess.ts';
import { atomicModelOptions } from './atomic-models.ts';
import { benchOptions } from './bench.ts';
import type { OptionDefinition } from './definition.ts';
import { localResolutionOptions } from './local-resolution.ts';
import { mapOptions } from './maps.ts';
import { maskOptions } from './masks.ts';
import { modelOptions } from './models.ts';
import { networkOptions } from './network.ts';
import { postprocessOptions } from './postprocess.ts';
import { resampleOptions } from './resample.ts';
import { runOptions } from './run.ts';
import { scalingOptions } from './scaling.ts';
import { symmetryOptions } from './symmetry.ts';

export { commandHelp } from './commands.ts';
export { type CommandName, commandNames, type OptionDefinition, optionGroups } from './definition.ts';

/** The table; help and documents list options in this order within their groups. */
export const options = {
  ...mapOptions,
  ...atomicModelOptions,
  ...scalingOptions,
  ...runOptions,
  ...networkOptions,
  ...modelOptions,
  ...symmetryOptions,
  ...localResolutionOptions,
  ...postprocessOptions,
  ...assessOptions,
  ...maskOptions,
  ...resampleOptions,
  ...benchOptions,
} as const;

/** Identifiers are LocScale's long names in camel case, except where several commands share one. */
export type OptionId = keyof typeof options;
/** Type of the parsed value. */
type ValueOf<D> = D extends OptionDefinition<infer T> ? T : never;
/** Parsed values; options that were not given are undefined. */
export type OptionValues = { [K in OptionId]?: ValueOf<(typeof options)[K]> };

/** In the order of the table. */
export const optionIds = Object.keys(options) as OptionId[];

/** A definition without the type of its value, for loops over the table. */
export function definitionOf(id: OptionId): OptionDefinition {
  return options[id] as OptionDefinition;
}
