/** The documents say what the program does: links, commands, options and figures. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { documentBlocks, fillBlock } from '../../bench/doc-tables.mjs';
import { exitCodes } from '../../src/cli/exit-codes.ts';
import { outputTables } from '../../src/cli/output-tables.ts';
import { pathOf, recordPathOf } from '../../src/cli/outputs.ts';
import { checkOptionStates, parseArgv } from '../../src/cli/parse-argv.ts';
import { inOptions } from '../../src/cli/spellings.ts';
import { named } from '../../src/errors.ts';
import * as library from '../../src/index.ts';
import { definitionOf, optionIds, options } from '../../src/options/index.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const read = (file: string): string => readFileSync(join(root, file), 'utf8');
const jsonFiles = (folder: string) =>
  readdirSync(join(root, folder))
    .filter((name) => name.endsWith('.json'))
    .map((name) => ({ name, text: read(join(folder, name)) }));

const documents = [
  'README.md',
  'CHANGELOG.md',
  'CONTRIBUTING.md',
  'bench/README.md',
  ...readdirSync(join(root, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
];

/** Text without code blocks. */
function prose(text: string): string {
  return text.replaceAll(/^```.*?^```$/gms, '');
}

/** The anchor a heading has on GitHub and in most renderers. */
function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-');
}

