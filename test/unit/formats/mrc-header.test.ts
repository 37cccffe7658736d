import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  addLabel,
  createMrcHeader,
  encodeMrcHeader,
  parseMrcHeader,
} from '../../../src/formats/mrc-header.ts';
import { type MrcFixture, makeMrc } from '../../support/mrc-fixture.ts';

const header = (fixture: Partial<MrcFixture> = {}): Uint8Array =>
  makeMrc({ extents: [4, 5, 6], ...fixture }).subarray(0, 1024);

describe('MRC header', () => {
  it.each([true, false])('reads every field (little endian: %s)', (littleEndian) => {
    const parsed = parseMrcHeader(
      header({
        littleEndian,
        mode: 1,
        start: [-1, 2, -3],
        sampling: [10, 11, 12],
        cell: [15, 16.5, 18],
        angles: [90, 90.5, 91],
        axes: [2, 3, 1],
        statistics: [-1.5, 2.5, 0.25, 0.75],
        spaceGroup: 4,
        extendedLength: 80,
        extendedType: 'CCP4',
        version: 20141,
        origin: [1.5, -2.5, 3.25],
        labels: ['first label', '', 'third'],
        labelCount: 3,
      }),
    );
    expect(parsed).toMatchObject({
      littleEndian,
      nc: 4,
      nr: 5,
      ns: 6,
      mode: 1,
      ncstart: -1,
      nrstart: 2,
      nsstart: -3,
      mx: 10,
      my: 11,
      mz: 12,
      cellA: 15,
      cellB: 16.5,
      cellC: 18,
      alpha: 90,
      beta: 90.5,
      gamma: 91,
      mapc: 2,
      mapr: 3,
      maps: 1,
      dmin: -1.5,
      dmax: 2.5,
      dmean: 0.25,
      rms: 0.75,
      ispg: 4,
      nsymbt: 80,
      exttyp: 'CCP4',
      nversion: 20141,
      originX: 1.5,
      originY: -2.5,
      originZ: 3.25,
      nlabl: 3,
      labels: ['first label', '', 'third'],
      machst: littleEndian ? [0x44, 0x44, 0, 0] : [0x11, 0x11, 0, 0],
    });
  });

  it.each([true, false])(
    'finds the byte order without a usable machine stamp (little endian: %s)',
    (littleEndian) => {
      for (const machineStamp of [
        [0, 0, 0, 0],
        [0xff, 0x3c, 9, 9],
      ] as const) {
        expect(parseMrcHeader(header({ littleEndian, machineStamp })).littleEndian).toBe(littleEndian);
      }
      const lying = littleEndian ? ([0x11, 0x11, 0, 0] as const) : ([0x44, 0x41, 0, 0] as const);
      expect(parseMrcHeader(header({ littleEndian, machineStamp: lying })).littleEndian).toBe(littleEndian);
    },
  );

  it('believes a valid machine stamp where only one field is odd', () => {
    expect(parseMrcHeader(header({ axes: [0, 0, 0] })).littleEndian).toBe(true);
    expect(parseMrcHeader(header({ littleEndian: false, mode: 99 })).littleEndian).toBe(false);
  });

  it('encodes what it parsed to the same bytes, whatever they are', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1024, maxLength: 1024 }), (bytes) => {
        expect(encodeMrcHeader(parseMrcHeader(bytes))).toEqual(bytes);
      }),
      { seed: 11, numRuns: 300 },
    );
  });

  it('changes the byte order of the fields and of nothing else', () => {
    const fixture: Partial<MrcFixture> = {
      start: [-1, 2, -3],
      origin: [1.5, 2, 3],
      labels: ['text'],
      extraByte: 0x5a,
    };
    const big = parseMrcHeader(header({ ...fixture, littleEndian: false }));
    const little = encodeMrcHeader({ ...big, machst: [0x44, 0x44, 0, 0] }, true);
    expect(little).toEqual(header(fixture));
  });

  it('makes a header for a new volume that equals an independent one', () => {
    const grid = { shape: [6, 5, 4], voxelSize: [1.5, 1.5, 1.5], origin: [3, 2, 1] } as const;
    expect(encodeMrcHeader(createMrcHeader(grid, ['made here']))).toEqual(
      header({ origin: [1, 2, 3], labels: ['made here'.padEnd(80)], labelCount: 1 }),
    );
  });

  it('adds a label in the first blank slot, or in place of the last of ten', () => {
    expect(addLabel([], 'new')).toEqual(['new']);
    expect(addLabel(['a', 'b'], 'new')).toEqual(['a', 'b', 'new']);
    expect(addLabel(['a', '', 'c'], 'new')).toEqual(['a', 'new', 'c']);
    const full = Array.from({ length: 10 }, (_, i) => `label ${i}`);
    expect(addLabel(full, 'new')).toEqual([...full.slice(0, 9), 'new']);
    expect(addLabel([], `tab\tand é ${'x'.repeat(100)}`)[0]).toBe(`tab?and ? ${'x'.repeat(70)}`);
  });
});
