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
 * driver, test/support/software-gpu.ts) nor networks that its user has imported.
 */
const environment: Record<string, string> = {
  LOCSCALE_MODELS: nowhere,
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

const include = ['test/**/*.test.ts'];
const files = readdirSync(join(root, 'test'), { recursive: true }).map((name) =>
  join(root, 'test', String(name)),
);
/** A process for each of these: they touch the machine or replace modules (`vi.mock`). */
const isolated = [
  ...testsOfSurroundings(root),
  ...files.filter((file) => file.endsWith('.test.ts') && /\bvi\./.test(readFileSync(file, 'utf8'))),
];

export default defineConfig({
  // Vite resolves `#platform` (src/package.json), and does not know that it runs under Deno.
  ssr: 'Deno' in globalThis ? { resolve: { conditions: ['deno', 'module', 'node', 'development'] } } : {},
  test: {
    testTimeout: 120_000,
    hookTimeout: 120_000,
    // Engine tests start their own worker threads: one file per core is enough.
    pool: 'forks',
    maxWorkers: 2,
    env: environment,
    // Worker threads and the command line run from dist/.
    globalSetup: ['test/support/build.ts'],
    sequence: { sequencer: LongestFirst },
    projects: [
      { extends: true, test: { name: 'machine', include: isolated } },
      // Pure functions: two processes for all files, so that modules are loaded once.
      { extends: true, test: { name: 'pure', include, exclude: isolated, isolate: false } },
    ],
  },
});
