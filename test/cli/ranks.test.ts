/**
 * Runs of several processes, driven as users drive them: mpirun, srun without MPI support, several GPUs. The
 * output has the same bits as that of one process.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import process from 'node:process';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createRandom } from '../../src/math/statistics/random.ts';
import { describeMissing, findTestAdapter } from '../support/gpu-device.ts';
import { findMpiLaunchers } from '../support/ranks.ts';
import { gpuEnvironment, usesHardware } from '../support/software-gpu.ts';
import { ballValues, runCli, runCommand, runtimes, Workspace } from './run-cli.ts';

const AS_ROOT = { OMPI_ALLOW_RUN_AS_ROOT: '1', OMPI_ALLOW_RUN_AS_ROOT_CONFIRM: '1' };
const adapter = await findTestAdapter();
const program = fileURLToPath(new URL('../../dist/cli.js', import.meta.url));

let workspace: Workspace;
beforeEach(() => {
  workspace = new Workspace();
  workspace.map('half1.mrc', 2);
  workspace.map('half2.mrc', 3);
  workspace.map('reference.mrc', 4);
  workspace.map('mask.mrc', 0, { values: ballValues(8) });
  const small = { voxelSize: 2 };
  workspace.map('small1.mrc', 2, small);
  workspace.map('small2.mrc', 3, small);
  workspace.map('smallmask.mrc', 0, { values: ballValues(8), ...small });
});
afterEach(() => workspace.remove());

const input = ['-hm', 'half1.mrc', 'half2.mrc', '-ma', 'mask.mrc', '-wn', '6'];
const cpu = [...input, '--engine', 'cpu', '-np', '1'];
const withMap = [...cpu, '-mm', 'reference.mrc', '--measure_bfactors', '-wn', '16'];
/** The default: soft bands, with the amplitudes of an average protein. */
const bare = ['-hm', 'half1.mrc', 'half2.mrc', '-ma', 'mask.mrc', '--engine', 'cpu', '-np', '1'];
const softWithMap = [...cpu, '--scaling', 'soft', '-mm', 'reference.mrc', '--measure_bfactors'];
/** By the bundled network, in 27 small cubes. */
const predicted = [
  ...['-hm', 'small1.mrc', 'small2.mrc', '-ma', 'smallmask.mrc', '-wn', '6', '-res', '7'],
  ...['--engine', 'cpu', '--provider', 'cpu', '-np', '1', '-cube_size', '16', '-s', '16'],
];

/** Environment of one rank of `srun -n 2` that offers no MPI. */
const slurm = (rank: number, size = 2): Record<string, string> => ({
  SLURM_JOB_ID: '41',
  SLURM_STEP_ID: '0',
  SLURM_STEP_NUM_TASKS: String(size),
  SLURM_PROCID: String(rank),
});

function bytesOf(name: string): Buffer {
  return readFileSync(workspace.path(name));
}

/** The voxels; the header has the name of the output in its labels. */
function voxelsOf(name: string): Buffer {
  return bytesOf(name).subarray(1024);
}

/** Maps of runs of one process by their arguments: the inputs are the same in every test. */
const singles = new Map<string, ReadonlyMap<string, Buffer>>();

/** What one process makes of `args`, as `out` and beside it. */
async function single(args: readonly string[], out: string): Promise<void> {
  const stem = out.replace(/\.mrc$/, '');
  const known = singles.get(args.join(' '));
  if (known !== undefined) {
    for (const [rest, bytes] of known) writeFileSync(workspace.path(stem + rest), bytes);
    return;
  }
  // A run of one rank is in no process of its own, but with -mpi.
  const run = args.includes('-mpi') ? runCli : runCommand;
  const { code, stderr } = await run(workspace.folder, [...args, '-o', out]);
  expect([code, stderr]).toEqual([0, '']);
  const made = workspace.list().filter((name) => name.startsWith(stem) && name.endsWith('.mrc'));
  singles.set(args.join(' '), new Map(made.map((name) => [name.slice(stem.length), bytesOf(name)])));
}

