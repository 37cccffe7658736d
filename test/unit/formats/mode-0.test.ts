/**
 * Which sign the bytes of mode 0 have, for maps and masks, in both byte orders; and IMOD's sign of the
 * origin.
 */
import { describe, expect, it } from 'vitest';
import { type MrcReadOptions, readMrc, readMrcHeader, writeMrc } from '../../../src/formats/mrc.ts';
import { validateMrc } from '../../../src/formats/mrc-validate.ts';
import { asFile, collect, type MrcFixture, makeMrc } from '../../support/mrc-fixture.ts';

const extents = [4, 5, 6] as const;
/** A density around 128, as unsigned bytes. */
const grey = Array.from({ length: 120 }, (_, i) => 128 + Math.round(60 * Math.sin(i / 4)));
const asSigned = (values: readonly number[]): number[] => values.map((v) => (v > 127 ? v - 256 : v));

async function read(fixture: Partial<MrcFixture>, options: Partial<MrcReadOptions> = {}) {
  const [warnings, infos]: [string[], string[]] = [[], []];
  const image = await readMrc(asFile(makeMrc({ extents, mode: 0, values: grey, ...fixture })), {
    name: 'x.mrc',
    allocate: (n) => new Float32Array(n),
    onWarning: (message) => warnings.push(message),
    onInfo: (message) => infos.push(message),
    ...options,
  });
  return { ...image, values: [...image.data], warnings, infos };
}

