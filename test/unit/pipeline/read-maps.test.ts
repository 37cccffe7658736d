import { beforeEach, describe, expect, it } from 'vitest';
import { isLocScaleError, type LocScaleError } from '../../../src/errors.ts';
import type { Shape } from '../../../src/math/grid.ts';
import { defaultParameters, runLocScale } from '../../../src/pipeline/index.ts';
import { chooseWindow } from '../../../src/pipeline/scaling-rule.ts';
import type { LocScaleJob, MapImage } from '../../../src/pipeline/types.ts';
import { createSimpleEngine, type SimpleEngine } from '../../support/simple-engine.ts';
import { ballMask, edge, gridOf, noisyBlob, radialMap } from './test-maps.ts';

let engine: SimpleEngine;
let warnings: string[];
beforeEach(() => {
  engine = createSimpleEngine();
  warnings = [];
});

async function refusal(
  change: Partial<LocScaleJob> & { parameters?: LocScaleJob['parameters'] },
): Promise<LocScaleError> {
  const job: LocScaleJob = {
    input: { kind: 'map', map: noisyBlob('map.mrc', 1) },
    mask: ballMask('mask.mrc', 2),
    reference: { kind: 'none' },
    parameters: { ...defaultParameters, windowVoxels: 10 },
    ...change,
  };
  try {
    await runLocScale(job, { engine, onWarning: (message) => warnings.push(message) });
  } catch (error) {
    if (!isLocScaleError(error)) throw error;
    expect(engine.held.size, 'volumes left behind').toBe(0);
    return error;
  }
  throw new Error('the job was accepted');
}

const mapWith = (name: string, change: Parameters<typeof gridOf>[0]): MapImage =>
  noisyBlob(name, 7, 0.05, 3, gridOf(change));
const withMap = (map: MapImage): Partial<LocScaleJob> => ({ input: { kind: 'map', map } });

describe('maps that do not fit together', () => {
  it('names the first difference with both values and both files', async () => {
    const mask = ballMask('mask.mrc', 2, gridOf({ shape: [edge, edge, edge + 2] }));
    expect((await refusal({ mask })).message).toBe(
      'The maps differ in box: map.mrc has 20 x 20 x 20, mask.mrc has 22 x 20 x 20.',
    );
    const reference = {
      kind: 'model-map',
      map: mapWith('reference.mrc', { voxelSize: [3.1, 3.1, 3.1] }),
    } as const;
    expect((await refusal({ reference })).message).toBe(
      'The maps differ in voxel size: map.mrc has 3 A, reference.mrc has 3.1 A.',
    );
    const input = {
      kind: 'half-maps',
      half1: mapWith('half1.mrc', { origin: [3, 3, 3] }),
      half2: mapWith('half2.mrc', { origin: [3, 3, 30] }),
    } as const;
    expect((await refusal({ input })).message).toBe(
      'The maps differ in origin: half1.mrc has (3, 3, 3) A, half2.mrc has (30, 3, 3) A.',
    );
  });

  it('accepts voxel sizes within 0.1 % and origins within half a voxel', async () => {
    const job: LocScaleJob = {
      input: { kind: 'map', map: mapWith('map.mrc', { origin: [9, 9, 9] }) },
      mask: ballMask('mask.mrc', 1, gridOf({ voxelSize: [3.0029, 3.0029, 3.0029], origin: [10.4, 9, 9] })),
      reference: { kind: 'none' },
      parameters: { ...defaultParameters, windowVoxels: 10 },
    };
    await runLocScale(job, { engine, onWarning: (message) => warnings.push(message) });
    expect(warnings).toEqual([]);
  });

  it('names a voxel size of 1 A as one that was perhaps not known', async () => {
    const reference = { kind: 'model-map', map: mapWith('reference.mrc', { voxelSize: [1, 1, 1] }) } as const;
    expect((await refusal({ reference })).hint).toBe(
      'Programs that do not know the voxel size write 1 A: if 3 A is right, give `voxelSize: 3`.',
    );
  });

  it('refuses the same half map twice', async () => {
    const half = noisyBlob('half1.mrc', 1);
    const error = await refusal({
      input: {
        kind: 'half-maps',
        half1: half,
        half2: { ...half, name: 'half2.mrc', data: half.data.slice() },
      },
    });
    expect(error.message).toBe('The half maps half1.mrc and half2.mrc are identical.');
  });
});

