/**
 * `node tools/api-docs.mjs [--check]`: writes docs/api.md: what the library exports, by task, with the declarations
 * and comments of the built dist/index.d.ts. --check only compares.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const document = join(root, 'docs/api.md');
const [BEGIN, END] = ['<!-- api:begin -->', '<!-- api:end -->'];

/** Exported names of a module in order, each with the module it comes from: [name, './file.ts']. */
function exportsOf(text) {
  const names = [];
  for (const [, list, from] of text.matchAll(/^export (?:type )?\{([^}]*)\} from '([^']+)';/gm))
    for (const item of list.split(',')) {
      const name = item.trim().replace(/^type /, '');
      if (name !== '') names.push([name, from]);
    }
  return names;
}

const declarationFile = (from, specifier) => join(dirname(from), specifier.replace(/\.ts$/, '.d.ts'));

/** Declaration and comment of a name, followed through files that only pass it on. */
function declarationOf(name, file) {
  const text = readFileSync(file, 'utf8');
  const found = new RegExp(
    `^export (?:declare )?(function|const|interface|type|class) ${name}\\b(?!.* from )`,
    'm',
  ).exec(text);
  if (found !== null) {
    const [, kind] = found;
    return {
      kind,
      text: text.slice(found.index, endOf(text, found.index, kind)),
      comment: commentBefore(text, found.index),
    };
  }
  const passedOn = exportsOf(text).find(([other]) => other === name);
  const imported = new RegExp(`^import type \\{[^}]*\\b${name}\\b[^}]*\\} from '([^']+)'`, 'm').exec(text);
  const whole = [...text.matchAll(/^export type \* from '([^']+)'/gm)].map(([, from]) => from);
  for (const from of [passedOn?.[1], imported?.[1], ...whole]) {
    if (from === undefined) continue;
    const declaration = declarationOf(name, declarationFile(file, from));
    if (declaration !== undefined) return declaration;
  }
  return undefined;
}

/**
 * Index behind the declaration: its semicolon or closing brace outside all brackets, comments and strings.
 */
function endOf(text, start, kind) {
  let depth = 0;
  for (let i = start; i < text.length; i++) {
    const c = text[i];
    if (text.startsWith('/*', i)) i = text.indexOf('*/', i) + 1;
    else if (c === "'" || c === '"' || c === '`') i = text.indexOf(c, i + 1);
    else if ('{[('.includes(c)) depth++;
    else if ('}])'.includes(c)) {
      depth--;
      if (depth === 0 && c === '}' && (kind === 'interface' || kind === 'class')) return i + 1;
    } else if (c === ';' && depth === 0) return i + 1;
  }
  throw new Error('A declaration does not end.');
}

function commentBefore(text, at) {
  const before = text.slice(0, at).trimEnd();
  if (!before.endsWith('*/')) return '';
  return before
    .slice(before.lastIndexOf('/**') + 3, -2)
    .split('\n')
    .map((line) => line.replace(/^\s*\* ?/, '').trim())
    .join('\n')
    .trim();
}

function sectionOf(name, { text, comment }) {
  const code = text
    .replace(/^export (declare )?/, '')
    .replace(/^( {4})+/gm, (spaces) => '  '.repeat(spaces.length / 4));
  return [`### ${name}`, ...(comment === '' ? [] : [comment]), `\`\`\`ts\n${code}\n\`\`\``].join('\n\n');
}

const index = join(root, 'dist/index.d.ts');
if (!existsSync(index)) {
  process.stderr.write('api-docs: run "npm run build" first.\n');
  process.exit(2);
}
/** Of a module and of those that it passes on whole: [name, file that exports or passes on the name]. */
function allExportsOf(file) {
  const text = readFileSync(file, 'utf8');
  const whole = [...text.matchAll(/^export \* from '([^']+)'/gm)].map(([, from]) =>
    declarationFile(file, from),
  );
  const own = exportsOf(text).map(([name, from]) => [name, declarationFile(file, from)]);
  return [...own, ...whole.flatMap(allExportsOf)];
}

