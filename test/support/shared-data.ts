/**
 * Reference data that is not part of the project (golden files of the original program, real maps).
 * Looked for in LOCSCALE_SHARED, else beside the checkout. Absent: tests that need it are skipped
 * visibly, and fail where LOCSCALE_REQUIRE lists "shared".
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe } from 'vitest';
import { describeAbsent } from './required.ts';

const root = process.env.LOCSCALE_SHARED ?? fileURLToPath(new URL('../../../shared', import.meta.url));

export const sharedDataReason = 'the reference data folder (shared/) is absent: set LOCSCALE_SHARED';

export const sharedDataPresent = existsSync(join(root, 'method.md'));

export function sharedPath(...parts: string[]): string {
  return join(root, ...parts);
}

/** A `describe` for tests on reference data. `body` must not read it: that is for tests and their hooks. */
export function describeWithSharedData(name: string, body: () => void): void {
  if (sharedDataPresent) describe(name, { tags: ['reference-data'] }, body);
  else describeAbsent(name, 'shared', sharedDataReason, body);
}
