/** The words that docs/glossary.md rules out: none is left, and the check finds them where they are. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { checkSource, checkTitles, EXEMPT, findWords } from '../../tools/check-words.mjs';

const root = new URL('../../', import.meta.url);
const inComment = (sentence: string): string[] =>
  checkSource('src/x.ts', `// ${sentence}\n`).map(({ found }) => found.toLowerCase());

describe('idioms that the glossary rules out', () => {
  it('are in no source, title of a test or document', () => {
    const lines = findWords().map(
      ({ file, line, found, say }) => `${file}:${line}: "${found}" (say: ${say})`,
    );
    expect(lines).toEqual([]);
  });

  it('are excused in files that exist only', () => {
    for (const file of EXEMPT)
      expect(readFileSync(fileURLToPath(new URL(file, root))).length).toBeGreaterThan(0);
  });

  it.each([
    ['The user is told by a sentence.', 'told'],
    ['As was asked for.', 'asked'],
    ['Says in words why.', 'in words'],
    ['The run goes on.', 'goes on'],
    ['A lost message is no news.', 'is no news'],
    ['Where nothing is at hand.', 'at hand'],
    ['Fewer threads, for want of memory.', 'for want of'],
    ['Skipped without a word.', 'without a word'],
    ['Each is turned by an angle.', 'turned by'],
    ['The fall-off of the amplitudes.', 'fall-off'],
    ['A file beside the map.', 'beside'],
    ['As the original has it.', 'as the original has it'],
    ['Tiles are kept in a folder.', 'are kept in'],
    ['As the header says.', 'header says'],
    ['Four bytes a voxel.', 'bytes a voxel'],
    ['Neighbours up to so many voxels.', 'so many voxels'],
    ['Gives back the memory.', 'gives back'],
  ])('are found: %s', (sentence, found) => {
    expect(inComment(sentence)).toContain(found);
  });

  it.each([
    'The file is hotel.mrc, a tale of foretold tasks.',
    'Data go on the heap; the mask goes on each slab.',
    'There is no help text, and it has no news file.',
    'Labels are kept unchanged; ORIGIN is kept.',
    'Values a map can hold; numbers a thread needs.',
    'Spread over so many voxels that it vanishes.',
    'Besides the maps, next to the mask.',
    'The specimen was turned into a map; it turned out well.',
    'The FSC falls below 0.143.',
  ])('are not found in plain English: %s', (sentence) => {
    expect(inComment(sentence)).toEqual([]);
  });

  it('are found across the lines of a comment, in strings and in names', () => {
    const text = [
      '/**',
      ' * A run that goes',
      ' * on.',
      ' */',
      "const x = 'told' + `asked $" + '{y} beside`;',
      'const toldOnce = isBeside(z).retell;',
    ].join('\n');
    expect(checkSource('src/x.ts', text).map(({ line, found }) => [line, found])).toEqual([
      [2, 'goes on'],
      [5, 'told'],
      [5, 'asked'],
      [5, 'beside'],
      [6, 'toldOnce'],
      [6, 'isBeside'],
    ]);
  });

  it('are found in titles, not in what a test does', () => {
    const text = [
      "describe('told', () => {",
      "  it.each([['asked']])('beside %s', () => expect('told').toBe(tell()));",
      '  describeEngines(`in words`, () => {});',
      '});',
    ].join('\n');
    expect(checkTitles('test/x.test.ts', text).map(({ line, found }) => [line, found])).toEqual([
      [1, 'told'],
      [2, 'beside'],
      [3, 'in words'],
    ]);
  });

  it('are found in entries of the help that lean on the one before', () => {
    const entry = "const help = 'That constant B factor, A^2.';";
    expect(checkSource('src/options/x.ts', entry)).toHaveLength(1);
    expect(checkSource('src/cli/x.ts', entry)).toEqual([]);
  });
});
