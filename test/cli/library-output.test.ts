/**
 * What native libraries print to descriptor 2: not seen in runs that go well, shown in those that fail. The
 * libraries here are played by a file that the runtime loads first: it calls C as they do, once descriptor 2
 * has been exchanged.
 */
import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { gpuEnvironment, softwareGpuFiles } from '../support/software-gpu.ts';
import { BUNDLED_NETWORK, ballValues, type Runtime, runtimes, Workspace } from './run-cli.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const koffi = join(root, 'node_modules/koffi/index.js');
/**
 * Not the program in .bin, which does not pass signals on: what that puts in place when it is first called,
 * since install scripts do not run here.
 */
const deno: string = createRequire(import.meta.url)(
  join(root, 'node_modules/deno/install_api.cjs'),
).runInstall();
const linux = process.platform === 'linux';
const files = softwareGpuFiles();

let workspace: Workspace;
beforeEach(() => {
  workspace = new Workspace();
});
afterEach(() => workspace.remove());

/** `act` runs once the program has exchanged descriptor 2; `say(text)` prints as a library does. */
const library = (act: string, exchanged = true): string => `
const exchanged = ${exchanged};
import { readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import process from 'node:process';
import { setImmediate, setInterval } from 'node:timers';
import { isMainThread } from 'node:worker_threads';
import koffiModule from ${JSON.stringify(koffi)};
const koffi = koffiModule.default ?? koffiModule;
const c = koffi.load(null);
const write = c.func('intptr_t write(int, const void *, size_t)');
const abort = c.func('void abort()');
const raise = c.func('int raise(int)');
const say = (text) => { const bytes = new TextEncoder().encode(text); write(2, bytes, bytes.length); };
const target = () => readlinkSync('/proc/' + process.pid + '/fd/2');
const before = target();
let done = false;
const look = () => {
  if (done || target() === before) return;
  done = true;
  ${act}
};
// Deno gives timers no turn while immediates are waiting; there the first question for a GPU is late enough.
const watch = () => {
  if (globalThis.Deno === undefined) {
    look();
    if (!done) setImmediate(watch);
    return;
  }
  const { requestAdapter } = GPU.prototype;
  GPU.prototype.requestAdapter = function (...options) {
    look();
    return requestAdapter.apply(this, options);
  };
  setInterval(look, 1).unref?.();
};
// Node loads this file into its worker threads, too.
if (isMainThread && exchanged) watch();
`;

interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Ends when the last process that holds stdout or stderr has gone. */
function run(
  runtime: Runtime,
  preload: string,
  args: readonly string[],
  options: { env?: Record<string, string | undefined>; stopAt?: string } = {},
): Promise<Ended> {
  const file = workspace.path('library.mjs');
  writeFileSync(file, preload);
  const command =
    runtime === 'node'
      ? [process.execPath, '--import', file, join(root, 'dist/cli.js')]
      : [deno, 'run', '-A', '--preload', file, join(root, 'src/cli.ts')];
  return new Promise((resolve, reject) => {
    const child = spawn(command[0] as string, [...command.slice(1), ...args], {
      cwd: workspace.folder,
      env: { ...process.env, ...options.env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let stdout = '';
    let stderr = '';
    let stopped = false;
    child.stdout.on('data', (chunk: Buffer) => {
      stdout += chunk.toString();
      if (stopped || options.stopAt === undefined || !stdout.includes(options.stopAt)) return;
      stopped = child.kill('SIGTERM');
    });
    child.stderr.on('data', (chunk: Buffer) => {
      stderr += chunk.toString();
    });
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
}

const job = (): string[] => {
  workspace.map('map.mrc', 2);
  workspace.map('reference.mrc', 4);
  workspace.map('mask.mrc', 0, { values: ballValues(3) });
  return ['-em', 'map.mrc', '-mm', 'reference.mrc', '-ma', 'mask.mrc', '-wn', '6', '-res', '7'];
};
/** A loader that finds no driver: what is said comes from the file above alone. */
const noGpu: Record<string, string> = {
  ...('reason' in files ? {} : { LD_LIBRARY_PATH: files.folder }),
  VK_DRIVER_FILES: '/nonexistent/driver.json',
  VK_ICD_FILENAMES: '/nonexistent/driver.json',
  DENO_WEBGPU_BACKEND: 'vulkan',
};
const heading = 'Messages of GPU drivers and libraries:\n';

describe.skipIf(!linux || !existsSync(koffi)).each(runtimes)('what libraries print, under %s', (runtime) => {
  it('is not seen where the run goes well', async () => {
    const talking = library(
      "say('driver: hello\\n'); process.once('beforeExit', () => say('driver: bye\\n'));",
    );
    const { code, stderr } = await run(runtime, talking, job(), { env: noGpu });
    expect([code, stderr]).toEqual([0, '']);
    expect(workspace.list()).toContain('locscale_output.mrc');
  });

  it('follows an error that a library may have caused', async () => {
    const { code, stderr } = await run(
      runtime,
      library("say('driver: no such device\\n');"),
      [...job(), '--engine', 'gpu'],
      { env: noGpu },
    );
    expect(code).toBe(4);
    expect(stderr).toMatch(/^error: No GPU was found\.\nhint: .*\n/);
    const [, text] = stderr.split(heading);
    expect(text?.split('\n')).toContain('  driver: no such device');
  });

  it('does not follow an error in the input', async () => {
    const args = job();
    workspace.map('reference.mrc', 4, { voxelSize: 4 });
    const { code, stderr } = await run(runtime, library("say('driver: hello\\n');"), args, { env: noGpu });
    expect(code).toBe(3);
    expect(stderr).toMatch(/^error: .*\n/);
    expect(stderr).not.toContain('driver');
  });

  it.each([
    ['SIGABRT', 'abort()'],
    // V8's own handler lets the first one pass.
    ['SIGSEGV', 'raise(11); raise(11)'],
    ['SIGKILL', 'raise(9)'],
  ])('is shown when the process ends by %s', async (name, call) => {
    const crash = library(`say('driver: corrupt command buffer\\n'); ${call};`);
    const { code, signal, stderr } = await run(runtime, crash, job(), { env: noGpu });
    expect([code, signal]).toEqual([null, name]);
    expect(stderr).toContain(`crashed. ${heading}driver: corrupt command buffer\n`);
  });

  it('is shown with what is thrown outside every command', async () => {
    const broken = library(
      "say('driver: hello\\n'); setTimeout(() => { throw new Error('thrown elsewhere'); });",
    );
    const { code, stderr } = await run(runtime, broken, job(), { env: noGpu });
    expect(code).not.toBe(0);
    expect(stderr).toMatch(/Messages of GPU drivers and libraries:\n *driver: hello\n/);
    expect(stderr).toContain('thrown elsewhere');
  });

  it('is not shown when the user stops the run', async () => {
    const half1 = workspace.map('half1.mrc', 2);
    const half2 = workspace.map('half2.mrc', 3);
    const args = ['feature_enhance', '-hm', half1, half2, '-mc_it', '500', '--engine', 'cpu'];
    const { code, stderr } = await run(runtime, library("say('driver: hello\\n');"), args, {
      stopAt: 'Network: ',
    });
    expect([code, stderr.replace(BUNDLED_NETWORK, '')]).toEqual([143, 'error: The run was stopped.\n']);
  });

  it('passes through with -v', async () => {
    // Said at once: descriptor 2 is never exchanged.
    const talking = `${library('', false)}\nif (isMainThread) say('driver: hello\\n');`;
    const { code, stderr } = await run(runtime, talking, [...job(), '-v'], { env: noGpu });
    expect(code).toBe(0);
    expect(stderr).toMatch(/^driver: hello$/m);
  });

  it('may have nowhere to go', async () => {
    const args = job().map((word) => `'${word}'`);
    const program =
      runtime === 'node'
        ? `'${process.execPath}' '${root}dist/cli.js'`
        : `'${deno}' run -A '${root}src/cli.ts'`;
    const code = await new Promise((resolve) =>
      spawn('sh', ['-c', `${program} ${args.join(' ')} 2>&-`], {
        cwd: workspace.folder,
        env: { ...process.env, ...noGpu },
        stdio: 'ignore',
      }).on('close', resolve),
    );
    expect(code).toBe(0);
  });
});

/** Files of the process that belong to a GPU: loader, drivers, Dawn. */
const GPU_FILES = /libvulkan|libvk_|vulkan_\w+\.so|dawn\.node|libnvidia|dri\/|libEGL|libGLX/;

describe.skipIf(!linux).each(runtimes)('--engine cpu under %s', (runtime) => {
  it('loads no driver of a GPU, for the network neither', async () => {
    const spy = `
import { readFileSync, writeFileSync } from 'node:fs';
import process from 'node:process';
process.on('exit', () => writeFileSync('maps.txt', readFileSync('/proc/' + process.pid + '/maps', 'utf8')));
`;
    // Voxels of 1 A: the network then has the fewest cubes to do.
    const half1 = workspace.map('half1.mrc', 2, { voxelSize: 1 });
    const half2 = workspace.map('half2.mrc', 3, { voxelSize: 1 });
    const ball = { voxelSize: 1, values: ballValues(3) };
    const mask = ['-ma', workspace.map('mask.mrc', 0, ball), '-res', '3', '-wn', '10'];
    const halves = ['-hm', half1, half2];
    const all = [
      ['-hm', half1, half2, '-o', 'scaled.mrc', ...mask],
      ['fsc', half1, half2],
      ['feature_enhance', ...halves, ...mask, '-mc_it', '2', '-o', 'enhanced.mrc'],
      ['symmetrise', half1, '-sym', 'C1', '-o', 'symmetric.mrc'],
    ];
    // Which commands load what does not depend on the runtime.
    for (const args of runtime === 'node' ? all : all.slice(0, 2)) {
      const env = gpuEnvironment();
      const { code, stderr } = await run(runtime, spy, [...args, '--engine', 'cpu'], { env });
      expect([args[0], code, stderr.replace(BUNDLED_NETWORK, '')]).toEqual([args[0], 0, '']);
      const loaded = readFileSync(workspace.path('maps.txt'), 'utf8').split('\n');
      expect(loaded.filter((line) => GPU_FILES.test(line))).toEqual([]);
    }
  });
});

/** Where the Vulkan loader looks for descriptions of drivers. */
const driverFolders = [
  '/etc',
  '/usr/local/share',
  '/usr/share',
  ...(process.env.XDG_DATA_DIRS ?? '').split(':'),
]
  .map((folder) => join(folder, 'vulkan/icd.d'))
  .filter((folder) => existsSync(folder));
const mesa = driverFolders.some((folder) => readdirSync(folder).some((name) => name.startsWith('lvp_icd')));

describe.skipIf(!mesa).each(runtimes)(
  "Mesa's drivers under %s (skipped where they are not installed)",
  (runtime) => {
    // As a user has it: other tests are kept from the machine's drivers (vitest.config.ts).
    const env = {
      XDG_RUNTIME_DIR: undefined,
      VK_DRIVER_FILES: undefined,
      VK_ICD_FILENAMES: undefined,
      DENO_WEBGPU_BACKEND: undefined,
    };

    it('say nothing in runs that go well', async () => {
      const half1 = workspace.map('half1.mrc', 2);
      const half2 = workspace.map('half2.mrc', 3);
      for (const args of [['devices'], ['devices', '--json'], ['fsc', half1, half2], job()]) {
        const { code, stderr } = await run(runtime, '', args, { env });
        expect([args[0], code, stderr]).toEqual([args[0], 0, '']);
      }
    });

    it('are listed, or refused with the reason', async () => {
      const { stdout } = await run(runtime, '', ['devices'], { env });
      expect(stdout).toMatch(
        /^(\d {2}llvmpipe .*, software| {2}llvmpipe .*: refused by \w+: (Vulkan |it gives no reason).*)$/m,
      );
    });
  },
);
