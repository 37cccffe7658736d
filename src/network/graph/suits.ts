/** Whether a network suits a map, by voxel size and by resolution. */
import { LocScaleError, named } from '../../errors.ts';
import type { NetworkManifest } from './model.ts';

type Made = Pick<NetworkManifest, 'title' | 'voxelSizeAngstrom' | 'trainedResolution'>;

/**
 * Largest voxel size of a map relative to the network's. At a factor of 3 the map's Nyquist resolution is 6
 * network voxels, the coarse end of the training range, and the resampled box has 27 times the voxels with no
 * new content.
 */
const MOST_VOXEL_RATIO = 3;
/** Training range, in voxels of the network, for manifests that do not state one. */
const USUAL_COARSEST = 8;

/** Largest voxel size, in A, that the network is run on. */
export function coarsestVoxels({ voxelSizeAngstrom }: Made): number {
  return MOST_VOXEL_RATIO * voxelSizeAngstrom;
}

/** Uncertainty of resolutions. */
const MARGIN = 1.1;
/** Header values are float32: 3 A may read as 3.0000002. */
const ROUNDING = 1e-4;

/** Whether a network can be used on voxels of this size, A. */
export function suitsVoxels(manifest: Made, voxelSize: number): boolean {
  return voxelSize <= coarsestVoxels(manifest) * (1 + ROUNDING);
}

/** Sentence that explains why the network is not run on this voxel size. */
export function voxelsMisfit(manifest: Made, voxelSize: number): string {
  const size = Number(voxelSize.toFixed(2));
  return (
    `The network "${manifest.title}" works at ${manifest.voxelSizeAngstrom} A per voxel and is not run ` +
    `on maps coarser than ${coarsestVoxels(manifest)} A per voxel; this one has ${size} A`
  );
}

/** Throws 'bad-input' if it cannot. */
export function requireSuitedVoxels(manifest: Made, voxelSize: number): void {
  if (suitsVoxels(manifest, voxelSize)) return;
  throw new LocScaleError('bad-input', `${voxelsMisfit(manifest, voxelSize)}.`, {
    where: 'voxel size',
    expected: `at most ${coarsestVoxels(manifest)} A`,
    found: `${Number(voxelSize.toFixed(2))} A`,
    hint:
      `Scale without a network: ${named('reference', 'none')}, or a reference with ` +
      `${named('reference', 'model-map')} or ${named('reference', 'atomic-model')}. If the header is ` +
      `wrong, give the voxel size with ${named('voxelSize')}.`,
  });
}

/** Warning if the data's resolution (A) is outside the network's training range. */
export function resolutionWarning(
  { title, voxelSizeAngstrom, trainedResolution }: Made,
  resolution: number,
): string | undefined {
  const found = `this map has ${Number(resolution.toFixed(2))} A: compare with ${named('reference', 'none')}`;
  if (trainedResolution === undefined) {
    const coarsest = USUAL_COARSEST * voxelSizeAngstrom;
    if (resolution <= coarsest * MARGIN) return undefined;
    return `What the network "${title}" makes of maps coarser than ${coarsest} A is untested; ${found}.`;
  }
  const { finest, coarsest } = trainedResolution;
  if (resolution * MARGIN >= finest && resolution <= coarsest * MARGIN) return undefined;
  return `The network "${title}" was trained on maps of ${finest} to ${coarsest} A; ${found}.`;
}