for (const { name, launcher } of findMpiLaunchers()) {
  if (launcher === undefined) {
    describe.skip(`under ${name} [skipped: it is not installed]`, () => it('runs', () => undefined));
    continue;
  }
  describe(`under ${name}`, () => {
    const start = (ranks: number, args: readonly string[]) =>
      runCli(workspace.folder, [...args, '-mpi'], {
        launcher: [...launcher.command, '-np', String(ranks)],
        env: AS_ROOT,
      });

    it('gives the bits of one process, with a reference map and with a predicted one', async () => {
      await single([...withMap, '-np', '2'], 'one.mrc');
      const result = await start(2, [...withMap, '-v', '-o', 'two.mrc']);
      expect([result.code, result.stderr]).toEqual([0, '']);
      expect(result.stdout).toMatch(new RegExp(`^Team: 2 processes, ${name} .*, rank 0 of 2$`, 'm'));
      expect(result.stdout).toMatch(/^Between the processes: [\d.]+ MB sent, [\d.]+ MB received/m);
      // Rank 0 alone prints.
      expect(result.stdout.match(/Wrote two.mrc/g)).toHaveLength(1);
      expect(voxelsOf('two.mrc').equals(voxelsOf('one.mrc'))).toBe(true);
      expect(voxelsOf('two_bfactor.mrc').equals(voxelsOf('one_bfactor.mrc'))).toBe(true);
      expect(workspace.list().filter((file) => /ranks-|tmp/.test(file))).toEqual([]);

      await single(predicted, 'p1.mrc');
      expect((await start(3, [...predicted, '-o', 'p3.mrc'])).code).toBe(0);
      expect(voxelsOf('p3.mrc').equals(voxelsOf('p1.mrc'))).toBe(true);
      await single([...predicted, '-np', '2'], 'p2.mrc');
      expect(voxelsOf('p2.mrc').equals(voxelsOf('p1.mrc'))).toBe(true);
    });

    it('scales softly with the bits of one process, by default and with a reference map', async () => {
      await single(bare, 'one.mrc');
      expect(voxelsOf('one.mrc').some((byte) => byte !== 0)).toBe(true);
      const result = await start(2, [...bare, '-v', '-o', 'two.mrc']);
      expect([result.code, result.stderr]).toEqual([0, '']);
      expect(result.stdout).toMatch(/^ {2}Mode: soft scaling/m);
      expect(result.stdout).toMatch(/^Between the processes: [\d.]+ MB sent, [\d.]+ MB received/m);
      expect(voxelsOf('two.mrc').equals(voxelsOf('one.mrc'))).toBe(true);

      await single(softWithMap, 'map1.mrc');
      expect((await start(3, [...softWithMap, '-o', 'map3.mrc'])).code).toBe(0);
      for (const rest of ['', '_bfactor', '_band_resolution', '_signal'])
        expect(voxelsOf(`map3${rest}.mrc`).equals(voxelsOf(`map1${rest}.mrc`))).toBe(true);
      expect(workspace.list().filter((file) => /ranks-|tmp/.test(file))).toEqual([]);
    });

    it('reports an error once, with its exit code, and writes nothing', async () => {
      const before = workspace.list();
      const count = (text: string): number => (text.match(/^error:/gm) ?? []).length;
      const missing = await start(2, ['-hm', 'nothing.mrc', 'half2.mrc', '-o', 'out.mrc']);
      expect([missing.code, count(missing.stderr)]).toEqual([3, 1]);
      expect(missing.stderr).toMatch(/^error: nothing\.mrc does not exist\.$/m);
      const usage = await start(2, [...withMap, '--nothing']);
      expect(usage.code).not.toBe(0);
      expect(count(usage.stderr)).toBe(1);
      expect(workspace.list()).toEqual(before);
    });
  });
}

