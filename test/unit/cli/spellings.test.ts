/** The library names parameters, the command line its options. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { parametersOf } from '../../../src/cli/job-options.ts';
import { createLogger } from '../../../src/cli/logger.ts';
import { parseArgv } from '../../../src/cli/parse-argv.ts';
import { inOptions, spellings } from '../../../src/cli/spellings.ts';
import { LocScaleError, named } from '../../../src/errors.ts';
import { definitionOf, optionIds } from '../../../src/options/index.ts';
import { completeParameters } from '../../../src/pipeline/parameters.ts';

const src = fileURLToPath(new URL('../../../src/', import.meta.url));
const sources = readdirSync(src, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts') && !name.includes('assembly'))
  .map((name) => ({ name, text: readFileSync(join(src, name), 'utf8') }));
const optionNames = optionIds.flatMap((id) => definitionOf(id).names);

/** Rooms whose callers may be any program: all but the command line and its options. */
const library = /^(?!app\/|cli\/|options\/)\w+[\w-]*\/|^(select-engine|open-network)\.ts$/;

describe('sentences of the library', () => {
  it('name parameters that the command line can spell', () => {
    const names = sources.flatMap(({ text }) =>
      [...text.matchAll(/named\('(\w+)'(?:, '([^']+)')?\)/g)].map(([, name]) => name),
    );
    expect(names.length).toBeGreaterThan(50);
    const known = Object.keys(spellings).map((name) => name.split(':')[0]);
    for (const name of names) expect(known).toContain(name);
    for (const option of Object.values(spellings).flatMap((names) => names.split('/')))
      expect(optionNames).toContain(option);
  });

  it('name no option', () => {
    const long = optionNames.filter((name) => name.length > 2);
    const short = optionNames.filter((name) => name.length === 2);
    // Of the short ones only what stands in a sentence: -s is a number in most places.
    const option = new RegExp(
      `(?<![\\w-])(${long.join('|')})(?![\\w-])|\\b(?:[Gg]ive|with|by|or) (${short.join('|')})(?![\\w-])`,
    );
    const found = sources
      .filter(({ name }) => library.test(name))
      .flatMap(({ name, text }) =>
        text
          .split('\n')
          .filter((line) => !/^\s*(\/\/|\*|\/\*)/.test(line))
          // Commands that the user is to type whole are the program's, not an option of his run.
          .map((line) =>
            line.replaceAll(/"locscale-gpu [^"]*"|newstack -mode|--mpi=\w+|npm install --\S+/g, ''),
          )
          .filter((line) => option.test(line))
          .map((line) => `${name}: ${line.trim()}`),
      );
    expect(found).toEqual([]);
  });
});

describe('the table of options', () => {
  it('sets every parameter of the method that has one spelling by one option', () => {
    const set = optionIds.map((id) => definitionOf(id).parameter).filter((name) => name !== undefined);
    expect(new Set(set).size).toBe(set.length);
    expect(set).toEqual(expect.arrayContaining(['windowVoxels', 'resolution', 'fdrNoiseBoxes']));
  });

  it('fills the parameters of a run', () => {
    const values = parseArgv(['-em', 'm.mrc', '-wn', '20', '-filter_input', '-res', '3.5']).values;
    expect(parametersOf(values)).toMatchObject({ windowVoxels: 20, filterInput: true, resolution: 3.5 });
    expect(parametersOf({}, true)).toEqual(completeParameters({}, true));
  });
});

describe('on the command line', () => {
  it.each([
    [`Use ${named('engine', 'cpu')}, or a GPU.`, 'Use --engine cpu, or a GPU.'],
    [`Give it with ${named('voxelSize')}.`, 'Give it with -p.'],
    [`Scale with ${named('reference', 'none')}.`, 'Scale with --no_reference.'],
    [`Choose another ${named('reference')}.`, 'Choose another --reference.'],
    ['`unknown` stays, and `two words` too.', '`unknown` stays, and `two words` too.'],
  ])('%s reads %s', (sentence, expected) => {
    expect(inOptions(sentence)).toBe(expected);
  });

  it('errors, warnings and notes are printed with options', () => {
    const lines: string[] = [];
    const stream = { write: (text: string) => lines.push(text) };
    const logger = createLogger({ out: stream, err: stream }, { verbose: false, debug: false });
    logger.warn(`Raise ${named('memoryLimitBytes')}.`);
    logger.error(
      new LocScaleError('bad-input', `A mask (${named('mask')}) is missing.`, {
        parameter: 'mask',
        hint: `Give one with ${named('mask')}.`,
      }),
    );
    expect(lines.join('')).toBe(
      'warning: Raise --memory.\nerror: A mask (-ma) is missing.\nhint: Give one with -ma.\n',
    );
  });

  it('an error has the parameter, which is where it is', () => {
    const error = new LocScaleError('usage', 'Wrong.', { parameter: 'windowVoxels' });
    expect([error.parameter, error.where]).toEqual(['windowVoxels', 'windowVoxels']);
  });
});
