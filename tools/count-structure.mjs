/**
 * Counts what makes this code base slow to change, so that a redesign can be measured before and after:
 *   node tools/count-structure.mjs [--json]
 * Counts are taken from the syntax tree of src/ (TypeScript as written, no types), imports from its text. The
 * table of folders counts lines of TypeScript, AssemblyScript and WGSL: with nothing but a comment, and too long.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseAst } from 'rolldown/parseAst';
import { CORE_FOLDERS } from './core-folders.mjs';
import { lineCounts } from './source-text.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const src = join(root, 'src');

/** The kinds of `ReferenceChoice`. */
const REFERENCE_KINDS = new Set([
  'model-map',
  'pseudo-model-map',
  'hybrid-map',
  'atomic-model',
  'hybrid-model',
  'pseudo-model',
  'network',
  'none',
]);
const FUNCTIONS = new Set(['FunctionDeclaration', 'FunctionExpression', 'ArrowFunctionExpression']);
/** Columns of a line, as Biome formats. */
const COLUMNS = 110;
/** A run of equal lines shorter than this is coincidence. */
const DUPLICATE_LINES = 6;

const sources = readdirSync(src, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile() && entry.name.endsWith('.ts') && !entry.name.endsWith('.d.ts'))
  .map((entry) => join(entry.parentPath, entry.name))
  // AssemblyScript has decorators and types of its own.
  .filter((path) => !path.includes(`${sep}assembly${sep}`))
  .sort()
  .map((path) => ({ path, name: relative(root, path), text: readFileSync(path, 'utf8') }));

const totals = {
  referenceKindTests: 0,
  jobParameters: 0,
  conditionalSpreads: 0,
  nonNullAssertions: 0,
  functionsOver80Lines: 0,
  longestFunction: { name: '', lines: 0 },
};

for (const { name, text } of sources) {
  const lineAt = lineCounter(text);
  visit(parseAst(text, { lang: 'ts' }), (node, parent) => {
    if (isKindTest(node)) totals.referenceKindTests++;
    if (node.type === 'TSNonNullExpression') totals.nonNullAssertions++;
    if (isConditionalSpread(node)) totals.conditionalSpreads++;
    if (!FUNCTIONS.has(node.type)) return;
    if (name.startsWith(join('src', 'pipeline')) && node.params.some(takesJob)) totals.jobParameters++;
    const lines = lineAt(node.end) - lineAt(node.start) + 1;
    if (lines > 80) totals.functionsOver80Lines++;
    if (lines <= totals.longestFunction.lines) return;
    const label = node.id?.name ?? parent?.id?.name ?? parent?.key?.name ?? 'anonymous';
    totals.longestFunction = { name: `${name}: ${label}`, lines };
  });
}

const report = {
  ...totals,
  filesInSrc: sources.length,
  linesInCli: sources
    .filter(({ name }) => name.startsWith(join('src', 'cli') + sep))
    .reduce((sum, { text }) => sum + text.split('\n').length - 1, 0),
  linesOver110Columns: sources.reduce(
    (sum, { text }) => sum + text.split('\n').filter((line) => line.length > COLUMNS).length,
    0,
  ),
  folderImports: folderImports().size,
  coreFilesThatReachNode: coreFilesThatReachNode().length,
  duplicatedRuns: duplicatedRuns(),
};
const folders = countsOfFolders();

if (process.argv.includes('--json'))
  process.stdout.write(`${JSON.stringify({ ...report, folders }, null, 2)}\n`);
else {
  for (const [key, value] of Object.entries(report))
    process.stdout.write(
      `${key.padEnd(24)}${typeof value === 'object' ? `${value.lines} (${value.name})` : value}\n`,
    );
  process.stdout.write('\nfolder             lines  comments  long lines\n');
  for (const [folder, { lines, comments, long }] of Object.entries(folders))
    process.stdout.write(
      `${folder.padEnd(16)}${String(lines).padStart(8)}${`${((100 * comments) / lines).toFixed(1)} %`.padStart(10)}` +
        `${String(long).padStart(12)}\n`,
    );
}

/** Lines, comment lines and lines of more than COLUMNS, per folder of src/ ('.': its files) and in all. */
function countsOfFolders() {
  const counts = {};
  for (const entry of readdirSync(src, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || !/\.(ts|wgsl)$/.test(entry.name)) continue;
    const path = join(entry.parentPath, entry.name);
    const parts = relative(src, path).split(sep);
    const own = lineCounts(entry.name, readFileSync(path, 'utf8'), COLUMNS);
    for (const folder of [parts.length > 1 ? parts[0] : '.', 'all']) {
      counts[folder] ??= { lines: 0, comments: 0, long: 0 };
      for (const key of Object.keys(own)) counts[folder][key] += own[key];
    }
  }
  return Object.fromEntries(Object.entries(counts).sort(([a], [b]) => (a < b ? -1 : 1)));
}