describe('the origin of a run', () => {
  const names = ['half1.mrc', 'half2.mrc', 'mask.mrc', 'reference.mrc', 'difference.mrc'] as const;
  type Name = (typeof names)[number];
  /** All five maps, each at its origin (z, y, x), A; 0 where none is given. */
  async function run(origins: Partial<Record<Name, readonly [number, number, number]>>) {
    const at = (name: Name) => gridOf({ origin: origins[name] ?? [0, 0, 0] });
    const job: LocScaleJob = {
      input: {
        kind: 'half-maps',
        half1: noisyBlob('half1.mrc', 1, 0.05, 3, at('half1.mrc')),
        half2: noisyBlob('half2.mrc', 2, 0.05, 3, at('half2.mrc')),
      },
      mask: ballMask('mask.mrc', 1, at('mask.mrc')),
      reference: {
        kind: 'hybrid-map',
        map: noisyBlob('reference.mrc', 3, 0.05, 3, at('reference.mrc')),
        differenceMask: ballMask('difference.mrc', 2, at('difference.mrc')),
      },
      parameters: { ...defaultParameters, windowVoxels: 6 },
    };
    return runLocScale(job, { engine, onWarning: (message) => warnings.push(message) });
  }
  const placed = [-67.2, 12, 30] as const;
  const words = '(30, 12, -67.2) A';

  it.each(names)('is that of %s where only this map has one', async (name) => {
    const { grid, header, warnings: recorded } = await run({ [name]: placed });
    expect(grid.origin).toEqual(placed);
    expect([header.originZ, header.originY, header.originX]).toEqual(placed.map(Math.fround));
    const others = new Intl.ListFormat('en').format(names.filter((other) => other !== name));
    expect(warnings).toEqual([`${others} have no origin; that of ${name}, ${words}, is used for all maps.`]);
    expect(recorded).toEqual(warnings);
  });

  it('is said once, and not where all have it', async () => {
    await run({
      'half1.mrc': placed,
      'half2.mrc': placed,
      'reference.mrc': placed,
      'difference.mrc': placed,
    });
    expect(warnings).toEqual([`mask.mrc has no origin; that of half1.mrc, ${words}, is used for all maps.`]);
    warnings = [];
    await run(Object.fromEntries(names.map((name) => [name, placed])));
    await run({});
    // Rounding in a header is no origin.
    await run({ 'half1.mrc': [1e-4, 0, 0], 'mask.mrc': [0, 0, -1e-4] });
    expect(warnings).toEqual([]);
  });

  it('cannot be two', async () => {
    // A voxel is 3 A: half a voxel is nothing, more is another place.
    await run({ 'half2.mrc': placed, 'mask.mrc': [-67.2, 13.4, 30] });
    await expect(run({ 'half2.mrc': placed, 'mask.mrc': [-67.2, 13.6, 30] })).rejects.toThrow(
      'The maps differ in origin: half2.mrc has (30, 12, -67.2) A, mask.mrc has (30, 13.6, -67.2) A.',
    );
  });

  it('may come from NSTART of a map with other axes', async () => {
    const map = noisyBlob('map.mrc', 1);
    const mask = ballMask('mask.mrc', 1, gridOf({ origin: [27, -12, 6] }));
    const start = { mapc: 3, mapr: 1, maps: 2, ncstart: 9, nrstart: 2, nsstart: -4 };
    const header = { ...mask.header, ...start, originX: 0, originY: 0, originZ: 0 };
    const result = await runLocScale(
      {
        input: { kind: 'map', map },
        mask: { ...mask, header },
        reference: { kind: 'none' },
        parameters: { ...defaultParameters, windowVoxels: 6 },
      },
      { engine, onWarning: (message) => warnings.push(message) },
    );
    const { ncstart, nrstart, nsstart, mapc, mapr, maps, originX } = result.header;
    expect([mapc, mapr, maps, ncstart, nrstart, nsstart, originX]).toEqual([1, 2, 3, 2, -4, 9, 0]);
    expect(result.grid.origin).toEqual([27, -12, 6]);
  });
});

