/** Jobs of the page as command lines. */
import { describe, expect, it } from 'vitest';
import { commandLineOf, type PathJob } from '../../../src/app/job.ts';
import { parseArgv } from '../../../src/cli/parse-argv.ts';
import { references, type Settings } from '../../../src/screens/settings.ts';

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
      maskFilter: 7,
      resolutionFrom: 'masked',
      symmetry: 'C4',
      symmetryCentre: [48, 43, 48],
      symmetriseOutput: true,
      matchGrid: true,
      unexplained: true,
    } as const satisfies Required<Omit<Settings, 'reference' | 'scheme' | 'refine'>>;
    expect(parseArgv(commandLineOf(job({ settings }))).values).toMatchObject({
      engine: 'cpu',
      measureBfactors: true,
      localResolution: true,
      resolution: 3.2,
      apix: 1.06,
      windowSize: 26,
      fdrThreshold: 0.05,
      fdrWindow: 12,
      fdrFilter: 7,
      resolutionFrom: 'masked',
      symmetry: 'C4',
      symmetryCentre: [48, 43, 48],
      symmetriseOutput: true,
      matchGrid: true,
      unexplained: true,
    });
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
