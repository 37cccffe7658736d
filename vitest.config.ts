import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    testTimeout: 120_000,
    hookTimeout: 120_000,
    // Engine tests start their own worker threads: one file per core is enough.
    pool: 'forks',
    maxWorkers: 2,
    include: ['test/**/*.test.ts'],
  },
});
