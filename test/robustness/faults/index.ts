/** Programs that are stopped, starved and robbed while they work. Every scenario counts what came of it. */
import { copyFileSync, cpSync, existsSync, mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { Campaign, type Scenario } from './campaign.ts';
import { deviceLost } from './gpu.ts';
import { vanishingInputs } from './inputs.ts';
import { makeInputs } from './jobs.ts';
import { memory } from './memory.ts';
import { noNetwork } from './network.ts';
import { ranks } from './ranks.ts';
import { sigintTwice, sigkill, sigterm } from './stopped.ts';
import { diskFull, readOnly } from './storage.ts';
import { workerDeath } from './threads.ts';
import { closedPipes, twoRuns } from './together.ts';
import type { FaultOptions, FaultResult, FaultResults } from './types.ts';

export type { FaultOptions, FaultResult, FaultResults } from './types.ts';

const scenarios: readonly Scenario[] = [
  sigterm,
  sigkill,
  sigintTwice,
  diskFull,
  vanishingInputs,
  readOnly,
  workerDeath,
  deviceLost,
  twoRuns,
  closedPipes,
  memory,
  noNetwork,
  ranks,
];

export async function runFaults(given: FaultOptions): Promise<FaultResults> {
  const options = { ...given, dist: copyPackage(given) };
  await makeInputs(options);
  const results: FaultResult[] = [];
  for (const [stream, { name, title, run }] of scenarios.entries()) {
    if (options.only !== undefined && !options.only.includes(name)) continue;
    const begun = performance.now();
    const campaign = new Campaign(options, name, stream);
    try {
      await run(campaign);
    } catch (error) {
      campaign.tally.fault(
        `The scenario itself failed: ${error instanceof Error ? error.message : String(error)}`,
      );
    }
    const result = campaign.result(title, (performance.now() - begun) / 1000);
    const outcomes = Object.entries(result.outcomes).map(([what, count]) => `${count} ${what}`);
    options.onProgress(
      result.skipped === undefined
        ? `${name}: ${result.runs} runs in ${result.seconds} s: ${outcomes.join(', ')}; ${result.faults.length} faults`
        : `${name}: skipped, ${result.skipped}`,
    );
    results.push(result);
  }
  return results;
}

/**
 * A copy of what was built, so that a build in the middle of a campaign disturbs nothing. Returns its `dist`.
 */
function copyPackage({ dist, work }: FaultOptions): string {
  const folder = join(work, 'package');
  const copy = join(folder, 'dist');
  if (existsSync(copy)) return copy;
  mkdirSync(folder, { recursive: true });
  cpSync(dist, copy, { recursive: true });
  copyFileSync(join(dist, '../package.json'), join(folder, 'package.json'));
  symlinkSync(join(dist, '../node_modules'), join(folder, 'node_modules'), 'dir');
  return copy;
}
