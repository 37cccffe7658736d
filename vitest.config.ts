import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import { LongestFirst } from './test/support/longest-first.ts';
import { testsOfSurroundings } from './tools/tests-of-surroundings.mjs';

const root = fileURLToPath(new URL('.', import.meta.url));
const cache = `${root}node_modules/.cache/`;
const nowhere = `${cache}locscale-tests-have-none/`;

/**
 * What a machine has of its own changes no test: neither its Vulkan and OpenGL drivers (tests with a GPU name the
 * driver, test/support/software-gpu.ts) nor networks that its user has imported, nor what is known of its GPUs.
 */
const environment: Record<string, string> = {
  LOCSCALE_MODELS: nowhere,
  LOCSCALE_CACHE: `${cache}locscale-tests`,
  // Where Mesa's drivers keep compiled shaders, if one is named.
  MESA_SHADER_CACHE_DIR: `${cache}locscale-mesa`,
  ...(process.env.LOCSCALE_TEST_GPU === 'hardware'
    ? {}
    : {
        VK_DRIVER_FILES: `${nowhere}driver.json`,
        VK_ICD_FILENAMES: `${nowhere}driver.json`,
        DENO_WEBGPU_BACKEND: 'vulkan',
      }),
};

/**
 * Under Deno only what it can change: platform, threads, files, ranks, onnxruntime, and WebGPU, which is wgpu there. The
 * command line under Deno is started by the tests of test/cli, which run under Node. What the engine plans and requests
 * (dispatches, bytes, pipelines, slabs, kernels to verify) and steps composed of its verbs are the same there.
 */
const DENO_TESTS =
  /^test\/(engines\/(?!assess|low-resolution|match-grids|network-mode|predict-reference|symmetrise-maps|unexplained)|golden\/trpv1-engine|unit\/(platform\/(?!browser-bundle)|(files|distributed|cpu-fallback)\/|gpu\/(?!band-scaling|device-bytes|dispatch-work|pipelines|plan-|self-test|verification|verified-kernel|window-profiles)|network\/(graph\/(graph|layers)|store\/|bundled-network)|formats\/(keras-hdf5|compression)))/;
const inDeno = 'Deno' in globalThis;

const tests = readdirSync(join(root, 'test'), { recursive: true })
  .map((name) => join('test', String(name)))
  .filter((file) => file.endsWith('.test.ts') && (!inDeno || DENO_TESTS.test(file)));
const surroundings = testsOfSurroundings(root);
const contains = (file: string, pattern: RegExp): boolean =>
  pattern.test(readFileSync(join(root, file), 'utf8'));
/** On engines and devices that stay open from file to file, with their shaders compiled. */
const engines = tests.filter(
  (file) =>
    /^test\/(engines|unit|repository)\//.test(file) &&
    contains(file, /support\/(engines|gpu-device)\.ts'/) &&
    !contains(file, /\bvi\.|node:child_process/),
);
/**
 * A process for each of these: they replace modules (`vi.mock`), or need onnxruntime to find the GPU, for which it looks
 * once in a process.
 */
const alone = tests.filter(
  (file) => !engines.includes(file) && contains(file, /\bvi\.|support\/onnxruntime\.ts'/),
);
const machine = tests.filter(
  (file) => !engines.includes(file) && !alone.includes(file) && surroundings.includes(file),
);
const pure = tests.filter((file) => ![...engines, ...alone, ...machine].includes(file));

export default defineConfig({
  // Vite resolves `#platform` (src/package.json), and does not know that it runs under Deno.
  ssr: inDeno ? { resolve: { conditions: ['deno', 'module', 'node', 'development'] } } : {},
  test: {
    // Against tests that hang; a loaded machine takes ten times as long as an idle one.
    testTimeout: 300_000,
    hookTimeout: 300_000,
    // Engine tests start their own worker threads: one file per core is enough.
    pool: 'forks',
    maxWorkers: 2,
    env: environment,
    // Worker threads and the command line run from dist/, as it is.
    server: { deps: { external: [/\/dist\//] } },
    // What `.ci/run` runs after the newcomer's walk, which lacks it: `--tags-filter`.
    tags: [
      { name: 'reference-data', description: 'reads the reference data' },
      { name: 'long', description: 'takes minutes; with LOCSCALE_LONG=1' },
    ],
    globalSetup: ['test/support/build.ts'],
    sequence: { sequencer: LongestFirst },
    // Without isolation: two processes for all files, so that modules are loaded once.
    projects: [
      { extends: true, test: { name: 'engines', include: engines, isolate: false } },
      { extends: true, test: { name: 'machine', include: machine, isolate: false } },
      { extends: true, test: { name: 'alone', include: alone } },
      { extends: true, test: { name: 'pure', include: pure, isolate: false } },
    ],
  },
});
