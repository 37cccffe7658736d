import { describe, expect, it } from 'vitest';
import { checkOptionStates, parseArgv } from '../../../src/cli/parse-argv.ts';
import { isLocScaleError, type LocScaleError } from '../../../src/errors.ts';
import { type CommandName, definitionOf, type OptionId, optionIds } from '../../../src/options/index.ts';

function errorOf(run: () => unknown): LocScaleError {
  try {
    run();
  } catch (error) {
    if (isLocScaleError(error)) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

/** LocScale 2.3.1's own parser: spellings, sample values, what they must become. */
const scaleOptions: readonly (readonly [OptionId, string, readonly string[], unknown])[] = [
  ['emmapPath', '-em --emmap_path', ['a.mrc'], 'a.mrc'],
  ['halfmapPaths', '-hm --halfmap_paths', ['a.mrc', 'b.mrc'], ['a.mrc', 'b.mrc']],
  ['filterInput', '-filter_input --filter_input', [], true],
  ['mask', '-ma --mask', ['m.mrc'], 'm.mrc'],
  ['verbose', '-v --verbose', [], true],
  ['printReport', '--print_report', [], true],
  ['reportFilename', '--report_filename', ['r'], 'r'],
  ['outputProcessingFiles', '-op --output_processing_files', ['folder'], 'folder'],
  ['fdrThreshold', '-fdr --fdr_threshold', ['0.05'], 0.05],
  ['fdrWindow', '-fdr_w --fdr_window_size', ['12'], 12],
  ['resolutionFrom', '--resolution_from', ['masked'], 'masked'],
  ['averagingFilter', '-avg_filter --averaging_filter_size', ['3'], 3],
  ['fdrFilter', '-fdr_f --fdr_filter', ['5'], 5],
  ['maskThreshold', '-th --mask_threshold', ['0.9'], 0.9],
  ['modelPath', '-model_path --model_path', ['net.pt'], 'net.pt'],
  ['lowContextModel', '--use_low_context_model', [], true],
  ['batchSize', '-bs --batch_size', ['4'], 4],
  ['gpuIds', '-gpus --gpu_ids', ['0', '1', 'H200'], ['0', '1', 'H200']],
  ['cubeSize', '-cube_size --cube_size', ['32'], 32],
  ['stride', '-s --stride', ['8'], 8],
  ['applyFscFilter', '-apply_fsc_filter --apply_fsc_filter', [], true],
  ['outfile', '-o --outfile', ['out.mrc'], 'out.mrc'],
  ['modelMap', '-mm --model_map', ['ref.mrc'], 'ref.mrc'],
  ['modelCoordinates', '-mc --model_coordinates', ['m.pdb'], 'm.pdb'],
  ['modelResolution', '-mres --model_resolution', ['3.2'], 3.2],
  ['symmetry', '-sym --symmetry', ['C4'], 'C4'],
  ['windowSize', '-wn --window_size', ['22'], 22],
  ['mpi', '-mpi --mpi', [], true],
  ['processes', '-np --number_processes', ['4'], 4],
  ['measureBfactors', '--measure_bfactors', [], true],
  ['refmacIterations', '-ref_it --refmac_iterations', ['10'], 10],
  ['resolution', '-res --ref_resolution', ['3.4'], 3.4],
  ['apix', '-p --apix', ['1.2'], 1.2],
  ['addBlur', '--add_blur', ['20'], 20],
  ['refmac5Path', '--refmac5_path', ['/usr/bin/refmac5'], '/usr/bin/refmac5'],
  ['crefPickle', '--cref_pickle', ['c.pickle'], 'c.pickle'],
  ['cifInfo', '-cif_info --cif_info', ['i.cif'], 'i.cif'],
  ['completeModel', '--complete_model', [], true],
  ['averagingWindow', '-avg_w --averaging_window', ['3'], 3],
  ['buildUsingPseudomodel', '--build_using_pseudomodel', [], true],
  ['pseudomodelMethod', '-pm --pseudomodel_method', ['kick'], 'kick'],
  ['totalIterations', '-pm_it --total_iterations', ['50'], 50],
  ['distance', '-dst --distance', ['1.2'], 1.2],
  ['molecularWeight', '-mw --molecular_weight', ['250'], 250],
  ['activatePseudomodel', '--activate_pseudomodel', [], true],
  ['smoothFactor', '-smooth --smooth_factor', ['0.3'], 0.3],
  ['boostSecondaryStructure', '--boost_secondary_structure', ['1.5'], 1.5],
  ['noReference', '--no_reference', [], true],
  ['setLocalBfactor', '--set_local_bfactor', ['-20.5'], -20.5],
  ['devMode', '--dev_mode', [], true],
  ['skipRefine', '--skip_refine', [], true],
];
const enhanceOptions: typeof scaleOptions = [
  ['noMonteCarlo', '-no_mc --no_monte_carlo', [], true],
  ['monteCarloIterations', '-mc_it --monte_carlo_iterations', ['15'], 15],
  ['physicsBased', '-pb --physics_based', [], true],
  ['download', '-download --download', [], true],
  ['baselineSuffix', '--baseline_suffix', ['_locscale_output'], '_locscale_output'],
  ['outputNames', '--output_names', ['2.3'], '2.3'],
  ['trainedModel', '-trained_model --trained_model', ['model_based'], 'model_based'],
];
const devicesOptions: typeof scaleOptions = [['json', '--json', [], true]];
const fscOptions: typeof scaleOptions = [['autoMask', '--auto_mask', [], true]];
const maskOptions: typeof scaleOptions = [
  ['threshold', '--threshold', ['-0.02'], -0.02],
  ['nonZero', '--non_zero', [], true],
  ['radius', '--radius', ['4'], 4],
  ['unite', '--unite', ['a.mrc'], 'a.mrc'],
  ['intersect', '--intersect', ['a.mrc'], 'a.mrc'],
  ['subtract', '--subtract', ['a.mrc'], 'a.mrc'],
  ['fillHoles', '--fill_holes', [], true],
  ['keepPieces', '--keep', ['2'], 2],
  ['extend', '--extend', ['-3'], -3],
  ['softEdge', '--soft_edge', ['6'], 6],
  ['invert', '--invert', [], true],
];
const resampleOptions: typeof scaleOptions = [
  ['newVoxelSize', '--voxel_size', ['1.5'], 1.5],
  ['box', '--box', ['100,120,140'], [140, 120, 100]],
  ['center', '--center --centre', ['10,-20,30.5'], [30.5, -20, 10]],
  ['origin', '--origin', ['1.5,2,-3'], [-3, 2, 1.5]],
  ['like', '--like', ['a.mrc'], 'a.mrc'],
  ['cropToMask', '--crop_to_mask', ['m.mrc'], 'm.mrc'],
  ['padding', '--padding', ['0'], 0],
  ['asMask', '--as_mask', [], true],
];
const postprocessOptions: typeof scaleOptions = [
  ['bFactor', '--bfactor --adhoc_bfac', ['-120'], -120],
  ['fitFrom', '--autob_lowres', ['12'], 12],
  ['fitTo', '--autob_highres', ['4.5'], 4.5],
  ['lowPass', '--low_pass', ['4'], 4],
  ['skipFscWeighting', '--skip_fsc_weighting', [], true],
];
const assessOptions: typeof scaleOptions = [
  ['against', '--against', ['a.mrc'], ['a.mrc']],
  ['labels', '--labels', ['raw'], ['raw']],
  ['localWindow', '--local_window', ['4'], 4],
];
const pageOptions: typeof scaleOptions = [['port', '--port', ['8765'], 8765]];
const appOptions: typeof scaleOptions = [
  ['root', '--root', ['folder'], 'folder'],
  ['open', '--open', [], true],
];
const benchOptions: typeof scaleOptions = [
  ['quick', '--quick', [], true],
  ['size', '--size', ['64'], 64],
  ['compare', '--compare', ['theirs.json'], 'theirs.json'],
];
const modelsOptions: typeof scaleOptions = [
  ['modelName', '--name', ['mine'], 'mine'],
  ['calibration', '--calibration', ['c.json'], 'c.json'],
  ['downloadFrom', '--from', ['https://example.org/record'], 'https://example.org/record'],
];
const setupOptions: typeof scaleOptions = [
  ['cuda', '--cuda', [], true],
  ['shim', '--shim', ['folder'], 'folder'],
];
const ownOptions: typeof scaleOptions = [
  ['reference', '--reference', ['network'], 'network'],
  ['symmetryCentre', '--sym_center --symmetry_center', ['3,4,5.5'], [3, 4, 5.5]],
  ['helicalTwist', '-twist --twist --helical_twist', ['-22.03'], -22.03],
  ['helicalRise', '-rise --rise --helical_rise', ['1.41'], 1.41],
  ['helicalSteps', '-n_steps --n_steps', ['12'], 12],
  ['chunk', '-chunk --chunk', ['4096'], 4096],
  ['symmetriseOutput', '--symmetrise_output', [], true],
  ['provider', '--provider', ['webgpu'], 'webgpu'],
  ['engine', '--engine', ['cpu'], 'cpu'],
  ['allowSoftwareGpu', '--allow_software_gpu --allow-software-gpu', [], true],
  ['seed', '--seed', ['7'], 7],
  ['dryRun', '--dry_run --dry-run', [], true],
  ['resume', '--resume', [], true],
  ['localResolution', '--local_resolution --local-resolution', [], true],
  ['locresWindow', '--locres_window --locres-window', ['50'], 50],
  ['locresShape', '--locres_shape --locres-shape', ['box'], 'box'],
  ['locresThreshold', '--locres_threshold --locres-threshold', ['0.5'], 0.5],
  ['noResume', '--no_resume --no-resume', [], true],
  ['memory', '--memory', ['0.5'], 0.5],
  ['radialProfile', '--radial_profile --radial-profile', ['sphere'], 'sphere'],
  ['scaling', '--scaling', ['soft'], 'soft'],
  ['also', '--also', ['global'], 'global'],
  ['windowTaper', '--window_taper --window-taper', ['hann'], 'hann'],
  ['locality', '--locality', ['0.25'], 0.25],
  ['fadeOutput', '--fade_output --fade-output', [], true],
  ['matchGrid', '--match_grid --match-grid', [], true],
  ['unexplained', '--unexplained', [], true],
  ['noiseBox', '--noise_box', ['1,2,3'], [[1, 2, 3]]],
  ['theoreticalProfile', '--theoretical_profile', ['t.json'], 't.json'],
  ['differenceMask', '--difference_mask', ['d.mrc'], 'd.mrc'],
  ['debug', '--debug', [], true],
  ['help', '-h --help', [], true],
  ['version', '--version', [], true],
];

describe('every option in every spelling', () => {
  const cases = [
    ...[...scaleOptions, ...ownOptions].map((entry) => ['scale', ...entry] as const),
    ...enhanceOptions.map((entry) => ['feature_enhance', ...entry] as const),
    ...devicesOptions.map((entry) => ['devices', ...entry] as const),
    ...fscOptions.map((entry) => ['fsc', ...entry] as const),
    ...maskOptions.map((entry) => ['mask', ...entry] as const),
    ...postprocessOptions.map((entry) => ['postprocess', ...entry] as const),
    ...assessOptions.map((entry) => ['assess', ...entry] as const),
    ...resampleOptions.map((entry) => ['resample', ...entry] as const),
    ...pageOptions.map((entry) => ['page', ...entry] as const),
    ...appOptions.map((entry) => ['app', ...entry] as const),
    ...benchOptions.map((entry) => ['bench', ...entry] as const),
    ...modelsOptions.map((entry) => ['models', ...entry] as const),
    ...setupOptions.map((entry) => ['setup', ...entry] as const),
  ];
  for (const [command, id, spellings, texts, expected] of cases) {
    it(`${spellings} ${texts.join(' ')}`, () => {
      const prefix = command === 'scale' ? [] : [command];
      for (const spelling of spellings.split(' ')) {
        const parsed = parseArgv([...prefix, spelling, ...texts]);
        expect(parsed.values, spelling).toEqual({ [id]: expected });
        expect(parsed.given).toEqual([id]);
        expect(parsed.command).toBe(command);
        if (texts.length === 1)
          expect(parseArgv([...prefix, `${spelling}=${texts[0]}`]).values, `${spelling}=`).toEqual({
            [id]: expected,
          });
        if (texts.length > 0)
          expect(errorOf(() => parseArgv([...prefix, spelling])).message, `${spelling} alone`).toContain(
            `Option ${definitionOf(id).names.find((name) => name.replaceAll('-', '_') === spelling.replaceAll('-', '_'))} needs`,
          );
        if (texts.length === 0)
          expect(errorOf(() => parseArgv([...prefix, `${spelling}=1`])).message).toContain('takes no value');
      }
    });
  }

  it('lists every option of the table, so that no new one goes untested', () => {
    const tested = [
      ...scaleOptions,
      ...enhanceOptions,
      ...devicesOptions,
      ...fscOptions,
      ...postprocessOptions,
      ...maskOptions,
      ...assessOptions,
      ...resampleOptions,
      ...pageOptions,
      ...appOptions,
      ...benchOptions,
      ...modelsOptions,
      ...setupOptions,
      ...ownOptions,
    ];
    expect(tested.map(([id]) => id).sort()).toEqual([...optionIds].sort());
    for (const [id, spellings] of tested) {
      for (const name of definitionOf(id).names) expect(spellings.split(' ')).toContain(name);
    }
  });

  it('has no spelling twice within a command', () => {
    const seen = optionIds.flatMap((id) =>
      definitionOf(id).commands.flatMap((command) =>
        definitionOf(id).names.map((name) => `${command} ${name}`),
      ),
    );
    expect(new Set(seen).size).toBe(seen.length);
  });
});

describe('values', () => {
  it('stay text where text is meant: names like numbers survive', () => {
    const { values } = parseArgv(['-hm', '007', '1e3', '-o', '0x10', '-ma', 'true', '-op', '1.50']);
    expect(values).toEqual({
      halfmapPaths: ['007', '1e3'],
      outfile: '0x10',
      mask: 'true',
      outputProcessingFiles: '1.50',
    });
  });

  it('read the usual command line', () => {
    const { command, values, positionals } = parseArgv([
      '-hm',
      'a.mrc',
      'b.mrc',
      '-o',
      'out.mrc',
      '-np',
      '4',
    ]);
    expect({ command, values, positionals }).toEqual({
      command: 'scale',
      positionals: [],
      values: { halfmapPaths: ['a.mrc', 'b.mrc'], outfile: 'out.mrc', processes: 4 },
    });
  });

  it('may be negative numbers, empty is not a name', () => {
    expect(parseArgv(['--set_local_bfactor', '-.5e1']).values).toEqual({ setLocalBfactor: -5 });
    expect(errorOf(() => parseArgv(['-o', ''])).message).toBe('Option -o needs a non-empty text, not "".');
  });

  it('collect repeated noise boxes; of other options the last counts', () => {
    expect(parseArgv(['--noise_box', '1,2,3', '--noise_box=4,5,6']).values).toEqual({
      noiseBox: [
        [1, 2, 3],
        [4, 5, 6],
      ],
    });
    expect(parseArgv(['-p', '1', '-p', '2'])).toMatchObject({ values: { apix: 2 }, given: ['apix'] });
  });

  it('take as many as given with -gpus, up to the next option', () => {
    expect(parseArgv(['-gpus', '0', '1', '-o', 'x']).values).toEqual({ gpuIds: ['0', '1'], outfile: 'x' });
    expect(parseArgv(['-gpus=3', '-o', 'x']).values).toEqual({ gpuIds: ['3'], outfile: 'x' });
  });

  const refused: readonly (readonly [string[], string])[] = [
    [['-np', '0'], 'Option -np needs a whole number of at least 1, not "0".'],
    [['-np', '2.5'], 'Option -np needs a whole number, not "2.5".'],
    [['-np', '0x10'], 'Option -np needs a whole number, not "0x10".'],
    [['-p', '-1'], 'Option -p needs a number of at least 0.05, not "-1".'],
    [['-p', '1000'], 'Option -p needs a number of at most 50, not "1000".'],
    [['-p', 'Infinity'], 'Option -p needs a number, not "Infinity".'],
    [['-p', '1,2'], 'Option -p needs a number, not "1,2".'],
    [['-fdr', '1'], 'Option -fdr needs a number below 1, not "1".'],
    [['-th', '1.5'], 'Option -th needs a number of at most 1, not "1.5".'],
    [['-wn', 'abc'], 'Option -wn needs a whole number, not "abc".'],
    [['--engine', 'tpu'], 'Option --engine needs one of auto, gpu, cpu, not "tpu".'],
    [['--radial_profile', 'disc'], 'Option --radial_profile needs one of octant, sphere, not "disc".'],
    [['--noise_box', '1,2'], 'Option --noise_box needs three whole numbers z,y,x, not "1,2".'],
    [['--noise_box', '1,2,x'], 'Option --noise_box needs a whole number, not "x".'],
    [['-gpus', '0', ''], 'Option -gpus needs numbers or names of GPUs, not "".'],
    [['-hm', 'a.mrc'], 'Option -hm needs 2 values, only 1 was given.'],
    [['-hm', 'a.mrc', '-o', 'x'], 'Option -hm needs 2 values, only 1 was given.'],
    [['-hm'], 'Option -hm needs 2 values, none was given.'],
    [['-em', '-o', 'x'], 'Option -em needs a value, none was given.'],
  ];
  for (const [argv, message] of refused) {
    it(`refuse: ${argv.join(' ')}`, () => {
      const error = errorOf(() => parseArgv(argv));
      expect([error.tag, error.message]).toEqual(['usage', message]);
      expect(error.hint).toBeDefined();
    });
  }
});

describe('abbreviations', () => {
  it('of long names work while they are unambiguous', () => {
    expect(parseArgv(['--emm', 'a', '--no_ref', '--outf', 'o']).values).toEqual({
      emmapPath: 'a',
      noReference: true,
      outfile: 'o',
    });
    expect(parseArgv(['-filter', '-apply']).values).toEqual({ filterInput: true, applyFscFilter: true });
  });

  it('that LocScale understands keep their meaning despite our own options', () => {
    // --di: --distance in LocScale, --difference_mask is ours.
    expect(parseArgv(['--di', '1.3']).values).toEqual({ distance: 1.3 });
  });

  it('that fit several options are refused with the candidates', () => {
    expect(errorOf(() => parseArgv(['--model', 'x'])).message).toBe(
      'Option --model is ambiguous: it could be --model_map, --model_resolution, --model_coordinates, --model_path.',
    );
    expect(errorOf(() => parseArgv(['--fdr', '1'])).message).toContain(
      '--fdr_threshold, --fdr_window_size, --fdr_filter',
    );
  });

  it('with the value attached to a one-letter option', () => {
    expect(parseArgv(['-p1.2', '-oout.mrc', '-s8']).values).toEqual({
      apix: 1.2,
      outfile: 'out.mrc',
      stride: 8,
    });
    // LocScale would write to "utfile" here.
    expect(errorOf(() => parseArgv(['-outfile', 'x'])).hint).toBe('Did you mean --outfile?');
  });
});

describe('unknown things', () => {
  const unknown: readonly (readonly [string[], string, string])[] = [
    [['--emap_path', 'a'], 'Unknown option --emap_path.', 'Did you mean --emmap_path?'],
    [['-hn', 'a', 'b'], 'Unknown option -hn.', 'Did you mean -hm?'],
    [['-mask', 'a'], 'Unknown option -mask.', 'Did you mean --mask?'],
    [['--No_Reference'], 'Unknown option --No_Reference.', 'Did you mean --no_reference?'],
    [['--zzzzzz'], 'Unknown option --zzzzzz.', 'Run "locscale-gpu --help" for the list.'],
    [['fsc', '--quux'], 'Unknown option --quux.', 'Run "locscale-gpu fsc --help" for the list.'],
    [['-mc_it', '3'], 'Option -mc_it does not belong to scaling.', 'It belongs to: feature_enhance.'],
    [
      ['fsc', '-mm', 'x'],
      'Option -mm does not belong to the command fsc.',
      'It belongs to: scaling (no command).',
    ],
    [['feature_enchance'], 'Unknown command "feature_enchance".', 'Did you mean "feature_enhance"?'],
    [['map.mrc'], 'Unknown command "map.mrc".', 'Maps are given with -em MAP or -hm HALF1 HALF2.'],
    [
      ['scale'],
      'Unknown command "scale".',
      'Commands are feature_enhance, fsc, mask, locres, postprocess, assess, resample, symmetrise, symmetry, validate, demo, page, app, bench, devices, models, setup, relion, version.',
    ],
    [
      ['-em', 'a.mrc', 'b.mrc'],
      'Unknown command "b.mrc".',
      'Maps are given with -em MAP or -hm HALF1 HALF2.',
    ],
  ];
  for (const [argv, message, hint] of unknown) {
    it(argv.join(' '), () => {
      const error = errorOf(() => parseArgv(argv));
      expect([error.tag, error.message, error.hint]).toEqual(['usage', message, hint]);
    });
  }
});

describe('commands', () => {
  it('come first, or after options and their values', () => {
    const command = (argv: string[]): CommandName => parseArgv(argv).command;
    expect(command(['fsc', 'a', 'b'])).toBe('fsc');
    expect(command(['-v', 'feature_enhance', '-em', 'a'])).toBe('feature_enhance');
    expect(command(['-em', 'fsc'])).toBe('scale');
    expect(command(['-hm', 'fsc', 'mask', 'mask'])).toBe('mask');
    expect(command(['feature-enhance'])).toBe('feature_enhance');
    expect(command(['-gpus', '0', '1', 'feature_enhance'])).toBe('feature_enhance');
    expect(command([])).toBe('scale');
  });

  it('keep their own arguments, also behind --', () => {
    expect(parseArgv(['fsc', 'a.mrc', 'fsc', '-o', 'c.json']).positionals).toEqual(['a.mrc', 'fsc']);
    expect(parseArgv(['validate', '--', '-odd.mrc', '--x']).positionals).toEqual(['-odd.mrc', '--x']);
    expect(parseArgv(['validate', './a', '-']).positionals).toEqual(['./a', '-']);
  });

  it('answer --help before anything else is judged', () => {
    expect(parseArgv(['fsc', '-h', '--nonsense']).values).toEqual({ help: true });
  });
});

describe('states of options', () => {
  const state = (argv: string[]): string[] => checkOptionStates(parseArgv(argv));

  it('what cannot be done is refused by name, with a reason and a way out', () => {
    const error = errorOf(() => state(['feature_enhance', '-pb']));
    expect(error.tag).toBe('unsupported');
    expect(error.message).toContain('(-pb) cannot be run');
    expect(error.hint).toMatch(/^(Give|Leave)/);
  });

  it('-sym C1 is the default and fine', () => {
    expect(state(['-sym', 'c1'])).toEqual([]);
  });

  it('options without effect leave one note each', () => {
    expect(state(['--refmac5_path', 'x', '--dev_mode', '-bs', '4', '-em', 'a'])).toEqual([
      '--refmac5_path has no effect: refmac5 is never called.',
      '--dev_mode has no effect: inputs are always checked.',
    ]);
  });
});
