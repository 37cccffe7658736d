/** Runs that are told to stop, at any moment, and runs that are killed. */
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { RandomSource } from '../../../src/math/statistics/random.ts';
import { type Campaign, type Ended, type Running, type Scenario, sleep } from './campaign.ts';
import {
  isTemporary,
  type Job,
  jobs,
  type Snapshot,
  snapshot,
  type Whole,
  wholeRun,
  wrongFiles,
} from './jobs.ts';

/** What a file of an earlier run holds, which is not to be touched by a run that is stopped. */
const OLD = 'the result of an earlier run';

/** When a fault strikes, as a share of how long a whole run takes. */
export interface Moment {
  /** Of the whole run, or of the time it writes. */
  readonly part: 'run' | 'writing';
  readonly share: number;
}

/** Half of the moments lie where files are written, which is a short part of a run. */
export function drawMoment(random: RandomSource, index: number): Moment {
  return { part: index % 2 === 0 ? 'run' : 'writing', share: 1.1 * random.uniform() };
}

/** Waits for the moment; the program may have ended meanwhile. */
export async function reach(running: Running, { part, share }: Moment, whole: Whole): Promise<void> {
  if (part === 'run' || Number.isNaN(whole.writingFrom)) await sleep(1000 * share * whole.seconds);
  else {
    await running.said('Writing the results');
    await sleep(1000 * share * (whole.seconds - whole.writingFrom));
  }
  running.struck();
}

/** Files and folders, hidden ones too. */
export const entriesOf = (folder: string): string[] =>
  readdirSync(folder, { recursive: true }).map(String).sort();

export function putOldFiles(folder: string, names: Iterable<string>): void {
  for (const name of names) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), OLD);
  }
}

interface Stop {
  readonly job: Job;
  readonly moment: Moment;
  /** Of a second signal after the first, milliseconds. */
  readonly again: number;
  readonly old: boolean;
}

function drawStop(random: RandomSource, index: number, choice: readonly Job[]): Stop {
  return {
    job: choice[index % choice.length] as Job,
    moment: drawMoment(random, Math.floor(index / choice.length)),
    again: 40 * random.uniform(),
    old: random.uniform() < 0.5,
  };
}

/** A run of the drawn job up to the drawn moment, and what its folder held when it began. */
async function runUntil(campaign: Campaign, { job, moment, old }: Stop, folder: string) {
  const whole = await wholeRun(campaign.options, job);
  if (old) putOldFiles(folder, whole.files.keys());
  const before = entriesOf(folder);
  const earlier = snapshot(folder);
  const running = campaign.start({ folder, args: job.args });
  await reach(running, moment, whole);
  return { whole, before, earlier, running };
}

function isComplete(found: Snapshot, whole: Whole): boolean {
  return [...whole.files].every(([name, content]) => found.get(name) === content);
}

/** Checks what a run that was told to stop has left. `before`: entries of its folder when it began. */
function checkStopped(
  campaign: Campaign,
  what: string,
  { code, signal, stderr, hung }: Ended,
  folder: string,
  before: readonly string[],
  whole: Whole,
  stop: { readonly signal: NodeJS.Signals; readonly code: number; readonly twice?: boolean },
): void {
  const { tally } = campaign;
  const fault = (sentence: string): void => tally.fault(`${what}: ${sentence}`);
  const found = snapshot(folder);
  if (hung) fault('did not end');
  else if (code === 0) {
    tally.count('had finished');
    const wrong = [...whole.files.keys()].filter((name) => found.get(name) !== whole.files.get(name));
    if (wrong.length > 0) fault(`exit 0 without the whole of ${wrong.join(', ')}`);
  } else if ((stop.twice === true || signal === stop.signal) && isComplete(found, whole)) {
    // Where nothing is left to do for the program the signal itself ends it, at the second time or in its
    // last moment.
    tally.count('ended by the signal, all was written');
  } else if (code === stop.code || signal === stop.signal) {
    // Before the program has said what it does with signals, the system ends it.
    // So does the second of two signals.
    const byItself = stop.twice === true ? 'ended by the signal itself' : 'stopped while Node was starting';
    tally.count(signal === null ? `stopped, exit ${code}` : byItself);
    const left = entriesOf(folder).filter((name) => !before.includes(name));
    if (left.length > 0) fault(`left ${left.join(', ')}`);
    const lost = before.filter((name) => !existsSync(join(folder, name)));
    if (lost.length > 0) fault(`removed ${lost.join(', ')}`);
    const touched = [...found].filter(([name, content]) => content === whole.files.get(name));
    if (touched.length > 0)
      fault(`replaced ${touched.map(([name]) => name).join(', ')} although it was stopped`);
    if (code === stop.code && !/^error: The run was stopped\.$/m.test(stderr) && stderr !== '')
      fault(`said "${stderr.trim()}"`);
  } else fault(`exit ${code ?? signal}: ${stderr.trim()}`);
  if (entriesOf(folder).some(isTemporary)) fault('left a temporary file');
}

