/** docs/speed.md is made from the stored results, and gates let no wrong result pass. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { summarise } from '../../../bench/clock.ts';
import { checkGate, GateError, relativeL2 } from '../../../bench/gate.ts';
import { makeSpeedDocument, readResults } from '../../../bench/tables.ts';

const path = (name: string): string => fileURLToPath(new URL(`../../../${name}`, import.meta.url));

describe('docs/speed.md', () => {
  it('is what bench/results/*.json give', () => {
    const results = readResults(path('bench/results'));
    expect(results.length).toBeGreaterThan(0);
    expect(readFileSync(path('docs/speed.md'), 'utf8')).toBe(makeSpeedDocument(results));
  });

  it('stored results passed their gates', () => {
    for (const { fft = [], localScaling } of readResults(path('bench/results'))) {
      const windows = localScaling?.windows ?? [];
      const gates = [
        ...fft.flatMap((r) => r.gates),
        ...windows.flatMap((w) => [w.gate, ...(w.original ? [w.original.gate] : [])]),
      ];
      expect(gates.length).toBeGreaterThan(0);
      for (const gate of gates) expect(gate.error, gate.name).toBeLessThanOrEqual(gate.limit);
    }
  });
});

describe('gate', () => {
  it('passes what is within the limit and says the error', () => {
    expect(checkGate('x', [1, 2], [1, 2.001], 1e-2).error).toBeCloseTo(0.001 / Math.hypot(1, 2.001), 12);
  });

  it.each([
    ['beyond the limit', [1, 2.1]],
    ['not a number', [1, Number.NaN]],
    ['of another length', [1]],
  ])('stops at a result %s', (_, result) => {
    expect(() => checkGate('x', result, [1, 2], 1e-2)).toThrow(GateError);
  });

  it('nothing to compare is no pass', () => {
    expect(relativeL2([], [])).toBeNaN();
    expect(() => checkGate('x', [], [], 1)).toThrow(GateError);
  });
});

it('median and minimum of the runs', () => {
  expect(summarise([3, 1, 2, 10])).toEqual({ median: 2.5, min: 1, runs: 4 });
  expect(summarise([5])).toEqual({ median: 5, min: 5, runs: 1 });
});
