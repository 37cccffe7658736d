/**
 * Generates the WGSL of Fourier transforms of lines of one length, unrolled for its radices: butterflies in
 * registers, one exchange through workgroup memory between passes, none before the first or after the last.
 *
 * Pass of radix R with stride s (the product of the radices before it), Stockham's order, on every line of L
 * values:
 *   y[b + (R - 1) u + k s] = exp(-2 pi i u k / L) sum_j x[b + j L / R] exp(-2 pi i j k / R)
 * for the butterflies b < L / R, u = b - b mod s. In the last pass u is 0, and there are no factors.
 *
 * Functions that a shader (`//#include lib/line-fft.wgsl`) defines and calls:
 *   input_value(i, l)      value i of line l; 0 for lines beyond the last
 *   output_value(i, l, v)  stores value i of line l
 *   middle_value(i, l, v)  transforms value i of line l before it is stored in workgroup memory
 *   transform(thread)            input_value to output_value
 *   transform_to_work(thread)    input_value to workgroup memory, through middle_value
 *   transform_from_work(thread)  workgroup memory to output_value
 * Each is generated only if the shader calls it, and must be called by all threads. transform_from_work
 * begins with a barrier; a shader that reads `work_value` after transform_to_work needs its own.
 */
import type { LineFftPlan } from './fft-lines.ts';

/** Name of a vec2f in the generated code. */
type Name = string;

/** Straight-line code of one DFT in registers; every value is a `let`. */
class Codelet {
  /** Statements so far, in the order of evaluation. */
  readonly lines: string[] = [];
  /** Names given so far: v0, v1 ... */
  private count = 0;

  /** Names an expression; WGSL has no other way to share it. */
  let(expression: string): Name {
    const name = `v${this.count++}`;
    this.lines.push(`let ${name} = ${expression};`);
    return name;
  }

  /** Outputs of the DFT of the inputs, in order. */
  dft(inputs: readonly Name[]): Name[] {
    const { length } = inputs;
    if (length === 1) return [...inputs];
    if (length === 2)
      return [this.let(`${inputs[0]} + ${inputs[1]}`), this.let(`${inputs[0]} - ${inputs[1]}`)];
    if (length === 4) return this.dft4(inputs);
    const p = COMPOSITE[length];
    return p === undefined ? this.odd(inputs) : this.composite(inputs, p);
  }

  /** Radix 4 needs no multiplications. */
  private dft4([a, b, c, d]: readonly Name[]): Name[] {
    const [p, q] = [this.let(`${a} + ${c}`), this.let(`${b} + ${d}`)];
    const [r, s] = [this.let(`${a} - ${c}`), this.timesMinusI(this.let(`${b} - ${d}`))];
    return [
      this.let(`${p} + ${q}`),
      this.let(`${r} + ${s}`),
      this.let(`${p} - ${q}`),
      this.let(`${r} - ${s}`),
    ];
  }

  /** -i v */
  private timesMinusI(v: Name): Name {
    return this.let(`vec2f(${v}.y, -${v}.x)`);
  }

  /** v exp(-2 pi i numerator / denominator) */
  private twiddled(v: Name, numerator: number, denominator: number): Name {
    const eighths = (8 * (numerator % denominator)) / denominator;
    if (eighths === 0) return v;
    if (eighths === 2) return this.timesMinusI(v);
    if (eighths === 4) return this.let(`-${v}`);
    if (eighths === 1) return this.let(`${number(Math.SQRT1_2)} * vec2f(${v}.x + ${v}.y, ${v}.y - ${v}.x)`);
    if (eighths === 3) return this.let(`${number(Math.SQRT1_2)} * vec2f(${v}.y - ${v}.x, -${v}.x - ${v}.y)`);
    const angle = (-2 * Math.PI * numerator) / denominator;
    return this.let(`times(${v}, vec2f(${number(Math.cos(angle))}, ${number(Math.sin(angle))}))`);
  }

  /** Length p q: q transforms of length p, factors, p transforms of length q. */
  private composite(inputs: readonly Name[], p: number): Name[] {
    const { length } = inputs;
    const q = length / p;
    const columns = Array.from({ length: q }, (_, b) =>
      this.dft(Array.from({ length: p }, (_, a) => inputs[q * a + b])).map((v, k) =>
        this.twiddled(v, b * k, length),
      ),
    );
    const rows = Array.from({ length: p }, (_, k) => this.dft(columns.map((column) => column[k])));
    return Array.from({ length }, (_, k) => rows[k % p][Math.floor(k / p)]);
  }