describe('maps that cannot be scaled', () => {
  it('refuses NaN, infinities, zeros and constants by name', async () => {
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY]) {
      const map = noisyBlob('map.mrc', 1);
      map.data[77] = bad;
      expect((await refusal(withMap(map))).message).toBe('map.mrc holds 1 voxels that are NaN or infinite.');
    }
    expect((await refusal(withMap(radialMap('map.mrc', () => 0)))).message).toBe(
      'All voxels of map.mrc are zero.',
    );
    const reference = { kind: 'model-map', map: radialMap('reference.mrc', () => 2) } as const;
    expect((await refusal({ reference })).message).toBe('All voxels of reference.mrc are equal (2).');
    const nanMask = ballMask('mask.mrc', 2);
    nanMask.data[0] = Number.NaN;
    expect((await refusal({ mask: nanMask })).message).toContain('mask.mrc holds 1 voxels');
  });

  it('refuses an empty mask, given or made', async () => {
    const mask = radialMap('mask.mrc', (radius) => (radius < 2 ? 0.4 : 0));
    expect((await refusal({ mask })).message).toBe('The mask mask.mrc is empty: no voxel reaches 0.5.');
    const { mask: _mask, ...job } = { mask: undefined, ...withMap(noisyBlob('noise.mrc', 4, 1, 0.1)) };
    const error = await refusal({ ...job, mask: undefined as never });
    expect(error.message).toBe('The FDR mask is empty: no voxel is significant at a rate of 0.01.');
    expect(error.hint).toContain('`mask`');
  });

  it('refuses voxel sizes that cannot be right and voxels that are not cubic', async () => {
    expect((await refusal(withMap(mapWith('map.mrc', { voxelSize: [0, 0, 0] })))).message).toContain(
      'voxel size of map.mrc is 0 A',
    );
    expect((await refusal(withMap(mapWith('map.mrc', { voxelSize: [3, 3, 3.2] })))).message).toBe(
      'The voxels of map.mrc are not cubic: 3.2 x 3 x 3 A.',
    );
  });

  it('warns about a map that was masked already', async () => {
    const random = noisyBlob('noise', 3);
    const masked = radialMap('masked.mrc', (radius, i) => (radius < 7 ? random.data[i] : 0));
    const mask = ballMask('mask.mrc', 1);
    await runLocScale(
      {
        input: { kind: 'map', map: masked },
        mask,
        reference: { kind: 'none' },
        parameters: { ...defaultParameters, windowVoxels: 10 },
      },
      { engine, onWarning: (message) => warnings.push(message) },
    );
    expect(warnings.filter((message) => message.includes('exactly 0'))).toHaveLength(1);
  });
});

describe('the window', () => {
  const shape: Shape = [20, 24, 30];
  const warn = (message: string): void => {
    warnings.push(message);
  };
  const choose = (windowVoxels: number | undefined, voxelSize: number, resolution = 3): number =>
    chooseWindow(
      { ...defaultParameters, ...(windowVoxels === undefined ? {} : { windowVoxels }) },
      shape,
      voxelSize,
      resolution,
      { warn },
    );

  it('is 25 A rounded up to even by default', () => {
    expect([choose(undefined, 1.4), choose(undefined, 2.5), choose(undefined, 1.25)]).toEqual([18, 10, 20]);
    expect(warnings).toEqual([]);
  });

  it('makes odd sizes even and warns', () => {
    expect(choose(17, 1.4)).toBe(18);
    expect(warnings).toEqual(['The window must have an even number of voxels: 17 becomes 18.']);
  });

  it('must fit into the map and hold enough shells', () => {
    expect(() => choose(22, 1.4)).toThrow(
      'The window of 22 voxels (30.8 A) is larger than the map (30 x 24 x 20).',
    );
    expect(() => choose(undefined, 1)).toThrow('larger than the map');
    expect(() => choose(4, 1.4)).toThrow('too small');
    expect(choose(6, 1.2)).toBe(6);
    expect(warnings).toEqual([
      'The window of 6 voxels (7.2 A) is narrower than 10 A: 22 voxels (26.4 A) suit this map.',
    ]);
  });
});
