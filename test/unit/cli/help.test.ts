import { describe, expect, it } from 'vitest';
import { helpText } from '../../../src/cli/help.ts';
import { commandNames, definitionOf, optionIds } from '../../../src/options/index.ts';

describe('help', () => {
  for (const command of commandNames) {
    it(`of ${command}`, () => {
      expect(helpText(command)).toMatchSnapshot();
    });
  }

  it('names every option and keeps to 100 columns', () => {
    const text = helpText('scale');
    for (const id of optionIds) {
      const definition = definitionOf(id);
      if (definition.commands.includes('scale')) expect(text).toContain(definition.names[0]);
    }
    for (const line of text.split('\n')) expect(line.length).toBeLessThanOrEqual(100);
  });
});
