/** Programs that are stopped, starved and robbed while they work. Every scenario counts what came of it. */
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

export async function runFaults(options: FaultOptions): Promise<FaultResults> {
  await makeInputs(options.work);
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
