/** Generates the help texts from the tables of commands and options. */
import {
  type CommandName,
  commandHelp,
  definitionOf,
  type OptionDefinition,
  optionGroups,
  optionIds,
} from '../options/index.ts';

// Columns: names of options, then their help text, to the width of most terminals.
const NAME_COLUMN = 34;
const WIDTH = 100;

/** Footer of the program's own help. */
const remarks = [
  'Long names may be shortened as long as they stay unambiguous; --name=value and --dry-run ' +
    'for --dry_run are the same.',
  'Exit codes: 0 done, 2 usage, 3 bad input or output, 4 no device, 5 out of memory, ' +
    '129/130/143 stopped by a signal.',
];

/** Help of one command; the help of `scale` is the program's own and also lists the commands. */
export function helpText(command: CommandName): string {
  const { summary, usage, text } = commandHelp[command];
  const lines = [summary, '', 'Usage:', ...usage.map((line) => `  ${line}`)];
  if (text !== undefined) lines.push('', ...wrap(text, WIDTH));
  if (command === 'scale') {
    lines.push('', 'Commands:');
    for (const [name, help] of Object.entries(commandHelp)) {
      if (name !== 'scale') lines.push(`  ${name.padEnd(16)}  ${help.summary}`);
    }
    lines.push('', 'locscale-gpu COMMAND --help (or help COMMAND) says more about one command.');
  }
  for (const group of optionGroups) {
    const members = optionIds
      .map(definitionOf)
      .filter((option) => option.group === group && option.commands.includes(command));
    if (members.length === 0) continue;
    lines.push('', `${group}:`);
    for (const option of members)
      lines.push(
        ...optionLines({
          ...option,
          ...option.perCommand?.[command],
          state: (value) => option.state(value),
        }),
      );
  }
  if (command === 'scale') lines.push('', ...remarks.flatMap((remark) => wrap(remark, WIDTH)));
  return lines.join('\n');
}

/** Long lists of names get a line of their own, as in Python's argparse. */
function optionLines(option: OptionDefinition): string[] {
  const names = distinctSpellings(option.names).join(', ');
  const left = `  ${names}${option.placeholder === '' ? '' : ` ${option.placeholder}`}`;
  const state = stateOf(option);
  const byDefault = option.defaultText === undefined ? '' : ` Default: ${option.defaultText}.`;
  const words = `${option.help}${byDefault}${state}`;
  const right = wrap(words, WIDTH - NAME_COLUMN - 2);
  const gap = ' '.repeat(NAME_COLUMN + 2);
  if (left.length > NAME_COLUMN) return [left, ...right.map((line) => gap + line)];
  return right.map((line, index) => (index === 0 ? left.padEnd(NAME_COLUMN + 2) : gap) + line);
}

/** Lists "--dry_run" and "--dry-run" once. */
function distinctSpellings(names: readonly string[]): string[] {
  return names.filter(
    (name, index) =>
      names.findIndex((other) => other.replaceAll('-', '_') === name.replaceAll('-', '_')) === index,
  );
}

/** What this version does not support is stated in the help, too. */
function stateOf(option: OptionDefinition): string {
  // A status that depends on the value (-sym) is evaluated for a value other than the default.
  const sample = option.values === 1 ? 'C2' : true;
  const state = option.state(sample);
  if (state.kind === 'refused')
    return option.values === 1 && option.state('C1').kind === 'works'
      ? ' Only the default works in this version.'
      : ' Not in this version.';
  return state.kind === 'noted' && !option.help.startsWith('Accepted') ? ' Not used in this version.' : '';
}

/** Lines of at most `width` characters, cut between words. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line];
}
