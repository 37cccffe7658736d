/** A few runs of the fault injection (test/robustness/faults), so that it stays in order; the campaign is run apart. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { runFaults } from '../robustness/faults/index.ts';
import type { FaultName } from '../robustness/faults/types.ts';

const work = mkdtempSync(join(tmpdir(), 'locscale-faults-'));
afterAll(() => rmSync(work, { recursive: true, force: true }));

const dist = fileURLToPath(new URL('../../dist', import.meta.url));

describe('runs that are disturbed do what is documented', () => {
  const names: FaultName[] = ['sigterm', 'vanishing-inputs', 'worker-death', 'closed-pipes'];

  it.each(names)('%s', async (name) => {
    const lines: string[] = [];
    const options = {
      quick: true,
      seed: 5,
      dist,
      work,
      only: [name],
      onProgress: (line: string) => lines.push(line),
    };
    const [result, ...others] = await runFaults(options);
    expect(others).toEqual([]);
    expect(result).toMatchObject({ name, faults: [] });
    expect(result?.runs).toBeGreaterThan(3);
    const counted = Object.values(result?.outcomes ?? {}).reduce((sum, count) => sum + count, 0);
    expect(counted).toBe(result?.runs);
    expect(lines.at(-1)).toMatch(new RegExp(`^${name}: ${result?.runs} runs in .* 0 faults$`));
  });
});
