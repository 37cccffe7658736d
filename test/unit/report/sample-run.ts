/**
 * A small run to be shown: a blob before and after scaling, in noise, with two noise boxes and local values.
 */
import type { Shape } from '../../../src/math/grid.ts';
import type { RunToShow } from '../../../src/report/collect.ts';
import type { RunRecord } from '../../../src/report/run-record.ts';
import { gridOf, noisyBlob, radialMap } from '../pipeline/test-maps.ts';

export const sampleShape: Shape = [24, 20, 28];
const grid = gridOf({ shape: sampleShape });

export function sampleRun(change: Partial<RunToShow> = {}): RunToShow {
  const mask = radialMap('mask', (radius) => (radius <= 7 ? 1 : 0), grid);
  const load = (seed: number, width: number, scale: number) => async () =>
    noisyBlob('map', seed, 0.02, width, grid).data.map((v) => scale * v);
  return {
    shape: sampleShape,
    voxelSize: 1.5,
    windowVoxels: 12,
    profileKind: 'octant',
    resolution: 3,
    noiseBoxes: [
      { start: [0, 0, 0], size: 3, mean: 0.001, sd: 0.02 },
      { start: [10, 8, 12], size: 4, mean: 0.5, sd: 0.1 },
    ],
    mask: async () => mask.data,
    maps: [
      { role: 'input', label: 'input', load: load(1, 4, 1) },
      { role: 'reference', label: 'reference', load: load(2, 2, 10) },
      { role: 'result', label: 'scaled map', load: load(1, 2, 10) },
    ],
    local: {
      label: 'local B factor',
      unit: 'Å²',
      load: async () => radialMap('b', (radius) => 20 + 10 * radius, grid).data,
    },
    ...change,
  };
}

export function sampleRecord(change: Partial<RunRecord> = {}): RunRecord {
  return {
    program: 'locscale-gpu',
    version: '9.8.7',
    runtime: 'Node 20.0.0',
    command: ['locscale-gpu', '-hm', 'half 1.mrc', 'half2.mrc'],
    started: '2026-01-02T03:04:05.000Z',
    mode: 'reference map r.mrc',
    engine: 'CPU, 3 worker threads',
    inputs: [{ role: 'half map 1', path: 'half 1.mrc', bytes: 12345, sha256: 'ab'.repeat(32) }],
    parameters: { windowVoxels: 8, fdrThreshold: 0.01, somethingNew: 42 },
    numbers: { voxelSize: 1.5, fscCutoff: 4, fscCutoffSource: 'half-map FSC', wilsonCutoff: 9.9 },
    fsc: {
      frequency: Array.from({ length: 34 }, (_, i) => i / 100),
      correlation: Array.from({ length: 34 }, (_, i) => 1 / (1 + Math.exp((i - 18) / 2))),
      resolution: 4.12,
      resolutionHalf: 5.23,
      verdict: { end: 'falls', resolution: 4.12, relation: 'independent' },
    },
    secondsPerStep: { read: 1.25, scaling: 7.5 },
    outputs: ['out/scaled.mrc'],
    warnings: ['The origins differ.'],
    ...change,
  };
}
