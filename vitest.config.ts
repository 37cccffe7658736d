import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    testTimeout: 120_000,
    hookTimeout: 120_000,
    // Engine tests start their own worker threads: one file per core is enough.
    pool: 'forks',
    maxWorkers: 2,
    // Worker threads and the command line run from dist/.
    globalSetup: ['test/support/build.ts'],
    include: ['test/**/*.test.ts'],
  },
});
