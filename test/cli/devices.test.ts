/** The GPU as a user of the command line meets it: listed, chosen, refused, missing. */
import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { relativeL2 } from '../support/compare.ts';
import { describeMissing, findTestAdapter } from '../support/gpu-device.ts';
import { gpuEnvironment, softwareGpuFiles, usesHardware } from '../support/software-gpu.ts';
import { ballValues, runCli, runtimes, Workspace } from './run-cli.ts';

let workspace: Workspace;
beforeEach(() => {
  workspace = new Workspace();
});
afterEach(() => workspace.remove());

const files = softwareGpuFiles();
/** A Vulkan loader that finds no driver; Deno is kept from OpenGL. */
const noGpu: Record<string, string> = {
  ...('reason' in files ? {} : { LD_LIBRARY_PATH: files.folder }),
  VK_DRIVER_FILES: '/nonexistent/driver.json',
  VK_ICD_FILENAMES: '/nonexistent/driver.json',
  DENO_WEBGPU_BACKEND: 'vulkan',
};
const maps = (): string[] => {
  workspace.map('map.mrc', 2);
  workspace.map('reference.mrc', 4);
  workspace.map('mask.mrc', 0, { values: ballValues(3) });
  return ['-em', 'map.mrc', '-mm', 'reference.mrc', '-ma', 'mask.mrc', '-wn', '6', '-res', '7'];
};
const floats = (name: string): Float32Array =>
  new Float32Array(Uint8Array.from(readFileSync(workspace.path(name)).subarray(1024)).buffer);

const adapter = await findTestAdapter();
// Spawned programs are told to take SwiftShader; runs on a GPU machine take the GPU.
const allowed = usesHardware ? [] : ['--allow_software_gpu'];

