/**
 * Jobs of every mode on boxes of n^3 voxels, for measurements of memory: half maps of a ball in noise, voxels in
 * memory of the engine.
 */

const VOXEL_SIZE = 1.5;

/** Density of a ball of a third of the box, with noise that the seed decides. */
function halfDensity(n, seed) {
  let state = seed;
  return (z, y, x) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    const noise = 0.2 * (state / 2 ** 32 - 0.5);
    const inside = Math.hypot(z - n / 2, y - n / 2, x - n / 2) < n / 3.5;
    return inside ? Math.sin(0.9 * x + 0.2 * z) * Math.cos(0.8 * y) + 1 + noise : noise;
  };
}

const waves = (z, y, x) => Math.sin(0.5 * x + 0.1 * z) * Math.cos(0.4 * y);
const ball = (n, radius) => (z, y, x) => (Math.hypot(z - n / 2, y - n / 2, x - n / 2) <= radius ? 1 : 0);

/** Gives every cube back as it is: what is measured is what the pipeline and the engine hold. */
const predictor = {
  manifest: {
    format: 1,
    name: 'copy',
    title: 'copy',
    architecture: 'onnx',
    voxelSizeAngstrom: 1,
    trainedResolution: { finest: 1, coarsest: 40 },
    standardisation: 'mean-10sd',
    cubeEdge: 32,
    stride: 16,
    dropout: [],
  },
  description: 'copies',
  output: 'reference',
  batchSize: 4,
  secondsPerCube: 1e-6,
  predict: async (cubes) => cubes,
  dispose: async () => undefined,
};

export const MEMORY_MODES = [
  'half-maps',
  'one-map',
  'fdr-mask',
  'b-factors',
  'no-reference',
  'network',
  'network-passes',
  'local-resolution',
  'symmetry',
  'pseudo-model',
];

/** `createMrcHeader` of the code that runs the job. */
export function memoryJob(mode, n, engine, createMrcHeader) {
  const image = (name, density) => {
    const data = engine.allocateHost(n ** 3);
    for (let z = 0, i = 0; z < n; z++)
      for (let y = 0; y < n; y++) for (let x = 0; x < n; x++, i++) data[i] = density(z, y, x);
    const grid = { shape: [n, n, n], voxelSize: [VOXEL_SIZE, VOXEL_SIZE, VOXEL_SIZE], origin: [0, 0, 0] };
    return { name, header: createMrcHeader(grid), grid, data };
  };
  const halves = () => ({
    kind: 'half-maps',
    half1: image('half1', halfDensity(n, 1)),
    half2: image('half2', halfDensity(n, 2)),
  });
  const modelMap = () => ({ kind: 'model-map', map: image('reference', waves) });
  const mask = (radius = 10) => image('mask', ball(n, radius));
  const plain = () => ({ input: halves(), reference: modelMap(), mask: mask() });
  const network = (monteCarlo) => ({
    input: halves(),
    reference: { kind: 'network', predictor, monteCarlo },
  });
  switch (mode) {
    case 'half-maps':
      return plain();
    case 'one-map':
      return {
        input: { kind: 'map', map: image('map', halfDensity(n, 1)) },
        reference: modelMap(),
        mask: mask(),
      };
    case 'fdr-mask':
      return { input: halves(), reference: modelMap() };
    case 'b-factors':
      return { ...plain(), parameters: { measureBFactors: true } };
    case 'no-reference':
      return { input: halves(), reference: { kind: 'none' }, mask: mask() };
    case 'network':
      return network();
    case 'network-passes':
      return network({ passes: 2, seed: 1 });
    case 'local-resolution':
      return { ...plain(), parameters: { localResolution: { weights: 'hann', threshold: 0.143 } } };
    case 'symmetry':
      return { ...plain(), symmetry: { group: { name: 'C3' } }, symmetriseOutput: true };
    case 'pseudo-model':
      return {
        input: halves(),
        mask: mask(12),
        reference: {
          kind: 'pseudo-model',
          refinementCycles: 1,
          pseudoAtoms: { method: 'gradient', iterations: 2, distanceAngstrom: 1.2, seed: 1 },
        },
      };
    default:
      throw new Error(`There is no mode '${mode}'.`);
  }
}
