/** The command locres and --local_resolution as a user runs them. */
import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createRandom } from '../../src/math/statistics/random.ts';
import { runCli, runCommand, runtimes, Workspace } from './run-cli.ts';

const EDGE = 32;

/** A soft ball of structure, better where x is small, with noise of each half map's own. */
function half(seed: number): Float32Array {
  const [signal, noise] = [createRandom(1), createRandom(seed)];
  return Float32Array.from({ length: EDGE ** 3 }, (_, i) => {
    const [z, y, x] = [Math.floor(i / EDGE ** 2), Math.floor(i / EDGE) % EDGE, i % EDGE];
    const inside = Math.hypot(z - 16, y - 16, x - 16) < 11 ? 1 : 0;
    const strength = 2 * (1 - x / EDGE) ** 2;
    return inside * (2 + strength * signal.gaussian()) + noise.gaussian();
  });
}

const ball = Float32Array.from({ length: EDGE ** 3 }, (_, i) =>
  Math.hypot(Math.floor(i / EDGE ** 2) - 16, (Math.floor(i / EDGE) % EDGE) - 16, (i % EDGE) - 16) < 9 ? 1 : 0,
);

let workspace: Workspace;
beforeEach(() => {
  workspace = new Workspace();
  const write = (name: string, values: Float32Array) =>
    workspace.map(name, 1, { extents: [EDGE, EDGE, EDGE], voxelSize: 1.5, values });
  write('half1.mrc', half(2));
  write('half2.mrc', half(3));
  write('mask.mrc', ball);
});
afterEach(() => workspace.remove());

const floats = (name: string): Float32Array =>
  new Float32Array(Uint8Array.from(readFileSync(workspace.path(name)).subarray(1024)).buffer);
const json = (name: string) => JSON.parse(readFileSync(workspace.path(name), 'utf8'));
const onCpu = ['--engine', 'cpu', '-np', '1'];
const window = ['--locres_window', '24'];
const run = (...args: string[]) => runCommand(workspace.folder, [...args, ...onCpu]);

describe('locres', () => {
  it.each(runtimes)('writes the map, the filtered map, a scene and the record (%s)', async (runtime) => {
    const args = ['locres', '-hm', 'half1.mrc', 'half2.mrc', '-ma', 'mask.mrc', '-o', 'lr.mrc'];
    const { code, stdout, stderr } = await runCli(workspace.folder, [...args, ...window, ...onCpu], {
      runtime,
    });
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/windows of 16 voxels/);
    expect(stdout).toMatch(/Local resolution: median [\d.]+ A, 5 to 95 % [\d.]+ to [\d.]+ A/);
    expect(stdout).toMatch(/ [\d.]+ - +[\d.]+ +[\d.]+ % +#+/);
    const resolution = floats('lr.mrc');
    const filtered = floats('lr_filtered.mrc');
    for (const [i, inside] of ball.entries()) {
      expect(resolution[i] > 0).toBe(inside > 0.5);
      if (inside < 0.5) expect(filtered[i]).toBe(0);
    }
    const side = (left: boolean): number => {
      const values = resolution.filter((v, i) => v > 0 && i % EDGE < 16 === left);
      return values.reduce((sum, v) => sum + v, 0) / values.length;
    };
    expect(side(true)).toBeLessThan(side(false));
    const record = json('lr.json');
    expect(record.numbers.localResolution).toMatchObject({
      windowVoxels: 16,
      weights: 'hann',
      threshold: 0.143,
    });
    expect(record.numbers.localResolution.voxels).toBe(record.numbers.maskVoxels);
    expect(readFileSync(workspace.path('lr.cxc'), 'utf8')).toMatch(
      /color sample #1 map #2 palette [\d.]+,#0000ff:/,
    );
    expect(workspace.list()).toEqual(
      ['half1.mrc', 'half2.mrc', 'lr.cxc', 'lr.json', 'lr.mrc', 'lr_filtered.mrc', 'mask.mrc'].sort(),
    );
  });

  it('makes a mask where none is given; a box and another threshold give another map', async () => {
    const maps = ['locres', 'half1.mrc', 'half2.mrc'];
    expect((await run(...maps, ...window, '-o', 'soft.mrc')).code).toBe(0);
    const box = ['--locres_shape', 'box', '--locres_threshold', '0.5'];
    expect((await run(...maps, ...window, ...box, '-o', 'box.mrc')).code).toBe(0);
    expect(json('soft.json').numbers.noise.boxes.length).toBe(4);
    expect(json('box.json').numbers.localResolution).toMatchObject({ weights: 'box', threshold: 0.5 });
    expect(floats('soft.mrc')).not.toEqual(floats('box.mrc'));
  });

  it.each([
    [['locres', 'half1.mrc'], 2, /needs two half maps/],
    [['locres', 'half1.mrc', 'half1.mrc'], 3, /are identical/],
    [['locres', 'half1.mrc', 'half2.mrc', '--locres_window', '200'], 3, /larger than the map/],
    [['locres', 'half1.mrc', 'half2.mrc', '--locres_window', '3'], 3, /too small/],
    [['locres', 'half1.mrc', 'half2.mrc', '-o', 'half1.mrc'], 3, /half1\.mrc/],
    [['locres', 'half1.mrc', 'half2.mrc', '-o', 'x.json'], 2, /cannot be written as \.json/],
    [['--no_reference', '-em', 'half1.mrc', '--local_resolution'], 2, /needs half maps/],
  ] as const)('%j is refused', async (args, code, words) => {
    const result = await run(...args);
    expect(result.code).toBe(code);
    expect(result.stderr).toMatch(words);
  });
});

