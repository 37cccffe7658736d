/** Tables and generated code of `windows`, run as the shader runs them, against sums over all coefficients. */
import { expect, it } from 'vitest';
import { tabulateColumns } from '../../../src/gpu/plan-local-resolution.ts';
import { windowSumsCode } from '../../../src/gpu/window-sums-code.ts';
import { coefficientColumns, windowWeights } from '../../../src/math/scaling/local-resolution.ts';
import { createRandom } from '../../../src/math/statistics/random.ts';

/** Power of a and -a over a line, as `products` of one map. */
const PRODUCTS = 'const products = (c, s) => c * c + s * s;';

/** The loop of `windows` over the columns of one range: WGSL of scalars is JavaScript but for types. */
function addRange(
  code: string,
  { columns, records }: { columns: number; records: Uint32Array },
  lineOf: (p: number) => Float64Array,
  sums: Float64Array,
): void {
  const script = code
    .replaceAll(/var<private> (\w+): vec3f;/g, 'var $1 = 0;')
    .replaceAll(/\bvec[34]f\(\)/g, '0')
    .replaceAll(/\b(\d+)u\b/g, '$1')
    .replaceAll(/\blet\b/g, 'const')
    .replaceAll(
      /fn (\w+)\(([^)]*)\)/g,
      (_, name, list) => `function ${name}(${list.replaceAll(/: \w+/g, '')})`,
    );
  const { finish, add } = new Function(
    'add_to_shell',
    `let lines; ${PRODUCTS} ${script}
    return { finish: finish_shells, add: (line, ...rest) => { lines = line; window_sums(...rest); } };`,
  )((square: number, value: number) => {
    sums[Math.round(Math.sqrt(square))] += value;
  });
  for (let p = 0; p <= columns; p++) {
    const [deepest, multiplicity, flags, before] = records.subarray(4 * p, 4 * p + 4);
    finish(flags, before);
    const line = lineOf(p);
    if (p < columns) add(line, line.length / 2, 1, deepest, multiplicity);
  }
}

it.each([6, 10, 24, 44, 66])('sums the power of every shell once, windows of %i voxels', (w) => {
  const h = w / 2;
  const tables = tabulateColumns(w);
  const random = createRandom(w);
  const lines = Array.from({ length: tables.count }, () =>
    Float64Array.from({ length: w }, () => random.gaussian()),
  );
  const sums = new Float64Array(h + 1);
  for (const range of tables.ranges)
    addRange(windowSumsCode('windows', w, 'hann', range), range, (p) => lines[p] ?? lines[0], sums);
  const expected = new Float64Array(h + 1);
  const t = windowWeights(w, 'hann');
  for (const { b, c, multiplicity } of coefficientColumns(w)) {
    const line = lines[tables.numbers[c * w + ((b + w) % w)]];
    for (let a = 1 - h; a <= h; a++) {
      const shell = Math.round(Math.hypot(a, b, c));
      if (shell > h) continue;
      let [re, im] = [0, 0];
      for (let i = 0; i < w; i++) {
        re += t[i] * line[i] * Math.cos((2 * Math.PI * a * i) / w);
        im += t[i] * line[i] * Math.sin((2 * Math.PI * a * i) / w);
      }
      expected[shell] += multiplicity * (re * re + im * im);
    }
  }
  sums.forEach((sum, r) => {
    expect(sum / expected[r]).toBeCloseTo(1, 9);
  });
});
