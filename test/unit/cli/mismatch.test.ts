/** The line with what was expected and found: there where it adds something, and only then. */
import { describe, expect, it } from 'vitest';
import { createLogger } from '../../../src/cli/logger.ts';
import { describeMismatch, LocScaleError } from '../../../src/errors.ts';
import { userNoiseBoxes } from '../../../src/math/statistics/confidence.ts';
import { parseSymmetry } from '../../../src/math/symmetry/point-group.ts';
import { readOperators } from '../../../src/math/symmetry/symmetry-operators.ts';
import { badValue } from '../../../src/options/definition.ts';

const thrownBy = (body: () => unknown): LocScaleError => {
  try {
    body();
  } catch (error) {
    return error as LocScaleError;
  }
  throw new Error('nothing was thrown');
};
const error = (message: string, details: ConstructorParameters<typeof LocScaleError>[2]) =>
  new LocScaleError('bad-input', message, details);

describe('what an error expected and found', () => {
  it.each([
    [() => parseSymmetry('Q7'), /^expected: C1 \.\.\. C\d+, D1 .* or I4$/],
    [() => readOperators('1 0 0', 'ops.txt'), /^expected: three rows of .*; found: 1 row$/],
    [
      () => userNoiseBoxes([64, 64, 64], 20, [[50, 0, 0]]),
      /^expected: z, y, x within 64, 64, 64 voxels; found: first voxel 50, 0, 0, edge 20$/,
    ],
  ])('is a line of its own', (body, line) => {
    expect(describeMismatch(thrownBy(body))).toMatch(line);
  });

  it.each([
    ['the words of the sentence', badValue('-wn', 'x', 'a whole number')],
    [
      'the numbers of the sentence',
      error('Local scaling needs 79.50 GiB with 2 threads, more than the memory limit of 62.00 GiB.', {
        expected: 'at most 62.00 GiB',
        found: '79.50 GiB with 2 threads',
      }),
    ],
    ['the words of the hint', error('Wrong.', { expected: 'a map', hint: 'Give a map with -em.' })],
    ['the same on both sides', error('The file changed.', { expected: '4 x 4 x 4', found: '4 x 4 x 4' })],
    ['nothing', error('Wrong.', { found: '' })],
  ])('is left out where it repeats %s', (_, repeating) => {
    expect(describeMismatch(repeating)).toBeUndefined();
  });

  it('is not taken for said by a longer number or a name of a file', () => {
    const window = error('The window of 128 voxels in map_12.mrc is too large.', { expected: 'at most 12' });
    expect(describeMismatch(window)).toBe('expected: at most 12');
    const mode = error('map.mrc has mode 3 (complex integers).', {
      expected: 'mode 0, 1, 2, 6 or 12',
      found: 'mode 3',
    });
    expect(describeMismatch(mode)).toBe('expected: mode 0, 1, 2, 6 or 12');
  });

  it('is printed between sentence and hint', () => {
    const lines: string[] = [];
    const stream = { write: (text: string) => lines.push(text) };
    const logger = createLogger({ out: stream, err: stream }, { verbose: false, debug: false });
    logger.error(error('Wrong mode.', { expected: 'mode 2', found: 'mode 3', hint: 'Convert it.' }));
    expect(lines).toEqual([
      'error: Wrong mode.\n',
      'expected: mode 2; found: mode 3\n',
      'hint: Convert it.\n',
    ]);
  });

  it('has no hint that a warning has given word for word', () => {
    const lines: string[] = [];
    const stream = { write: (text: string) => lines.push(text) };
    const logger = createLogger({ out: stream, err: stream }, { verbose: false, debug: false });
    logger.warn('The contrast seems inverted. Multiply it by -1.');
    logger.error(error('The mask is empty.', { hint: 'Multiply it by -1.' }));
    logger.error(error('The mask is full.', { hint: 'Give a mask.' }));
    expect(lines.slice(1)).toEqual([
      'error: The mask is empty.\n',
      'error: The mask is full.\n',
      'hint: Give a mask.\n',
    ]);
  });
});