function testsWithGpu(): void {
  const env = gpuEnvironment();
  describe.each(runtimes)('a GPU under %s', (runtime) => {
    // wgpu compiles shaders for SwiftShader slowly (10 s per start): what does not depend on the
    // implementation of WebGPU is tested once.
    const onceOnly = runtime === 'node' ? it : () => undefined;
    const run = (args: readonly string[]) => runCli(workspace.folder, args, { runtime, env });

    // The list of a machine without a GPU is that of both.
    const otherOnly = runtime === runtimes.at(-1) ? it : () => undefined;
    otherOnly('is listed with driver, limits, features and a passed self-test', async () => {
      const { code, stdout } = await run(['devices']);
      expect(code).toBe(0);
      expect(stdout).toMatch(/^0 {2}\S.*\(\w+\), (software|hardware)$/m);
      expect(stdout).toMatch(/^ {3}Driver: \S/m);
      expect(stdout).toMatch(/^ {3}Limits: .* per binding, .* per buffer/m);
      expect(stdout).toMatch(/^ {3}Features: .*\bbgra8unorm-storage\b/m);
      expect(stdout).toMatch(/^ {3}Self-test: passed in \d+\.\d\d s$/m);
      expect(stdout).toMatch(/^--engine auto computes on /m);
      expect(stdout).toMatch(/^onnxruntime \d+\.\d+\.\d+:\n {2}cpu: works$/m);
    });

    onceOnly('is listed as JSON', async () => {
      const { code, stdout } = await run(['devices', '--json']);
      const list = JSON.parse(stdout);
      expect(code).toBe(0);
      expect(list.adapters[0]).toMatchObject({
        index: 0,
        kind: usesHardware ? 'hardware' : 'software',
        selfTest: { ok: true },
        limits: { maxStorageBufferBindingSize: expect.any(Number) },
      });
      expect(list.onnxruntime.providers).toContainEqual({ name: 'cpu', works: true });
    });

    it('computes the map that the CPU computes (5e-6)', async () => {
      const job = maps();
      const gpu = await run([...job, '--engine', 'gpu', ...allowed, '-o', 'gpu.mrc']);
      expect([gpu.code, gpu.stderr]).toEqual([0, '']);
      expect(gpu.stdout).toMatch(
        /^Engine: GPU, .*WebGPU \(requested, verified (as its kernels are first used|on [-\d]+)\)$/m,
      );
      expect((await run([...job, '--engine', 'cpu', '-o', 'cpu.mrc'])).code).toBe(0);
      // Two float32 computations in different order, each within 1e-6 of float64.
      expect(relativeL2(floats('gpu.mrc'), floats('cpu.mrc'))).toBeLessThan(5e-6);
      const manifest = JSON.parse(readFileSync(workspace.path('gpu.json'), 'utf8'));
      expect(manifest.engine).toMatch(/^GPU, /);
    });

    onceOnly('is chosen by number or name; the name of none is refused with the list', async () => {
      const job = [...maps(), ...allowed];
      const byName = await run([...job, '--gpu_ids', '0', '0', '--dry_run']);
      expect([byName.code, byName.stderr]).toEqual([0, '']);
      expect(byName.stdout).toMatch(/^Engine: GPU, /m);
      const missing = await run([...job, '--gpu_ids', 'no-such-gpu']);
      expect(missing.code).toBe(4);
      expect(missing.stderr).toMatch(/^error: There is no GPU "no-such-gpu"; found: 0 \S.*\.$/m);
      expect(workspace.list()).toEqual(['map.mrc', 'mask.mrc', 'reference.mrc']);
    });

    onceOnly('with too little memory by --memory is refused with exit code 5', async () => {
      const job = [...maps(), ...allowed, '--memory', '0.0001'];
      const { code, stderr } = await run([...job, '--engine', 'gpu']);
      expect(code).toBe(5);
      expect(stderr).toMatch(/^error: The GPU .* (no room for|bytes are free)/m);
      expect(workspace.list()).toEqual(['map.mrc', 'mask.mrc', 'reference.mrc']);
    });

    it.skipIf(usesHardware)('is found with a Vulkan loader of the user', async () => {
      if ('reason' in files) throw new Error(files.reason);
      const { description, loader } = files;
      const own = {
        VK_DRIVER_FILES: description,
        VK_ICD_FILENAMES: description,
        LOCSCALE_VULKAN_LOADER: loader,
      };
      const job = [...maps(), '--engine', 'gpu'];
      const { stderr } = await runCli(workspace.folder, job, { runtime, env: own });
      expect(stderr).toMatch(/^error: No hardware GPU was found, only 0 (SwiftShader|llvmpipe)/);
    });

    it('has no effect on a run that requests the CPU, which is reported', async () => {
      const { code, stderr } = await run([...maps(), '--engine', 'cpu', '-gpus', '0', '--dry_run']);
      expect([code, stderr]).toEqual([0, 'note: -gpus has no effect: the CPU is requested.\n']);
    });

    it.skipIf(usesHardware)('made of software is never taken unless allowed, and that is said', async () => {
      const job = maps();
      const auto = await run([...job, '--dry_run']);
      expect([auto.code, auto.stderr]).toEqual([0, '']);
      expect(auto.stdout).toMatch(/^Engine: CPU, .* \(no hardware GPU was found, only 0 .*, software\)$/m);
      const gpu = await run([...job, '--engine', 'gpu']);
      expect(gpu.code).toBe(4);
      expect(gpu.stderr).toMatch(
        /^error: No hardware GPU was found, only 0 .*, software\.\nhint: .*--allow_software_gpu/,
      );
    });

    onceOnly('is taken by auto when its kind is allowed', async () => {
      const { stdout } = await run([...maps(), '--dry-run', '--allow-software-gpu']);
      expect(stdout).toMatch(/^Engine: GPU, .* \(a (software|hardware) GPU, verified /m);
    });
  });
}

if ('reason' in adapter) describeMissing('the command line', adapter.reason, testsWithGpu);
else testsWithGpu();

describe.skipIf('reason' in files).each(runtimes)('a machine without a GPU, under %s', (runtime) => {
  const run = (args: readonly string[]) => runCli(workspace.folder, args, { runtime, env: noGpu });

  it('lists none, with every way of requesting one, which is no failure', async () => {
    const { code, stdout } = await run(['devices']);
    expect(code).toBe(0);
    const implementation = runtime === 'node' ? 'Dawn' : 'wgpu';
    expect(stdout).toMatch(new RegExp(`^${runtime} .* CPU cores, WebGPU by ${implementation}`, 'i'));
    expect(stdout).toContain(
      'No GPU was found.\nRequests without success:\n  power preference high-performance: ',
    );
    expect(stdout).toContain('--engine auto computes on the CPU.');
    expect(stdout).toMatch(/^ {2}webgpu: no GPU$/m);
  });

  it('computes on the CPU and says why', async () => {
    const { code, stdout } = await run([...maps(), '--dry_run']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^Engine: CPU, .* \(no GPU was found\)$/m);
  });

  it('refuses --engine gpu and --gpu_ids with exit code 4, and writes nothing', async () => {
    const job = maps();
    for (const wish of [
      ['--engine', 'gpu'],
      ['-gpus', '0'],
    ]) {
      const { code, stderr } = await run([...job, ...wish]);
      expect(code).toBe(4);
      expect(stderr).toMatch(/^error: (No GPU was found|There is no GPU "0"; found: none)/m);
      expect(stderr).toMatch(/^hint: /m);
    }
    expect(workspace.list()).toEqual(['map.mrc', 'mask.mrc', 'reference.mrc']);
  });
});
