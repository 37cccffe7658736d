/** docs/speed.md is made from the stored results, and gates let no wrong result pass. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import type { GpuResults } from '../../../bench/gpu-results.ts';
import { countedWorkSource, modelSections } from '../../../bench/model-tables.ts';
import type { BenchResults } from '../../../bench/results.ts';
import { makeSpeedDocument, readResults, storedFiles } from '../../../bench/tables.ts';
import { summarise } from '../../../src/bench/clock.ts';
import { checkGate, GateError, relativeL2 } from '../../../src/bench/gate.ts';

const path = (name: string): string => fileURLToPath(new URL(`../../../${name}`, import.meta.url));

describe('docs/speed.md', () => {
  it('is what bench/results/*.json give', () => {
    const results = readResults(path('bench/results'));
    expect(results.length).toBeGreaterThan(0);
    expect(readFileSync(path('docs/speed.md'), 'utf8')).toBe(
      makeSpeedDocument(results, modelSections(path('.')), storedFiles(path('bench/results/start-up'))),
    );
  });

  it('has the model that src/bench/counted-work.ts and the stored counts give', () => {
    expect(readFileSync(path('src/bench/counted-work.ts'), 'utf8')).toBe(countedWorkSource(path('.')));
  });

  it('stored results passed their gates', () => {
    for (const { fft = [], localScaling, gpu } of readResults(path('bench/results'))) {
      const windows = localScaling?.windows ?? [];
      const gates = [
        ...fft.flatMap((r) => r.gates),
        ...windows.flatMap((w) => [w.gate, ...(w.original ? [w.original.gate] : [])]),
        ...(gpu?.fft ?? []).flatMap((r) => r.gates),
        ...(gpu?.scaling ?? []).flatMap((r) => r.gates),
        ...[...(gpu?.verbs ?? []), ...(gpu?.command ?? [])].map((r) => r.gate),
      ];
      expect(gates.length).toBeGreaterThan(0);
      for (const gate of gates) expect(gate.error, gate.name).toBeLessThanOrEqual(gate.limit);
    }
  });
});

describe('results of a GPU', () => {
  const timing = (seconds: number) => ({ median: seconds, min: seconds, runs: 1 });
  const gate = { name: 'x', error: 2.5e-7, limit: 1e-6 };
  const resultsOf = (kind: GpuResults['adapter']['kind']): BenchResults => ({
    schema: 1,
    date: '2026-01-01',
    commit: 'abc',
    modified: false,
    engine: 'gpu',
    machine: { processor: 'P', cores: 2, memoryGiB: 4, runtime: 'Node 20', device: 'G' },
    gpu: {
      adapter: {
        name: 'G',
        kind,
        vendor: 'v',
        architecture: 'a',
        driver: 'driver 1',
        backend: 'vulkan',
        implementation: 'Dawn',
        timestamps: true,
        limits: {},
        features: [],
      },
      cpuThreads: 2,
      copy: { bytes: 2 ** 20, bufferCopy: 2e9, shaderCopy: 1e9 },
      fft: [
        {
          edge: 100,
          gates: [gate],
          forward: { device: timing(0.1), span: timing(0.1), encode: timing(0.01), wall: timing(0.2) },
          inverse: { encode: timing(0.01), wall: timing(0.5) },
          minimalBytes: 24e6,
          actualBytes: 25e6,
        },
      ],
      scaling: [
        {
          edge: 100,
          maskVoxels: 1000,
          windowVoxels: 24,
          gates: [gate, gate],
          timing: { device: timing(1e-3), span: timing(2e-3), encode: timing(1e-4), wall: timing(4e-3) },
          parts: { gather: 1, profiles: 3 },
          dispatches: 7,
          cpuSeconds: 0.4,
        },
      ],
      skipped: [],
    },
  });

  it('bandwidth is of the bytes moved, in the time of the device or else the wall', () => {
    const rows = makeSpeedDocument([resultsOf('hardware')]).split('\n');
    const cells = (start: string): string[] =>
      (rows.find((row) => row.startsWith(start)) ?? '').split('|').map((cell) => cell.trim());
    expect(cells('| 100³ | forward')).toEqual([
      ...['', '100³', 'forward', '100', '200', '0.240', '0.250', '13 %', ''],
    ]);
    expect(cells('| 100³ | inverse')).toEqual([
      ...['', '100³', 'inverse', '-', '500', '0.0480', '0.0500', '3 %', ''],
    ]);
    // Parts are shares of the 1000 ns per voxel; the CPU's 400 ms are 100 times the wall time.
    expect(cells('| 100³ | 1000')).toEqual([
      ...['', '100³', '1000', '24', '**1000**', '250', '750', '0.00', '0.00', '0.00', '0.00', '0.00'],
      ...['1.00', '2.00', '4.00', '400', '100×', '2.5e-7', '2.5e-7', ''],
    ]);
  });

  it('software GPUs are no speed result', () => {
    const folder = mkdtempSync(join(tmpdir(), 'locscale-results-'));
    try {
      writeFileSync(join(folder, '2026-01-01-a-gpu.json'), JSON.stringify(resultsOf('software')));
      writeFileSync(join(folder, '2026-01-01-b-gpu.json'), JSON.stringify(resultsOf('hardware')));
      expect(readResults(folder)).toEqual([resultsOf('hardware')]);
    } finally {
      rmSync(folder, { recursive: true });
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
