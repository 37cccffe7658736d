import { describe, expect, it } from 'vitest';
import { exitCodeOf, toLocScaleError } from '../../../src/cli/exit-codes.ts';
import { fscLines } from '../../../src/cli/fsc.ts';
import {
  checkCombinations,
  chooseInput,
  chooseOutfile,
  chooseReference,
  ineffectiveOptions,
  parametersOf,
} from '../../../src/cli/job-options.ts';
import { stemOf } from '../../../src/cli/manifest.ts';
import { parseArgv } from '../../../src/cli/parse-argv.ts';
import { isLocScaleError } from '../../../src/errors.ts';
import { parseProfile } from '../../../src/formats/amplitude-profile.ts';
import { encodeFscXml } from '../../../src/formats/fsc-xml.ts';
import type { OptionValues } from '../../../src/options/index.ts';
import type { FscCurve } from '../../../src/pipeline/types.ts';

const values = (line: string): OptionValues =>
  parseArgv(line.split(' ').filter((word) => word !== '')).values;
function messageOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (!isLocScaleError(error)) throw error;
    return `${error.tag}: ${error.message}`;
  }
  return 'accepted';
}

describe('input', () => {
  it('is one map or two half maps', () => {
    expect(chooseInput(values('-em a'))).toEqual({ kind: 'map', map: 'a' });
    expect(chooseInput(values('-hm a b'))).toEqual({ kind: 'half-maps', half1: 'a', half2: 'b' });
    expect(chooseInput({}, 'a')).toEqual({ kind: 'map', map: 'a' });
    expect(messageOf(() => chooseInput({}))).toBe('usage: No map is given.');
    expect(messageOf(() => chooseInput(values('-em a -hm a b')))).toBe(
      'usage: Both a map (-em) and half maps (-hm) are given.',
    );
    expect(messageOf(() => chooseInput(values('-em a'), 'b'))).toBe('usage: Two maps are given.');
  });
});

describe('reference', () => {
  const kinds: readonly (readonly [string, unknown])[] = [
    ['', { kind: 'network' }],
    ['--reference network', { kind: 'network' }],
    ['-mm r', { kind: 'model-map', map: 'r' }],
    ['--no_reference', { kind: 'none' }],
    ['--reference none', { kind: 'none' }],
    ['-mm r --activate_pseudomodel', { kind: 'pseudo-model-map', map: 'r' }],
    ['-mm r --activate_pseudomodel --theoretical_profile t', { kind: 'pseudo-model-map', map: 'r' }],
    [
      '-mm r --difference_mask d --theoretical_profile t',
      { kind: 'hybrid-map', map: 'r', differenceMask: 'd' },
    ],
    ['-mc m', { kind: 'atomic-model', model: 'm', theoreticalProfile: false }],
    ['-mc m --skip_refine', { kind: 'atomic-model', model: 'm', theoreticalProfile: false }],
    ['-mc m --activate_pseudomodel', { kind: 'atomic-model', model: 'm', theoreticalProfile: true }],
    ['-mc m --complete_model', { kind: 'hybrid-model', model: 'm' }],
    ['--build_using_pseudomodel', { kind: 'pseudo-model' }],
    ['--reference pseudomodel', { kind: 'pseudo-model' }],
    ['--reference pseudomodel --build_using_pseudomodel', { kind: 'pseudo-model' }],
  ];
  for (const [line, expected] of kinds)
    it(line || 'nothing at all', () => expect(chooseReference(values(line))).toEqual(expected));

  const refused: readonly (readonly [string, string])[] = [
    ['--activate_pseudomodel', 'usage: --activate_pseudomodel needs -mm or -mc.'],
    ['--difference_mask d', 'usage: --difference_mask needs -mm.'],
    ['--complete_model', 'usage: --complete_model needs -mc.'],
    ['--skip_refine', 'usage: --skip_refine needs -mc.'],
    [
      '--theoretical_profile t',
      'usage: --theoretical_profile belongs to the theoretical-profile rule, which this run does not use.',
    ],
    [
      '--reference network --no_reference',
      'usage: --no_reference and --reference network exclude each other.',
    ],
    ['--reference network -mm r', 'usage: --reference network and -mm exclude each other.'],
    ['--reference none -mm r', 'usage: --reference none and -mm exclude each other.'],
    ['-mm r -mc m', 'usage: -mm and -mc exclude each other.'],
    ['-mc m --build_using_pseudomodel', 'usage: --build_using_pseudomodel and -mc exclude each other.'],
    ['-mc m --difference_mask d', 'usage: -mc and --difference_mask exclude each other.'],
    ['-mc m --complete_model --skip_refine', 'usage: --complete_model and --skip_refine exclude each other.'],
    [
      '-mc m --complete_model --activate_pseudomodel',
      'usage: --complete_model and --activate_pseudomodel exclude each other.',
    ],
    [
      '--build_using_pseudomodel --skip_refine',
      'usage: --build_using_pseudomodel and --skip_refine exclude each other.',
    ],
    ['-mm r --no_reference', 'usage: --no_reference and -mm exclude each other.'],
    ['--no_reference -mres 3', 'usage: --no_reference and -mres exclude each other.'],
    ['--no_reference --difference_mask d', 'usage: --no_reference and --difference_mask exclude each other.'],
    [
      '-mm r --theoretical_profile t',
      'usage: --theoretical_profile belongs to the theoretical-profile rule, which this run does not use.',
    ],
    [
      '-mm r --activate_pseudomodel --difference_mask d --theoretical_profile t',
      'usage: --activate_pseudomodel and --difference_mask exclude each other.',
    ],
  ];
  for (const [line, message] of refused)
    it(`refused: ${line}`, () => expect(messageOf(() => chooseReference(values(line)))).toBe(message));
});

