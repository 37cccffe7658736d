/** The gate of the compiled shaders: spills, scratch memory and estimates that grew. */
import { expect, it } from 'vitest';
import { checkFigures, type ShaderFigures, type Statistics } from '../../../bench/isa.bench.ts';

function figures(statistics: Statistics, driver = 'Mesa 22.3.6', name = 'a.main'): ShaderFigures {
  return { families: { navi21: { driver, pipelines: { [name]: statistics } } }, jobs: [] };
}

const good = {
  'Spilled SGPRs': 0,
  'Spilled VGPRs': 0,
  'Scratch size': 0,
  'LDS size': 1000,
  'Inverse Throughput': 100,
};

it('passes without stored figures, and up to 5 % above them', () => {
  expect(() => checkFigures(figures(good), undefined)).not.toThrow();
  expect(() => checkFigures(figures({ ...good, 'Inverse Throughput': 105 }), figures(good))).not.toThrow();
});

it.each([
  ['Spilled VGPRs', 4],
  ['Spilled SGPRs', 1],
  ['Scratch size', 16],
  ['LDS size', 1051],
  ['Inverse Throughput', 106],
])('fails on %s = %i, naming GPU and shader', (key, value) => {
  expect(() => checkFigures(figures({ ...good, [key]: value }), figures(good))).toThrow(
    new RegExp(`navi21, a\\.main: ${key}`, 'i'),
  );
});

it('holds another Mesa only to what no compiler decides, and says so', () => {
  const said: string[] = [];
  const say = (line: string): void => void said.push(line);
  const other = (change: Statistics): ShaderFigures => figures({ ...good, ...change }, 'Mesa 25.0.7');
  expect(() => checkFigures(other({ 'Inverse Throughput': 300 }), figures(good), say)).not.toThrow();
  expect(said).toEqual([
    'NOT COMPARED, navi21: Inverse Throughput; stored by Mesa 22.3.6, here is Mesa 25.0.7',
  ]);
  expect(() => checkFigures(other({ 'LDS size': 1051 }), figures(good), say)).toThrow(/LDS size/);
  expect(() => checkFigures(other({ 'Spilled VGPRs': 1 }), figures(good), say)).toThrow(/Spilled VGPRs/);
});

it('names pipelines without stored figures', () => {
  const said: string[] = [];
  checkFigures(figures(good, 'Mesa 22.3.6', 'b.main'), figures(good), (line) => said.push(line));
  expect(said).toEqual(['NOT COMPARED, navi21: b.main have no stored figures (--write stores them)']);
});