function visit(node, enter, parent) {
  if (node === null || typeof node !== 'object') return;
  if (Array.isArray(node)) {
    for (const child of node) visit(child, enter, parent);
    return;
  }
  const isNode = typeof node.type === 'string';
  if (isNode) enter(node, parent);
  for (const key of Object.keys(node)) if (key !== 'loc') visit(node[key], enter, isNode ? node : parent);
}

function isKind(node) {
  return node?.type === 'MemberExpression' && node.property.name === 'kind';
}

function namesReference(node) {
  return node?.type === 'Literal' && REFERENCE_KINDS.has(node.value);
}

/** `x.kind === 'network'`, and each `case` of a switch over such a kind. */
function isKindTest(node) {
  if (node.type === 'BinaryExpression' && /^[!=]==$/.test(node.operator))
    return (
      (isKind(node.left) && namesReference(node.right)) || (isKind(node.right) && namesReference(node.left))
    );
  return node.type === 'SwitchCase' && namesReference(node.test);
}

/** `...(x === undefined ? {} : { x })` */
function isConditionalSpread(node) {
  if (node.type !== 'SpreadElement') return false;
  let value = node.argument;
  while (value.type === 'ParenthesizedExpression') value = value.expression;
  return (
    value.type === 'ConditionalExpression' &&
    [value.consequent, value.alternate].some(
      (side) => side.type === 'ObjectExpression' && side.properties.length === 0,
    )
  );
}

function takesJob(parameter) {
  const annotation = parameter.typeAnnotation?.typeAnnotation;
  return annotation?.typeName?.name === 'LocScaleJob';
}

function lineCounter(text) {
  const starts = [0];
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) starts.push(at + 1);
  return (offset) => {
    let low = 0;
    let high = starts.length;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (starts[middle] <= offset) low = middle;
      else high = middle;
    }
    return low + 1;
  };
}

function importsOf({ path, text }, { types }) {
  const found = [];
  const pattern =
    /(?:import|export)\s+(type\s)?[^'"();]*?from\s+'([^']+)'|import\s*\(\s*'([^']+)'|import\s+'([^']+)'/g;
  for (const [, isType, from, dynamic, bare] of text.matchAll(pattern)) {
    if (isType && !types) continue;
    const target = from ?? dynamic ?? bare;
    found.push(target.startsWith('.') ? resolve(dirname(path), target) : target);
  }
  return found;
}

/** A folder below src/ is one room, and so is a file that lies in src/ itself. */
function roomOf(path) {
  return relative(src, path).split(sep)[0];
}

function folderImports() {
  const arrows = new Set();
  for (const source of sources)
    for (const target of importsOf(source, { types: true })) {
      if (!target.startsWith(src)) continue;
      const [from, to] = [roomOf(source.path), roomOf(target)];
      if (from !== to) arrows.add(`${from} -> ${to}`);
    }
  return arrows;
}

/**
 * Files of the core whose run-time imports, followed to their end, include a `node:` module when `#platform`
 * is that of a browser.
 */
function coreFilesThatReachNode() {
  const core = CORE_FOLDERS.map((folder) => join(src, folder) + sep);
  const byPath = new Map(sources.map((source) => [source.path, source]));
  const reaches = (path, seen) => {
    if (path.startsWith('node:')) return true;
    const source = byPath.get(path === '#platform' ? join(src, 'platform/browser.ts') : path);
    if (source === undefined || seen.has(path)) return false;
    seen.add(path);
    return importsOf(source, { types: false }).some((target) => reaches(target, seen));
  };
  return sources.filter(
    ({ path }) => core.some((folder) => path.startsWith(folder)) && reaches(path, new Set()),
  );
}

/**
 * Runs of equal lines (blanks and imports aside) that occur more than once, overlapping ones counted once.
 */
function duplicatedRuns() {
  const places = new Map();
  for (const { text } of sources) {
    const lines = text
      .split('\n')
      .map((line) => line.trim())
      .filter(
        (line) => line !== '' && !/^(import|export \{|\} from|\*|\/\*|\/\/)/.test(line) && /\w{3}/.test(line),
      );
    for (let at = 0; at + DUPLICATE_LINES <= lines.length; at++) {
      const run = lines.slice(at, at + DUPLICATE_LINES).join('\n');
      places.set(run, [...(places.get(run) ?? []), { lines, at }]);
    }
  }
  let count = 0;
  for (const [, found] of places) {
    if (found.length < 2) continue;
    const [{ lines, at }] = found;
    const before = at === 0 ? undefined : lines.slice(at - 1, at - 1 + DUPLICATE_LINES).join('\n');
    // The run that starts a line earlier stands as often: this one is its tail.
    if (before !== undefined && (places.get(before)?.length ?? 0) === found.length) continue;
    count += found.length - 1;
  }
  return count;
}
