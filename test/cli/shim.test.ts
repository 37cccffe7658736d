/** `locscale` by the name: as a shell, scipion-em-locscale and CCP-EM's Doppio call it. */
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { edge } from '../unit/pipeline/test-maps.ts';
import { BUNDLED_NETWORK, ballValues, oneCube, runCli, runtimes, Workspace } from './run-cli.ts';

const windows = process.platform === 'win32';
const shell = (line: string, cwd: string) => spawnSync('sh', ['-c', line], { cwd, encoding: 'utf8' });

describe.skipIf(windows).each(runtimes)('the shim under %s', (runtime) => {
  let workspace: Workspace;
  let activate: string;
  beforeAll(async () => {
    workspace = new Workspace();
    const made = await runCli(workspace.folder, ['setup', '--shim', "bin's folder"], { runtime });
    expect([made.code, made.stderr]).toEqual([0, '']);
    activate = `. '${workspace.path("bin's folder").replace("'", "'\\''")}/activate'`;
    expect(made.stdout).toContain(activate);
  });
  afterAll(() => workspace.remove());

  it('is locscale after its folder is activated', () => {
    const { status, stdout } = shell(`${activate} && command -v locscale && locscale version`, '/');
    expect([status, stdout]).toEqual([
      0,
      expect.stringMatching(/bin's folder\/locscale\nlocscale-gpu \d+\.\d+\.\d+/),
    ]);
  });

  it('passes words on as they are, and the exit code back', () => {
    const { status, stderr } = shell(`${activate} && locscale -em 'no such $map "x".mrc'`, workspace.folder);
    expect(status).toBe(3);
    expect(stderr).toContain('no such $map "x".mrc');
  });

  it('may be written again, but never over another program', async () => {
    const again = await runCli(workspace.folder, ['setup', '--shim', "bin's folder"], { runtime });
    expect(again.code).toBe(0);
    mkdirSync(workspace.path('conda/bin'), { recursive: true });
    const other = '#!/usr/bin/env python\nimport locscale\n';
    writeFileSync(workspace.path('conda/bin/locscale'), other);
    chmodSync(workspace.path('conda/bin/locscale'), 0o755);
    const refused = await runCli(workspace.folder, ['setup', '--shim', 'conda/bin'], { runtime });
    expect(refused.code).toBe(3);
    expect(refused.stderr).toContain('conda/bin/locscale is there already, and not by this program.');
    expect(readFileSync(workspace.path('conda/bin/locscale'), 'utf8')).toBe(other);
    expect(readdirSync(workspace.path('conda/bin'))).toEqual(['locscale']);
  });
});

describe.skipIf(windows)('locscale as other programs call it', () => {
  let project: Workspace;
  let activate: string;
  /**
   * Scipion's protocol: inputs are links with absolute targets in the folder it works in, named without
   * folder.
   */
  const run = '000123_ProtLocScale/tmp';
  beforeAll(async () => {
    project = new Workspace();
    await runCli(project.folder, ['setup', '--shim', 'shim']);
    activate = `. ${project.path('shim/activate')}`;
    mkdirSync(project.path(run), { recursive: true });
    project.map('half1.mrc', 2, oneCube);
    project.map('half2.mrc', 3, oneCube);
    project.map('reference.mrc', 4, oneCube);
    project.map('mask.mrc', 0, { values: ballValues(3), ...oneCube });
    for (const name of ['half1.mrc', 'half2.mrc', 'reference.mrc', 'mask.mrc'])
      symlinkSync(realpathSync(project.path(name)), project.path(`${run}/${name}`));
  });
  afterAll(() => project.remove());

  it("Scipion's configuration, as docs/integrations.md has it, is taken for a LocScale later than 2.1", () => {
    const document = readFileSync(new URL('../../docs/integrations.md', import.meta.url), 'utf8');
    const variable = 'LOCSCALE_ENV_ACTIVATION';
    const value = new RegExp(`${variable} = (.*)`).exec(document)?.[1] as string;
    // How the plugin reads the version: what stands behind the last dash of the last word.
    expect(value.split(/\s+/).at(-1)?.split('-').at(-1)).not.toBe('2.1');
    const line = `${value.replace('/opt/locscale-shim', project.path('shim'))} && locscale  version`;
    expect(shell(line, project.folder).stdout).toMatch(/^locscale-gpu /);
  });

  const isMap = (name: string): boolean =>
    existsSync(project.path(name)) && readFileSync(project.path(name)).length === 1024 + 4 * edge ** 3;
  const inRun = (words: string) => shell(`${activate} && ${words}`, project.path(run));

  it('Scipion: local sharpening with a reference volume, without CCP4', () => {
    const { status, stderr } = inRun(
      'locscale   --outfile volume_scaled.mrc --verbose --halfmap_paths half1.mrc half2.mrc --apix 2.4 --ref_resolution 9 --model_map reference.mrc --mask mask.mrc --number_processes 3 --skip_refine --window_size 6',
    );
    expect([status, stderr]).toEqual([0, expect.not.stringContaining('error')]);
    // It moves this file to its own folder of results.
    expect(isMap(`${run}/volume_scaled.mrc`)).toBe(true);
  });

  it('Scipion 3.1 with LocScale 2.1: the command run_locscale', () => {
    const { status } = inRun(
      'locscale run_locscale  --outfile old_scaled.mrc --verbose --emmap_path half1.mrc --apix 2.4 --ref_resolution 9 --model_map reference.mrc --mask mask.mrc --number_processes 3 --skip_refine -wn 6',
    );
    expect(status).toBe(0);
    expect(isMap(`${run}/old_scaled.mrc`)).toBe(true);
  });

  it('Scipion 3.1 with LocScale 2.1: the command run_emmernet', () => {
    const { status, stderr } = inRun(
      'locscale run_emmernet  --outfile net_scaled.mrc --verbose --halfmap_paths half1.mrc half2.mrc -trained_model model_based --gpu_ids 0 --engine cpu',
    );
    expect([status, stderr]).toEqual([0, expect.stringContaining('--trained_model has no effect')]);
    // One prediction, as in 2.1; it moves this file.
    expect(isMap(`${run}/net_scaled.mrc`)).toBe(true);
    expect(existsSync(project.path(`${run}/net_scaled_pVDDT.mrc`))).toBe(false);
  });

  it('Scipion 3.1.2 with LocScale 2.2.3: the names of that version, behind the environment of that version', () => {
    // As the plugin reads the version of the environment, which decides what it calls.
    const environment = `. ${project.path('shim/activate-2.2.3')}`;
    expect(environment.split(/\s+/).at(-1)?.split('-').at(-1)).toBe('2.2.3');
    const { status, stderr } = shell(
      `${environment} && locscale feature_enhance  --outfile volume_scaled.mrc --verbose --halfmap_paths half1.mrc half2.mrc --gpu_ids 0 --engine cpu -mc_it 2`,
      project.path(run),
    );
    expect([status, stderr]).toEqual([0, expect.not.stringContaining('error')]);
    for (const name of [
      'volume_scaled_feature_enhanced_output.mrc',
      'volume_scaled_locscale_output.mrc',
      'volume_scaled_variance.mrc',
      'pVDDT.mrc',
    ])
      expect(isMap(`${run}/${name}`), name).toBe(true);
    // The other commands know nothing of it.
    expect(shell(`${environment} && locscale version`, '/').stdout).toMatch(/^locscale-gpu /);
  });

  it('LocScale 2.4: the enhanced map as it is called, the others behind its stem', () => {
    const { status } = inRun(
      'locscale feature_enhance -hm half1.mrc half2.mrc -o new.mrc --engine cpu -mc_it 2',
    );
    expect(status).toBe(0);
    for (const name of ['new.mrc', 'new_baseline.mrc', 'new_variance.mrc', 'new_pVDDT.mrc'])
      expect(isMap(`${run}/${name}`), name).toBe(true);
  });

  describe('on a machine without a GPU', () => {
    /** A loader that finds no driver. */
    const noGpu = 'export VK_DRIVER_FILES=/nonexistent VK_ICD_FILENAMES=/nonexistent';
    const scale = '-em half1.mrc -mm reference.mrc -ma mask.mrc -res 9 -wn 6 -o without.mrc';
    const inWork = (words: string) => shell(`${noGpu}; ${activate} && ${words}`, project.folder);

    it.each([
      ['-gpus 1', 'GPU 1 is'],
      ['--gpu_ids 0', 'GPU 0 is'],
      ['-gpus 5 6 7', 'GPUs 5, 6, 7 are'],
    ])('%s continues on the CPU with one warning', (gpus, which) => {
      const { status, stdout, stderr } = inWork(`locscale ${scale} ${gpus}`);
      expect([status, stderr]).toEqual([
        0,
        `warning: ${which} not usable on this machine: the run continues on the CPU.\n`,
      ]);
      expect(stdout).toMatch(/^Engine: CPU, /m);
      expect(stdout).not.toContain('Team: ');
      expect(isMap('without.mrc')).toBe(true);
    });

    it('feature_enhance does so, too', () => {
      const { status, stderr } = inWork(
        'locscale feature_enhance -hm half1.mrc half2.mrc -ma mask.mrc -mc_it 2 -res 6 -o enhanced.mrc -gpus 1',
      );
      expect([status, stderr.replace(BUNDLED_NETWORK, '')]).toEqual([
        0,
        'warning: GPU 1 is not usable on this machine: the run continues on the CPU.\n',
      ]);
    });

    it('--engine gpu is strict under this name, too', () => {
      const { status, stderr } = inWork(`locscale ${scale} -gpus 1 --engine gpu`);
      expect([status, stderr]).toEqual([4, expect.stringMatching(/^error: /)]);
    });
  });

  it('Scipion: EMmerNet, with its additional parameter for the name it looks for', () => {
    const { status, stderr } = inRun(
      'locscale feature_enhance  --outfile volume_scaled.mrc --verbose --halfmap_paths half1.mrc half2.mrc --gpu_ids 0 --baseline_suffix _locscale_output --engine cpu -mc_it 2',
    );
    expect([status, stderr]).toEqual([0, expect.not.stringContaining('error')]);
    expect(isMap(`${run}/volume_scaled_locscale_output.mrc`)).toBe(true);
    expect(isMap(`${run}/volume_scaled_baseline.mrc`)).toBe(false);
  });

  it.each(['/x', '_pVDDT', 'baseline'])('a baseline cannot be called %s', (suffix) => {
    expect(inRun(`locscale feature_enhance -em half1.mrc --baseline_suffix ${suffix}`).status).toBe(2);
  });

  const mpi = spawnSync('mpirun', ['--version'], { encoding: 'utf8' });
  const flags = /Open MPI/.test(mpi.stdout ?? '') ? '--allow-run-as-root --oversubscribe' : '';
  const unlessMpi = mpi.status === 0 ? '' : ' [skipped: there is no mpirun]';
  it.skipIf(mpi.status !== 0)(`Scipion: with MPI between environment and program${unlessMpi}`, () => {
    const { status, stderr } = inRun(
      `mpirun ${flags} -np 2 locscale  --outfile mpi_scaled.mrc --verbose --halfmap_paths half1.mrc half2.mrc --apix 2.4 --ref_resolution 9 --model_map reference.mrc --mask mask.mrc --mpi --window_size 6`,
    );
    expect([status, stderr]).toEqual([0, expect.not.stringContaining('error')]);
    expect(isMap(`${run}/mpi_scaled.mrc`)).toBe(true);
  });
});