describe('parameters', () => {
  it('have the defaults of LocScale', () => {
    expect(parametersOf({})).toEqual({
      profileKind: 'octant',
      measureBFactors: false,
      boostSecondaryStructure: 1.5,
      setLocalBFactor: 20,
      fdrThreshold: 0.01,
      maskThreshold: 0.99,
      filterInput: false,
      applyFscFilter: false,
    });
  });

  it('low-pass at 5 A before the mask where a network predicts the reference, as LocScale does', () => {
    expect(parametersOf({}, true).fdrFilter).toBe(5);
    expect(parametersOf(values('-fdr_f 7'), true).fdrFilter).toBe(7);
  });

  it('take every option that steers the method', () => {
    const line =
      '-wn 20 -res 3.3 --radial_profile sphere --measure_bfactors -mres 4 --boost_secondary_structure 2 --set_local_bfactor 30' +
      ' -fdr 0.05 -fdr_f 6 -fdr_w 8 --noise_box 1,2,3 -th 0.9 -filter_input -apply_fsc_filter -mw 100';
    expect(parametersOf(values(line))).toEqual({
      windowVoxels: 20,
      resolution: 3.3,
      profileKind: 'sphere',
      measureBFactors: true,
      referenceResolution: 4,
      boostSecondaryStructure: 2,
      setLocalBFactor: 30,
      fdrThreshold: 0.05,
      fdrFilter: 6,
      fdrWindow: 8,
      fdrNoiseBoxes: [[1, 2, 3]],
      maskThreshold: 0.9,
      filterInput: true,
      applyFscFilter: true,
      molecularWeightKiloDalton: 100,
    });
  });

  it('that cannot work together are refused before any file is read', () => {
    const check = (line: string): string =>
      messageOf(() => checkCombinations(values(line), chooseInput(values(line))));
    expect(check('-em a -apply_fsc_filter')).toContain('needs half maps');
    expect(check('-em a -filter_input')).toContain('needs a resolution');
    expect(check('-em a -filter_input -res 4')).toBe('accepted');
    expect(check('-hm a b -filter_input -apply_fsc_filter')).toBe('accepted');
  });

  it('without effect are noted, one by one', () => {
    const notes = (line: string): string[] => ineffectiveOptions(values(line), chooseReference(values(line)));
    expect(
      notes(
        '-mm r -ma m -fdr 0.1 --noise_box 1,2,3 --set_local_bfactor 3 --boost_secondary_structure 2 --seed 1',
      ),
    ).toEqual([
      '--set_local_bfactor has no effect: it belongs to --no_reference.',
      '--boost_secondary_structure has no effect: it belongs to the theoretical-profile rule.',
      '--fdr_threshold has no effect: a mask is given.',
      '--noise_box has no effect: a mask is given.',
      '--seed has no effect: nothing in this run is random.',
    ]);
    expect(notes('--no_reference --set_local_bfactor 3 -fdr 0.1')).toEqual([]);
    expect(notes('-mm r --report_filename x')).toEqual([
      '--report_filename has no effect: no report is written without --print_report.',
    ]);
    expect(notes('-mm r --print_report --report_filename x')).toEqual([]);
  });
});

