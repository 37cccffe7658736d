/**
 * Finds idioms that docs/glossary.md rules out, in comments, strings and identifiers of src/, in titles of tests
 * and in documents:
 *   node tools/check-words.mjs
 * Prints one line per finding and ends with exit code 1 if there is any. A rule belongs here only if every match
 * is a mistake: there is no way to excuse a single line.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { parseAst } from 'rolldown/parseAst';
import { partsOf } from './source-text.mjs';

const root = fileURLToPath(new URL('../', import.meta.url));

/** Idioms in sentences, and what to write instead. `files`: only there. */
export const IDIOMS = [
  { idiom: /\b(?:told|tells?|telling)\b/gi, say: 'report, state, show, distinguish' },
  { idiom: /\bask(?:s|ed|ing)?\b/gi, say: 'request, require, query' },
  { idiom: /\bin words\b/gi, say: 'leave it out, or: as text, a sentence' },
  { idiom: /\b(?:go|goes|going|went) on\b(?! (?:the|a|an|its|each|every)\b)/gi, say: 'continue, resume' },
  { idiom: /\b(?:is|are) no (?:news|help|riddle)\b(?! \w)/gi, say: 'expected, unexpected, not useful' },
  { idiom: /\bat hand\b/gi, say: 'available' },
  { idiom: /\bfor want of\b/gi, say: 'limited by, without' },
  { idiom: /\bin vain\b/gi, say: 'without success' },
  { idiom: /\bwithout a word\b|\bin silence\b/gi, say: 'silently' },
  { idiom: /\bcomes? to nothing\b/gi, say: 'fail, have no effect' },
  { idiom: /\bheard? of\b|\bhears of\b/gi, say: 'learn of, receive' },
  { idiom: /\briddles?\b|\bvigils?\b|\bstrangers?\b|\bcompanions?\b/gi, say: 'the plain term' },
  { idiom: /\bturned (?:by|cop(?:y|ies)|the other way)\b/gi, say: 'rotated' },
  { idiom: /\bfall-offs?\b|\bfall(?:s|ing)? off\b/gi, say: 'decay' },
  { idiom: /\bbeside\b/gi, say: 'next to (place), besides (in addition)' },
  { idiom: /\bas [\w'’-]+(?: [\w'’-]+){0,3} ha(?:s|ve) (?:it|them)\b/gi, say: 'as in …' },
  {
    idiom:
      /\b(?:is|are|was|were|be) kept (?:in|from|on disk|as|until|by|per|here|for)\b|\bkept (?:results?|states?)\b/gi,
    say: 'stored, cached, retained',
  },
  {
    idiom:
      /\b(?:files?|headers?|programs?|options?|parameters?|records?|systems?|launchers?|manifests?|drivers?|librar(?:y|ies)|stamps?|plans?|nothing|plan|text|log|environment) says?\b/gi,
    say: 'state, report, print, show',
  },
  {
    idiom:
      /\b(?:bytes?|values?|floats?|numbers?|planes?|voxels?|lines?|times|[mM]iB|residues?) an? (?:voxel|block|task|thread|second|shell|band|plane|row|column|residue|entry|glyph|step|map|file|turn)\b(?=\s*(?:[.,;:)\]'"`]|$))/gi,
    say: 'per',
  },
  {
    idiom: /\bso many (?:times|bytes|voxels|atoms|maps|cells|seconds|shells)\b(?! that)/gi,
    say: 'this many',
  },
  { idiom: /\bgives? back\b|\bgiven back\b/gi, say: 'release, return' },
  {
    idiom: /\b(?:in|of) that (?:rule|one)\b|^['"`](?:That|Those|The same|Iterations of that)\b/g,
    say: 'name it: help entries stand alone',
    files: /^src\/options\//,
  },
];

/** Words of identifiers, split at capitals and underscores. */
export const NAMES = [
  { name: /^(?:told|tell|tells)$/, say: 'report, reportsTo…' },
  { name: /^asked$/, say: 'requested' },
  { name: /^(?:beside)$/, say: 'besides, nextTo' },
  { name: /^(?:turned)$/, say: 'rotated, mulConj' },
  { name: /^(?:vigil|stranger|strangers|companion|companions)$/, say: 'the plain term' },
];

/** The glossary lists the idioms themselves. */
export const EXEMPT = ['docs/glossary.md'];

/** All findings, as `{ file, line, found, say }`. */
export function findWords() {
  const checks = [
    [filesBelow('src', /\.(ts|js|mjs|wgsl|html)$/), checkSource],
    [filesBelow('test', /\.test\.ts$/), checkTitles],
    [['README.md', ...filesBelow('docs', /\.md$/)], (file, text) => checkSentences(file, text, 0)],
  ];
  return checks.flatMap(([files, check]) =>
    files
      .filter((file) => !EXEMPT.includes(file))
      .flatMap((file) => check(file, readFileSync(join(root, file), 'utf8'))),
  );
}

export function checkSource(file, text) {
  return partsOf(file, text).flatMap(({ kind, text: part, start }) => {
    if (kind !== 'code') return checkSentences(file, text, start, part);
    return [...part.matchAll(/[A-Za-z_$][\w$]*/g)].flatMap(({ 0: identifier, index }) =>
      NAMES.filter(({ name }) => wordsOf(identifier).some((word) => name.test(word))).map(({ say }) =>
        finding(file, text, start + index, identifier, say),
      ),
    );
  });
}

/** Titles of tests: the first argument of `it`, `test`, `describe` and their relatives, if it is text. */
export function checkTitles(file, text) {
  const found = [];
  visit(parseAst(text, { lang: 'ts' }), (node) => {
    if (node.type !== 'CallExpression' || !/^(?:it|test|describe\w*)$/.test(rootName(node.callee) ?? ''))
      return;
    const [title] = node.arguments;
    if (title?.type !== 'Literal' && title?.type !== 'TemplateLiteral') return;
    found.push(...checkSentences(file, text, title.start, text.slice(title.start, title.end)));
  });
  return found;
}

function checkSentences(file, text, start, part = text) {
  const { sentences, offsets } = asSentences(part);
  return IDIOMS.filter(({ files }) => files?.test(file) ?? true).flatMap(({ idiom, say }) =>
    [...sentences.matchAll(idiom)].map(({ 0: match, index }) =>
      finding(file, text, start + offsets[index], match, say),
    ),
  );
}

/** Text with line breaks, and the marks of comments behind them, as single spaces; where each character came from. */
function asSentences(text) {
  let sentences = '';
  const offsets = [];
  let at = 0;
  const take = (end) => {
    for (; at < end; at++) {
      sentences += text[at];
      offsets.push(at);
    }
  };
  for (const { 0: gap, index } of text.matchAll(/[ \t]*\n\s*(?:(?:\*(?!\/)|\/\/)\s*)?/g)) {
    take(index);
    sentences += ' ';
    offsets.push(index);
    at = index + gap.length;
  }
  take(text.length);
  return { sentences, offsets };
}

function finding(file, text, at, found, say) {
  return { file, line: text.slice(0, at).split('\n').length, found, say };
}

/** "keptVolumes" to "kept", "volumes". */
function wordsOf(identifier) {
  return identifier
    .replace(/([a-z\d])([A-Z])/g, '$1 $2')
    .split(/[ _$]+/)
    .map((word) => word.toLowerCase());
}

function rootName(callee) {
  if (callee?.type === 'Identifier') return callee.name;
  if (callee?.type === 'MemberExpression') return rootName(callee.object);
  if (callee?.type === 'CallExpression' || callee?.type === 'TaggedTemplateExpression')
    return rootName(callee.callee ?? callee.tag);
  return undefined;
}

function visit(node, enter) {
  if (node === null || typeof node !== 'object') return;
  if (!Array.isArray(node) && typeof node.type === 'string') enter(node);
  for (const value of Object.values(node)) visit(value, enter);
}

function filesBelow(folder, pattern) {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && pattern.test(entry.name))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)).split(sep).join('/'))
    .sort();
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const found = findWords();
  for (const { file, line, found: words, say } of found)
    process.stdout.write(`${file}:${line}: "${words}" (say: ${say})\n`);
  if (found.length > 0) process.stderr.write(`${found.length} idioms that docs/glossary.md rules out.\n`);
  process.exitCode = found.length > 0 ? 1 : 0;
}
