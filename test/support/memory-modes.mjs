/**
 * Jobs of every mode on boxes of n^3 voxels, for measurements of memory: half maps of a ball in noise, voxels
 * in memory of the engine.
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

const pseudoAtoms = { method: 'gradient', iterations: 2, distanceAngstrom: 1.2, seed: 1 };

/** Voxels between the atoms of a model. */
const SPACING = 3;

/** Density of such atoms in a ball, with noise. */
function crystalDensity(n, radius, seed) {
  const noisy = halfDensity(n, seed);
  const wave = (at) => (1 + Math.cos((2 * Math.PI * (at - n / 2)) / SPACING)) / 2;
  return (z, y, x) => {
    const noise = 0.05 * noisy(0, 0, 0);
    const inside = Math.hypot(z - n / 2, y - n / 2, x - n / 2) <= radius;
    return inside ? wave(z) * wave(y) * wave(x) + noise : noise;
  };
}

/** Carbons on that lattice in a ball in the middle of the box; radius in voxels. */
function structureIn(n, radius) {
  const atoms = [];
  const most = SPACING * Math.floor(radius / SPACING);
  for (let z = -most; z <= most; z += SPACING)
    for (let y = -most; y <= most; y += SPACING)
      for (let x = -most; x <= most; x += SPACING) {
        if (Math.hypot(z, y, x) > radius) continue;
        const serial = atoms.length + 1;
        const [px, py, pz] = [x, y, z].map((at) => (n / 2 + at) * VOXEL_SIZE);
        atoms.push({
          ...{ element: 'C', x: px, y: py, z: pz, bFactor: 40, occupancy: 1, chain: 'A' },
          ...{ residueNumber: serial, residueName: 'ALA', atomName: 'CA', altloc: '', insertionCode: '' },
          ...{ model: 1, charge: 0, hetero: false, serial },
        });
      }
  return { id: 'ball', title: '', atoms, notes: [] };
}

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

/**
 * Of Node, for programs whose memory is measured: how much garbage V8 lets pile up depends on how soon it
 * compiles, which on a busy machine is a matter of luck, 10 MiB more or less.
 */
export const MEMORY_FLAGS = ['--max-semi-space-size=1', '--expose-gc'];

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
  'atomic-model',
  'hybrid-model',
  'pseudo-model',
  'soft',
  'soft-b-factors',
  'soft-reference',
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
  const crystal = (radius) => ({
    kind: 'half-maps',
    half1: image('half1', crystalDensity(n, radius, 1)),
    half2: image('half2', crystalDensity(n, radius, 2)),
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
    case 'atomic-model':
      return {
        input: crystal(12),
        mask: mask(14),
        reference: {
          kind: 'atomic-model',
          structure: structureIn(n, 12),
          refinementCycles: 1,
          theoreticalProfile: false,
        },
      };
    case 'hybrid-model':
      return {
        input: crystal(18),
        mask: mask(20),
        reference: {
          kind: 'hybrid-model',
          structure: structureIn(n, 12),
          refinementCycles: 1,
          averagingWindow: 3,
          pseudoAtoms,
        },
      };
    case 'pseudo-model':
      return {
        input: halves(),
        mask: mask(12),
        reference: { kind: 'pseudo-model', refinementCycles: 1, pseudoAtoms },
      };
    case 'soft':
      return { input: halves(), mask: mask(), reference: { kind: 'profile' } };
    case 'soft-b-factors':
      return {
        input: halves(),
        mask: mask(),
        reference: { kind: 'profile' },
        parameters: { measureBFactors: true },
      };
    case 'soft-reference':
      return { input: halves(), mask: mask(), reference: modelMap(), parameters: { scaling: 'soft' } };
    default:
      throw new Error(`There is no mode '${mode}'.`);
  }
}
