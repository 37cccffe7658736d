/** FSC within a mask, the resolution from it, and post-processing by one B factor, as commands. */
import { readFileSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readMapFile } from '../../src/files/index.ts';
import { makeScene } from '../support/half-map-scene.ts';
import { makeMrc } from '../support/mrc-fixture.ts';
import { runCommand, Workspace } from './run-cli.ts';

const edge = 48;
const voxelSize = 1.5;
const bFactor = 180;
const scene = makeScene({ shape: [edge, edge, edge], voxelSize, bFactor, resolution: 4.2, radius: 0.25 });
const halves = ['half1.mrc', 'half2.mrc'] as const;
let workspace: Workspace;

const write = (name: string, values: ArrayLike<number>) =>
  writeFileSync(
    workspace.path(name),
    makeMrc({ extents: [edge, edge, edge], voxelSize, values: Float32Array.from(values) }),
  );
const run = (...args: string[]) => runCommand(workspace.folder, [...args, '--engine', 'cpu', '-np', '1']);
const json = (name: string) => JSON.parse(readFileSync(workspace.path(name), 'utf8'));
const text = (name: string) => readFileSync(workspace.path(name), 'utf8');
const voxels = async (name: string) => (await readMapFile(workspace.path(name))).data;
/** From the centre, A; falls from 1 to 0 over `soft` A around `radius`. */
const ball = (radius: number, soft: number) =>
  Float32Array.from({ length: edge ** 3 }, (_, i) => {
    const [z, y, x] = [Math.floor(i / edge ** 2), Math.floor(i / edge) % edge, i % edge];
    const r = voxelSize * Math.hypot(z - edge / 2, y - edge / 2, x - edge / 2);
    const share = Math.min(1, Math.max(0, (r - radius) / soft + 0.5));
    return (1 + Math.cos(Math.PI * share)) / 2;
  });

beforeAll(() => {
  workspace = new Workspace();
  halves.forEach((name, i) => {
    const noise = scene.noise(i + 1);
    write(
      name,
      scene.signal.map((v, at) => v + noise[at]),
    );
  });
  write('soft.mrc', ball(24, 8));
  write('hard.mrc', ball(24, 1e-6));
  write(
    'bytes.mrc',
    ball(24, 8).map((v) => 255 * v),
  );
});
afterAll(() => workspace.remove());

describe('fsc with a mask', () => {
  it('prints all curves and resolutions, and writes JSON, XML and STAR', async () => {
    const { code, stdout, stderr } = await run('fsc', ...halves, '-ma', 'soft.mrc', '-o', 'c.json');
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toContain('unmasked    masked  randomised  corrected');
    const { masked, mask, resolution0143, frequency } = json('c.json');
    expect(mask).toBe('soft.mrc');
    expect(frequency).toHaveLength(edge / 2);
    expect(stdout).toContain(`corrected: ${masked.resolution.toFixed(2)} A\n`);
    expect(stdout).toContain(`as RELION reports it: ${masked.shellResolution.toFixed(2)} A\n`);
    // Solvent outside the mask is noise only.
    expect(masked.resolution).toBeLessThan(resolution0143);
    expect(masked.shellResolution).toBeGreaterThanOrEqual(masked.resolution);
    const sum = ball(24, 8).reduce((total, value) => total + value, 0);
    expect(masked.maskVoxels / sum).toBeCloseTo(1, 4);

    expect((await run('fsc', ...halves, '-ma', 'soft.mrc', '-o', 'c.xml')).code).toBe(0);
    expect(text('c.xml')).toContain('title="Masked half maps, corrected by random phases"');
    expect((await run('fsc', ...halves, '-ma', 'soft.mrc', '-o', 'c.star')).code).toBe(0);
    expect(text('c.star')).toMatch(/^_rlnMaskName +soft\.mrc$/m);
  });

  it('depends on the seed only where phases are random', async () => {
    const curves = async (...more: string[]) => {
      await run('fsc', ...halves, '-ma', 'soft.mrc', '-o', 's.json', ...more);
      return json('s.json').masked;
    };
    const [first, again, other] = [await curves(), await curves(), await curves('--seed', '7')];
    expect(again).toEqual(first);
    expect(other.randomised).not.toEqual(first.randomised);
    expect({ ...other, randomised: 0, corrected: 0, resolution: 0, shellResolution: 0 }).toEqual({
      ...{ ...first, randomised: 0, corrected: 0, resolution: 0, shellResolution: 0 },
    });
  });

  it('makes a mask of its own on request', async () => {
    const { code, stdout, stderr } = await run('fsc', ...halves, '--auto_mask', '-o', 'own.json');
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toContain('mask of the program, FDR');
    expect(json('own.json').masked.maskOrigin).toEqual({ source: 'FDR' });
  });

  it('warns about hard edges', async () => {
    const { code, stderr } = await run('fsc', ...halves, '-ma', 'hard.mrc');
    expect(code).toBe(0);
    expect(stderr).toMatch(/^warning: The mask hard\.mrc has hard edges, /);
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
  });

  it.each([
    [['-ma', 'bytes.mrc'], 3, 'expected: values from 0 to 1; found: values from 0.00 to 255'],
    [['-ma', 'soft.mrc', '--auto_mask'], 2, '-ma and --auto_mask exclude each other'],
    [['-o', 'c.star'], 2, 'Give a mask with -ma or --auto_mask'],
    [['-o', 'c.txt'], 2, '.json, .xml or .star'],
  ])('refuses %j', async (args, expected, sentence) => {
    const { code, stderr } = await run('fsc', ...halves, ...args);
    expect(code).toBe(expected);
    expect(stderr).toContain(sentence);
  });

  it('says which options need the mask of the program', async () => {
    const { code, stderr } = await run('fsc', ...halves, '-fdr', '0.05', '--seed', '2');
    expect(code).toBe(0);
    expect(stderr).toContain('--fdr_threshold has no effect: it belongs to --auto_mask.');
    expect(stderr).toContain('--seed has no effect: nothing in this run is random.');
  });
});

