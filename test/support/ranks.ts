/** Starts jobs of several real processes (rank-program.mjs), with or without an MPI. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

const program = fileURLToPath(new URL('./rank-program.mjs', import.meta.url));
/**
 * Under Deno the tests' own binary: the script that npm installs starts it in a way that cuts off MPICH's
 * launcher.
 */
export const runProgram: readonly string[] =
  'Deno' in globalThis ? [process.execPath, 'run', '-A', program] : [process.execPath, program];

export interface MpiLauncher {
  /** "Open MPI", "MPICH". */
  readonly name: string;
  readonly command: readonly string[];
}

/**
 * What Debian calls the launchers when both are installed, then the plain names; told apart by what they
 * print.
 */
const KNOWN = [
  {
    name: 'Open MPI',
    commands: ['mpirun.openmpi', 'mpirun'],
    version: /Open MPI|OpenRTE/,
    flags: ['--oversubscribe'],
  },
  { name: 'MPICH', commands: ['mpiexec.hydra', 'mpirun.mpich', 'mpirun'], version: /HYDRA/i, flags: [] },
];

/** Both implementations, installed or not. */
export function findMpiLaunchers(): { readonly name: string; readonly launcher: MpiLauncher | undefined }[] {
  return KNOWN.map(({ name, commands, version, flags }) => {
    const command = commands.find((candidate) => {
      const { stdout } = spawnSync(candidate, ['--version'], { encoding: 'utf8' });
      return version.test(stdout ?? '');
    });
    return { name, launcher: command === undefined ? undefined : { name, command: [command, ...flags] } };
  });
}

/** Containers of continuous integration run as root, which Open MPI refuses by default. */
const AS_ROOT = { OMPI_ALLOW_RUN_AS_ROOT: '1', OMPI_ALLOW_RUN_AS_ROOT_CONFIRM: '1' };

export interface Job {
  /** Lines of JSON so far, of all ranks. */
  readonly lines: Record<string, unknown>[];
  /** All of stderr so far. */
  readonly errors: () => string;
  /** Exit codes: of the launcher, or of every rank where there is none; null for killed ones. */
  readonly ended: Promise<(number | null)[]>;
  /** Resolves when so many lines have come. */
  waitForLines(count: number): Promise<void>;
}

/** Starts what follows as npx does: from another Node process. */
export const wrapper: readonly string[] = [
  process.execPath,
  '-e',
  "const [file, ...rest] = process.argv.slice(1); process.exitCode = require('node:child_process').spawnSync(file, rest, { stdio: 'inherit' }).status",
];

/** With mpirun. */
export function startWithMpi(
  launcher: MpiLauncher,
  size: number,
  parameters: readonly string[],
  environment: Record<string, string> = {},
  before: readonly string[] = [],
): Job {
  const [command, ...flags] = launcher.command;
  return follow([
    spawn(command!, [...flags, '-np', String(size), ...before, ...runProgram, ...parameters], {
      env: { ...process.env, ...AS_ROOT, ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    }),
  ]);
}

/** One by one, as srun without MPI support does. */
export function startWithoutMpi(
  size: number,
  parameters: readonly string[],
  environment: (rank: number) => Record<string, string> = () => ({}),
): Job & { readonly processes: readonly ChildProcess[] } {
  const [command, ...first] = runProgram;
  const processes = Array.from({ length: size }, (_, rank) =>
    spawn(command!, [...first, ...parameters], {
      env: {
        ...process.env,
        SLURM_JOB_ID: '7',
        SLURM_STEP_ID: '0',
        SLURM_STEP_NUM_TASKS: String(size),
        SLURM_PROCID: String(rank),
        ...environment(rank),
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    }),
  );
  return { ...follow(processes), processes };
}

function follow(processes: readonly ChildProcess[]): Job {
  const lines: Record<string, unknown>[] = [];
  let errors = '';
  let wake = () => {};
  for (const child of processes) {
    let rest = '';
    child.stdout!.on('data', (piece: Buffer) => {
      const pieces = (rest + piece.toString()).split('\n');
      rest = pieces.pop() ?? '';
      // Launchers print their own complaints, some of them to stdout.
      for (const line of pieces) if (line.startsWith('{')) lines.push(JSON.parse(line));
      wake();
    });
    child.stderr!.on('data', (piece: Buffer) => {
      errors += piece.toString();
    });
  }
  const ended = Promise.all(
    processes.map(
      (child) =>
        new Promise<number | null>((resolve, reject) => {
          child.on('error', reject);
          child.on('close', (code) => {
            resolve(code);
            wake();
          });
        }),
    ),
  );
  return {
    lines,
    errors: () => errors,
    ended,
    waitForLines: async (count) => {
      while (lines.length < count) {
        if (processes.every((child) => child.exitCode !== null || child.signalCode !== null)) {
          throw new Error(`The job has ended: ${errors}`);
        }
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
  };
}
