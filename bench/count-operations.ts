/**
 * Floating-point arithmetic of WGSL, counted as it is executed: in front of every statement that computes
 * floats, a counter of the invocation is raised by the operators and built-in functions in it, two or four
 * for each where whole vectors are computed. Indices, comparisons and loops do not count: compilers make them
 * disappear, or instructions of them, by their own rules (model.ts).
 */

/** `code`: without comments. */
export function countOperations(code: string): string {
  const names = {
    floats: namesOf(code, 'f32', FLOAT),
    pairs: namesOf(code, 'vec2f', VECTOR),
    fours: namesOf(code, 'vec4f', FOUR),
  };
  let counted = '';
  let at = 0;
  for (const { index, 0: head } of code.matchAll(/\bfn\s+\w+\s*\([^{]*\{/g)) {
    const begin = index + head.length;
    const end = closingBrace(code, begin);
    counted += code.slice(at, begin) + countBody(code.slice(begin, end), names);
    at = end;
  }
  return counted + code.slice(at);
}

interface Names {
  readonly floats: ReadonlySet<string>;
  /** vec2f and vec4f. */
  readonly pairs: ReadonlySet<string>;
  readonly fours: ReadonlySet<string>;
}

/** Statements end at semicolons outside parentheses; what stands before a brace is the head of a block. */
function countBody(body: string, names: Names): string {
  let counted = '';
  let start = 0;
  let depth = 0;
  for (let i = 0; i < body.length; i++) {
    const c = body[i];
    if (c === '(' || c === '[') depth++;
    else if (c === ')' || c === ']') depth--;
    if (depth > 0 || !';{}'.includes(c)) continue;
    const text = body.slice(start, i + 1);
    const operations = c === ';' ? operationsIn(text, names) : 0;
    counted += operations > 0 ? ` counted_operations += ${operations}u; ${text}` : text;
    start = i + 1;
  }
  return counted + body.slice(start);
}

const FUNCTIONS =
  /\b(fma|sqrt|inverseSqrt|exp|exp2|log|log2|cos|sin|tanh|select|min|max|clamp|abs|floor|ceil|round|fract|pow)\(/g;
const DOT = /\bdot\(/g;
/** Between operands, so that signs do not count; `a += b` is one operation. */
const OPERATORS = /(?<=[\w)\]]\s*)[-+*/]/g;
const VECTOR = /\bvec2f\(|\bvec2<f32>\(/;
const FOUR = /\bvec4f\(|\bvec4<f32>\(/;
const FLOAT = /\b\d+\.\d|\bf32\(|\bsqrt\(|\bdot\(/;

function operationsIn(text: string, { floats, pairs, fours }: Names): number {
  const bare = withoutIndices(text);
  const width = uses(bare, fours) ? 4 : uses(bare, pairs) ? 2 : 1;
  const made = VECTOR.test(bare) || FOUR.test(bare);
  const float = width > 1 || made || FLOAT.test(bare);
  // A number such as 1u is none of a float's.
  if (!float && (/\b\d+u\b/.test(bare) || !uses(bare, floats))) return 0;
  const matches = (pattern: RegExp): number => bare.match(pattern)?.length ?? 0;
  // A vector that is put together of its components is computed one by one.
  const lanes = made ? 1 : width;
  return lanes * (matches(FUNCTIONS) + matches(OPERATORS)) + 3 * matches(DOT);
}

function withoutIndices(text: string): string {
  let bare = text;
  for (let before = ''; before !== bare; ) {
    before = bare;
    bare = bare.replaceAll(/\[[^[\]]*\]/g, '');
  }
  return bare;
}

/** A name of the set, as a whole: not a component of it. */
function uses(text: string, names: ReadonlySet<string>): boolean {
  for (const [, name] of text.matchAll(/\b([A-Za-z_]\w*)\b(?!\.[xyzw]\b)/g)) if (names.has(name)) return true;
  return false;
}

/**
 * Variables, arrays and functions of a type; those whose type is left out follow from what they are made of.
 */
function namesOf(code: string, type: 'f32' | 'vec2f' | 'vec4f', made: RegExp): Set<string> {
  const spelt = type === 'f32' ? 'f32' : `(?:${type}|${type.slice(0, 4)}<f32>)`;
  const names = new Set<string>();
  const add = (pattern: string): void => {
    for (const [, name] of code.matchAll(new RegExp(pattern, 'g'))) names.add(name);
  };
  add(`\\b(\\w+)\\s*:\\s*(?:array<\\s*)?${spelt}\\b`);
  add(`\\bfn\\s+(\\w+)\\s*\\([^{]*\\)\\s*->\\s*${spelt}\\b`);
  add(`\\b(\\w+)\\s*=\\s*array<\\s*${spelt}\\b`);
  for (let round = 0; round < 3; round++)
    for (const [, name, value] of code.matchAll(/\b(?:let|var)\s+(\w+)\s*=\s*([^;]*);/g)) {
      const bare = withoutIndices(value);
      const scalar = type !== 'f32' && /^\s*(?:\w+\.[xyzw]|dot\()/.test(bare);
      if (!scalar && (made.test(bare) || uses(bare, names))) names.add(name);
    }
  return names;
}

function closingBrace(code: string, from: number): number {
  let depth = 1;
  for (let i = from; i < code.length; i++) {
    if (code[i] === '{') depth++;
    else if (code[i] === '}' && --depth === 0) return i;
  }
  throw new Error('A brace is not closed.');
}