describe('--resolution_from masked', () => {
  const scale = (...more: string[]) => run('-hm', ...halves, '--no_reference', '-o', 'scaled.mrc', ...more);

  it('scales up to the resolution within the mask, and says so', async () => {
    const { code, stdout, stderr } = await scale('-ma', 'soft.mrc', '--resolution_from', 'masked');
    expect([code, stderr]).toEqual([0, '']);
    const { numbers, fsc, fscInMask, parameters } = json('scaled.json');
    expect(numbers.fscCutoffSource).toBe('half-map FSC within the mask');
    expect(numbers.fscCutoff).toBe(fscInMask.resolution);
    expect(numbers.fscCutoff).toBeLessThan(fsc.resolution);
    expect(parameters.resolutionFrom).toBe('masked');
    expect(stdout).toContain(`${numbers.fscCutoff.toFixed(2)} A (half-map FSC within the mask)`);
    // As if that had been typed.
    const masked = await voxels('scaled.mrc');
    await scale('-ma', 'soft.mrc', '-res', String(numbers.fscCutoff));
    expect(await voxels('scaled.mrc')).toEqual(masked);
  });

  it.each([
    [['-hm', ...halves, '-res', '5'], '-res and --resolution_from masked exclude each other'],
    [['-hm', ...halves, '-filter_input'], '-filter_input and --resolution_from masked exclude each other'],
    [['-em', 'half1.mrc'], 'The resolution within the mask (--resolution_from masked) needs half maps'],
  ])('refuses %j', async (args, sentence) => {
    const { code, stderr } = await run(...args, '--no_reference', '--resolution_from', 'masked');
    expect(code).toBe(2);
    expect(stderr).toContain(sentence);
  });
});

describe('postprocess', () => {
  it('finds the B factor, sharpens by it and masks', async () => {
    const { code, stdout, stderr } = await run(
      'postprocess',
      '-hm',
      ...halves,
      '-ma',
      'soft.mrc',
      '-o',
      'p.mrc',
      '--autob_highres',
      '6',
    );
    expect([code, stderr]).toEqual([0, '']);
    const { postprocess, fscInMask } = json('p.json');
    // Atoms at random: their spectrum is flat but for the B factor, and up to 6 A there is little noise.
    expect(Math.abs(postprocess.bFactor + bFactor)).toBeLessThan(0.15 * bFactor);
    expect(postprocess.lowPass).toBe(fscInMask.resolution);
    expect(stdout).toContain(
      `B factor: ${postprocess.bFactor.toFixed(1)} A^2 (Guinier plot from 10.0 to 6.00 A, `,
    );
    expect(stdout).toContain('Wrote p_masked.mrc\nWrote p.star\n');
    const [sharpened, masked, mask] = [await voxels('p.mrc'), await voxels('p_masked.mrc'), ball(24, 8)];
    masked.forEach((value, i) => {
      if (Math.abs(value - sharpened[i] * mask[i]) > 1e-6 * Math.abs(value) + 1e-12) expect(i).toBe(-1);
    });
  });

  it('takes a B factor, a range, a low-pass; makes its own mask', async () => {
    const given = ['--adhoc_bfac', '-100', '--low_pass', '5', '--skip_fsc_weighting'];
    const { code, stdout, stderr } = await run('postprocess', '-hm', ...halves, '-o', 'q.mrc', ...given);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toContain('B factor: -100.0 A^2 (as given)\nLow-passed at 5.00 A\n');
    expect(workspace.list().filter((name) => name.startsWith('q'))).toEqual(
      ['q.cxc', 'q.json', 'q.mrc', 'q.star', 'q_mask.mrc', 'q_masked.mrc'].sort(),
    );
    expect(json('q.json').postprocess).toMatchObject({ bFactor: -100, lowPass: 5, fscWeighted: false });
    const ranged = ['--autob_lowres', '8', '--autob_highres', '5'];
    expect((await run('postprocess', '-hm', ...halves, '-o', 'r.mrc', ...ranged)).code).toBe(0);
    expect(json('r.json').postprocess.guinier).toMatchObject({ from: 8, to: 5 });
  });

  it('sharpens a single map up to the resolution given', async () => {
    const single = ['postprocess', '-em', 'half1.mrc', '-o', 's.mrc'];
    const refused = await run(...single);
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain('Give it with -res');
    const { code, stdout } = await run(...single, '-res', '5');
    expect(code).toBe(0);
    expect(stdout).toContain('Low-passed at 5.00 A\n');
    expect(workspace.list()).not.toContain('s.star');
  });

  it('warns where no line can be fitted, and weights only', async () => {
    const args = ['postprocess', '-hm', ...halves, '-o', 't.mrc', '--autob_lowres', '4.5'];
    const { code, stdout, stderr } = await run(...args, '--autob_highres', '4.4');
    expect(code).toBe(0);
    expect(stdout).toContain('B factor: 0.0 A^2 (no line in the Guinier plot)\n');
    expect(stderr).toContain('warning: No B factor could be fitted between 4.5 A and 4.40 A');
    expect(json('t.json').postprocess.bFactor).toBe(0);
  });
});