describe('-mpi without libmpi or launcher', () => {
  it('one process is one rank', async () => {
    await single(withMap, 'one.mrc');
    await single([...withMap, '-mpi'], 'mpi.mrc');
    expect(voxelsOf('mpi.mrc').equals(voxelsOf('one.mrc'))).toBe(true);
  });

  it('ranks of srun share through files next to the output: the same bits, nothing left', async () => {
    await single(predicted, 'one.mrc');
    const [first, second] = await Promise.all(
      [0, 1].map((rank) =>
        runCli(workspace.folder, [...predicted, '-mpi', '-o', 'two.mrc'], { env: slurm(rank) }),
      ),
    );
    expect([first.code, second.code, second.stdout, second.stderr]).toEqual([0, 0, '', '']);
    expect(first.stderr).toMatch(/^warning: MPI cannot be used: .*exchange files in two\.ranks-slurm-41\.0/);
    expect(first.stdout).toMatch(/^Team: 2 processes, shared folder/m);
    expect(voxelsOf('two.mrc').equals(voxelsOf('one.mrc'))).toBe(true);
    expect(workspace.list().filter((file) => file.includes('ranks-'))).toEqual([]);
  });

  it('ranks of srun share soft bands, too', async () => {
    await single(bare, 'one.mrc');
    const [first, second] = await Promise.all(
      [0, 1].map((rank) =>
        runCli(workspace.folder, [...bare, '-mpi', '-o', 'two.mrc'], { env: slurm(rank) }),
      ),
    );
    expect([first.code, second.code, second.stdout, second.stderr]).toEqual([0, 0, '', '']);
    expect(voxelsOf('two.mrc').equals(voxelsOf('one.mrc'))).toBe(true);
    expect(workspace.list().filter((file) => file.includes('ranks-'))).toEqual([]);
  });

  it('processes that were started without -mpi report that', async () => {
    const result = await runCli(workspace.folder, [...withMap, '-o', 'out.mrc'], { env: slurm(0) });
    expect(result.code).toBe(0);
    expect(result.stderr).toMatch(
      /^warning: SLURM started 2 processes, and without -mpi each does the whole job/,
    );
  });

  it('a rank that fails ends all, in its own words', async () => {
    const results = await Promise.all(
      [0, 1].map((rank) =>
        runCli(
          workspace.folder,
          [...input, '-mm', 'reference.mrc', '-mpi', '-o', 'out.mrc', '--engine', rank === 0 ? 'cpu' : 'gpu'],
          { env: { ...slurm(rank), VK_ICD_FILENAMES: '/nothing.json', VK_DRIVER_FILES: '/nothing.json' } },
        ),
      ),
    );
    expect(results.map(({ code }) => code)).toEqual([4, 4]);
    const errors = results.flatMap(({ stderr }) => stderr.match(/^error: .*/gm) ?? []);
    expect(errors).toHaveLength(1);
    expect(errors[0]).toMatch(/^error: Rank 1 of 2: No .*GPU/);
    expect(workspace.list().filter((file) => file.startsWith('out'))).toEqual([]);
  });
});

/** Edge of maps whose scaling takes some seconds. */
const LONG_EDGE = 80;

function writeLongJob(): string[] {
  const n = LONG_EDGE;
  const extents = [n, n, n] as const;
  const values = (seed: number): Float32Array => {
    const random = createRandom(seed);
    // The same in both half maps, up to Nyquist.
    const texture = createRandom(99);
    return Float32Array.from({ length: n ** 3 }, (_, i) => {
      const [z, y, x] = [Math.floor(i / n ** 2), Math.floor(i / n) % n, i % n].map((k) => k - n / 2);
      const blob = Math.exp(-(z * z + y * y + x * x) / 900) * (1 + texture.gaussian());
      return blob + 0.1 * random.gaussian();
    });
  };
  for (const seed of [1, 2])
    workspace.map(`long${seed}.mrc`, seed, { extents: [...extents], values: values(seed) });
  const mask = Float32Array.from({ length: n ** 3 }, (_, i) => {
    const at = [Math.floor(i / n ** 2), Math.floor(i / n) % n, i % n].map((k) => k - n / 2);
    return Number(Math.hypot(...at) < 28);
  });
  workspace.map('longmask.mrc', 0, { extents: [...extents], values: mask });
  const files = ['-hm', 'long1.mrc', 'long2.mrc', '-ma', 'longmask.mrc', '-mm', 'long1.mrc'];
  return [...files, '--measure_bfactors', '-wn', '24', '--engine', 'cpu', '-np', '1'];
}

