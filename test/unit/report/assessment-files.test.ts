/** Scores of maps and a model as files: what spreadsheets, programs and ChimeraX read. */
import { describe, expect, it } from 'vitest';
import type { Assessment } from '../../../src/pipeline/types.ts';
import {
  encodeAtoms,
  encodeAttributes,
  encodeCurves,
  encodeResidues,
  encodeScores,
} from '../../../src/report/assessment-files.ts';
import { recordOfAssessment } from '../../../src/report/run-record.ts';
import { sceneOfAssessment } from '../../../src/report/scenes.ts';

const map = (label: string): Assessment['maps'][0] => ({
  ...{ label, name: `${label}.mrc`, fsc: [1, 0.4], amplitude: [2, 0.5], cc: 0.7, q: 0.5, qByKind: {} },
  ...{ fscAtHalf: { kind: 'falls', resolution: 3.2 }, fscAt0143: { kind: 'stays above' } },
});

const assessment: Assessment = {
  maps: [map('raw'), map('soft, "new"')],
  chains: [{ chain: 'A', residues: 2, atoms: 3, cc: [0.5, 0.6], q: [0.4, undefined] }],
  residues: [
    {
      ...{ chain: 'A', number: -3, insertionCode: 'B', name: 'ALA', kind: 'protein', atoms: 2 },
      ...{ labelChain: 'C', labelNumber: 5, cc: [0.51239, undefined], q: [0.4, 0.5] },
    },
    {
      ...{ chain: '', number: 7, insertionCode: '', name: 'HOH', kind: 'water', atoms: 1 },
      ...{ cc: [undefined, 0.25], q: [-0.1, 0.2] },
    },
  ],
  atoms: [{ residue: 0, name: "O5'", element: 'O', altloc: 'A', q: [0.123456, undefined] }],
  frequency: [0, 0.1],
  modelAmplitude: [3, 1],
  resolution: 3,
  resolutionSource: 'user',
  expectedQ: { protein: 0.59 },
  maskOrigin: { source: 'model' },
  maskVoxels: 100,
  radiusAngstrom: 2,
  localWindow: 3,
};

describe('tables', () => {
  it('have a row a residue, a column a map, and empty cells where nothing is known', () => {
    expect(encodeResidues(assessment)).toBe(
      [
        'chain,number,insertion_code,name,kind,atoms,CC raw,"CC soft, ""new""",Q raw,"Q soft, ""new"""',
        'A,-3,B,ALA,protein,2,0.5124,,0.4000,0.5000',
        ',7,,HOH,water,1,,0.2500,-0.1000,0.2000',
        '',
      ].join('\n'),
    );
  });

  it('of atoms and shells', () => {
    expect(encodeAtoms(assessment).split('\n')[1]).toBe("A,-3,B,ALA,O5',A,O,0.1235,");
    expect(encodeCurves(assessment).split('\n').slice(1)).toEqual([
      '0.000000,,1.00000,1.00000,2.00000,2.00000,3.00000',
      '0.100000,10.000,0.40000,0.40000,0.500000,0.500000,1.00000',
      '',
    ]);
  });
});

describe('JSON', () => {
  it('names residues and chains as mmCIF does', () => {
    const found = JSON.parse(encodeScores(assessment, { model: 'model.cif' }));
    expect(found).toMatchObject({ model: 'model.cif', resolution: 3, expectedQ: { protein: 0.59 } });
    expect(found.residues).toEqual([
      {
        ...{ label_asym_id: 'C', label_seq_id: 5, label_comp_id: 'ALA' },
        ...{ auth_asym_id: 'A', auth_seq_id: -3, auth_comp_id: 'ALA', pdbx_PDB_ins_code: 'B' },
        ...{ kind: 'protein', atoms: 2 },
        cc: { raw: 0.5124, 'soft, "new"': null },
        q: { raw: 0.4, 'soft, "new"': 0.5 },
      },
      {
        ...{ label_asym_id: null, label_seq_id: null, label_comp_id: 'HOH' },
        ...{ auth_asym_id: '', auth_seq_id: 7, auth_comp_id: 'HOH', pdbx_PDB_ins_code: null },
        ...{ kind: 'water', atoms: 1 },
        cc: { raw: null, 'soft, "new"': 0.25 },
        q: { raw: -0.1, 'soft, "new"': 0.2 },
      },
    ]);
    expect(found.chains[0]).toMatchObject({ auth_asym_id: 'A', residues: 2, q: { raw: 0.4 } });
    expect(found.curves.fsc.raw).toEqual([1, 0.4]);
    expect(Object.keys(found.maps[0])).not.toContain('fsc');
  });

  it('of the record is without curves, residues and atoms', () => {
    const record = recordOfAssessment(assessment);
    expect(Object.keys(record)).not.toEqual(expect.arrayContaining(['residues']));
    expect(record).not.toHaveProperty('atoms');
    expect(record.maps[0]).not.toHaveProperty('fsc');
    expect(record.maps[0]).toMatchObject({ label: 'raw', cc: 0.7 });
    expect(record.chains).toHaveLength(1);
  });
});