  /** Odd length: sums and differences of the values j and R - j. */
  private odd(inputs: readonly Name[]): Name[] {
    const { length } = inputs;
    const half = (length - 1) / 2;
    const pairs = Array.from({ length: half }, (_, j) => [inputs[j + 1], inputs[length - 1 - j]]);
    const sums = pairs.map(([a, b]) => this.let(`${a} + ${b}`));
    const differences = pairs.map(([a, b]) => this.let(`${a} - ${b}`));
    const outputs: Name[] = new Array(length);
    outputs[0] = this.let([inputs[0], ...sums].join(' + '));
    for (let k = 1; k <= half; k++) {
      const angle = (j: number): number => (2 * Math.PI * (((j + 1) * k) % length)) / length;
      const even = this.let(
        [inputs[0], ...sums.map((s, j) => `${number(Math.cos(angle(j)))} * ${s}`)].join(' + '),
      );
      const odd = this.let(differences.map((d, j) => `${number(Math.sin(angle(j)))} * ${d}`).join(' + '));
      const rotated = this.timesMinusI(odd);
      outputs[k] = this.let(`${even} + ${rotated}`);
      outputs[length - k] = this.let(`${even} - ${rotated}`);
    }
    return outputs;
  }
}

/** First factor of radices that are themselves transformed as products. */
const COMPOSITE: Readonly<Record<number, number>> = {
  6: 3,
  8: 4,
  9: 3,
  10: 5,
  12: 4,
  14: 7,
  15: 5,
  16: 4,
};

/** A float literal, in parentheses if negative. */
function number(value: number): string {
  const text = value.toPrecision(12);
  return value < 0 ? `(${text})` : text;
}

/** One Stockham pass. */
interface Pass {
  /** Length of the DFTs that a thread computes in registers. */
  readonly radix: number;
  /** Product of the radices before: distance of a DFT's outputs, in values. */
  readonly stride: number;
  /** Last pass of a transform; the second transform of Bluestein's algorithm follows. */
  readonly last: boolean;
}

/** Passes of one call, in order: twice those of the length for Bluestein's algorithm. */
function passesOf({ radices, bluestein }: LineFftPlan): Pass[] {
  let stride = 1;
  const once = radices.map((radix, i): Pass => {
    const pass = { radix, stride, last: i === radices.length - 1 };
    stride *= radix;
    return pass;
  });
  return bluestein ? [...once, ...once] : once;
}

/**
 * Padded values per line between passes: a gap after every first butterfly spreads its outputs over all
 * banks.
 */
export function workLength({
  length,
  radices,
  padded,
}: Pick<LineFftPlan, 'length' | 'radices' | 'padded'>): number {
  return padded ? length + length / radices[0] : length;
}

/** Buffers in workgroup memory between which passes alternate; `middle`: with values that stay there. */
export function workHalves(plan: Pick<LineFftPlan, 'radices' | 'bluestein'>, middle: boolean): number {
  const passes = plan.radices.length * (plan.bluestein ? 2 : 1);
  return Math.min(2, middle ? passes : passes - 1);
}

/** Generates the functions listed above that `shader` calls. */
export function lineFftCode(plan: LineFftPlan, shader: string): string {
  const calls = (name: string): boolean => new RegExp(`\\b${name}\\(`).test(shader);
  const passes = passesOf(plan);
  const parts = [head(plan, (passes.length - 1) % 2)];
  if (plan.bluestein) parts.push(chirpCode(plan, calls));
  if (calls('transform')) parts.push(transform(plan, 'transform', passes, 'input', 'output'));
  if (calls('transform_to_work')) parts.push(transform(plan, 'transform_to_work', passes, 'input', 'work'));
  if (calls('transform_from_work'))
    parts.push(transform(plan, 'transform_from_work', passes, 'work', 'output'));
  return parts.join('\n');
}

/** Workgroup memory and the accessors of its values. */
function head(plan: LineFftPlan, half: number): string {
  const values = workLength(plan) * plan.lines;
  return `
var<workgroup> work: array<vec2f, ${plan.halves * values}u>;

fn index_in_work(i: u32, l: u32) -> u32 {
  let at = ${plan.padded ? `i + i / ${plan.radices[0]}u` : 'i'};
  return ${plan.kind === 'rows' ? `l * ${workLength(plan)}u + at` : `at * ${plan.lines}u + l`};
}

// Value i of line l behind transform_to_work, and before transform_from_work.
fn work_value(i: u32, l: u32) -> vec2f {
  return work[${half * values}u + index_in_work(i, l)];
}

fn place(i: u32, l: u32, value: vec2f) {
  work[${half * values}u + index_in_work(i, l)] = value;
}
`;
}