export const sigterm: Scenario = {
  name: 'sigterm',
  title: 'SIGTERM at any moment',
  async run(campaign) {
    const choice = campaign.options.quick
      ? [jobs.scale, jobs.mask]
      : [jobs.scale, jobs.report, jobs.scale, jobs.mask, jobs.scale, jobs.fsc, jobs.locres, jobs.predicted];
    const count = campaign.size(200, 8);
    await campaign.repeat(
      count,
      (index) => drawStop(campaign.random, index, choice),
      (drawn, index) =>
        campaign.inFolder(async (folder) => {
          const { whole, before, running } = await runUntil(campaign, drawn, folder);
          const told = performance.now();
          running.child.kill('SIGTERM');
          const ended = await running.ended;
          if (ended.code === 143)
            campaign.tally.measure('seconds to stop', (performance.now() - told) / 1000);
          const what = `${drawn.job.name}, run ${index}`;
          checkStopped(campaign, what, ended, folder, before, whole, { signal: 'SIGTERM', code: 143 });
        }),
    );
  },
};

export const sigintTwice: Scenario = {
  name: 'sigint-twice',
  title: 'Ctrl-C twice, and a terminal that closes',
  async run(campaign) {
    const choice = [jobs.report, jobs.scale, jobs.predicted];
    await campaign.repeat(
      campaign.size(30, 2),
      (index) => drawStop(campaign.random, index, choice),
      (drawn, index) =>
        campaign.inFolder(async (folder) => {
          const { whole, before, running } = await runUntil(campaign, drawn, folder);
          running.child.kill('SIGINT');
          await sleep(drawn.again);
          running.child.kill('SIGINT');
          const what = `SIGINT twice, run ${index}`;
          const stop = { signal: 'SIGINT', code: 130, twice: true } as const;
          checkStopped(campaign, what, await running.ended, folder, before, whole, stop);
        }),
    );
    await closeTerminals(campaign);
  },
};

/** The terminal is that of `script`, which is killed: the system then tells the program by SIGHUP. */
async function closeTerminals(campaign: Campaign): Promise<void> {
  const whole = await wholeRun(campaign.options, jobs.report);
  const program = join(campaign.options.dist, 'cli.js');
  const words = ['node', program, ...jobs.report.args];
  const hasTerminals = existsSync('/usr/bin/script');
  if (!hasTerminals) campaign.tally.skippedParts.push('Terminals that close: script(1) is not here.');
  await campaign.repeat(
    campaign.size(20, 2),
    (index) => ({ moment: drawMoment(campaign.random, Math.floor(index / 2)), inTerminal: index % 2 === 0 }),
    ({ moment, inTerminal }, index) =>
      campaign.inFolder(async (folder) => {
        if (inTerminal && !hasTerminals) return;
        if (!inTerminal) {
          // As under nohup: nothing of the run is tied to a terminal, and it goes on.
          const running = campaign.start({ folder, args: jobs.report.args });
          await running.said('Reading');
          await reach(running, moment, whole);
          running.child.kill('SIGHUP');
          const { code, signal } = await running.ended;
          const files = snapshot(folder);
          const wrong = wrongFiles(files, whole.files);
          // While Node ends, when all is written, nobody holds signals off.
          const atItsEnd = signal === 'SIGHUP' && files.size === whole.files.size;
          campaign.tally.count(
            atItsEnd ? 'ended by the signal, all was written' : 'continued without its terminal',
          );
          if ((code !== 0 && !atItsEnd) || wrong.length > 0)
            campaign.tally.fault(`SIGHUP without a terminal, run ${index}: ended with ${code ?? signal}`);
          return;
        }
        const status = join(folder, '..', `status-${index}`);
        const shell = `${words.map((word) => `'${word}'`).join(' ')}; echo $? > '${status}'`;
        // The shell ignores what ends the program, to tell how it ended.
        const running = campaign.start({
          folder,
          // What follows are arguments of the shell, which has no use for them.
          launcher: ['sh', '-c', `exec /usr/bin/script -qec "$0" /dev/null`, `trap '' HUP; ${shell}`],
          args: [],
        });
        await running.said('Reading');
        await reach(running, moment, whole);
        running.child.kill('SIGKILL');
        for (let waited = 0; waited < 300 && !existsSync(status); waited++) await sleep(100);
        campaign.tally.count('terminal closed');
        const left = entriesOf(folder);
        const wrong = wrongFiles(snapshot(folder), whole.files);
        const parts = left.length === 0 || whole.files.size === snapshot(folder).size;
        if (!existsSync(status) || wrong.length > 0 || !parts)
          campaign.tally.fault(`terminal closed, run ${index}: left ${left.join(', ')}`);
      }),
  );
}

