/** Worker threads that end, fail, are ended or run out of memory while a run needs them. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isOneSentence, type Scenario } from './campaign.ts';
import { type Job, jobs, snapshot, wholeRun } from './jobs.ts';
import { entriesOf } from './stopped.ts';

/**
 * Loaded by Node before the program, in its threads too. FAULT_* say which thread is to end, how and when.
 */
const KILLER = `
const threads = require('node:worker_threads');
const { syncBuiltinESMExports } = require('node:module');
const { FAULT_THREAD: thread, FAULT_KIND: kind, FAULT_MS: after, FAULT_INDEX: index } = process.env;
if (threads.isMainThread) {
  const { Worker } = threads;
  let seen = 0;
  threads.Worker = class extends Worker {
    constructor(url, options = {}) {
      const hit = String(url).endsWith('/' + thread) && seen++ === Number(index);
      const limits = { maxOldGenerationSizeMb: Number(after) / 100, maxYoungGenerationSizeMb: 1 };
      super(url, {
        ...options,
        ...(hit && kind === 'memory' ? { resourceLimits: limits } : {}),
        env: { ...process.env, FAULT_HIT: hit ? '1' : '' },
      });
      if (hit && kind === 'terminate') setTimeout(() => this.terminate(), Number(after)).unref();
    }
  };
  syncBuiltinESMExports();
} else if (process.env.FAULT_HIT === '1') {
  const strike = () => {
    if (kind === 'exit') process.exit(3);
    if (kind === 'throw') throw new Error('injected');
  };
  if (kind === 'exit' || kind === 'throw') setTimeout(strike, Number(after)).unref();
}
`;

interface Target {
  readonly thread: string;
  readonly job: Job;
  readonly extra: readonly string[];
}

const TARGETS: readonly Target[] = [
  { thread: 'worker.js', job: jobs.scale, extra: ['-np', '2'] },
  { thread: 'worker.js', job: jobs.locres, extra: ['-np', '2'] },
  { thread: 'session-worker.js', job: jobs.predicted, extra: ['-np', '2'] },
];
const KINDS = ['terminate', 'exit', 'throw', 'memory'] as const;

export const workerDeath: Scenario = {
  name: 'worker-death',
  title: 'A worker thread that ends, fails, is ended, or runs out of memory',
  async run(campaign) {
    const killer = join(campaign.folder, 'killer.cjs');
    writeFileSync(killer, KILLER);
    const { random, tally } = campaign;
    await campaign.repeat(
      campaign.size(60, 4),
      (index) => ({
        target: TARGETS[campaign.options.quick ? 0 : index % TARGETS.length] as Target,
        kind: KINDS[
          Math.floor(index / (campaign.options.quick ? 1 : TARGETS.length)) % KINDS.length
        ] as string,
        share: random.uniform(),
        index: random.integer(0, 1),
      }),
      ({ target, kind, share, index: thread }, index) =>
        campaign.inFolder(async (folder) => {
          const whole = await wholeRun(campaign.options, target.job, target.extra);
          const env = {
            NODE_OPTIONS: `--require=${killer}`,
            FAULT_THREAD: target.thread,
            FAULT_KIND: kind,
            FAULT_MS: String(Math.round(1000 * share * whole.seconds)),
            FAULT_INDEX: String(thread),
          };
          const args = [...target.job.args, ...target.extra];
          const { code, signal, stderr, hung } = await campaign.run({ folder, args, env });
          const what = `${target.thread} ${kind} after ${share.toFixed(3)}, run ${index}`;
          const found = snapshot(folder);
          if (hung) tally.fault(`${what}: did not end`);
          else if (code === 0) {
            tally.count('had finished');
            const wrong = [...whole.files].filter(([name, content]) => found.get(name) !== content);
            if (wrong.length > 0)
              tally.fault(`${what}: exit 0 without ${wrong.map(([name]) => name).join(', ')}`);
          } else if (code === 1 || code === 5) {
            tally.count(`reported in a sentence, exit ${code}`);
            if (!isOneSentence(stderr)) tally.fault(`${what}: said "${stderr.trim()}"`);
            if (entriesOf(folder).length > 0) tally.fault(`${what}: left ${entriesOf(folder).join(', ')}`);
          } else if (signal === 'SIGABRT' && /Napi::Error/.test(stderr) && entriesOf(folder).length === 0) {
            // A thread that goes while onnxruntime computes on it takes the process along; nothing here can
            // help it.
            tally.count('ended by onnxruntime');
          } else tally.fault(`${what}: exit ${code ?? signal}: ${stderr.trim()}`);
        }),
    );
  },
};
