/** Sentences of the library name its parameters: here they name what the page has. */
import { respell } from '../errors.ts';

const names: Readonly<Record<string, string>> = {
  resolution: '“Resolution” (Settings)',
  windowVoxels: '“Window” (Settings)',
  voxelSize: '“Voxel size” (Settings)',
  fdrThreshold: '“False discoveries” (Settings, Mask)',
  symmetry: '“Symmetry” (Settings)',
  mask: 'a mask',
  reference: '“Reference”',
  'reference: model-map': 'a reference map',
  'reference: atomic-model': 'an atomic model',
  'reference: hybrid-model': 'an atomic model, completed by pseudo-atoms',
  'reference: none': 'no reference',
  'reference: network': 'a network',
  'engine: cpu': '“CPU” (Settings, Compute on)',
  'engine: gpu': '“GPU” (Settings, Compute on)',
  allowSoftwareGpu: '“GPU” (Settings, Compute on)',
  'input: map': 'one map alone',
  'input: half-maps': 'two half maps',
  localResolution: '“Local resolution”',
  lowContext: 'the file of the other network itself',
  setLocalBFactor: '“Target B factor” (Settings)',
  locality: '“Locality” (Settings, More)',
  threshold: '“Threshold” (Settings, Mask)',
  extendAngstrom: '“Extend by” (Settings, Mask)',
  twistDegrees: '“Helical twist” (Settings, More)',
  riseAngstrom: '“Helical rise” (Settings, More)',
  referenceResolution: '“Low-pass for the reference” (Settings, More)',
  fdrNoiseBoxes: '“Noise boxes at” (Settings, Mask)',
  'refinementCycles: undefined': '“Refine the model’s B factors” switched off (Settings)',
  measureBFactors: '“Local B factors”',
  matchGrid: '“Put all maps on one grid” (Settings)',
  unexplained: '“Unexplained density”',
  resolutionFrom: '“Resolution from” (Settings)',
  'resolutionFrom: masked': '“Resolution from: FSC inside the mask” (Settings)',
  maskThreshold: 'the threshold of masks',
  molecularWeightKiloDalton: '“Molecular weight” (Settings, Mask)',
  memoryLimitBytes: 'the memory limit (command line only)',
  threads: 'command line only',
  windowAngstrom: 'the window of local resolutions (command line only)',
  fdrWindow: '“Noise boxes” (Settings, Mask)',
  fdrFilter: '“Low-pass for the mask” (Settings, Mask)',
  centre: '“Centre of symmetry” (Settings)',
  symmetriseOutput: '“Average the result, too” (Settings)',
};

/** What only the command line has; its options are not named, since nobody can set them here. */
const ELSEWHERE = 'an option of the command line';

export function inPageWords(text: string): string {
  return respell(text, (name, value) => {
    const whole = value === undefined ? name : `${name}: ${value}`;
    const known = names[whole] ?? names[name];
    if (known === undefined) return ELSEWHERE;
    return names[whole] === undefined && value !== undefined ? `${known}: ${value}` : known;
  })
    .replaceAll(/; "locscale-gpu devices" says more/g, '')
    .replaceAll(/"(locscale-gpu \w+)"/g, 'the command line ($1)')
    .replaceAll(/(^|[.!?] )(an?|no|one|two)(?= )/g, (_, end, word) => end + capital(word))
    .replaceAll('a mask (a mask)', 'a mask')
    .replaceAll('one map alone as a full map (one map alone)', 'one map alone')
    .replaceAll('Put one map on the grid of the other with “Put all maps', 'Use “Put all maps');
}

function capital(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1);
}

export const PART_MISSING =
  'A part of this page could not be loaded: load the page again, ' +
  'with a network unless it is stored in this browser.';

/** Browsers name the script, each in its own way. */
export function isPartMissing(message: string): boolean {
  return /dynamically imported module|importing a module script failed/i.test(message);
}
