/**
 * Divides a source file into comments, strings and code, for what counts comments and checks words. A part is
 * `{ kind, start, end, text }` with offsets into the file; the parts follow one another and cover the file.
 */
import { parseAst } from 'rolldown/parseAst';

/** TypeScript and JavaScript, AssemblyScript, WGSL, HTML and CSS by the ending of the name. */
export function partsOf(name, text) {
  if (/\.(ts|mts|js|mjs)$/.test(name))
    return divide(text, scriptLiterals(name, text), /\/\/.*|\/\*[\s\S]*?\*\//g);
  if (name.endsWith('.wgsl')) return divide(text, [], /\/\/.*|\/\*[\s\S]*?\*\//g);
  if (name.endsWith('.css')) return divide(text, [], /\/\*[\s\S]*?\*\//g);
  if (name.endsWith('.html')) return htmlParts(text);
  throw new Error(`No way to read ${name}`);
}

/** Strings, template texts and regular expressions; the last are code, but may contain what opens a comment. */
function scriptLiterals(name, text) {
  const literals = [];
  const visit = (node) => {
    if (node === null || typeof node !== 'object') return;
    if (Array.isArray(node)) {
      for (const child of node) visit(child);
      return;
    }
    if (node.type === 'Literal' && typeof node.value === 'string')
      literals.push({ kind: 'string', start: node.start, end: node.end });
    else if (node.type === 'Literal' && node.regex)
      literals.push({ kind: 'code', start: node.start, end: node.end });
    else if (node.type === 'TemplateElement')
      literals.push({ kind: 'string', start: node.start, end: node.end });
    for (const key of Object.keys(node)) visit(node[key]);
  };
  // AssemblyScript decorates functions, which JavaScript does not.
  const plain = text.replace(/^@\w+$/gm, (decorator) => ' '.repeat(decorator.length));
  visit(parseAst(plain, { lang: /ts$/.test(name) ? 'ts' : 'js' }));
  return literals.sort((a, b) => a.start - b.start);
}

/** Comments are what `pattern` finds between the literals. */
function divide(text, literals, pattern) {
  const parts = [];
  let at = 0;
  const push = (kind, end) => {
    if (end > at) parts.push({ kind, start: at, end, text: text.slice(at, end) });
    at = end;
  };
  const readTo = (end) => {
    pattern.lastIndex = at;
    for (const match of text.slice(0, end).matchAll(pattern)) {
      push('code', match.index);
      push('comment', match.index + match[0].length);
    }
    push('code', end);
  };
  for (const { kind, start, end } of literals) {
    if (start < at) continue;
    readTo(start);
    push(kind, end);
  }
  readTo(text.length);
  return parts;
}

/** What a reader of the page sees is a string: text between tags, and attributes for people. */
function htmlParts(text) {
  const literals = [];
  for (const match of text.matchAll(
    /<!--[\s\S]*?-->|<(style|script)[\s\S]*?<\/\1>|(?:title|alt|placeholder|aria-label|content)="([^"]*)"|>([^<]+)/g,
  )) {
    if (match[0].startsWith('<')) continue;
    literals.push({ kind: 'string', start: match.index, end: match.index + match[0].length });
  }
  return divide(text, literals, /<!--[\s\S]*?-->/g);
}

/** Lines of a file, those with nothing but a comment, and those of more than `columns` columns. */
export function lineCounts(name, text, columns) {
  const lines = text.replace(/\n$/, '').split('\n');
  const bare = partsOf(name, text)
    .map(({ kind, text: part }) => (kind === 'comment' ? part.replace(/[^\n]/g, ' ') : part))
    .join('')
    .split('\n');
  return {
    lines: lines.length,
    comments: lines.filter((line, at) => line.trim() !== '' && bare[at].trim() === '').length,
    long: lines.filter((line) => line.length > columns).length,
  };
}
