/** Prints what is known before the expensive steps. */

import type { LocScalePlan } from '../index.ts';
import { formatBytes } from '../math/bytes.ts';
import { describeShape, type Grid, isotropicVoxelSize } from '../math/grid.ts';
import { formatSeconds } from './progress.ts';
import type { Session } from './session.ts';

/** Plan of a single-step command: what is known once its maps are open. */
export interface ShortPlan {
  readonly mode: string;
  readonly grid: Grid;
  /** Lines of the command itself, after mode and map. */
  readonly lines?: readonly string[];
}

/**
 * Prints the plan with the files that would be written; warns before the long step if its memory exceeds the
 * limit. `indent`: two spaces in a run, none in a dry run.
 */
export function printPlan(
  plan: LocScalePlan | ShortPlan,
  session: Session,
  indent: string,
  files: readonly string[] = [],
): void {
  const lines = 'numbers' in plan ? planLines(plan) : shortPlanLines(plan);
  for (const line of lines) session.logger.line(`${indent}${line}`);
  if (files.length > 0) session.logger.line(`${indent}Files: ${files.join(', ')}`);
  // Single-step commands check their memory when they are planned.
  if (!('numbers' in plan)) return;
  const limit = plan.memoryLimitBytes;
  if (limit !== undefined && plan.peakBytes > limit) {
    session.logger.warn(
      `The run needs about ${formatBytes(plan.peakBytes)} (step ${plan.peakStep}), more than the ` +
        `limit of ${formatBytes(limit)}.`,
    );
  }
}

/** Lines for commands of a single step. */
function shortPlanLines({ mode, grid, lines = [] }: ShortPlan): string[] {
  const voxelSize = Number(isotropicVoxelSize(grid).toFixed(5));
  return [`Mode: ${mode}`, `Map: ${describeShape(grid.shape)} voxels of ${voxelSize} A`, ...lines];
}

/** Origin of the resolution, for the plan. */
function sourceWords(source: LocScalePlan['numbers']['fscCutoffSource']): string {
  if (source === 'half-map FSC to Nyquist') return 'Nyquist: the half-map FSC stays above 0.143';
  return source === 'nyquist' ? 'from the voxel size, as nothing else is known' : source;
}

/** Numbers, memory and times of all steps that follow. Lengths in A, times of this machine. */
function planLines(plan: LocScalePlan): string[] {
  const { numbers, memoryLimitBytes, prediction, localResolution } = plan;
  const limit = memoryLimitBytes === undefined ? '' : `, limit ${formatBytes(memoryLimitBytes)}`;
  return [
    `Mode: ${plan.mode}`,
    `Map: ${describeShape(numbers.shape)} voxels of ${Number(numbers.voxelSize.toFixed(5))} A; ` +
      `resolution for scaling ${numbers.fscCutoff.toFixed(2)} A ` +
      `(${sourceWords(numbers.fscCutoffSource)})`,
    `Mask: ${numbers.maskVoxels} voxels, ${Math.round(numbers.molecularVolume)} A^3, about ` +
      `${numbers.atoms} atoms; Wilson cut-off ${numbers.wilsonCutoff.toFixed(2)} A`,
    plan.windowSigma === undefined
      ? // Soft scaling has Gaussian windows; LocScale's are cubes with an edge.
        `Window: ${numbers.windowVoxels} voxels (${numbers.windowAngstrom.toFixed(1)} ` +
        `A)${describeFit(numbers)}`
      : `Windows: Gaussian, standard deviation ${plan.windowSigma.toFixed(1)} A`,
    `Memory: ${formatBytes(plan.peakBytes)} in step ${plan.peakStep} (scaling: ` +
      `${formatBytes(plan.volumeBytes)} of maps, ${formatBytes(plan.workingBytes)} working)${limit}`,
    ...(prediction === undefined
      ? []
      : [
          `Network: ${prediction.cubes} ` +
            `cubes${prediction.passes > 1 ? ` x ${prediction.passes} passes` : ''} at ` +
            `${describeShape(prediction.networkShape)} voxels, expected time ` +
            `${formatSeconds(prediction.seconds)}, ${prediction.network}`,
        ]),
    ...(localResolution === undefined
      ? []
      : [
          `Local resolution: windows of ${localResolution.windowVoxels} voxels ` +
            `(${localResolution.windowAngstrom.toFixed(1)} A), expected time ` +
            `${formatSeconds(localResolution.seconds)}`,
        ]),
    `Expected time for scaling: ${formatSeconds(plan.seconds)} on ${plan.engine}`,
  ];
}

/** Range of the B-factor fit, if B factors are measured. */
function describeFit({ fitRange }: LocScalePlan['numbers']): string {
  if (fitRange === undefined) return '';
  const { start, end, shells } = fitRange;
  return `; B factors from ${start.toFixed(1)} to ${end.toFixed(1)} A (${shells} shells)`;
}
