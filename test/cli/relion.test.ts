/**
 * Jobs as RELION runs them: a line for the shell, in the project folder, the log in the folder of the job.
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { edge } from '../unit/pipeline/test-maps.ts';
import { ballValues, Workspace } from './run-cli.ts';

const program = fileURLToPath(new URL('../../dist/cli-relion.js', import.meta.url));
const half1 = 'Refine3D/job029/run_half1_class001_unfil.mrc';
const half2 = 'Refine3D/job029/run_half2_class001_unfil.mrc';
const job = 'External/job012/';

let project: Workspace;
beforeEach(() => {
  project = new Workspace();
  for (const folder of ['Refine3D/job029', 'MaskCreate/job020', job])
    mkdirSync(project.path(folder), { recursive: true });
  for (const [name, seed] of [
    [half1, 2],
    [half2, 3],
    ['reference.mrc', 4],
  ] as const) {
    project.map('new.mrc', seed);
    renameSync(project.path('new.mrc'), project.path(name));
  }
  project.map('new.mrc', 0, { values: ballValues(3) });
  renameSync(project.path('new.mrc'), project.path('MaskCreate/job020/mask.mrc'));
});
afterEach(() => project.remove());

interface Running {
  readonly ended: Promise<number | null>;
  stop(): void;
}

/** RELION pastes the executable and its arguments into one line, and the log behind it. */
function start(args: string, environment: Readonly<Record<string, string>> = {}): Running {
  const line = `'${process.execPath}' '${program}' --o ${job} ${args} >> ${job}run.out 2>> ${job}run.err`;
  const child = spawn('sh', ['-c', `exec ${line}`], {
    cwd: project.folder,
    env: { ...process.env, ...environment },
  });
  return {
    ended: new Promise((resolve, reject) => {
      child.on('error', reject);
      child.on('close', resolve);
    }),
    stop: () => child.kill('SIGTERM'),
  };
}

const run = (args: string): Promise<number | null> => start(args).ended;
const log = (name: 'run.out' | 'run.err'): string =>
  existsSync(project.path(job + name)) ? readFileSync(project.path(job + name), 'utf8') : '';
const marks = (): string[] => readdirSync(project.path(job)).filter((name) => name.startsWith('RELION_JOB'));

async function untilLog(words: string): Promise<void> {
  while (!log('run.out').includes(words)) await new Promise((resolve) => setTimeout(resolve, 100));
}

/** The loop of RELION_OUTPUT_NODES.star as RELION's reader takes it: column names, then rows. */
function nodes(): Record<string, string>[] {
  const lines = readFileSync(project.path(`${job}RELION_OUTPUT_NODES.star`), 'utf8').split('\n');
  const block = lines.slice(lines.indexOf('data_output_nodes') + 1).map((line) => line.trim());
  expect(block.find((line) => line !== '')).toBe('loop_');
  const columns = block.filter((line) => line.startsWith('_')).map((line) => line.split(/\s+/)[0] as string);
  const rows = block.filter((line) => line !== '' && line !== 'loop_' && !line.startsWith('_'));
  return rows.map((row) =>
    Object.fromEntries(row.split(/\s+/).map((value, i) => [columns[i] as string, value])),
  );
}

const options = '--model_map reference.mrc --window_size 16 --engine cpu --j 1';
/** Long enough to be stopped on any machine: ten thousand passes of the network. */
const endless = `--in_3dref ${half1} --feature_enhance --mc_it 10000 --res 7 --engine cpu --provider cpu --j 1`;

