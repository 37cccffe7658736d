/** The tables of outputs: names as LocScale and earlier versions have them, and what follows from a row. */
import { describe, expect, it } from 'vitest';
import { describeOutputs, documentedOutputs } from '../../../bench/doc-tables.mjs';
import {
  enhanceOutputs,
  locresOutputs,
  maskOutputs,
  outputTables,
  scaleOutputs,
  symmetriseOutputs,
} from '../../../src/cli/output-tables.ts';
import {
  allPathsOf,
  keepFor,
  type OutputRow,
  pathOf,
  planOutputs,
  type RunRequest,
  recordPathOf,
} from '../../../src/cli/outputs.ts';
import type { Engine, Volume } from '../../../src/engine/engine.ts';
import { mapsToShow } from '../../../src/report/run-to-show.ts';

const halfMaps = { kind: 'half-maps', half1: 'a.mrc', half2: 'b.mrc' } as const;
const oneMap = { kind: 'map', map: 'a.mrc' } as const;

function namesOf(table: readonly OutputRow<never>[], request: Partial<RunRequest>): string[] {
  const whole: RunRequest = { values: {}, outfile: 'run/out.mrc', input: halfMaps, ...request };
  return allPathsOf(planOutputs(table, whole, true)).sort();
}

describe.each(Object.entries(outputTables))('the table of %s', (command, table) => {
  const names = documentedOutputs[command];
  const described = describeOutputs(table, names, { pathOf, recordPathOf });

  it('has a key for every file, and a volume with a label, or a content', () => {
    expect(new Set(table.map(({ key }) => key)).size).toBe(table.length);
    for (const { volume, label, content } of table) {
      expect([volume !== undefined, content !== undefined].filter(Boolean)).toHaveLength(1);
      expect(label !== undefined).toBe(volume !== undefined);
    }
  });

  it('has the main output first, so that it is in place last', () => {
    expect(described[0].file).toBe(names.outfile);
  });

  it('names no file twice, whatever is requested', () => {
    const files = described.map(({ file }) => file);
    expect(new Set(files).size).toBe(files.length);
  });
});

describe('names', () => {
  it('of a scaling run', () => {
    expect(namesOf(scaleOutputs, { reference: 'model-map' })).toEqual([
      'run/out.cxc',
      'run/out.json',
      'run/out.mrc',
    ]);
    const values = { measureBfactors: true, localResolution: true, printReport: true } as const;
    expect(namesOf(scaleOutputs, { reference: 'atomic-model', values })).toEqual([
      'run/out.cxc',
      'run/out.json',
      'run/out.mrc',
      'run/out_bfactor.mrc',
      'run/out_locres.cxc',
      'run/out_locres.mrc',
      'run/out_locres_filtered.mrc',
      'run/out_model.cif',
      'run/out_quality.mrc',
      'run/out_report.html',
    ]);
  });

  it.each([
    ['network', { input: oneMap }, ['confidence.mrc', 'mask.mrc', 'predicted_reference.mrc']],
    ['network', { values: { mask: 'm.mrc' } }, ['fsc.json', 'mask.mrc', 'predicted_reference.mrc']],
    ['none', {}, ['confidence.mrc', 'fsc.json', 'mask.mrc']],
    ['pseudo-model', {}, ['confidence.mrc', 'fsc.json', 'mask.mrc', 'simulated_reference.mrc']],
    [
      'hybrid-model',
      {},
      ['confidence.mrc', 'difference_mask.mrc', 'fsc.json', 'mask.mrc', 'simulated_reference.mrc'],
    ],
  ] as const)('in the folder of -op, reference %s, %j', (reference, more, expected) => {
    const request: Partial<RunRequest> = { reference, ...more };
    const values = { ...request.values, outputProcessingFiles: 'steps' };
    const inFolder = namesOf(scaleOutputs, { ...request, values }).filter((path) =>
      path.startsWith('steps/'),
    );
    expect(inFolder).toEqual([...expected, 'profiles_audit.json'].sort().map((name) => `steps/out_${name}`));
    // Without -op there is no such file.
    expect(namesOf(scaleOutputs, request).some((path) => path.includes('steps'))).toBe(false);
  });

  it('of an enhanced map, by the version of LocScale whose names are requested', () => {
    const namesAs = (outputNames: '2.2.3' | '2.4') =>
      namesOf(enhanceOutputs, { values: { outputNames } }).filter((path) => path.endsWith('.mrc'));
    expect(namesAs('2.4')).toEqual([
      'run/out.mrc',
      'run/out_baseline.mrc',
      'run/out_pVDDT.mrc',
      'run/out_variance.mrc',
    ]);
    expect(namesAs('2.2.3')).toEqual([
      'run/out_feature_enhanced_output.mrc',
      'run/out_locscale_output.mrc',
      'run/out_variance.mrc',
      'run/pVDDT.mrc',
    ]);
    expect(namesOf(enhanceOutputs, { values: { noMonteCarlo: true } })).toEqual([
      'run/out.cxc',
      'run/out.json',
      'run/out.mrc',
      'run/out_baseline.mrc',
    ]);
  });

  it('of the other commands', () => {
    expect(namesOf(maskOutputs, { outfile: 'm.mrc' })).toEqual(['m.json', 'm.mrc', 'm_confidence.mrc']);
    expect(namesOf(locresOutputs, { outfile: 'l' })).toEqual(['l', 'l.cxc', 'l.json', 'l_filtered.mrc']);
    expect(namesOf(symmetriseOutputs, { outfile: 's.map' })).toEqual(['s.json', 's.map']);
  });
});

describe('what the pipeline keeps', () => {
  const keptBy = (values: RunRequest['values'], reference: RunRequest['reference'] = 'network') => {
    const request: RunRequest = { values, outfile: 'out.mrc', input: halfMaps, reference };
    return keepFor(planOutputs(scaleOutputs, request, true), request);
  };

  it('is nothing in a plain run', () => {
    expect(keptBy({})).toEqual({});
  });

  it('is what is written, and what the report shows', () => {
    const outputProcessingFiles = 'steps';
    expect(keptBy({ outputProcessingFiles, seed: 7 })).toEqual({
      keepConfidence: true,
      keepReference: true,
      auditSeed: 7,
    });
    expect(keptBy({ outputProcessingFiles, mask: 'm.mrc', seed: 7 }, 'model-map')).toEqual({ auditSeed: 7 });
    expect(keptBy({ printReport: true })).toEqual({ keepMap: true, keepReference: true });
  });
});

describe('the maps of a report', () => {
  const volumeOf = (value: number): Volume => ({ value }) as unknown as Volume;
  const engine = {
    download: async (volume: Volume) => [(volume as unknown as { value: number }).value],
  } as unknown as Engine;
  const result = {
    map: volumeOf(1),
    scaled: volumeOf(2),
    reference: volumeOf(3),
    bFactor: volumeOf(4),
    quality: volumeOf(5),
  };

  it('are input, reference and result, and the local values', async () => {
    const { maps, local } = mapsToShow(scaleOutputs, result as never, engine);
    const loaded = await Promise.all(maps.map(async ({ role, load }) => [role, (await load())[0]]));
    expect(loaded).toEqual([
      ['input', 1],
      ['reference', 3],
      ['result', 2],
    ]);
    expect([local?.label, (await local?.load())?.[0]]).toEqual(['local B factor', 4]);
  });
});