describe('a rank that is killed', () => {
  let children: ChildProcess[];
  beforeEach(() => {
    children = [];
  });
  afterEach(() => {
    for (const child of children) child.kill('SIGKILL');
  });

  it.each([
    ['windows', []],
    ['soft bands', ['--scaling', 'soft', '-p', '0.6']],
  ])('ends all, with one message, and no output: %s', async (_, scheme) => {
    const args = [...writeLongJob(), ...scheme, '-mpi', '-o', 'out.mrc'];
    let stderr = '';
    const ends = [0, 1].map((rank) => {
      const child = spawn(process.execPath, [program, ...args], {
        cwd: workspace.folder,
        env: { ...process.env, ...slurm(rank) },
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      children.push(child);
      child.stderr!.on('data', (text: Buffer) => {
        stderr += text.toString();
      });
      return new Promise<number | null>((resolve) => child.on('close', (code) => resolve(code)));
    });
    await new Promise<void>((resolve) => {
      children[0]!.stdout!.on('data', (text: Buffer) => {
        if (text.toString().includes('Scaling')) resolve();
      });
    });
    children[1]!.kill('SIGKILL');
    const [code] = await Promise.all(ends);
    expect(code).not.toBe(0);
    expect(stderr.match(/^error: .*/gm)).toHaveLength(1);
    expect(stderr).toMatch(/^error: .*rank 1/im);
    expect(workspace.list().filter((file) => /^out(\.mrc|_b|_q)|\.tmp$/.test(file))).toEqual([]);
  });
});

/** Environment of a program that gets `signal` as it prints `pattern`: from outside, a short step might have ended. */
function signalsItself(signal: NodeJS.Signals, pattern: string): Record<string, string> {
  const file = workspace.bytes(
    'signal.mjs',
    `import process from 'node:process';
import { isMainThread } from 'node:worker_threads';
const { write } = process.stdout;
let sent = false;
if (isMainThread)
  process.stdout.write = function (text, ...rest) {
    const written = write.call(this, text, ...rest);
    if (!sent && /${pattern}/.test(text)) sent = process.kill(process.pid, '${signal}');
    return written;
  };
`,
  );
  return { NODE_OPTIONS: `--import=${pathToFileURL(workspace.path(file))}` };
}

describe('a run that was killed', () => {
  const parts = (name: string): string[] =>
    readdirSync(workspace.path('more/checkpoints')).filter((file) => file.startsWith(`out_${name}-`));

  /** Rounds of a tenth of a second. */
  const env = { LOCSCALE_CHECKPOINT_SECONDS: '0.1' };

  it('and stopped, both half-way through the scaling, resumes where it was: the same bits', async () => {
    const args = writeLongJob();
    await single(args, 'whole.mrc');
    const told = (stdout: string): number[] =>
      (/^ {2}(\d+) of (\d+) windows were scaled by an earlier run/m.exec(stdout)?.slice(1) ?? []).map(Number);
    const going = [...args, '-o', 'out.mrc', '-op', 'more', '-v'];
    const killed = spawn(process.execPath, [program, ...going], {
      cwd: workspace.folder,
      env: { ...process.env, ...env },
      stdio: 'ignore',
    });
    const ended = new Promise<number | null>((resolve) => killed.on('close', (code) => resolve(code)));
    const poll = setInterval(() => {
      if (workspace.list().some((file) => /out_scaling-\w+-\d+\.part$/.test(file))) killed.kill('SIGKILL');
    }, 20);
    expect(await ended).toBe(null);
    clearInterval(poll);
    expect(workspace.list()).not.toContain('out.mrc');
    const kept = parts('scaling').length;
    expect(kept).toBeGreaterThan(0);
    const stopped = await runCli(workspace.folder, going, {
      env,
      signalWhen: (stdout) => (told(stdout).length > 0 ? 'SIGTERM' : undefined),
    });
    expect(stopped.code).toBe(143);
    expect(workspace.list()).not.toContain('out.mrc');
    expect(parts('scaling').length).toBeGreaterThanOrEqual(kept);
    const [first, all] = told(stopped.stdout);
    expect(first).toBeGreaterThan(0);
    expect(first).toBeLessThan(all);
    const result = await runCli(workspace.folder, going, { env });
    expect([result.code, result.stderr]).toEqual([0, '']);
    expect(told(result.stdout)[0]).toBeGreaterThanOrEqual(first);
    expect(voxelsOf('out.mrc').equals(voxelsOf('whole.mrc'))).toBe(true);
    expect(voxelsOf('out_quality.mrc').equals(voxelsOf('whole_quality.mrc'))).toBe(true);
    expect(parts('scaling')).toEqual([]);
  });

  it('in soft scaling makes that again from the steps before it: the same bits', async () => {
    const soft = [...predicted, '--scaling', 'soft'];
    await single(soft, 'whole.mrc');
    const args = [...soft, '-o', 'out.mrc', '-op', 'more', '-v'];
    const killed = await runCli(workspace.folder, args, {
      env: signalsItself('SIGKILL', 'Scaling \\d+ soft frequency bands'),
    });
    expect(killed.code).toBe(null);
    expect(workspace.list()).not.toContain('out.mrc');
    const files = (): [string, number][] =>
      readdirSync(workspace.path('more/checkpoints')).map((file) => [
        file,
        statSync(workspace.path(`more/checkpoints/${file}`)).mtimeMs,
      ]);
    const before = files();
    expect(parts('prediction')).toHaveLength(1);
    expect(parts('fsc')).toHaveLength(1);
    const resumed = await runCli(workspace.folder, args);
    expect([resumed.code, resumed.stderr]).toEqual([0, '']);
    expect(resumed.stdout).toMatch(/^ {2}(\d+) of \1 cubes were predicted by an earlier run\.$/m);
    expect(voxelsOf('out.mrc').equals(voxelsOf('whole.mrc'))).toBe(true);
    // Taken over, not written again; nothing of the scaling itself.
    expect(files()).toEqual(before);
    expect(parts('scaling')).toEqual([]);
  });

  it('in the prediction keeps the cubes; a finished prediction serves another window; --no_resume starts anew', async () => {
    await single(predicted, 'whole.mrc');
    const args = [...predicted, '-o', 'out.mrc', '-op', 'more', '-v'];
    const stopped = await runCli(workspace.folder, args, {
      env: signalsItself('SIGINT', 'Predicting the reference'),
    });
    expect(stopped.code).toBe(130);
    const resumed = await runCli(workspace.folder, args);
    expect(resumed.code).toBe(0);
    expect(voxelsOf('out.mrc').equals(voxelsOf('whole.mrc'))).toBe(true);
    expect(parts('prediction')).toHaveLength(1);
    const other = await runCli(workspace.folder, [...args, '-wn', '8']);
    expect(other.stdout).toMatch(/^ {2}(\d+) of \1 cubes were predicted by an earlier run\.$/m);
    const anew = await runCli(workspace.folder, [...args, '--no_resume']);
    expect(anew.stdout).not.toMatch(/earlier run/);
    expect(voxelsOf('out.mrc').equals(voxelsOf('whole.mrc'))).toBe(true);
    const both = await runCli(workspace.folder, [...args, '--no_resume', '--resume']);
    expect(both.code).toBe(2);
  });
});

const title = 'several GPUs';
if ('reason' in adapter) describeMissing(title, adapter.reason, () => it('share a run', () => undefined));
else {
  describe(title, () => {
    const gpu = [
      ...input,
      '-mm',
      'reference.mrc',
      '--engine',
      'gpu',
      ...(usesHardware ? [] : ['--allow_software_gpu']),
    ];

    // wgpu where there is Deno: a software GPU compiles everything anew in each of the six processes.
    it.each([
      ['windows', runtimes[runtimes.length - 1], []],
      ['soft bands', 'node', ['--scaling', 'soft']],
    ] as const)(
      'share a run, one process each: the bits of one GPU, %s under %s',
      async (_, runtime, scheme) => {
        const options = { runtime, env: gpuEnvironment() };
        const job = [...gpu, ...scheme];
        const one = await runCli(workspace.folder, [...job, '--gpu_ids', '0', '-o', 'one.mrc'], options);
        expect([one.code, one.stderr]).toEqual([0, '']);
        const two = await runCli(workspace.folder, [...job, '--gpu_ids', '0', '0', '-o', 'two.mrc'], options);
        expect([two.code, two.stderr]).toEqual([0, '']);
        expect(two.stdout).toMatch(/^Team: 2 processes, shared folder, rank 0 of 2 \(one for each GPU\)$/m);
        expect(voxelsOf('two.mrc').equals(voxelsOf('one.mrc'))).toBe(true);
      },
    );

    it('that are not there end the run, with one message', async () => {
      const result = await runCli(workspace.folder, [...gpu, '--gpu_ids', '0', '99', '-o', 'out.mrc'], {
        env: gpuEnvironment(),
      });
      expect(result.code).not.toBe(0);
      expect(result.stderr.match(/^error:/gm)).toHaveLength(1);
      expect(workspace.list()).not.toContain('out.mrc');
      expect(workspace.list().filter((file) => file.endsWith('.tmp'))).toEqual([]);
    });
  });
}
