/**
 * Generates the WGSL of one axis of the windows' transforms (shaders/local-resolution.wgsl), unrolled for
 * one window, with its weights and twiddle factors written in the code. For the frequencies k = 0 ... h,
 * h = w / 2, of a line x(d), d = -h ... h - 1:
 *
 *   C(k) = sum_d t(d) x(d) cos(2 pi k d / w)     S(k) = sum_d t(d) x(d) sin(2 pi k d / w)
 *
 * so that F(k) = C - iS and F(-k) = C + iS. d and -d share a cosine; so do d and h - d, up to the sign
 * (-1)^k: every factor serves four values, and the even and the odd frequencies are two transforms of h / 2
 * terms each.
 */
import {
  correlationShellCount,
  type WindowWeights,
  windowWeights,
} from '../math/scaling/local-resolution.ts';

/** What `windows` is compiled for: at most this many frequencies, whose sums stay in registers. */
const FREQUENCIES_PER_PASS = 21;
/** Frequencies of one parity that are summed at a time: two registers of four floats for each. */
const FREQUENCIES_PER_GROUP = 8;

/** Frequencies along z of one dispatch of `windows`. */
export interface FrequencyRange {
  /** Smallest frequency k along z. */
  readonly first: number;
  /** Consecutive frequencies; their sums stay in registers for the whole dispatch. */
  readonly count: number;
}

/** Frequencies 0 ... h in as few even ranges as registers allow. */
export function frequencyRanges(windowVoxels: number): FrequencyRange[] {
  const total = correlationShellCount(windowVoxels);
  const size = Math.ceil(total / Math.ceil(total / FREQUENCIES_PER_PASS));
  return Array.from({ length: Math.ceil(total / size) }, (_, i) => ({
    first: i * size,
    count: Math.min(size, total - i * size),
  }));
}

/** Multiply-adds per component of a line, all frequencies. */
export function lineMultiplyAdds(windowVoxels: number): number {
  return correlationShellCount(windowVoxels) * (windowVoxels / 2 + 1) + 2 * windowVoxels;
}

/** Functions that the shader calls; those that `entryPoint` does not reach are empty. */
export function windowSumsCode(
  entryPoint: string,
  windowVoxels: number,
  weights: WindowWeights,
  range: FrequencyRange = { first: 0, count: correlationShellCount(windowVoxels) },
): string {
  const line = { windowVoxels, t: windowWeights(windowVoxels, weights), range };
  const [real, complex] = ['vec2f()', 'vec4f()'];
  const made: Readonly<Record<string, () => string>> = {
    rows: () => sumsFunction('row_sums', { ...line, array: 'row', zero: real }, storeCall('row_sum')),
    columns: () =>
      sumsFunction('column_sums', { ...line, array: 'line', zero: complex }, storeCall('column_sum')),
    windows: () =>
      [
        shellSums(windowVoxels, range),
        sumsFunction(
          'window_sums',
          { ...line, array: 'lines', zero: complex },
          (k, c, s) => `shell_sum_${k} += multiplicity * products(${c}, ${s});`,
          MULTIPLICITY,
        ),
      ].join('\n'),
  };
  const empty: typeof made = {
    rows: () => functionOf('row_sums', []),
    columns: () => functionOf('column_sums', []),
    windows: () => `${finishShells([])}\n${functionOf('window_sums', [], MULTIPLICITY)}`,
  };
  return Object.keys(made)
    .map((name) => (name === entryPoint ? made : empty)[name]())
    .join('\n');
}

/** 1 or 2: a half spectrum stands for its conjugate, too, which `windows` must count. */
const MULTIPLICITY = ', multiplicity: f32';

/** `centre` and `step` address the line in workgroup memory; `deepest` bounds the frequencies used. */
function functionOf(name: string, body: readonly string[], more = ''): string {
  return [`fn ${name}(centre: u32, step: u32, deepest: u32${more}) {`, ...body, '}'].join('\n');
}

/** Bit i of `flags`: with the next column, frequency first + i enters another shell. */
function finishShells(body: readonly string[]): string {
  return ['fn finish_shells(flags: u32, square: u32) {', ...body, '}'].join('\n');
}

/**
 * Sums over the coefficients of one a that lie in one shell, a variable each: an array with an index might
 * not stay in registers.
 */
function shellSums(windowVoxels: number, { first, count }: FrequencyRange): string {
  const frequencies = Array.from({ length: count }, (_, i) => first + i);
  const weight = (k: number): string => (k === 0 || 2 * k === windowVoxels ? '1.0' : '2.0');
  return [
    ...frequencies.map((k) => `var<private> shell_sum_${k}: vec3f;`),
    finishShells([
      'if (flags == 0u) { return; }',
      ...frequencies.flatMap((k, i) => [
        `if ((flags & ${2 ** i}u) != 0u) {`,
        `add_to_shell(${k * k}u + square, ${weight(k)} * shell_sum_${k});`,
        `shell_sum_${k} = vec3f();`,
        '}',
      ]),
    ]),
  ].join('\n');
}

/** Code that uses C(k) and S(k), given by the names of their variables. */
type Emit = (k: number, cosines: string, sines: string) => string;

/** The shader has the function: it knows the layout of its output. */
function storeCall(name: string): Emit {
  return (k, cosines, sines) => `${name}(${k}u, ${cosines}, ${sines});`;
}

