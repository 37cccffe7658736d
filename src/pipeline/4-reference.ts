/** Step 4: the reference map that gives every window its profile (method 5). */
import type { Volume } from '../engine.ts';
import { tanhLowPass } from '../math/radial-transfer.ts';
import { checkFinite, checkValues } from './1-read-maps.ts';
import { type Run, SPECTRUM_VOLUMES } from './run.ts';
import type { LocScaleJob } from './types.ts';

export interface ReferenceMaps {
  readonly reference: Volume | undefined;
  /** Hybrid rule: 1 where the theoretical-profile rule holds. */
  readonly differenceMask: Volume | undefined;
}

export async function prepareReference(
  job: LocScaleJob,
  voxelSize: number,
  run: Run,
): Promise<ReferenceMaps> {
  if (job.reference.kind === 'none') return { reference: undefined, differenceMask: undefined };
  const { engine } = run;
  const { map } = job.reference;
  const { referenceResolution } = job.parameters;
  let reference = await run.upload(map);
  checkValues(map.name, await engine.statistics(reference));
  if (referenceResolution !== undefined) {
    run.countScratch(SPECTRUM_VOLUMES + 1);
    const filtered = run.hold(
      await engine.radialFilter(reference, tanhLowPass(referenceResolution, voxelSize)),
    );
    run.release(reference);
    reference = filtered;
    run.info(`Reference low-passed at ${referenceResolution} A.`);
  }
  if (job.reference.kind !== 'hybrid-map') return { reference, differenceMask: undefined };

  const raw = await run.upload(job.reference.differenceMask);
  checkFinite(job.reference.differenceMask.name, await engine.statistics(raw));
  const { mask, voxels } = await engine.binarise(raw, 0.5);
  run.hold(mask);
  run.release(raw);
  run.info(
    `Difference mask ${job.reference.differenceMask.name}: ${voxels} voxels follow the theoretical-profile rule.`,
  );
  return { reference, differenceMask: mask };
}

/** The mode in words, for the log, the plan and the manifest. */
export function describeMode(job: LocScaleJob): string {
  switch (job.reference.kind) {
    case 'model-map':
      return `reference map ${job.reference.map.name}`;
    case 'pseudo-model-map':
      return `theoretical profile on pseudo-model map ${job.reference.map.name}`;
    case 'hybrid-map':
      return `hybrid: theoretical profile inside ${job.reference.differenceMask.name}, reference map ${job.reference.map.name} elsewhere`;
    case 'none':
      return `no reference, constant local B factor ${job.parameters.setLocalBFactor} A^2`;
  }
}