const entries = allExportsOf(index).map(([name, file]) => {
  const declaration = declarationOf(name, file);
  if (declaration === undefined) throw new Error(`No declaration of ${name} was found.`);
  return { name, ...declaration };
});
/** Chapters in reading order: title, what belongs there. The first pattern that matches takes the name. */
const chapters = [
  ['Engines', /^(selectEngine|SelectedEngine|EngineChoice|Engine|Volume|Shape)$/],
  [
    'Reading and writing maps',
    /Mrc|Map(File|Image|Input|Source|Read)|^(HashedFile|FileDigest|Grid|VolumeStatistics|Deviation|ValidationReport|imageOf)$/,
  ],
  ['Maps on other grids', /[Rr]esample|Match|^BoxSettings$/],
  [
    'Atomic models',
    /^(readModelFile|writeMmcif|Structure|ReferenceModel|PseudoAtomSettings|measureQScores)$/,
  ],
  ['Networks', /^(openNetwork|Network|NetworkManifest|ReferencePredictor|.*Prediction)/],
  ['Feature enhancement', /FeatureEnhance/],
  ['Local resolution', /LocalResolution/],
  ['Masks', /Mask(Settings|Operations|Origin|Result|Shape|Shaping|Source)|^runMask$|^softenMask$/],
  ['FSC, post-processing and measures of maps', /Fsc|Postprocess|Global|Guinier|ShellSpectra|^mapModel/],
  ['Comparing maps with a model', /Assess|^measureLocalCorrelation$/],
  ['Scaling in frequency bands', /[Bb]and|Soft|Profile$/],
  [
    'Scaling maps',
    /LocScale(?!Error)|LocalScaling|Parameters|Comparison|ReferenceChoice|Unexplained|Scheme|StepName|ShellAmplitudes|Scaled(By|Windows)/,
  ],
  ['Errors', /Error/],
];
const kinds = ['function', 'class', 'const', 'interface', 'type'];
const unplaced = entries.filter(({ name }) => !chapters.some(([, pattern]) => pattern.test(name)));
if (unplaced.length > 0)
  throw new Error(`No chapter of tools/api-docs.mjs takes ${unplaced.map(({ name }) => name).join(', ')}.`);
const chapterOf = ({ name }) => chapters.find(([, pattern]) => pattern.test(name))[0];
const order = (a, b) =>
  kinds.indexOf(a.kind) - kinds.indexOf(b.kind) || (a.name.toLowerCase() < b.name.toLowerCase() ? -1 : 1);
const api = chapters
  .map(([title]) => [title, entries.filter((entry) => chapterOf(entry) === title).sort(order)])
  .filter(([, members]) => members.length > 0)
  .map(([title, members]) =>
    [`## ${title}`, ...members.map((entry) => sectionOf(entry.name, entry))].join('\n\n'),
  )
  .join('\n\n');

const text = readFileSync(document, 'utf8');
const [head, rest] = text.split(BEGIN);
const [, tail] = (rest ?? '').split(END);
if (tail === undefined) throw new Error(`docs/api.md lacks ${BEGIN} or ${END}.`);
const filled = `${head}${BEGIN}\n\n${api}\n\n${END}${tail}`;
/** What a formatter leaves alone: it breaks lines, and sets commas and bars at their ends. */
const bare = (code) =>
  code
    .replaceAll(/\s+/g, '')
    .replaceAll(/,(?=[)\]}>])/g, '')
    .replaceAll(/([=:(<]|\*\/)\|/g, '$1');
if (!process.argv.includes('--check')) {
  writeFileSync(document, filled);
  const biome = join(root, 'node_modules/@biomejs/biome/bin/biome');
  const formatted = spawnSync(process.execPath, [biome, 'format', '--write', document], { cwd: root });
  if (formatted.status !== 0) throw new Error('Biome cannot format docs/api.md.');
} else if (bare(filled) !== bare(text)) {
  process.stderr.write('docs/api.md is not what dist/index.d.ts says: run "node tools/api-docs.mjs".\n');
  process.exitCode = 1;
}
process.stdout.write(`${entries.length} exports\n`);