export const sigkill: Scenario = {
  name: 'sigkill',
  title: 'SIGKILL at any moment, then the same command again; with --resume',
  async run(campaign) {
    const choice = [jobs.scale, jobs.report, jobs.scale, jobs.mask];
    await campaign.repeat(
      campaign.size(200, 6),
      (index) => drawStop(campaign.random, index, choice),
      (drawn, index) =>
        campaign.inFolder(async (folder) => {
          const { whole, earlier, running } = await runUntil(campaign, drawn, folder);
          running.child.kill('SIGKILL');
          const { signal } = await running.ended;
          campaign.tally.count(signal === null ? 'had finished' : 'killed');
          const what = `${drawn.job.name}, run ${index}`;
          checkKilled(campaign, what, folder, whole, earlier);
          // Every fifth time, as it takes longer: the same command again.
          if (index % 5 !== 0) return;
          const again = await campaign.run({ folder, args: drawn.job.args });
          campaign.tally.count('same command again');
          const wrong = [...whole.files].filter(([name, content]) => snapshot(folder).get(name) !== content);
          if (again.code !== 0 || wrong.length > 0)
            campaign.tally.fault(`${what}: the next run gave ${again.code}, ${wrong.map(([name]) => name)}`);
          const left = entriesOf(folder).filter(isTemporary);
          if (left.length > 0) campaign.tally.fault(`${what}: ${left.join(', ')} stayed after the next run`);
        }),
    );
    await killAndResume(campaign);
  },
};

/** Each file is that of the whole run, or that of the earlier one; with the main file all are in place. */
function checkKilled(
  campaign: Campaign,
  what: string,
  folder: string,
  whole: Whole,
  earlier: Snapshot,
): void {
  const found = snapshot(folder);
  if ([...found.keys()].some(isTemporary)) campaign.tally.count('left temporary files');
  for (const [name, content] of found) {
    const whose = [whole.files.get(name), earlier.get(name)];
    if (!isTemporary(name) && !whose.includes(content)) campaign.tally.fault(`${what}: ${name} is not whole`);
  }
  const { main } = whole.job;
  const others = [...whole.files].filter(([name, content]) => found.get(name) !== content);
  if (found.get(main) === whole.files.get(main) && others.length > 0)
    campaign.tally.fault(`${what}: ${main} is in place, ${others.map(([name]) => name).join(', ')} not`);
}

const RESUMED = ['-wn', '26', '-op', 'more', '--resume'];
/** Rounds of a twentieth of a second. */
const env = { LOCSCALE_CHECKPOINT_SECONDS: '0.05' };

async function killAndResume(campaign: Campaign): Promise<void> {
  const job = jobs.scale;
  const whole = await wholeRun(campaign.options, job, RESUMED);
  await campaign.repeat(
    campaign.size(50, 3),
    (index) => [drawMoment(campaign.random, 0), drawMoment(campaign.random, index)],
    (moments, index) =>
      campaign.inFolder(async (folder) => {
        const args = [...job.args, ...RESUMED];
        for (const moment of moments) {
          const running = campaign.start({ folder, args, env });
          await reach(running, moment, whole);
          running.child.kill('SIGKILL');
          await running.ended;
        }
        const { code, stdout, stderr } = await campaign.run({ folder, args: [...args, '-v'], env });
        const tookOver = /were scaled by an earlier run/.test(stdout);
        campaign.tally.count(
          tookOver ? 'resumed with tiles of the killed run' : 'resumed before the first tiles',
        );
        const found = snapshot(folder);
        const wrong = [...whole.files].filter(([name, content]) => found.get(name) !== content);
        if (code !== 0 || stderr !== '' || wrong.length > 0)
          campaign.tally.fault(`resumed, run ${index}: ${code}, ${stderr}${wrong.map(([name]) => name)}`);
        const left = [...found.keys()].filter((name) => !whole.files.has(name));
        if (left.length > 0) campaign.tally.fault(`resumed, run ${index}: left ${left.join(', ')}`);
      }),
  );
}
