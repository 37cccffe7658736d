import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const cache = fileURLToPath(new URL('./node_modules/.cache/', import.meta.url));
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
    include: ['test/**/*.test.ts'],
  },
});
