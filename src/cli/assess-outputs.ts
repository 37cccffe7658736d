/** The files of the command assess (output-tables.ts has those of the others). */
import { resolve } from 'node:path';
import type { AssessResult } from '../index.ts';
import { isotropicVoxelSize } from '../math/grid.ts';
import {
  encodeAtoms,
  encodeAttributes,
  encodeCurves,
  encodeResidues,
  encodeScores,
} from '../report/assessment-files.ts';
import { maskVolume, sceneOfAssessment } from '../report/scenes.ts';
import type { OutputRow, OutputTable } from './outputs.ts';

/** Map of the local correlation of further map `index` (from 0) with the first map. */
export const localCorrelationOutput = (index: number): OutputRow<AssessResult> => ({
  key: `localCorrelation${index + 1}`,
  name: `_local_correlation${index === 0 ? '' : `_${index + 1}`}.mrc`,
  when: { test: ({ values }) => (values.against?.length ?? 0) > index, description: '`--against`' },
  volume: ({ localCorrelations }) => localCorrelations[index],
  label: ({ assessment: { maps } }) => `local correlation, ${maps[index + 1].label} with ${maps[0].label}`,
  node: 'image',
  description:
    'correlation with the first map around every voxel, -1 to 1; that of more maps: ' +
    '`_local_correlation_2.mrc` and so on',
});

/**
 * Outputs of `assess`; the table of residues is the main one. Each further map adds a row of
 * `localCorrelationOutput`.
 */
export const assessOutputs: OutputTable<AssessResult> = [
  {
    key: 'residues',
    name: '',
    content: ({ result }) => encodeResidues(result.assessment),
    description: 'correlation and Q-score of every residue in every map',
  },
  {
    key: 'atoms',
    name: '_atoms.csv',
    content: ({ result }) => encodeAtoms(result.assessment),
    description: 'Q-score of every atom in every map',
  },
  {
    key: 'curves',
    name: '_curves.csv',
    content: ({ result }) => encodeCurves(result.assessment),
    description: 'FSC with the map of the model and RMS amplitude within the mask, shell by shell',
  },
  {
    key: 'scores',
    name: '_scores.json',
    content: ({ result, request: { values } }) =>
      encodeScores(result.assessment, { model: values.modelCoordinates as string }),
    description: 'all of that for programs, under the names of mmCIF; tables per chain and residue',
  },
  localCorrelationOutput(0),
  {
    key: 'attributes',
    name: '.defattr',
    content: ({ result }) => encodeAttributes(result.assessment),
    description: 'the scores as attributes of residues, for ChimeraX',
  },
  {
    key: 'scene',
    name: '.cxc',
    content: ({ result: { assessment, grid }, paths, request: { input, values } }) =>
      sceneOfAssessment(
        assessment.maps.map(({ label }) => label),
        {
          // The order is that of `assessment.maps`: the first map, then those of --against.
          maps: [input.kind === 'map' ? input.map : undefined, ...(values.against ?? [])].map(
            (path) => path && resolve(path),
          ),
          model: resolve(values.modelCoordinates as string),
          attributes: resolve(paths.attributes as string),
        },
        maskVolume({ maskVoxels: assessment.maskVoxels, voxelSize: isotropicVoxelSize(grid) }),
      ),
    description: 'opens maps and model in ChimeraX, the model coloured by its Q-scores in the map on top',
  },
];
