/** Jobs of the page as command lines. */
import { describe, expect, it } from 'vitest';
import { commandLineOf, type PathJob } from '../../../src/app/job.ts';
import { parseArgv } from '../../../src/cli/parse-argv.ts';
import { readSetting, references, type Settings } from '../../../src/screens/settings.ts';

const halves = { half1: 'a/half1.mrc', half2: 'a/half2.mrc' };
const job = (change: Partial<PathJob> = {}): PathJob => ({
  files: halves,
  settings: {},
  reference: 'profile',
  scheme: 'soft',
  output: 'out.mrc',
  ...change,
});
const given = { ...halves, reference: 'ref.mrc', model: 'model.pdb' };

describe('the command line of a job', () => {
  it.each([
    [job(), { reference: 'profile' }],
    [job({ reference: 'none', scheme: 'windows' }), { noReference: true }],
    [job({ reference: 'map', scheme: 'windows', files: given }), { modelMap: 'ref.mrc' }],
    [job({ reference: 'map', files: given }), { modelMap: 'ref.mrc', scaling: 'soft' }],
    [job({ reference: 'model', scheme: 'windows', files: given }), { modelCoordinates: 'model.pdb' }],
    [
      job({ reference: 'model', scheme: 'windows', files: given, settings: { refine: false } }),
      { modelCoordinates: 'model.pdb', skipRefine: true },
    ],
    [
      job({ reference: 'completed-model', scheme: 'windows', files: given }),
      { modelCoordinates: 'model.pdb', completeModel: true },
    ],
    [job({ reference: 'pseudo-model', scheme: 'windows' }), { reference: 'pseudomodel' }],
    [job({ reference: 'network', scheme: 'windows' }), { reference: 'network' }],
    [
      job({ reference: 'network', scheme: 'windows', files: { ...halves, network: 'emmernet.tar.gz' } }),
      { reference: 'network', modelPath: 'emmernet.tar.gz' },
    ],
  ])('has its reference: %#', (asked, values) => {
    const parsed = parseArgv(commandLineOf(asked));
    const always = { halfmapPaths: ['a/half1.mrc', 'a/half2.mrc'], outfile: 'out.mrc', printReport: true };
    expect(parsed.values).toEqual({ ...always, ...values });
  });

  it('has every setting', () => {
    const settings = {
      engine: 'cpu',
      bFactors: true,
      localResolution: true,
      resolution: 3.2,
      voxelSize: 1.06,
      window: 26,
      fdr: 0.05,
      noiseBox: 12,
      noiseBoxesAt: [
        [1, 2, 3],
        [40, 2, 3],
      ],
      maskFilter: 7,
      fillHoles: true,
      keepPieces: 1,
      extend: -3.5,
      softEdge: 6,
      molecularWeight: 250,
      helicalTwist: -22.03,
      helicalRise: 1.41,
      referenceResolution: 4,
      targetBFactor: -20,
      locality: 0.7,
      fadeOutput: true,
      resolutionFrom: 'masked',
      symmetry: 'C4',
      symmetryCentre: [48, 43, 48],
      symmetriseOutput: true,
      matchGrid: true,
      unexplained: true,
    } as const satisfies Required<Omit<Settings, 'reference' | 'scheme' | 'refine' | 'threshold'>>;
    expect(parseArgv(commandLineOf(job({ settings }))).values).toMatchObject({
      engine: 'cpu',
      measureBfactors: true,
      localResolution: true,
      resolution: 3.2,
      apix: 1.06,
      windowSize: 26,
      fdrThreshold: 0.05,
      fdrWindow: 12,
      noiseBox: [
        [1, 2, 3],
        [40, 2, 3],
      ],
      fdrFilter: 7,
      fillHoles: true,
      keepPieces: 1,
      extend: -3.5,
      softEdge: 6,
      molecularWeight: 250,
      helicalTwist: -22.03,
      helicalRise: 1.41,
      modelResolution: 4,
      setLocalBfactor: -20,
      locality: 0.7,
      fadeOutput: true,
      resolutionFrom: 'masked',
      symmetry: 'C4',
      symmetryCentre: [48, 43, 48],
      symmetriseOutput: true,
      matchGrid: true,
      unexplained: true,
    });
  });

  it('low-passes what the mask is made from', () => {
    const settings = { maskFilter: 9, threshold: -0.02 };
    const valuesOf = (change: Partial<PathJob>) => parseArgv(commandLineOf(job(change))).values;
    expect(valuesOf({ settings })).toMatchObject({ threshold: -0.02, lowPass: 9 });
    expect(valuesOf({ settings })).not.toHaveProperty('fdrFilter');
    const masked = valuesOf({ settings, files: { ...halves, mask: 'mask.mrc' } });
    expect(masked).toMatchObject({ threshold: -0.02, fdrFilter: 9, mask: 'mask.mrc' });
  });

  it.each([
    ['threshold', ['-0.02', '0', '1e-3', '.5', 'x', '0x10', 'Infinity', '1 2']],
    ['keepPieces', ['0', '1', '2', '-1', '2.5', 'one']],
    ['extend', ['-200', '-200.1', '200', '200.5', '3', 'wide']],
    ['softEdge', ['0', '-1', '6', '200', '201', '']],
    ['molecularWeight', ['0', '250', '-3']],
    ['locality', ['0', '1', '1.1', '-0.1', '0.5']],
    ['helicalTwist', ['-360', '360', '361', '22.03']],
    ['helicalRise', ['0', '1.41', '-1']],
    ['referenceResolution', ['0', '4', '-4']],
    ['targetBFactor', ['-20', '0', '100', 'B']],
    ['fdr', ['0', '1', '0.01', '-1']],
    ['maskFilter', ['0', '5', '-5']],
    ['noiseBox', ['1', '2', '12', '3.5']],
  ] as const)('refuses of %s what the command line refuses: %j', (name, texts) => {
    for (const text of texts) {
      const line = commandLineOf(job({ settings: { [name]: text } }));
      const isTaken = readSetting(name, text) !== undefined;
      if (isTaken) expect(() => parseArgv(line), text).not.toThrow();
      else expect(() => parseArgv(line), text).toThrow();
    }
  });

  it.each(references)('is understood by the command line: %s', (reference) => {
    const scheme = reference === 'profile' ? 'soft' : 'windows';
    expect(() => parseArgv(commandLineOf(job({ reference, scheme, files: given })))).not.toThrow();
  });

  it('takes no name for an option', () => {
    const files = { half1: '--resume', half2: '-o' };
    const { values } = parseArgv(commandLineOf(job({ files, output: '--debug.mrc' }), ['-np', '3']));
    expect(values).toMatchObject({
      halfmapPaths: ['./--resume', './-o'],
      outfile: './--debug.mrc',
      processes: 3,
    });
    expect(values).not.toHaveProperty('resume');
  });
});
