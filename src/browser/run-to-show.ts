/** What a report shows of a run of scaling, as the table of outputs says it for the command line. */
import type { Engine, Volume } from '../engine/engine.ts';
import type { LocScaleParameters, LocScaleResult } from '../pipeline/types.ts';
import type { MapToShow, RunToShow } from '../report/collect.ts';

export function runToShow(
  engine: Engine,
  result: LocScaleResult,
  profileKind: LocScaleParameters['profileKind'],
): RunToShow {
  const { numbers, mask, map, reference, scaled, bFactor } = result;
  const maps: MapToShow[] = [];
  const show = (volume: Volume | undefined, role: MapToShow['role'], label: string): void => {
    if (volume !== undefined) maps.push({ role, label, load: () => engine.download(volume) });
  };
  show(map, 'input', 'input');
  show(reference, 'reference', 'reference');
  show(scaled, 'result', 'scaled map');
  return {
    shape: numbers.shape,
    voxelSize: numbers.voxelSize,
    windowVoxels: numbers.windowVoxels,
    resolution: numbers.fscCutoff,
    profileKind,
    noiseBoxes: numbers.noise?.boxes ?? [],
    mask: () => engine.download(mask),
    maps,
    local: bFactor && { label: 'local B factor', unit: 'Å²', load: () => engine.download(bFactor) },
  };
}
