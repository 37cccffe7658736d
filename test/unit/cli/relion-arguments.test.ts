import { describe, expect, it } from 'vitest';
import { parseArgv } from '../../../src/cli/parse-argv.ts';
import { otherHalf, relionArgv, relionFolderOf, sortRelionWords } from '../../../src/cli/relion-arguments.ts';
import { shellWords } from '../../../src/cli/shell-words.ts';
import { isLocScaleError } from '../../../src/errors.ts';

const there = async (): Promise<boolean> => true;
const nowhere = async (): Promise<boolean> => false;

async function argvOf(line: string, exists = there, notes: string[] = []): Promise<string> {
  const words = line.split(' ');
  const argv = await relionArgv(sortRelionWords(words), relionFolderOf(words), exists, (note) => {
    notes.push(note);
  });
  return argv.join(' ');
}

async function messageOf(line: string, exists = there): Promise<string> {
  try {
    await argvOf(line, exists);
  } catch (error) {
    if (isLocScaleError(error)) return `${error.tag}: ${error.message}`;
    throw error;
  }
  throw new Error('nothing was thrown');
}

const half = 'Refine3D/job029/run_half1_class001_unfil.mrc';

describe('the other half map', () => {
  it.each([
    [half, 'Refine3D/job029/run_half2_class001_unfil.mrc'],
    ['Refine3D/job029/run_half2_class001_unfil.mrc', half],
    ['Import/job001/emd_5778_half_map_1.map.gz', 'Import/job001/emd_5778_half_map_2.map.gz'],
    ['cryosparc_P1_J2_map_half_A.mrc', 'cryosparc_P1_J2_map_half_B.mrc'],
    ['half1/half_b.mrc', 'half1/half_a.mrc'],
    ['half1_of_half2.mrc', 'half1_of_half1.mrc'],
  ])('of %s is %s', (one, other) => {
    expect(otherHalf(one)).toBe(other);
  });

  it.each(['Refine3D/half1/run_class001.mrc', 'half12.mrc', 'behalf.mrc', 'half_apo.mrc'])(
    '%s is no half map',
    (name) => {
      expect(otherHalf(name)).toBeUndefined();
    },
  );
});

describe('a label without a value', () => {
  it.each(['print_report', 'measure_bfactors', 'measure-bfactors', 'feature_enhance', 'no_mc'])(
    '%s is refused with one, with the reason',
    async (label) => {
      expect(await messageOf(`--o External/job012/ --in_3dref ${half} --${label} true --j 1`)).toBe(
        `usage: The label ${label} takes no value, found "true".`,
      );
    },
  );
});

describe('a command line of RELION', () => {
  it('becomes half maps, mask, threads, folder and options', async () => {
    const line = `--o External/job012/ --in_3dref ${half} --in_mask MaskCreate/job020/mask.mrc --window_size 26 --measure_bfactors --j 4 --print_report`;
    const argv = await argvOf(line);
    expect(argv).toBe(
      `-hm ${half} Refine3D/job029/run_half2_class001_unfil.mrc -ma MaskCreate/job020/mask.mrc -np 4 -op External/job012/processing_files -o External/job012/locscale.mrc --window_size 26 --measure_bfactors --print_report`,
    );
    expect(parseArgv(argv.split(' ')).values).toMatchObject({
      processes: 4,
      windowSize: 26,
      printReport: true,
    });
  });

  it('may choose another command, without a value', async () => {
    expect(await argvOf(`--o a/ --in_3dref ${half} --feature_enhance --seed 3 --j 1`)).toMatch(
      /^feature_enhance -hm .* -o a\/feature_enhanced.mrc --seed 3$/,
    );
    const locres = await argvOf(`--o a --in_3dref ${half} --locres --j 1`);
    expect(locres).toMatch(/^locres -hm .* -np 1 -o a\/localres.mrc$/);
    expect(await messageOf(`--o a/ --in_3dref ${half} --locres --feature-enhance`)).toContain('not both');
  });

  it('may have short names behind two dashes, and options that are more than RELION’s', async () => {
    const argv = await argvOf(`--o a/ --in_3dref ${half} --wn 20 --np 8 --j 1 --op b --res=3.2`);
    expect(argv).toMatch(/-o a\/locscale.mrc -wn 20 -np 8 -op b -res=3.2$/);
    expect(argv).not.toContain('-np 1');
    expect(argv).not.toContain('processing_files');
  });

  it('with one map is a run of one map, and reports half maps next to it', async () => {
    const notes: string[] = [];
    expect(await argvOf('--o a/ --in_3dref R/run_class001.mrc --j 1', there, notes)).toContain(
      '-em R/run_class001.mrc ',
    );
    expect(notes.join()).toContain('R/run_half1_class001_unfil.mrc next to it is the better input');
    notes.length = 0;
    await argvOf('--o a/ --in_3dref R/run_class001.mrc --j 1', nowhere, notes);
    await argvOf('--o a/ --in_3dref R/other.mrc --j 1', there, notes);
    expect(notes).toEqual([]);
  });

  it.each([
    [`--in_3dref ${half}`, 'needs the folder of the job'],
    ['--o a/ --j 1', 'The job has no map.'],
    [`--o a/ --in_3dref ${half} --in_mics m.star`, '--in_mics is of no use here'],
    [`--o a/ --in_3dref ${half} --outfile x.mrc`, '-o cannot be chosen'],
    [`--o a/ --in_3dref ${half} -em x.mrc`, 'The maps are given twice'],
    [`--o a/ --in_3dref ${half} --in_mask m.mrc --mask n.mrc`, 'The mask is given twice'],
    [`--o a/ --in_3dref ${half} --windowsize 3`, 'Unknown option --windowsize.'],
    ['--o a/ --in_3dref map.mrc --locres', 'is no half map by its name'],
    ['--o a/ --in_3dref', '--in_3dref needs a value'],
  ])('%s is refused', async (line, message) => {
    expect(await messageOf(line)).toContain(message);
    expect(await messageOf(line)).toMatch(/^usage: /);
  });

  it('names the half map that is missing', async () => {
    expect(await messageOf(`--o a/ --in_3dref ${half}`, nowhere)).toBe(
      `bad-input: The other half of ${half} is not there: Refine3D/job029/run_half2_class001_unfil.mrc.`,
    );
  });

  it('is shown so that a shell takes it', () => {
    expect(shellWords(['-em', 'my map.mrc', '-o', 'a/b.mrc'])).toBe("-em 'my map.mrc' -o a/b.mrc");
  });
});
