/**
 * A small run that starts from nothing, for every runtime: bundled for a browser, imported by the test under
 * Node.
 */
import { imageOf, runLocScale } from '../../src/pipeline/index.ts';
import { selectEngine } from '../../src/select-engine.ts';
import { ballMask, noisyBlob } from '../unit/pipeline/test-maps.ts';

export interface SmallRun {
  readonly engine: string;
  readonly voxels: readonly number[];
}

/** Half maps scaled to a reference. */
export async function scaleSmallMap(kind: 'cpu' | 'gpu'): Promise<SmallRun> {
  const { engine } = await selectEngine({ engine: kind, threads: 2, allowSoftwareGpu: true });
  try {
    const result = await runLocScale(
      {
        input: { kind: 'half-maps', half1: noisyBlob('half1.mrc', 1), half2: noisyBlob('half2.mrc', 2) },
        mask: ballMask('mask.mrc', 5),
        reference: { kind: 'model-map', map: noisyBlob('reference.mrc', 3, 0.01, 2) },
        parameters: { windowVoxels: 6 },
      },
      { engine },
    );
    const image = await imageOf(engine, result.scaled, 'scaled.mrc', result);
    return { engine: engine.description, voxels: [...image.data] };
  } finally {
    await engine.dispose();
  }
}