/** A line in workgroup memory, and the frequencies wanted of it. */
interface Line {
  /** w, even: d runs from -h to h - 1. */
  readonly windowVoxels: number;
  /** Weights of d = -h ... h - 1. */
  readonly t: Float64Array;
  /** Frequencies to emit code for. */
  readonly range: FrequencyRange;
  /** Of the workgroup's lines; neighbours along the line are `step` apart. */
  readonly array: string;
  /** Zero of the values' type: vec2f for real lines of two maps, vec4f for complex ones. */
  readonly zero: string;
}

/** `deepest`: the largest frequency that is used; those beyond may be emitted as well. */
function sumsFunction(name: string, line: Line, emit: Emit, more = ''): string {
  const { first, count } = line.range;
  const frequencies = Array.from({ length: count }, (_, i) => first + i);
  const body = [0, 1].flatMap((parity) =>
    groupsOf(frequencies.filter((k) => k % 2 === parity)).flatMap((group) => {
      const few = group.slice(0, Math.ceil((2 * group.length) / 3));
      const all = sumsOf(line, group, emit);
      const guard = `if (deepest >= ${group[0]}u)`;
      if (few.length === group.length) return [`${guard} {`, ...all, '}'];
      const next = `if (deepest >= ${group[few.length]}u)`;
      return [`${next} {`, ...all, `} else ${guard} {`, ...sumsOf(line, few, emit), '}'];
    }),
  );
  return functionOf(name, body, more);
}

/** Even groups: an uneven last one would hold registers that it does not use. */
function groupsOf(frequencies: readonly number[]): number[][] {
  const groups = Math.ceil(frequencies.length / FREQUENCIES_PER_GROUP);
  const size = Math.ceil(frequencies.length / Math.max(1, groups));
  return Array.from({ length: groups }, (_, i) => frequencies.slice(i * size, (i + 1) * size));
}

/** Straight-line code for frequencies of one parity. */
function sumsOf(
  { windowVoxels: w, t, array, zero }: Line,
  frequencies: readonly number[],
  emit: Emit,
): string[] {
  const h = w / 2;
  const odd = frequencies[0] % 2 === 1;
  const weight = (d: number): number => t[d + h];
  const at = (d: number): string =>
    d === 0 ? `${array}[centre]` : `${array}[centre ${d < 0 ? '-' : '+'} ${Math.abs(d)}u * step]`;
  const code = [`let middle = ${scaled(weight(0), at(0))}${term(odd ? -weight(-h) : weight(-h), at(-h))};`];
  for (const k of frequencies) code.push(`var c${k} = middle;`, `var s${k} = ${zero};`);
  for (let d = 1; 2 * d <= h; d++) {
    const alone = 2 * d === h;
    const sign = odd ? -1 : 1;
    code.push('{', `let a = ${at(d)};`, `let b = ${at(-d)};`);
    if (!alone) code.push(`let c = ${at(h - d)};`, `let e = ${at(d - h)};`);
    const rest = (value: number, joined: string): string => (alone ? '' : term(value, joined));
    const cosines = frequencies.map((k) => cosine(k * d, w));
    const sines = frequencies.map((k) => cosine(4 * k * d - w, 4 * w));
    if (cosines.some((value) => value !== 0))
      code.push(`let sum = ${scaled(weight(d), '(a + b)')}${rest(sign * weight(h - d), '(c + e)')};`);
    if (sines.some((value) => value !== 0))
      code.push(`let difference = ${scaled(weight(d), '(a - b)')}${rest(-sign * weight(h - d), '(c - e)')};`);
    frequencies.forEach((k, i) => {
      code.push(...added(`c${k}`, cosines[i], 'sum'), ...added(`s${k}`, sines[i], 'difference'));
    });
    code.push('}');
  }
  return [...code, ...frequencies.map((k) => emit(k, `c${k}`, `s${k}`))];
}

/** cos(2 pi i / n), exactly 0 and +-1 where it is. */
function cosine(i: number, n: number): number {
  const quarters = (4 * (((i % n) + n) % n)) / n;
  if (Number.isInteger(quarters)) return [1, 0, -1, 0][quarters];
  return Math.cos((2 * Math.PI * i) / n);
}

/** Factors 0 and +-1 cost no multiplication. */
function added(name: string, factor: number, value: string): string[] {
  if (factor === 0) return [];
  if (Math.abs(factor) === 1) return [`${name} ${factor > 0 ? '+' : '-'}= ${value};`];
  return [`${name} += ${literal(factor)} * ${value};`];
}

/** Without the factor where it is 1. */
function scaled(factor: number, value: string): string {
  return factor === 1 ? value : `${literal(factor)} * ${value}`;
}

/** A signed summand, or nothing where the factor vanishes. */
function term(factor: number, value: string): string {
  // The Hann window's edge, but for rounding.
  if (Math.abs(factor) < 1e-12) return '';
  return ` ${factor < 0 ? '-' : '+'} ${scaled(Math.abs(factor), value)}`;
}

/** 12 digits: more than a float32 distinguishes, so that code is equal on all hosts. */
function literal(value: number): string {
  const text = value.toPrecision(12);
  return value < 0 ? `(${text})` : text;
}
