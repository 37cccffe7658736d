/** The gate of the compiled shaders: spills, scratch memory and estimates that grew. */
import { expect, it } from 'vitest';
import { checkFigures, type ShaderFigures, type Statistics } from '../../../bench/isa.bench.ts';

function figures(statistics: Statistics): ShaderFigures {
  return { families: { navi21: { driver: 'Mesa', pipelines: { 'a.main': statistics } } }, jobs: [] };
}

const good = { 'Spilled SGPRs': 0, 'Spilled VGPRs': 0, 'Scratch size': 0, 'Inverse Throughput': 100 };

it('passes without stored figures, and up to 5 % above them', () => {
  expect(() => checkFigures(figures(good), undefined)).not.toThrow();
  expect(() => checkFigures(figures({ ...good, 'Inverse Throughput': 105 }), figures(good))).not.toThrow();
});

it.each([
  ['Spilled VGPRs', 4],
  ['Spilled SGPRs', 1],
  ['Scratch size', 16],
  ['Inverse Throughput', 106],
])('fails on %s = %i, naming GPU and shader', (key, value) => {
  expect(() => checkFigures(figures({ ...good, [key]: value }), figures(good))).toThrow(
    new RegExp(`navi21, a\\.main: ${key}`, 'i'),
  );
});
