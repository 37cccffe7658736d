import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decompress } from '../../../src/formats/compression.ts';
import { validateMrc } from '../../../src/formats/mrc-validate.ts';
import { asFile, inChunks, type MrcFixture, makeMrc } from '../../support/mrc-fixture.ts';
import { describeWithSharedData, sharedPath } from '../../support/shared-data.ts';

// Values 1 ... 120: mean 60.5, deviation sqrt((120^2 - 1) / 12).
const values = Float32Array.from({ length: 120 }, (_, i) => i + 1);
const statistics = [1, 120, 60.5, Math.sqrt(14_399 / 12)] as const;
const sound: MrcFixture = { extents: [4, 5, 6], values, statistics, labels: ['made for a test'] };

async function lines(bytes: Uint8Array): Promise<string[]> {
  const { deviations } = await validateMrc(asFile(bytes));
  return deviations.map((d) => `${d.severity} ${d.field} ${d.message}`);
}

const text80 = new Uint8Array(80).fill(65);
/** Each breaks one rule; `objects`: mrcfile's validator must find the file invalid too. */
const cases: [string, Partial<MrcFixture>, RegExp, boolean][] = [
  ['magic', { magic: 'MAP' }, /^error MAP is "MAP\\u0000", should be "MAP "/, true],
  ['magic of controls', { magic: 'M\x9f\x1b' }, /^error MAP is "M\\u009f\\u001b/, true],
  ['machine stamp', { machineStamp: [1, 2, 3, 4] }, /^error MACHST is 0x01 0x02 0x03 0x04/, true],
  ['machine stamp tail', { machineStamp: [0x44, 0x44, 1, 0] }, /^warning MACHST .* last two bytes/, false],
  ['mode', { mode: 7 }, /^error MODE is 7/, true],
  ['mode that is valid but complex', { mode: 4 }, /^note MODE is 4 \(complex float32\)/, false],
  ['version', { version: 0 }, /^error NVERSION is 0/, true],
  ['negative sampling', { sampling: [4, -5, 6], cell: [6, 7.5, 9] }, /^error MY is -5/, true],
  ['absurd start', { start: [0, 1 << 24, 0] }, /^warning NYSTART is 16777216/, false],
  ['negative cell', { cell: [-6, 7.5, 9] }, /^error CELLA\.X is -6/, true],
  ['no cell', { cell: [6, 0, 9] }, /^warning CELLA\.Y is 0/, false],
  [
    'absurd voxel size',
    { voxelSize: 80 },
    /^warning CELLA gives an absurd voxel size of 80 x 80 x 80 A/,
    false,
  ],
  [
    'anisotropic',
    { cell: [6, 7.5, 12] },
    /^note CELLA gives a different voxel size along each axis: 1\.5 x 1\.5 x 2 A/,
    false,
  ],
  ['angle 0', { angles: [90, 0, 90] }, /^warning CELLB\.BETA is 0/, false],
  ['angle impossible', { angles: [90, 200, 90] }, /^error CELLB\.BETA is 200/, false],
  ['angle oblique', { angles: [90, 90, 120] }, /^note CELLB\.GAMMA is 120 degrees/, false],
  ['axis order', { axes: [1, 1, 3] }, /^error MAPC .* are 1, 1, 3/, true],
  ['image stack with MZ', { spaceGroup: 0 }, /^warning ISPG is 0 \(image stack\) but MZ is 6/, false],
  ['image stack', { spaceGroup: 0, sampling: [4, 5, 1] }, /^note ISPG is 0: a stack of 6 images/, false],
  [
    'volume stack',
    { spaceGroup: 401, sampling: [4, 5, 3] },
    /^note ISPG is 401: a stack of 2 volumes/,
    false,
  ],
  ['stack of one volume', { spaceGroup: 401 }, /^note ISPG is 401: a stack that holds one volume/, false],
  [
    'unsigned bytes',
    { mode: 0, imodFlags: 0, statistics: [1, 120, 60.5, statistics[3]] },
    /^warning MODE is 0, read as unsigned bytes, .*: it has IMOD's stamp, and bit 0 of its flags is clear$/,
    false,
  ],
  [
    'signed bytes with a stamp',
    { mode: 0, imodFlags: 1 },
    /^note MODE is 0, read as signed bytes: it has IMOD's stamp, and bit 0 of its flags is set$/,
    false,
  ],
  ['packed bytes', { mode: 0, imodFlags: 17 }, /^warning MODE is 0 with IMOD's flag 16/, false],
  [
    'inverted origin',
    { imodFlags: 1, origin: [1, 0, 0], version: 0 },
    /^warning ORIGIN has the inverted sign of IMOD's older files/,
    true,
  ],
  [
    'extended header that is not there',
    { extendedLength: 20_000, extendedType: 'FEI1' },
    /^error NSYMBT declares an extended header of 20000 bytes .* room for none: the voxels begin at byte 1024/,
    true,
  ],
  [
    'negative NSYMBT',
    { extendedLength: -80 },
    /^error NSYMBT declares an extended header of -80 bytes/,
    true,
  ],
  [
    'extended header that is not counted',
    { extended: text80, extendedLength: 0 },
    /^error NSYMBT declares an extended header of 0 bytes .* room for 80: the voxels begin at byte 1104/,
    true,
  ],
  [
    'volume stack not divisible',
    { spaceGroup: 401, sampling: [4, 5, 4] },
    /^error NZ is 6, should be a multiple of MZ \(4\)/,
    true,
  ],
  ['negative space group', { spaceGroup: -1 }, /^error ISPG is -1/, true],
  ['no space group', { spaceGroup: 300 }, /^warning ISPG is 300/, false],
  ['extended type', { extended: text80, extendedType: 'ABCD' }, /^error EXTTYP is "ABCD"/, true],
  ['extended type without header', { extendedType: 'CCP4' }, /^note EXTTYP is "CCP4" although/, false],
  [
    'symmetry records',
    { extended: text80.subarray(1), extendedType: 'CCP4' },
    /^warning NSYMBT is 79/,
    false,
  ],
  ['ORIGIN', { origin: [0, Number.NaN, 0] }, /^error ORIGIN\.Y is NaN/, false],
  [
    'ORIGIN and NSTART',
    { origin: [1, 0, 0], start: [1, 0, 0] },
    /^note ORIGIN and NSTART are both set/,
    false,
  ],
  ['label count', { labelCount: 2 }, /^error NLABL is 2, but 1 labels contain text/, true],
  ['label count range', { labelCount: 11 }, /^error NLABL is 11, should be 0 to 10/, true],
  ['label gap', { labels: ['a', '', 'c'], labelCount: 2 }, /^error LABEL has blank labels between/, true],
  ['label characters', { labels: ['bell \x07'] }, /^warning LABEL 1 contains characters/, false],
  [
    'DMIN',
    { statistics: [0, 120, 60.5, statistics[3]] },
    /^error DMIN is 0, but the data's minimum is 1/,
    true,
  ],
  ['DMAX', { statistics: [1, 121, 60.5, statistics[3]] }, /^error DMAX is 121/, true],
  ['DMEAN', { statistics: [1, 120, 62, statistics[3]] }, /^error DMEAN is 62/, true],
  ['RMS', { statistics: [1, 120, 60.5, 36] }, /^error RMS is 36/, true],
  ['RMS NaN', { statistics: [1, 120, 60.5, Number.NaN] }, /^error RMS is NaN/, false],
  [
    'statistics not determined',
    { statistics: [0, -1, -2, -1] },
    /^note DMIN and DMAX are marked as not determined/,
    false,
  ],
  [
    'constant data',
    { values: new Float32Array(120).fill(2), statistics: [2, 2, 2, 0] },
    /^warning data is 2 in every voxel/,
    false,
  ],
];

describe('validation', () => {
  it.each([true, false])('finds nothing in a sound file (little endian: %s)', async (littleEndian) => {
    for (const mode of [0, 1, 2, 6, 12]) {
      const report = await validateMrc(asFile(makeMrc({ ...sound, mode, littleEndian }), 777));
      expect(report.deviations).toEqual([]);
      expect(report.summary).toMatchObject({
        valid: true,
        errors: 0,
        warnings: 0,
        notes: 0,
        statistics: { min: 1, max: 120, mean: 60.5 },
      });
      expect(report.summary.statistics?.rms).toBeCloseTo(statistics[3], 10);
    }
  });

  it.each(cases)('%s', async (_, fixture, pattern) => {
    expect(await lines(makeMrc({ ...sound, ...fixture }))).toContainEqual(expect.stringMatching(pattern));
  });

  it('lists everything, not only the first', async () => {
    const found = await lines(
      makeMrc({ ...sound, magic: '', version: 1, labelCount: 5, statistics: [5, 6, 7, 8] }),
    );
    expect(found.map((line) => line.split(' ')[1])).toEqual([
      'MAP',
      'NVERSION',
      'NLABL',
      'DMIN',
      'DMAX',
      'DMEAN',
      'RMS',
    ]);
  });

  it('counts NaN and infinite voxels, with which there are no statistics to compare', async () => {
    const broken = values.slice();
    broken[3] = Number.NaN;
    broken[4] = Infinity;
    expect(await lines(makeMrc({ ...sound, values: broken }))).toEqual([
      'error data has 2 voxels that are NaN or infinite',
    ]);
  });

  it('compares the length with the header', async () => {
    const bytes = makeMrc(sound);
    expect(await lines(bytes.subarray(0, 1500))).toEqual([
      'error file has 1500 bytes, but the header declares 1504',
    ]);
    expect(await lines(new Uint8Array([...bytes, 0, 0]))).toEqual([
      'error file has 1506 bytes, 2 more than the 1504 the header declares',
    ]);
    expect(await lines(bytes.subarray(0, 1000))).toEqual([
      'error file has 1000 bytes, fewer than the 1024 of a header',
    ]);
    const none = bytes.slice();
    new DataView(none.buffer).setInt32(0, 0, true);
    expect(await lines(none)).toEqual(
      expect.arrayContaining([
        'error NX is 0, should be above 0',
        expect.stringMatching(/^note file data and file size were not checked/),
      ]),
    );
  });

  it('reports a damaged compressed file', async () => {
    const gz = new Uint8Array(gzipSync(makeMrc(sound)));
    const source = await decompress({ bytes: inChunks(gz.subarray(0, gz.length - 10)) }, 'x.gz');
    const { deviations } = await validateMrc(source);
    expect(deviations).toContainEqual({
      severity: 'error',
      field: 'file',
      message: expect.stringContaining('damaged or truncated gzip'),
    });
  });

  it('never throws, whatever the bytes', async () => {
    const word = fc.oneof(fc.integer({ min: -2, max: 12 }), fc.integer());
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.integer({ min: 0, max: 255 }), word), { maxLength: 8 }),
        fc.integer({ min: 0, max: 1600 }),
        async (changes, length) => {
          const bytes = makeMrc(sound);
          for (const [at, value] of changes) new DataView(bytes.buffer).setInt32(4 * at, value, true);
          const { summary, deviations } = await validateMrc(asFile(bytes.subarray(0, length)));
          expect(summary.errors).toBe(deviations.filter((d) => d.severity === 'error').length);
        },
      ),
      { seed: 5, numRuns: 1000 },
    );
  });
});

