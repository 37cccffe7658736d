/**
 * The command lines of LocScale 2.4.1, as its own parser lists them: spellings, values, defaults. Every one
 * of them is known here, every difference stands in this table, and docs/coming-from-locscale.md names it.
 */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parseArgv } from '../../src/cli/parse-argv.ts';
import { type CommandName, definitionOf, optionIds } from '../../src/options/index.ts';

type Command = 'scale' | 'feature_enhance';

interface Row {
  readonly names: string;
  readonly values: 0 | 1 | 2 | 'many';
  /** LocScale's, as text; absent: none. */
  readonly default?: string;
  /** Ours where it differs, as the help says it; '': none. */
  readonly ours?: string;
  /** Accepted with this note, because it changes nothing. */
  readonly note?: RegExp;
  /** Ours in feature_enhance, where it differs from that of scaling. */
  readonly enhanced?: string;
}

const common: readonly Row[] = [
  { names: '-em --emmap_path', values: 1 },
  { names: '-hm --halfmap_paths', values: 2 },
  { names: '-filter_input --filter_input', values: 0 },
  { names: '-ma --mask', values: 1, ours: 'FDR confidence mask' },
  { names: '-v --verbose', values: 0 },
  { names: '--print_report', values: 0 },
  { names: '--report_filename', values: 1, default: 'locscale_report', ours: '<outfile stem>_report.html' },
  { names: '-op --output_processing_files', values: 1 },
  { names: '-fdr --fdr_threshold', values: 1, default: '0.01' },
  { names: '-fdr_w --fdr_window_size', values: 1, ours: '10 % of the box' },
  {
    names: '-avg_filter --averaging_filter_size',
    values: 1,
    default: '3',
    ours: '',
    note: /^has no effect: LocScale does not average the mask either$/,
  },
  {
    names: '-fdr_f --fdr_filter',
    values: 1,
    ours: '5 in soft scaling and where a network predicts the reference, else none',
    enhanced: '5',
  },
  { names: '-th --mask_threshold', values: 1, default: '0.99' },
  { names: '-model_path --model_path', values: 1, ours: 'EMmerNet if imported, else the bundled network' },
  { names: '--use_low_context_model', values: 0 },
  { names: '-bs --batch_size', values: 1, default: '8', ours: '8; 1 on the CPU' },
  { names: '-gpus --gpu_ids', values: 'many', ours: 'the first hardware GPU' },
  { names: '-cube_size --cube_size', values: 1, default: '32', ours: "the network's (EMmerNet: 32)" },
  { names: '-s --stride', values: 1, default: '16', ours: "the network's (EMmerNet: 16)" },
  { names: '-apply_fsc_filter --apply_fsc_filter', values: 0 },
  {
    names: '-o --outfile',
    values: 1,
    default: 'locscale_output.mrc',
    enhanced: 'feature_enhanced_output.mrc',
  },
  { names: '-sym --symmetry', values: 1, default: 'C1' },
  { names: '-twist --twist', values: 1 },
  { names: '-rise --rise', values: 1 },
  { names: '-n_steps --n_steps', values: 1, ours: 'as many as half the box holds, at most 200' },
  { names: '-wn --window_size', values: 1, ours: '25 A; more for data coarser than 6 A' },
  { names: '-mpi --mpi', values: 0 },
  { names: '-np --number_processes', values: 1, default: '1', ours: 'all cores' },
  { names: '-h --help', values: 0 },
];

const rows: Readonly<Record<Command, readonly Row[]>> = {
  scale: [
    ...common,
    { names: '-mm --model_map', values: 1 },
    { names: '-mc --model_coordinates', values: 1 },
    { names: '-mres --model_resolution', values: 1 },
    { names: '--measure_bfactors', values: 0 },
    {
      names: '-chunk --chunk',
      values: 1,
      default: '4096',
      ours: '',
      note: /divided so that it fits the memory/,
    },
    { names: '-ref_it --refmac_iterations', values: 1, default: '10' },
    {
      names: '-res --ref_resolution',
      values: 1,
      ours: 'FSC = 0.143 or Nyquist, without half maps Nyquist + 1 A',
    },
    { names: '-p --apix', values: 1 },
    { names: '--add_blur', values: 1, default: '20', note: /refined against the half maps as they are/ },
    { names: '--refmac5_path', values: 1, note: /refmac5 is never called/ },
    { names: '--cref_pickle', values: 1, note: /refmac5 is never called/ },
    { names: '-cif_info --cif_info', values: 1, note: /needs no restraints/ },
    { names: '--complete_model', values: 0 },
    { names: '-avg_w --averaging_window', values: 1, default: '3' },
    { names: '--build_using_pseudomodel', values: 0 },
    { names: '-pm --pseudomodel_method', values: 1, default: 'gradient' },
    { names: '-pm_it --total_iterations', values: 1, default: '50' },
    { names: '-dst --distance', values: 1, default: '1.2' },
    { names: '-mw --molecular_weight', values: 1, ours: 'from the mask volume' },
    { names: '--activate_pseudomodel', values: 0 },
    { names: '-smooth --smooth_factor', values: 1, default: '0.3', note: /merges profiles without it/ },
    { names: '--boost_secondary_structure', values: 1, default: '1.5' },
    { names: '--no_reference', values: 0 },
    { names: '--set_local_bfactor', values: 1, default: '20' },
    { names: '--dev_mode', values: 0, note: /inputs are always checked/ },
    { names: '--skip_refine', values: 0 },
  ],
  feature_enhance: [
    ...common,
    { names: '-no_mc --no_monte_carlo', values: 0 },
    { names: '-mc_it --monte_carlo_iterations', values: 1, default: '15' },
    { names: '-download --download', values: 0 },
  ],
};