describe('names of outputs', () => {
  it("are LocScale's by default", () => {
    expect(chooseOutfile({}, 'scale')).toBe('locscale_output.mrc');
    expect(chooseOutfile(values('-o a.map'), 'scale')).toBe('a.map');
    expect(messageOf(() => chooseOutfile(values('-o a.mrc.gz'), 'scale'))).toBe(
      'usage: The output map cannot be written as .gz.',
    );
    expect(messageOf(() => chooseOutfile(values('-o a.json'), 'scale'))).toBe(
      'usage: The output map cannot be written as .json.',
    );
  });

  it("lose only their extension in the manifest's name", () => {
    expect([stemOf('a.mrc'), stemOf('x.y/a'), stemOf('x/a.b.mrc')]).toEqual(['a', 'x.y/a', 'x/a.b']);
  });
});

describe('theoretical profiles', () => {
  it('are checked', () => {
    expect(parseProfile('{"frequency": [0, 0.1], "amplitude": [2, 1]}', 't')).toEqual({
      frequency: [0, 0.1],
      amplitude: [2, 1],
    });
    const refused: readonly (readonly [string, string])[] = [
      ['{', 'is not JSON'],
      ['null', 'lacks the lists'],
      ['{"frequency": [0, 1], "amplitude": ["a", 1]}', 'lacks the lists'],
      ['{"frequency": [0, 1], "amplitude": [1]}', 'has 2 frequencies and 1 amplitudes'],
      ['{"frequency": [0], "amplitude": [1]}', 'has 1 frequencies'],
      ['{"frequency": [0, 0], "amplitude": [1, 1]}', 'do not ascend'],
      ['{"frequency": [0, 1], "amplitude": [1, 0]}', 'not positive'],
    ];
    for (const [text, message] of refused)
      expect(messageOf(() => parseProfile(text, 't'))).toContain(message);
  });
});

describe('FSC output', () => {
  const fsc: FscCurve = {
    frequency: [0, 0.1],
    correlation: [1, 0.25],
    resolution: 10,
    resolutionHalf: 15,
    verdict: { end: 'nyquist', resolution: 10, relation: 'independent' },
  };

  it('prints table and resolutions', () => {
    expect(fscLines(fsc).slice(1)).toEqual([
      '0.00000      inf   1.00000',
      '0.10000    10.00   0.25000',
      'Resolution at FSC = 0.5: 15.00 A',
      'Resolution at FSC = 0.143: 10.00 A (Nyquist), limited by the voxel size',
    ]);
    // Chance lifts the first shell of noise above 0.5.
    const never = { ...fsc, correlation: [0.6, 0.05], resolutionHalf: undefined };
    expect(
      fscLines({
        ...never,
        verdict: { end: 'no signal', resolution: undefined, relation: 'independent' },
      }).slice(3),
    ).toEqual([
      'Resolution at FSC = 0.5: none, the half maps have no such signal in common',
      'Resolution at FSC = 0.143: none, the half maps have no such signal in common',
    ]);
  });

  it('writes the XML of the EMDB', () => {
    expect(encodeFscXml('Unmasked half maps', fsc.frequency, fsc.correlation)).toBe(
      '<fsc title="Unmasked half maps" xaxis="Resolution (A-1)" yaxis="Correlation Coefficient">\n' +
        '  <coordinate>\n    <x>0.000000</x>\n    <y>1.000000</y>\n  </coordinate>\n' +
        '  <coordinate>\n    <x>0.100000</x>\n    <y>0.250000</y>\n  </coordinate>\n</fsc>\n',
    );
  });
});

describe('exit codes', () => {
  it('follow the kind of failure', () => {
    const code = (error: unknown, signal?: 'SIGINT' | 'SIGTERM'): number =>
      exitCodeOf(toLocScaleError(error), signal);
    expect(code(new RangeError('Array buffer allocation failed'))).toBe(5);
    expect(code(new RangeError('Invalid array length'))).toBe(5);
    expect(code(Object.assign(new Error('x'), { code: 'ENOSPC' }))).toBe(3);
    expect(code(new DOMException('stop', 'AbortError'))).toBe(130);
    expect(code(new Error('bug'))).toBe(1);
    expect(code(new Error('in the middle of stopping'), 'SIGTERM')).toBe(143);
  });
});