describe('an external job', () => {
  it('scales half maps inside a mask, and reports the results to RELION', async () => {
    // Left by an earlier run that failed.
    writeFileSync(project.path(`${job}RELION_JOB_EXIT_FAILURE`), '');
    const code = await run(
      `--in_3dref ${half1} --in_mask MaskCreate/job020/mask.mrc --measure_bfactors  ${options} `,
    );
    expect([code, log('run.err')]).toEqual([0, '']);
    expect(marks()).toEqual(['RELION_JOB_EXIT_SUCCESS']);
    expect(readFileSync(project.path(`${job}locscale.mrc`)).length).toBe(1024 + 4 * edge ** 3);
    expect(nodes()).toEqual(
      [
        ['locscale.mrc', 'DensityMap.mrc', '11'],
        ['locscale_bfactor.mrc', 'Image3D.mrc', '11'],
        ['locscale_quality.mrc', 'Image3D.mrc', '11'],
        ['processing_files/locscale_mask.mrc', 'Mask3D.mrc', '7'],
      ].map(([file, label, type]) => ({
        _rlnPipeLineNodeName: job + file,
        _rlnPipeLineNodeTypeLabel: label,
        _rlnPipeLineNodeType: type,
      })),
    );
    const record = JSON.parse(readFileSync(project.path(`${job}locscale.json`), 'utf8'));
    expect(record.inputs.map((input: { path: string }) => input.path)).toEqual(
      expect.arrayContaining([half1, half2]),
    );
    // Nothing outside the folder of the job.
    expect(readdirSync(project.folder).sort()).toEqual([
      'External',
      'MaskCreate',
      'Refine3D',
      'reference.mrc',
    ]);
  });

  it('of local resolution has that map as a node', async () => {
    const code = await run(
      `--in_3dref ${half2} --in_mask MaskCreate/job020/mask.mrc --locres --engine cpu --j 1`,
    );
    expect([code, log('run.err')]).toEqual([0, '']);
    expect(nodes().map((node) => Object.values(node).join(' '))).toEqual([
      `${job}localres.mrc Image3D.mrc.localresmap 12`,
      `${job}localres_filtered.mrc DensityMap.mrc 11`,
    ]);
  });

  it('that fails says so in run.err and in a file, whatever is wrong', async () => {
    renameSync(project.path(half2), project.path('elsewhere.mrc'));
    expect(await run(`--in_3dref ${half1} ${options}`)).toBe(3);
    expect(marks()).toEqual(['RELION_JOB_EXIT_FAILURE']);
    expect(log('run.err')).toContain(`error: The other half of ${half1} is not there: ${half2}.`);
    renameSync(project.path('elsewhere.mrc'), project.path(half2));
    expect(await run(`--in_3dref ${half1} --windowsize 3 --j 1`)).toBe(2);
    expect(log('run.err')).toContain('Did you mean --window_size?');
    expect(marks()).toEqual(['RELION_JOB_EXIT_FAILURE']);
    expect(existsSync(project.path(`${job}RELION_OUTPUT_NODES.star`))).toBe(false);
    // The user corrects the job and runs it again.
    expect(await run(`--in_3dref ${half1} ${options}`)).toBe(0);
    expect(marks()).toEqual(['RELION_JOB_EXIT_SUCCESS']);
  });

  it('stops when RELION requests it, and leaves no output', async () => {
    const { ended } = start(endless);
    await untilLog('cubes');
    writeFileSync(project.path(`${job}RELION_JOB_ABORT_NOW`), '');
    expect(await ended).toBe(130);
    expect(marks()).toEqual(['RELION_JOB_EXIT_ABORTED']);
    expect(log('run.err')).toContain('RELION requested the job to stop.');
    expect(readdirSync(project.path(job)).filter((name) => name.endsWith('.mrc'))).toEqual([]);
  });

  it('that was stopped is continued where it was', async () => {
    // The first cubes are kept long before the last one is reached, and all, smaller ones than usual, are
    // done in seconds.
    const mask = '--in_mask MaskCreate/job020/mask.mrc';
    const args = `--in_3dref ${half1} ${mask} --feature_enhance --mc_it 4 --cube_size 32 --stride 32 --res 7 --verbose --engine cpu --provider cpu --j 1`;
    const environment = { LOCSCALE_CHECKPOINT_SECONDS: '0.01' };
    const { ended } = start(args, environment);
    const kept = project.path(`${job}processing_files/checkpoints`);
    const predicted = (): boolean =>
      existsSync(kept) && readdirSync(kept).some((name) => /_prediction-.*-0000\.part$/.test(name));
    while (!predicted()) await new Promise((resolve) => setTimeout(resolve, 20));
    writeFileSync(project.path(`${job}RELION_JOB_ABORT_NOW`), '');
    expect(await ended).toBe(130);
    expect(await start(args, environment).ended).toBe(0);
    expect(log('run.out')).toMatch(/[1-9]\d* of \d+ cubes were predicted by an earlier run\./);
    expect(marks()).toEqual(['RELION_JOB_EXIT_SUCCESS']);
  });

  it('stopped before it began does not begin', async () => {
    writeFileSync(project.path(`${job}RELION_JOB_ABORT_NOW`), '');
    expect(await run(`--in_3dref ${half1} ${options}`)).toBe(130);
    expect(marks()).toEqual(['RELION_JOB_EXIT_ABORTED']);
    expect(log('run.out')).toBe('');
  });

  it('ended by the queue counts as aborted', async () => {
    const { ended, stop } = start(endless);
    await untilLog('cubes');
    stop();
    expect(await ended).toBe(143);
    expect(marks()).toEqual(['RELION_JOB_EXIT_ABORTED']);
  });

  it('gets its folder made where RELION has not', async () => {
    const line = `'${process.execPath}' '${program}' --o External/job013/ --in_3dref ${half1} ${options}`;
    const child = spawn('sh', ['-c', line], { cwd: project.folder, stdio: 'ignore' });
    expect(await new Promise((resolve) => child.on('close', resolve))).toBe(0);
    expect(existsSync(project.path('External/job013/RELION_JOB_EXIT_SUCCESS'))).toBe(true);
  });
});
