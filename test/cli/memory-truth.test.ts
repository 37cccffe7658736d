/**
 * The predicted peak is the memory that a run takes: beside what the kernel counts of a process that does
 * nothing else. All modes, and larger maps: node tools/memory-truth.mjs. Linux only: what other kernels count
 * as resident differs.
 */
import { spawnSync } from 'node:child_process';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { MEMORY_FLAGS } from '../support/memory-modes.mjs';
import { itLong } from '../support/required.ts';

const program = fileURLToPath(new URL('../support/memory-program.mjs', import.meta.url));
const edge = 128;

describe.skipIf(process.platform !== 'linux')(`memory of a run on ${edge}^3 voxels, two threads`, () => {
  for (const mode of ['half-maps', 'network', 'pseudo-model'])
    (mode === 'half-maps' ? it : itLong)(
      `${mode}: at least what the process held, at most 1.15 times it`,
      async () => {
        const { status, stdout, stderr } = spawnSync(
          process.execPath,
          [...MEMORY_FLAGS, program, mode, String(edge), '2'],
          { encoding: 'utf8' },
        );
        expect(stderr).toBe('');
        expect(status).toBe(0);
        const { predicted, measured } = JSON.parse(stdout);
        // Two half maps at least.
        expect(measured).toBeGreaterThan(2 * 4 * edge ** 3);
        expect(predicted).toBeGreaterThanOrEqual(measured);
        expect(predicted).toBeLessThanOrEqual(1.15 * measured);
      },
    );
});