describe('files for ChimeraX', () => {
  it('give the attributes of residues, in its syntax', () => {
    const lines = encodeAttributes(assessment).split('\n');
    expect(lines.slice(0, 11)).toEqual([
      '# mean Q-score of the atoms in raw',
      'attribute: q_score',
      'match mode: any',
      'recipient: residues',
      '\t/A:-3B\t0.4000',
      '\t:7\t-0.1000',
      '# correlation with the map of the model in raw',
      'attribute: map_cc',
      'match mode: any',
      'recipient: residues',
      '\t/A:-3B\t0.5124',
    ]);
    expect(lines.filter((line) => line.startsWith('attribute:'))).toEqual(
      ['q_score', 'map_cc', 'q_score_2', 'map_cc_2'].map((name) => `attribute: ${name}`),
    );
    for (const line of lines)
      expect(line).toMatch(/^(#.*|[a-z -]+[a-z]: \S.*|\t(\/\S+)?:-?\d+[A-Z]?\t-?\d+\.\d{4}|)$/);
  });

  it('open maps and model, and colour it; compressed maps and those in memory are left out', () => {
    const scene = (maps: (string | undefined)[]) =>
      sceneOfAssessment(
        ['raw', 'soft', 'net'],
        { maps, model: '/m/a "b".cif', attributes: '/o/assess.defattr' },
        1000,
      );
    expect(scene(['/m/raw.mrc', '/m/soft.mrc.gz', '/m/net.mrc']).split('\n')).toEqual([
      '# raw (#1), net (#2), model (#3)',
      'open "/m/raw.mrc"',
      'open "/m/net.mrc"',
      'volume all hide',
      'volume #1 show style surface step 1 encloseVolume 350',
      'volume #2 show style surface step 1 encloseVolume 350',
      'hide #2 models',
      'transparency #1-2 60',
      'open "/m/a ""b"".cif"',
      'open "/o/assess.defattr"',
      '# Q-score in raw: red 0, white 0.4, blue 0.8 and better; gray: not scored',
      'color byattribute r:q_score #3 palette 0,#b2182b:0.4,#f7f7f7:0.8,#2166ac noValueColor gray',
      '# by correlation in raw: color byattribute r:map_cc #3 palette 0,#b2182b:0.4,#f7f7f7:0.8,#2166ac noValueColor gray',
      '# by Q in soft: color byattribute r:q_score_2 #3 palette 0,#b2182b:0.4,#f7f7f7:0.8,#2166ac noValueColor gray',
      '# by correlation in soft: color byattribute r:map_cc_2 #3 palette 0,#b2182b:0.4,#f7f7f7:0.8,#2166ac noValueColor gray',
      '# by Q in net: color byattribute r:q_score_3 #3 palette 0,#b2182b:0.4,#f7f7f7:0.8,#2166ac noValueColor gray',
      '# by correlation in net: color byattribute r:map_cc_3 #3 palette 0,#b2182b:0.4,#f7f7f7:0.8,#2166ac noValueColor gray',
      'view',
      '',
    ]);
    // Coloured by what is seen.
    const second = scene([undefined, '/m/soft.mrc', '/m/net.mrc']);
    expect(second).toContain('\n# Q-score in soft: ');
    expect(second).toContain('\ncolor byattribute r:q_score_2 #3 palette');
    expect(second).toContain('\n# by Q in raw: ');
    const none = scene([undefined, undefined, undefined]);
    expect(none).not.toContain('transparency');
    expect(none).toContain('r:q_score #1 palette');
  });
});
