/**
 * Reference data that is not part of the project (golden files of the original program, real maps).
 * Looked for in LOCSCALE_SHARED, else beside the checkout. Absent: tests that need it are skipped
 * visibly, and fail under CI.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, it } from 'vitest';

const root = process.env.LOCSCALE_SHARED ?? fileURLToPath(new URL('../../../shared', import.meta.url));

export const sharedDataPresent = existsSync(join(root, 'method.md'));

export function sharedPath(...parts: string[]): string {
  return join(root, ...parts);
}

/** A `describe` for tests on reference data. */
export function describeWithSharedData(name: string, body: () => void): void {
  if (sharedDataPresent) describe(name, body);
  else if (process.env.CI) {
    describe(name, () => {
      it('needs the reference data', () => {
        throw new Error('The reference data folder (shared/) is absent: set LOCSCALE_SHARED.');
      });
    });
  } else describe.skip(`${name} [skipped: reference data folder shared/ is absent]`, body);
}
