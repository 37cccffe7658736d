/**
 * A few runs of the fault injection (test/robustness/faults), so that it stays in order; the campaign is run
 * apart.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { runFaults } from '../robustness/faults/index.ts';
import type { FaultName, FaultResults } from '../robustness/faults/types.ts';
import { describeLong } from '../support/required.ts';

const work = mkdtempSync(join(tmpdir(), 'locscale-faults-'));
afterAll(() => rmSync(work, { recursive: true, force: true }));

const dist = fileURLToPath(new URL('../../dist', import.meta.url));

describeLong('runs that are disturbed do what is documented', () => {
  const names: FaultName[] = ['sigterm', 'vanishing-inputs', 'worker-death', 'closed-pipes'];

  const lines: string[] = [];
  let results: FaultResults;
  // At once: they share the copy of the program and the inputs.
  beforeAll(async () => {
    const onProgress = (line: string) => lines.push(line);
    results = await runFaults({ quick: true, seed: 5, dist, work, only: names, onProgress });
  });

  it('are these', () => {
    expect(results.map(({ name }) => name)).toEqual(names);
  });

  it.each(names)('%s', (name) => {
    const result = results.find((one) => one.name === name);
    expect(result).toMatchObject({ name, faults: [] });
    expect(result?.runs).toBeGreaterThan(3);
    const counted = Object.values(result?.outcomes ?? {}).reduce((sum, count) => sum + count, 0);
    expect(counted).toBe(result?.runs);
    expect(lines.find((line) => line.startsWith(`${name}: ${result?.runs} runs in `))).toMatch(/ 0 faults$/);
  });
});
