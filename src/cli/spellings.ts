/** Sentences of the library name its parameters (`named` of errors.ts); here their options take the place of the names. */

import { definitionOf, optionIds } from '../options.ts';

/** Name of a parameter, or "name: value" where a value has an option of its own. */
export const spellings: Readonly<Record<string, string>> = {
  // Parameters of the method: the table of options knows which option sets them.
  ...Object.fromEntries(optionIds.map(definitionOf).map(({ parameter, names }) => [parameter, names[0]])),
  allowSoftwareGpu: '--allow_software_gpu',
  cubeSize: '-cube_size',
  engine: '--engine',
  fadeOutput: '--fade_output',
  'monteCarlo: false': '-no_mc',
  gpuIds: '--gpu_ids',
  localResolution: '--local_resolution',
  lowContext: '--use_low_context_model',
  centre: '--sym_center',
  'input: half-maps': '-hm',
  'input: map': '-em',
  mask: '-ma',
  memoryLimitBytes: '--memory',
  modelPath: '-model_path',
  mpi: '-mpi',
  name: '--name',
  provider: '--provider',
  reference: '--reference',
  'reference: none': '--no_reference',
  'reference: model-map': '-mm',
  'reference: atomic-model': '-mc',
  'reference: hybrid-model': '--complete_model',
  'refinementCycles: undefined': '--skip_refine',
  riseAngstrom: '--rise',
  steps: '-n_steps',
  stride: '-s',
  symmetry: '-sym',
  symmetriseOutput: '--symmetrise_output',
  threads: '-np',
  twistDegrees: '--twist',
  voxelSize: '-p',
  windowAngstrom: '--locres_window',
};

/** The sentence with options in the place of parameters. */
export function inOptions(sentence: string): string {
  return sentence.replaceAll(/`([a-zA-Z0-9]+)(?:: ([^`]+))?`/g, (whole, name: string, value?: string) => {
    const single = value === undefined ? undefined : spellings[`${name}: ${value}`];
    const option = spellings[name];
    if (single !== undefined) return single;
    if (option === undefined) return whole;
    return value === undefined ? option : `${option} ${value}`;
  });
}
