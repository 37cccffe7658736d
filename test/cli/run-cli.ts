/** Runs the program as a user does, in a folder of its own. */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type LibraryOutput, StandardErrorLibraryOutput } from '../../src/platform/library-output.ts';
import { type MrcFixture, makeMrc } from '../support/mrc-fixture.ts';
import { edge, noisyBlob } from '../unit/pipeline/test-maps.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const deno = join(root, 'node_modules/.bin/deno');

export type Runtime = 'node' | 'deno';
/** Deno comes with the development packages; where its binary is missing only Node is tested. */
export const runtimes: readonly Runtime[] = existsSync(deno) ? ['node', 'deno'] : ['node'];

export interface CliResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly runtime?: Runtime;
  /** What starts the program: mpirun and its options. */
  readonly launcher?: readonly string[];
  /** Added to the environment of the tests. */
  readonly env?: Readonly<Record<string, string>>;
  /** Called with each piece of stdout; returns a signal to send, once. */
  readonly signalWhen?: (stdout: string) => NodeJS.Signals | undefined;
  /** Called with all of stdout so far. */
  readonly onStdout?: (stdout: string) => void;
  /** File descriptor for stdout instead of a pipe. */
  readonly stdout?: number;
}

export function runCli(cwd: string, args: readonly string[], options: RunOptions = {}): Promise<CliResult> {
  const [command, ...first] = [
    ...(options.launcher ?? []),
    ...(options.runtime === 'deno'
      ? [deno, 'run', '-A', join(root, 'src/cli.ts')]
      : [process.execPath, join(root, 'dist/cli.js')]),
  ] as [string, ...string[]];
  return new Promise((resolve, reject) => {
    const child = spawn(command, [...first, ...args], {
      cwd,
      env: { ...process.env, ...options.env },
      stdio: ['ignore', options.stdout ?? 'pipe', 'pipe'],
    });
    let stdout = '';
    let stderr = '';
    let signalled = false;
    child.stdout?.on('data', (chunk: Buffer) => {
      stdout += chunk.toString();
      options.onStdout?.(stdout);
      const signal = signalled ? undefined : options.signalWhen?.(stdout);
      if (signal === undefined) return;
      signalled = true;
      child.kill(signal);
    });
    child.stderr?.on('data', (chunk: Buffer) => {
      stderr += chunk.toString();
    });
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, stdout, stderr }));
  });
}

/**
 * The same in this process, from dist/ as well: for tests of what commands compute and say. Starting a
 * process takes longer than what most of them do there. Not for signals, exit codes of the process, native
 * output and environments.
 */
export async function runCommand(
  cwd: string,
  args: readonly string[],
  { mayLookForGpu = false } = {},
): Promise<CliResult & { code: number }> {
  const { main } = (await import(
    '../../dist/cli/main.js' as string
  )) as typeof import('../../src/cli/main.ts');
  const text = { stdout: '', stderr: '' };
  const libraries = mayLookForGpu ? holdLibraryOutput() : noLibrary(args);
  const terminal = {
    out: { write: (piece: string) => (text.stdout += piece) },
    err: { write: (piece: string) => (text.stderr += piece) },
    libraries,
  };
  const run = async () => {
    process.chdir(cwd);
    try {
      return { code: await main(args, terminal, new AbortController().signal), ...text };
    } finally {
      process.chdir(root);
      libraries.release();
    }
  };
  const result = commands.then(run);
  commands = result.catch(() => undefined);
  return result;
}

/** GPU drivers stay loaded, and print: a test has to say that its command may look for them. */
const noLibrary = (args: readonly string[]): LibraryOutput => ({
  // Called before a native library is loaded.
  hold: async () => {
    if (!args.includes('cpu')) throw new Error('This command may look for a GPU.');
  },
  standardError: () => 2,
  text: () => '',
  release: () => '',
});

/** What they print goes nowhere: messages of the program are not among it here. */
function holdLibraryOutput(): LibraryOutput {
  return new StandardErrorLibraryOutput({ moveTo: () => undefined }, false);
}

/** One after the other: a process has one working directory. */
let commands: Promise<unknown> = Promise.resolve();

/** What feature_enhance says of the network that comes with the program: one line. */
export const BUNDLED_NETWORK = /^warning: EMmerNet is not imported, and the bundled network .*\n/m;

/** Voxels with which the test blob is one cube of the bundled network: 48 A. */
export const oneCube = { voxelSize: 2.4 };

export class Workspace {
  readonly folder = mkdtempSync(join(tmpdir(), 'locscale-cli-'));

  path(name: string): string {
    return join(this.folder, name);
  }

  /** Writes an MRC file of the test blob, changed as asked; returns its name. */
  map(name: string, seed = 1, change: Partial<MrcFixture> = {}): string {
    const { data } = noisyBlob(name, seed);
    writeFileSync(
      this.path(name),
      makeMrc({ extents: [edge, edge, edge], voxelSize: 3, values: data, ...change }),
    );
    return name;
  }

  bytes(name: string, content: Uint8Array | string): string {
    writeFileSync(this.path(name), content);
    return name;
  }

  /** Everything in the folder, hidden files too. */
  list(): string[] {
    return readdirSync(this.folder, { recursive: true }).map(String).sort();
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

export function ballValues(radius: number, value = 1): Float32Array {
  const values = new Float32Array(edge ** 3);
  for (let i = 0; i < values.length; i++) {
    const [z, y, x] = [Math.floor(i / edge ** 2), Math.floor(i / edge) % edge, i % edge];
    if (Math.hypot(z - edge / 2, y - edge / 2, x - edge / 2) <= radius) values[i] = value;
  }
  return values;
}