/** Of earlier versions, which 2.4.1 does not know any more. */
const givenUp = ['-pb --physics_based', '-trained_model --trained_model'];
/** Long names of our own beside LocScale's. */
const aliases: Readonly<Record<string, string>> = {
  '-twist --twist': '--helical_twist',
  '-rise --rise': '--helical_rise',
};

const document = readFileSync(new URL('../../docs/coming-from-locscale.md', import.meta.url), 'utf8');
const words = (names: string): string[] => names.split(' ');
const ownerOf = (name: string) => {
  const id = optionIds.find((candidate) => definitionOf(candidate).names.includes(name));
  return id === undefined ? undefined : { id, definition: definitionOf(id) };
};

describe.each(['scale', 'feature_enhance'] as const)('LocScale 2.4.1: %s', (command) => {
  it.each(rows[command].map((row) => [row.names, row] as const))('%s', (names, row) => {
    const owner = ownerOf(words(names)[0] as string);
    if (owner === undefined) throw new Error(`${names} is not known`);
    const { id, definition } = owner;
    const further = aliases[names] === undefined ? [] : [aliases[names]];
    expect(definition.names).toEqual([...words(names), ...further]);
    expect([definition.own, definition.values]).toEqual([false, row.values]);
    expect(definition.commands).toContain(command);

    const own = definition.perCommand?.[command as CommandName];
    const byDefault = own === undefined ? definition.defaultText : own.defaultText;
    const enhanced = command === 'feature_enhance' ? row.enhanced : undefined;
    const expected = enhanced ?? row.ours ?? row.default ?? '';
    expect(byDefault ?? '').toBe(expected);

    const [name] = words(names);
    const value = row.default ?? (definition.placeholder === 'N' ? '5' : '2');
    const values = row.values === 'many' ? ['0'] : Array<string>(row.values).fill(value);
    const argv = [...(command === 'scale' ? [] : [command]), name as string, ...values];
    const parsed = parseArgv(argv);
    expect([parsed.command, parsed.given]).toEqual([command, [id]]);
    const state = definition.state((parsed.values as Record<string, unknown>)[id]);
    if (row.note === undefined) expect(state.kind).toBe('works');
    else expect(state).toEqual({ kind: 'noted', note: expect.stringMatching(row.note) });
    for (const word of words(names).filter((text) => text !== '-h' && text !== '--help'))
      expect(document, word).toContain(`\`${word}\``);
  });
});

describe('options that are said to be of LocScale', () => {
  it('are those of 2.4.1 and what earlier versions had', () => {
    const known = new Set([...rows.scale, ...rows.feature_enhance].map(({ names }) => words(names)[0]));
    for (const names of givenUp) known.add(words(names)[0]);
    const ours = optionIds.map((id) => definitionOf(id)).filter(({ own }) => !own);
    expect(ours.map(({ names }) => names[0]).sort()).toEqual([...known].sort());
  });

  it.each(['version', 'feature_enhance'])('the command %s is one, too', (command) => {
    expect(parseArgv([command]).command).toBe(command);
  });

  it('the command test is answered, and documented', () => {
    expect(() => parseArgv(['test'])).toThrow(/Unknown command "test"/);
    expect(document).toContain('`locscale test` has no counterpart');
  });

  it.each([
    ['run_locscale', 'scale', undefined],
    ['run_emmernet', 'feature_enhance', true],
  ])('%s of 2.1 is %s', (word, command, once) => {
    const parsed = parseArgv([word, '-em', 'map.mrc']);
    expect([parsed.command, parsed.values.noMonteCarlo]).toEqual([command, once]);
  });
});
