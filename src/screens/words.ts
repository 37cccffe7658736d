/** Sentences of the library name its parameters: here they name what the page has. */
import { respell } from '../errors.ts';

const names: Readonly<Record<string, string>> = {
  resolution: '“Resolution” (Settings)',
  windowVoxels: '“Window” (Settings)',
  voxelSize: '“Voxel size” (Settings)',
  fdrThreshold: '“False discoveries” (Settings)',
  symmetry: '“Symmetry” (Settings)',
  mask: 'a mask',
  reference: '“Reference”',
  'reference: model-map': 'a reference map',
  'reference: atomic-model': 'an atomic model',
  'reference: hybrid-model': 'an atomic model, completed by pseudo-atoms',
  'reference: none': 'no reference',
  'engine: cpu': '“CPU” (Settings, Compute on)',
  'engine: gpu': '“GPU” (Settings, Compute on)',
  allowSoftwareGpu: '“GPU” (Settings, Compute on)',
  'input: map': 'one map alone',
  'input: half-maps': 'two half maps',
  localResolution: '“Local resolution”',
  'refinementCycles: undefined': '“Refine the model’s B factors” switched off (Settings)',
  measureBFactors: '“Local B factors”',
};

export function inPageWords(text: string): string {
  return respell(text, (name, value) => {
    const whole = value === undefined ? name : `${name}: ${value}`;
    const known = names[whole] ?? names[name];
    if (known === undefined) return `“${whole}” of the command line`;
    return names[whole] === undefined && value !== undefined ? `${known}: ${value}` : known;
  })
    .replaceAll(/; "locscale-gpu devices" description more/g, '')
    .replaceAll('a mask (a mask)', 'a mask');
}

export const PART_MISSING =
  'A part of this page could not be loaded: load the page again, with a network unless it is stored in this browser.';

/** Browsers name the script, each in its own way. */
export function isPartMissing(message: string): boolean {
  return /dynamically imported module|importing a module script failed/i.test(message);
}
