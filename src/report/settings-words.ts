/** Labels in a report for the entries of a run's record; others appear under their own names. */
export const settingsWords: Readonly<Record<string, string>> = {
  windowVoxels: 'edge of the scaling window, voxels',
  resolution: 'resolution used (FSC cut-off), Å',
  resolutionFrom: 'FSC that gives the resolution',
  profileKind: 'shells of the radial profiles',
  measureBFactors: 'local B factors measured',
  referenceResolution: 'low-pass of the reference, Å',
  boostSecondaryStructure: 'boost of the secondary-structure profile',
  setLocalBFactor: 'B factor set without a reference, Å²',
  theoreticalProfile: 'average profile given by the user',
  fdrThreshold: 'false-discovery rate of the mask',
  fdrFilter: 'low-pass before the mask, Å',
  fdrWindow: 'edge of the noise boxes, voxels',
  fdrNoiseBoxes: 'noise boxes given by the user, first voxel (z, y, x)',
  maskThreshold: 'mask value that counts for the molecular volume',
  filterInput: 'input low-passed at its resolution',
  applyFscFilter: 'input weighted by the FSC',
  molecularWeightKiloDalton: 'molecular weight, kDa',
  voxelSizeOverride: 'voxel size given by the user, Å',
  symmetry: 'symmetry imposed',
  engine: 'engine requested',
  threads: 'threads',
  memoryLimitBytes: 'memory limit of the engine, bytes',
  voxelSize: 'voxel size, Å',
  shape: 'voxels of the box (z, y, x)',
  windowAngstrom: 'edge of the scaling window, Å',
  fitRange: 'fit of B factors, Å (and shells in it)',
  maskVoxels: 'voxels of the mask',
  maskOrigin: 'origin of the mask',
  molecularVolume: 'molecular volume, Å³',
  atoms: 'atoms',
  pseudoModelAtoms: 'atoms of a pseudo-model',
  pseudoAtoms: 'pseudo-atoms',
  bFactors: 'B factors of the model, Å²',
  referenceEnd: 'resolution where the reference ends, Å',
  wilsonCutoff: 'Wilson cut-off, Å',
  nyquistCutoff: 'Nyquist limit by LocScale, Å',
  fscCutoff: 'FSC cut-off, Å',
  fscCutoffSource: 'FSC cut-off taken from',
  sourceSha256: 'SHA-256 of its source',
  ranOn: 'ran on',
  cubeEdge: 'edge of a cube, voxels',
  stride: 'distance of the cubes, voxels',
};

/** Formats a value; lists of numbers of any length stay on one line. */
export function settingText(value: unknown): string {
  if (value === null || value === undefined) return 'none';
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  if (typeof value === 'number') return String(Number(value.toPrecision(7)));
  if (Array.isArray(value)) {
    const texts = value.map(settingText);
    return texts.length > 12 ? `${texts.length} values` : texts.join(', ');
  }
  if (typeof value === 'object')
    return Object.entries(value)
      .map(([key, inner]) => `${key}: ${settingText(inner)}`)
      .join('; ');
  return String(value);
}