const python = '/usr/bin/python3';
const mrcfilePresent = spawnSync(python, ['-c', 'import mrcfile']).status === 0;
const withReader = mrcfilePresent ? describe : describe.skip;
const script = `
import sys, io, json, warnings, mrcfile
warnings.simplefilter('ignore')
out = []
for path in sys.argv[1:]:
    try:
        out.append(bool(mrcfile.validate(path, print_file=io.StringIO())))
    except Exception as e:
        out.append(False)
print(json.dumps(out))
`;

function mrcfileFindsValid(paths: readonly string[]): boolean[] {
  return JSON.parse(spawnSync(python, ['-c', script, ...paths], { encoding: 'utf8' }).stdout);
}

withReader(
  mrcfilePresent
    ? 'compared with mrcfile'
    : 'compared with mrcfile [skipped: /usr/bin/python3 has no mrcfile module]',
  () => {
    it('objects to every fixture mrcfile objects to', () => {
      const folder = mkdtempSync(join(tmpdir(), 'locscale-validate-'));
      try {
        const paths = cases.map(([, fixture], i) => {
          const path = join(folder, `${i}.mrc`);
          writeFileSync(path, makeMrc({ ...sound, ...fixture }));
          return path;
        });
        const valid = mrcfileFindsValid(paths);
        expect(cases.filter(([, , , objects], i) => objects && valid[i]).map(([name]) => name)).toEqual([]);
        // Whatever mrcfile finds invalid has an error or a warning here (each case is known to be listed, see
        // above); except that it compares the statistics of complex data, which have no order.
        const silent = cases
          .filter(
            ([, fixture, pattern], i) => !valid[i] && /\^note/.test(pattern.source) && fixture.mode !== 4,
          )
          .map(([name]) => name);
        expect(silent).toEqual([]);
      } finally {
        rmSync(folder, { recursive: true });
      }
    });

    describeWithSharedData('on real files', () => {
      it('agrees which ones are valid', async () => {
        const files = [
          'emd_30342_7cec/390_emd_30342_A_z4.mrc',
          'emd_3186_5fj6/emd_3186.map',
          'emd_32143_gpcr_gs/emd_32143_resampled100.map',
          'emd_3240_5fn5/5fn5_box.ccp4',
          'mrcfile/EMD-3001.map',
          'mrcfile/EMD-3197.map',
          'relion_betagal/betaGal.mrc',
          'relion_betagal/localResolution.mrc',
        ];
        const paths = files.map((file) => sharedPath('maps', file));
        const ours = await Promise.all(
          paths.map(async (path) => (await validateMrc(asFile(readFileSync(path)))).summary.valid),
        );
        expect(ours).toEqual(mrcfileFindsValid(paths));
      });
    });
  },
);
