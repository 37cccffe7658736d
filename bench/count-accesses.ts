/**
 * WGSL that counts its own memory accesses and arithmetic. Every access `name[index]` of an array in storage
 * or workgroup memory becomes `name[touch(index)]`, where the function adds the bytes of the element to
 * counters of the invocation; every statement is preceded by one that adds its operations
 * (count-operations.ts); every entry point ends with the sums in a storage buffer. No cache is assumed: what
 * is counted is what the shader asks for.
 */
import { countOperations } from './count-operations.ts';

/**
 * Binding of the counters: group 1, binding 0, `COUNTERS` 32-bit words, low and high half of each sum in
 * turn.
 */
export const COUNTER_GROUP = 1;
export const COUNTER_WORDS = 10;

const ELEMENT_BYTES: Readonly<Record<string, number>> = {
  f32: 4,
  u32: 4,
  i32: 4,
  'atomic<u32>': 4,
  vec2f: 8,
  vec2u: 8,
  vec4f: 16,
  vec4u: 16,
};

interface CountedArray {
  readonly space: 'storage' | 'workgroup';
  readonly bytes: number;
}

const DECLARATION = /var<(storage|workgroup)(?:\s*,\s*\w+)?>\s+(\w+)\s*:\s*array<\s*(atomic<u32>|\w+)/g;

/** `code`: a whole shader, includes resolved. */
export function countAccesses(code: string): string {
  const bare = code.replaceAll(/\/\/[^\n]*/g, '');
  const arrays = new Map<string, CountedArray>();
  for (const [, space, name, element] of bare.matchAll(DECLARATION)) {
    const bytes = ELEMENT_BYTES[element];
    if (bytes === undefined) throw new Error(`The bytes of ${element} (${name}) are not known.`);
    arrays.set(name, { space: space as CountedArray['space'], bytes });
  }
  return `${countEntryPoints(countIndices(countOperations(bare), arrays))}\n${COUNTERS}`;
}

const COUNTERS = `
@group(${COUNTER_GROUP}) @binding(0) var<storage, read_write> counters: array<atomic<u32>, ${COUNTER_WORDS}>;
var<private> counted_read: u32;
var<private> counted_written: u32;
var<private> counted_local: u32;
var<private> counted_operations: u32;
fn count_read(i: u32, bytes: u32) -> u32 { counted_read += bytes; return i; }
fn count_written(i: u32, bytes: u32) -> u32 { counted_written += bytes; return i; }
fn count_both(i: u32, bytes: u32) -> u32 { counted_read += bytes; counted_written += bytes; return i; }
fn count_local(i: u32, bytes: u32) -> u32 { counted_local += bytes; return i; }
fn count_local_both(i: u32, bytes: u32) -> u32 { counted_local += 2u * bytes; return i; }
fn add_count(at: u32, value: u32) {
  let before = atomicAdd(&counters[at], value);
  if (before + value < before) { atomicAdd(&counters[at + 1u], 1u); }
}
fn add_counts() {
  add_count(0u, counted_read);
  add_count(2u, counted_written);
  add_count(4u, counted_local);
  add_count(6u, counted_operations);
  add_count(8u, 1u);
}
`;

function countIndices(code: string, arrays: ReadonlyMap<string, CountedArray>): string {
  const name = /(&?)\b([A-Za-z_]\w*)\[/g;
  let result = '';
  let at = 0;
  for (let match = name.exec(code); match; match = name.exec(code)) {
    const array = arrays.get(match[2]);
    if (array === undefined) continue;
    const open = match.index + match[0].length;
    const close = closingBracket(code, open);
    const index = countIndices(code.slice(open, close), arrays);
    const called = touchOf(array.space, accessKind(code, match.index, match[1] === '&', close + 1));
    result += `${code.slice(at, open)}${called}(u32(${index}), ${array.bytes}u)`;
    at = close;
    name.lastIndex = close;
  }
  return result + code.slice(at);
}

function closingBracket(code: string, from: number): number {
  let depth = 1;
  for (let i = from; i < code.length; i++) {
    if (code[i] === '[') depth++;
    else if (code[i] === ']' && --depth === 0) return i;
  }
  throw new Error('A bracket is not closed.');
}

type Access = 'read' | 'written' | 'both';

function accessKind(code: string, start: number, address: boolean, end: number): Access {
  if (address) {
    const before = code.slice(0, start);
    if (/atomicLoad\(\s*$/.test(before)) return 'read';
    return /atomicStore\(\s*$/.test(before) ? 'written' : 'both';
  }
  const after = /^(?:\.\w+)*\s*([-+*/%&|^]?=)(?!=)/.exec(code.slice(end));
  if (!after) return 'read';
  return after[1] === '=' ? 'written' : 'both';
}

function touchOf(space: CountedArray['space'], access: Access): string {
  if (space === 'storage') return `count_${access}`;
  return access === 'both' ? 'count_local_both' : 'count_local';
}

const ENTRY_POINT = /@compute\s+(@workgroup_size\([^)]*\))\s*fn\s+(\w+)\s*\(([^{]*)\)\s*\{/g;

/** The body becomes a function of its own, which may return early. */
function countEntryPoints(code: string): string {
  const wrappers: string[] = [];
  const bodies = code.replaceAll(ENTRY_POINT, (_, size: string, name: string, parameters: string) => {
    const plain = parameters.replaceAll(/@builtin\(\w+\)\s*/g, '');
    const names = [...plain.matchAll(/(\w+)\s*:/g)].map(([, parameter]) => parameter);
    wrappers.push(
      `@compute ${size} fn ${name}(${parameters}) { ${name}_body(${names.join(', ')}); add_counts(); }`,
    );
    return `fn ${name}_body(${plain}) {`;
  });
  return `${bodies}\n${wrappers.join('\n')}`;
}