/** What Bluestein's algorithm transforms: values times the chirp, then zeros. */
function chirpCode({ n, length }: LineFftPlan, calls: (name: string) => boolean): string {
  const chirp = (name: string, value: string): string => `
fn ${name}(i: u32, l: u32) -> vec2f {
  if (i >= ${n}u) {
    return vec2f();
  }
  return times(${value}(i, l), table[${length}u + i]);
}
`;
  const input = calls('transform') || calls('transform_to_work') ? chirp('chirped_input', 'input_value') : '';
  return input + (calls('transform_from_work') ? chirp('chirped_work', 'work_value') : '');
}

/** One function: its passes, each reading from and writing to global or workgroup memory. */
function transform(
  plan: LineFftPlan,
  name: string,
  passes: readonly Pass[],
  from: 'input' | 'work',
  to: 'output' | 'work',
): string {
  const halfValues = workLength(plan) * plan.lines;
  /** The passes of a call alternate between the halves, and end, or begin, in that of `place`. */
  const end = (passes.length - 1) % 2;
  const body = passes.map((pass, i) => {
    const isFirst = i === 0;
    const isLast = i === passes.length - 1;
    const source = from === 'work' ? (end + i) % 2 : (i + 1) % 2;
    const destination = from === 'work' ? (end + i + 1) % 2 : i % 2;
    const read = (index: string): string => `work[${source * halfValues}u + index_in_work(${index}, l)]`;
    const write = (index: string, value: string): string =>
      `work[${destination * halfValues}u + index_in_work(${index}, l)] = ${value};`;
    const load = (index: string): string => {
      if (!isFirst) return read(index);
      if (plan.bluestein) return `chirped_${from}(${index}, l)`;
      return from === 'input' ? `input_value(${index}, l)` : read(index);
    };
    const store = (index: string, value: string): string => {
      if (!isLast) {
        // Between the transforms of Bluestein's algorithm: times the chirp's spectrum, parts exchanged.
        return write(
          index,
          pass.last ? `times(${value}, table[${plan.length + plan.n}u + ${index}]).yx` : value,
        );
      }
      const sink = (v: string): string =>
        to === 'output'
          ? `output_value(${index}, l, ${v});`
          : write(index, `middle_value(${index}, l, ${v})`);
      if (!plan.bluestein) return sink(value);
      const product = `times(${value}.yx, table[${plan.length}u + ${index}])`;
      return `if (${index} < ${plan.n}u) { ${sink(product)} }`;
    };
    return passCode(plan, pass, load, store);
  });
  const begin = from === 'work' ? '\n  workgroupBarrier();' : '';
  return `fn ${name}(thread: u32) {${begin}${body.join('\n  workgroupBarrier();')}\n}\n`;
}

/** Loop over a thread's butterflies: loads, twiddle factors, DFT, stores. */
function passCode(
  plan: LineFftPlan,
  { radix, stride, last }: Pass,
  load: (index: string) => string,
  store: (index: string, value: string) => string,
): string {
  const { length, lines, threads, kind } = plan;
  const count = length / radix;
  const code = new Codelet();
  const inputs = Array.from({ length: radix }, (_, j) => code.let(load(j === 0 ? 'b' : `b + ${j * count}u`)));
  const outputs = code.dft(inputs);
  const factors = !last;
  const stores = outputs.map((value, k) => {
    const index = k === 0 ? 'base' : `base + ${k * stride}u`;
    return store(index, factors && k > 0 ? `times(${value}, table[${k === 1 ? 'u' : `${k}u * u`}])` : value);
  });
  const total = count * lines;
  const place =
    kind === 'rows'
      ? `let l = t / ${count}u;\n    let b = t - l * ${count}u;`
      : `let l = t % ${lines}u;\n    let b = t / ${lines}u;`;
  const order = last
    ? 'let base = b;'
    : stride === 1
      ? `let u = b;\n    let base = b * ${radix}u;`
      : `let u = b - b % ${stride}u;\n    let base = b + ${radix - 1}u * u;`;
  const each =
    total > threads
      ? `for (var t = thread; t < ${total}u; t += ${threads}u) {`
      : `${total < threads ? `if (thread < ${total}u) ` : ''}{\n    let t = thread;`;
  return `
  ${each}
    ${place}
    ${order}
    ${[...code.lines, ...stores].join('\n    ')}
  }`;
}