function anchorsOf(file: string): string[] {
  return [...prose(read(file)).matchAll(/^#+ (.+)$/gm)].map((match) => anchorOf(match[1]));
}

/** All source text below a folder of the repository, with options where its sentences name parameters. */
function sourcesOf(folder: string): string {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.(ts|mjs)$/.test(name))
    .map((name) => read(join(folder, name)))
    .join('\n')
    .replaceAll(/\$\{named\('(\w+)'(?:, '([^']+)')?\)\}/g, (_, name, value) => inOptions(named(name, value)));
}

function shellLines(file: string): string[] {
  const blocks = [...read(file).matchAll(/^```sh\n(.*?)^```$/gms)];
  return blocks.flatMap((block) => block[1].split('\n')).filter((line) => line.trim() !== '');
}

describe('documents', () => {
  it.each(documents)('links of %s lead somewhere', (file) => {
    const links = [...prose(read(file)).matchAll(/\]\(([^)\s]+)\)/g)].map((match) => match[1]);
    for (const link of links.filter((target) => !/^https?:/.test(target))) {
      const [path, anchor] = link.split('#');
      const target = path === '' ? join(root, file) : join(root, dirname(file), path);
      expect(existsSync(target), link).toBe(true);
      if (anchor !== undefined) expect(anchorsOf(relative(root, target)), link).toContain(anchor);
    }
  });

  it('every command in a shell block is one that works', () => {
    const scripts = JSON.parse(read('package.json')).scripts as Record<string, string>;
    const tasks = JSON.parse(read('deno.json')).tasks as Record<string, string>;
    const lines = documents.flatMap(shellLines);
    expect(lines.length).toBeGreaterThan(10);
    for (const line of lines) {
      // Environment variables set for one command come first, and what starts ranks.
      const launched = line
        .replace(/^([A-Z_]+=\S+ )+/, '')
        .replace(/^(mpirun|srun) .*?(?=locscale-gpu )/, '');
      const words = launched.split(/\s+/);
      const [program, ...rest] = words;
      if (program === 'locscale-gpu' || line.startsWith('deno run -A src/cli.ts')) {
        // Throws for unknown options, wrong values, and options that this version refuses.
        const parsed = parseArgv(program === 'locscale-gpu' ? rest : rest.slice(3));
        expect(checkOptionStates(parsed), line).toEqual([]);
      } else if (program === 'npm' && rest[0] === 'run') expect(scripts, line).toHaveProperty(rest[1]);
      else if (program === 'npm') expect(['install', 'link', 'test'], line).toContain(rest[0]);
      else if (program === 'deno' && rest[0] === 'task') expect(tasks, line).toHaveProperty(rest[1]);
      else if (program === 'node') expect(existsSync(join(root, rest[0])), line).toBe(true);
      else throw new Error(`${line}: this test does not know the command`);
    }
  });

  it('options named in the text exist', () => {
    const names = new Set(optionIds.flatMap((id) => [...definitionOf(id).names]));
    const described = ['method', 'coming-from-locscale', 'troubleshooting'].map((name) => `docs/${name}.md`);
    for (const file of ['README.md', ...described]) {
      const codes = [...prose(read(file)).matchAll(/`(-[^`]+)`/g)].map((match) => match[1].split(/[\s=]/)[0]);
      expect(codes.length).toBeGreaterThan(3);
      for (const name of codes) {
        // The one made-up name: how a value is attached.
        if (name !== '--name') expect(names, `${file}: ${name}`).toContain(name);
      }
    }
  });

  it('environment variables named in the text are read somewhere', () => {
    const named = new Set(documents.flatMap((file) => read(file).match(/LOCSCALE_[A-Z_]+/g) ?? []));
    expect(named.size).toBeGreaterThan(3);
    const code = ['src', 'test', 'bench'].map(sourcesOf).join('\n');
    for (const name of named)
      expect(
        [`process.env.${name}`, `= '${name}'`].some((use) => code.includes(use)),
        name,
      ).toBe(true);
  });

  it('README is short enough to be read', () => {
    expect(read('README.md').split('\n').length).toBeLessThanOrEqual(181);
  });

  it('the index names every page of docs/', () => {
    const index = read('docs/README.md');
    const pages = readdirSync(join(root, 'docs')).filter(
      (name) => name.endsWith('.md') && name !== 'README.md',
    );
    for (const page of pages) expect(index).toContain(`](${page})`);
  });

  it('README has every exit code', () => {
    const sentence = /Exit codes: [^.]+\./.exec(read('README.md'))?.[0] ?? '';
    for (const code of Object.values(exitCodes)) expect(sentence).toMatch(new RegExp(`\\b${code}\\b`));
  });

  it('the messages that docs/troubleshooting.md explains are those of the program', () => {
    // Long sentences are split in the source.
    const code = sourcesOf('src').replaceAll(/['"`] \+\s+['"`]/g, '');
    const heads = read('docs/troubleshooting.md').match(/^\*\*".*?\*\*/gms) ?? [];
    const quotes = heads.flatMap((head) => [...head.replaceAll(/\s+/g, ' ').matchAll(/"([^"]+)"/g)]);
    expect(quotes.length).toBeGreaterThan(10);
    for (const [, quote] of quotes)
      for (const part of quote.split('…')) expect(code, quote).toContain(part.trim().replace(/^, /, ''));
  });

  it('what the library example imports is exported', () => {
    const example = /^```ts\n(.*?)^```$/ms.exec(read('README.md'))?.[1] ?? '';
    const names = /import \{([^}]+)\} from 'locscale-gpu'/.exec(example)?.[1].split(',') ?? [];
    expect(names.length).toBeGreaterThan(3);
    for (const name of names) expect(library).toHaveProperty(name.trim());
  });

  it('every option stands in docs/coming-from-locscale.md, in all its spellings', () => {
    const text = read('docs/coming-from-locscale.md');
    for (const id of optionIds) {
      if (id === 'help') continue;
      for (const name of definitionOf(id).names) expect(text).toContain(`\`${name}\``);
    }
  });

  // After new results or a change of an option: node bench/fill-tables.mjs
  const blocks = documentBlocks({
    options,
    outputs: { tables: outputTables, paths: { pathOf, recordPathOf } },
    accuracy: jsonFiles('bench/results/accuracy'),
    speed: jsonFiles('bench/results'),
    startUp: jsonFiles('bench/results/start-up'),
    ranks: jsonFiles('bench/results/ranks'),
    robustness: jsonFiles('bench/results/robustness'),
    quality: jsonFiles('bench/results/soft-scaling'),
  });
  it.each(blocks)('$file: "$name" is what the stored results make', ({ file, name, content }) => {
    const text = read(file);
    expect(text).toBe(fillBlock(text, name, content));
  });

  it('the picture is a PNG of less than 200 kB', () => {
    const path = join(root, 'docs/images/demo-slices.png');
    expect(statSync(path).size).toBeLessThan(200_000);
    expect([...readFileSync(path).subarray(1, 4)]).toEqual([...'PNG'].map((c) => c.charCodeAt(0)));
  });
});