describe('bytes', () => {
  // IMOD's flags: 1 signed, 2 pixel spacing from the extended header, 4 origin, 8 RMS.
  it.each([
    [0, false],
    [14, false],
    [1, true],
    [15, true],
  ])("IMOD's flags %i: signed %s, in both byte orders, without a warning", async (imodFlags, signed) => {
    for (const littleEndian of [true, false]) {
      // What the extremes in the header say does not count beside the stamp.
      for (const statistics of [
        [0, -1, -2, -1],
        [-128, 127, 0, 70],
        [0, 255, 128, 70],
      ] as const) {
        const { values, warnings, infos } = await read({ imodFlags, littleEndian, statistics });
        expect(values).toEqual(signed ? asSigned(grey) : grey);
        expect(warnings).toEqual([]);
        expect(infos).toContainEqual(
          `The bytes of x.mrc (mode 0) are ${signed ? 'signed' : 'unsigned'}: it has IMOD's stamp, and bit 0 of its flags is ${signed ? 'set' : 'clear'}.`,
        );
      }
    }
  });

  it('takes a stamp in the other byte order than the rest of the header', async () => {
    const bytes = makeMrc({ extents, mode: 0, values: grey, littleEndian: false });
    const view = new DataView(bytes.buffer);
    view.setInt32(152, 1_146_047_817, true);
    view.setInt32(156, 0, true);
    const { data } = await readMrc(asFile(bytes), { name: 'x', allocate: (n) => new Float32Array(n) });
    expect([...data]).toEqual(grey);
  });

  it('goes by the extremes in the header where there is no stamp', async () => {
    expect((await read({ statistics: [68, 188, 128, 42] })).values).toEqual(grey);
    expect((await read({ statistics: [-128, 127, 0, 42] })).values).toEqual(asSigned(grey));
    // Those of a map in other units prove nothing.
    for (const statistics of [
      [-300, 400, 0, 1],
      [0, 4000, 1, 1],
      [0, 0.9, 0.1, 0.2],
    ] as const)
      expect((await read({ statistics })).values).toEqual(asSigned(grey));
  });

  it('are signed by default, with a warning if they look unsigned', async () => {
    for (const statistics of [
      [0, -1, -2, -1],
      [-128, 127, 0, 70],
    ] as const) {
      const { values, warnings } = await read({ statistics });
      expect(values).toEqual(asSigned(grey));
      expect(warnings).toEqual([
        'The bytes of x.mrc (mode 0) are read as signed, as MRC2014 requires, but look like unsigned ones; if they are, convert the map to float32 (mode 2).',
      ]);
    }
    const signed = grey.map((v) => v - 128);
    expect((await read({ values: signed })).warnings).toEqual([]);
    expect((await read({ values: signed })).values).toEqual(signed);
  });

  it('of a mask are those that make a mask', async () => {
    const mask = Array.from({ length: 120 }, (_, i) => (i % 7 < 2 ? 255 : 0));
    const soft = Array.from({ length: 120 }, (_, i) => Math.max(0, 255 - 9 * Math.abs(i - 60)));
    // Without extremes, and with those of a program that took the bytes for signed ones.
    for (const [values, statistics] of [
      [mask, [0, -1, -2, -1]],
      [mask, [-1, 0, -0.3, 0.5]],
      [soft, [-128, 127, 0, 70]],
    ] as const) {
      const found = await read({ values, statistics }, { kind: 'mask' });
      expect(found.values).toEqual(values);
      expect(found.warnings).toEqual([
        'The bytes of x.mrc (mode 0) are read as unsigned, because as signed bytes they are not a mask.',
      ]);
      expect((await read({ values, imodFlags: 0 }, { kind: 'mask' })).warnings).toEqual([]);
    }
    const ones = mask.map((v) => v / 255);
    expect(await read({ values: ones }, { kind: 'mask' })).toMatchObject({ values: ones, warnings: [] });
  });

  it('of no other mode change with a stamp', async () => {
    const values = grey.map((v) => v - 128);
    for (const imodFlags of [0, 1])
      for (const mode of [1, 2, 12]) expect((await read({ mode, values, imodFlags })).values).toEqual(values);
    expect((await read({ mode: 6, values: grey.map((v) => 300 * v), imodFlags: 1 })).values).toEqual(
      grey.map((v) => 300 * v),
    );
  });

  it('have statistics that the validator compares with either sign', async () => {
    const mean = grey.reduce((a, b) => a + b) / 120;
    const rms = Math.sqrt(grey.reduce((a, b) => a + (b - mean) ** 2, 0) / 120);
    const lines = async (fixture: Partial<MrcFixture>): Promise<string[]> =>
      (
        await validateMrc(asFile(makeMrc({ extents, mode: 0, values: grey, labels: ['x'], ...fixture })))
      ).deviations.map((d) => `${d.severity} ${d.field}`);
    const statistics = [Math.min(...grey), Math.max(...grey), mean, rms] as const;
    expect(await lines({ imodFlags: 0, statistics })).toEqual(['warning MODE']);
    expect(await lines({ imodFlags: 1, statistics })).toEqual(['note MODE', 'note DMIN']);
  });
});

describe("IMOD's origin", () => {
  const cases = [
    // Flag 4, NVERSION, sign.
    [1, 0, -1],
    [5, 0, 1],
    [1, 20140, 1],
  ] as const;
  it.each(cases)(
    'flags %i, NVERSION %i: sign %i, and as MRC2014 requires in what is written',
    async (...given) => {
      const [imodFlags, version, sign] = given;
      for (const littleEndian of [true, false]) {
        const fixture: MrcFixture = { extents, imodFlags, version, littleEndian, origin: [10, 0, -30] };
        const image = await readMrc(asFile(makeMrc(fixture)), {
          name: 'x',
          allocate: (n) => new Float32Array(n),
        });
        expect(image.grid.origin).toEqual([-30 * sign, 0, 10 * sign]);
        const written = await collect(writeMrc(image, { label: 'test' }));
        const again = await readMrcHeader(asFile(written), { name: 'y' });
        expect(again.grid.origin).toEqual([-30 * sign, 0, 10 * sign]);
        const view = new DataView(written.buffer);
        expect([view.getInt32(152, true), view.getInt32(156, true)]).toEqual([1_146_047_817, imodFlags | 4]);
      }
    },
  );
});