describe('--local_resolution', () => {
  it('writes next to the scaled map what locres writes', async () => {
    const maps = ['-hm', 'half1.mrc', 'half2.mrc', '-ma', 'mask.mrc'];
    const { code, stdout, stderr } = await run(
      ...[...maps, '--no_reference', '-wn', '16', '--local_resolution', ...window, '-o', 'out.mrc'],
    );
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/Local resolution: median/);
    expect(workspace.list()).toEqual(
      expect.arrayContaining(['out.mrc', 'out_locres.cxc', 'out_locres.mrc', 'out_locres_filtered.mrc']),
    );
    expect((await run('locres', ...maps, ...window, '-o', 'alone.mrc')).code).toBe(0);
    expect(floats('out_locres.mrc')).toEqual(floats('alone.mrc'));
    expect(floats('out_locres_filtered.mrc')).toEqual(floats('alone_filtered.mrc'));
    expect(json('out.json').numbers.localResolution.median).toBe(
      json('alone.json').numbers.localResolution.median,
    );
  });

  it('is in the plan of a dry run', async () => {
    const maps = ['-hm', 'half1.mrc', 'half2.mrc', '-ma', 'mask.mrc', '--no_reference', '-wn', '16'];
    const asked = await run(...maps, '--local_resolution', ...window, '-o', 'planned.mrc', '--dry_run');
    expect([asked.code, asked.stderr]).toEqual([0, '']);
    expect(asked.stdout).toMatch(/^Local resolution: windows of \d+ voxels \(\d+\.\d A\), expected time /m);
    expect((await run(...maps, '-o', 'planned.mrc', '--dry_run')).stdout).not.toMatch(/Local resolution/);
    expect(workspace.list()).not.toContain('planned.mrc');
  });

  it('says that its options do nothing without it', async () => {
    const maps = ['-hm', 'half1.mrc', 'half2.mrc', '-ma', 'mask.mrc', '--no_reference', '-wn', '16'];
    const { stdout, stderr } = await run(...maps, '--locres_window', '24', '-o', 'out.mrc');
    expect(stdout + stderr).toMatch(/--locres_window has no effect: it belongs to --local_resolution/);
  });
});
