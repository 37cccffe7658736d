/** Coarse maps and subtomogram averages as their users run them. */
import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { BUNDLED_NETWORK, ballValues, runCommand, Workspace } from './run-cli.ts';

let workspace: Workspace;
beforeEach(() => {
  workspace = new Workspace();
});
afterEach(() => workspace.remove());

/** Half maps of the test blob, on voxels of a subtomogram average. */
function coarseHalves(voxelSize: number): string[] {
  workspace.map('mask.mrc', 0, { voxelSize, values: ballValues(5) });
  return [
    '-hm',
    workspace.map('half1.mrc', 2, { voxelSize }),
    workspace.map('half2.mrc', 3, { voxelSize }),
    ...['-ma', 'mask.mrc', '--engine', 'cpu'],
  ];
}

const run = (...args: string[]) => runCommand(workspace.folder, args);
const misfit =
  'The network "bundled reference network" works at 1 A per voxel and is not run on maps coarser than 3 A per voxel; this one has 13.28 A.';

it('the noise of a subtomogram average is weighted by the bare command', async () => {
  const halves = coarseHalves(13.28);
  const result = await run(...halves, '--measure_bfactors', '-o', 'out.mrc');
  expect(result.code).toBe(0);
  expect(result.stderr).toBe(
    'warning: Voxels of 13.28 A leave 2 frequency bands up to 0.038 1/A: only noise weighting is applied, and no B-factor map is written.\n',
  );
  expect(result.stdout).toMatch(/^ {2}Mode: soft scaling/m);
  expect(workspace.list()).not.toContain('out_bfactor.mrc');
});

it('so it is in windows that suit it, without a network that is not made for it', async () => {
  const halves = coarseHalves(13.28);
  const result = await run(...halves, '--scaling', 'locscale', '--measure_bfactors', '-o', 'out.mrc');
  expect(result.code).toBe(0);
  expect(result.stderr).toBe(
    `warning: ${misfit} Windows are scaled to a constant B factor instead, as with --no_reference.\n`,
  );
  expect(result.stdout).toMatch(/^ {2}Mode: no reference/m);
  const window = /^ {2}Window: (\d+) voxels \(\d+\.\d A\); B factors from .* \(\d shells\)$/m.exec(
    result.stdout,
  );
  expect(Number(window?.[1])).toBeGreaterThanOrEqual(10);
  expect(workspace.list()).toContain('out_bfactor.mrc');
  // The mode that --no_reference has, mask included.
  await run(...halves, '--no_reference', '-o', 'same.mrc');
  expect(readFileSync(workspace.path('same.mrc')).subarray(1024)).toEqual(
    readFileSync(workspace.path('out.mrc')).subarray(1024),
  );
});

it('a network requested on such voxels is refused, feature_enhance too', async () => {
  const halves = coarseHalves(13.28);
  for (const args of [
    [...halves, '--reference', 'network'],
    [...halves, '-model_path', 'bundled'],
    ['feature_enhance', ...halves],
  ]) {
    const result = await run(...args, '-o', 'out.mrc');
    expect(result.code).toBe(3);
    expect(result.stderr.replace(BUNDLED_NETWORK, '').split('\n')[0]).toBe(`error: ${misfit}`);
    expect(result.stderr).toContain('--no_reference');
  }
  expect(workspace.list().filter((name) => name.startsWith('out'))).toEqual([]);
});

it('windows of the user that measure nothing leave no B-factor map and no colours, in one sentence', async () => {
  const halves = coarseHalves(3);
  const args = [...halves, '-res', '20', '-wn', '6', '--no_reference', '--measure_bfactors', '-o', 'out.mrc'];
  const result = await run(...args);
  expect(result.code).toBe(0);
  expect(result.stderr).toMatch(/^warning: No B factor can be measured: [^\n]*\n$/);
  expect(workspace.list().filter((name) => name.startsWith('out'))).toEqual([
    'out.cxc',
    'out.json',
    'out.mrc',
  ]);
  expect(readFileSync(workspace.path('out.cxc'), 'utf8')).not.toContain('color');
});
