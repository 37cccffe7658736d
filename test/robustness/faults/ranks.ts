/**
 * Runs of several processes that exchange files (no MPI): one is killed, the others end, and the run goes on
 * later.
 */
import { type Campaign, isOneSentence, type Running, type Scenario, sleep } from './campaign.ts';
import { isTemporary, jobs, snapshot, wholeRun } from './jobs.ts';
import { entriesOf } from './stopped.ts';

const RANKS = 3;
/** A rank counts as dead after 10 s of silence; the others take a look every second. */
const PATIENCE_SECONDS = 20;
const WINDOW = ['-wn', '26'];
const SHARED = ['-mpi', '-op', 'more', '--resume'];

interface Killing {
  readonly rank: number;
  readonly signal: 'SIGKILL' | 'SIGTERM' | 'SIGSTOP';
  readonly share: number;
}

export const ranks: Scenario = {
  name: 'ranks',
  title: 'One of three processes killed, stopped or frozen; then the same command again',
  async run(campaign) {
    const alone = await wholeRun(campaign.options, jobs.scale, [...WINDOW, '-op', 'more', '--resume']);
    const signals = ['SIGKILL', 'SIGKILL', 'SIGTERM', 'SIGKILL', 'SIGSTOP'] as const;
    const count = campaign.size(20, 1);
    // Three processes of two jobs are more than enough at a time: one after the other.
    for (let index = 0; index < count; index++) {
      const killing: Killing = {
        rank: campaign.random.integer(0, RANKS - 1),
        signal: signals[index % signals.length] as Killing['signal'],
        share: campaign.random.uniform(),
      };
      campaign.tally.runs++;
      await campaign.inFolder((folder) => killOne(campaign, folder, killing, index, alone.files));
      if ((index + 1) % 5 === 0) campaign.say(`${index + 1} of ${count}`);
    }
  },
};

/** The memory that each process may take is another than that of one alone. */
const isRecord = (name: string): boolean => name === 'out.json';

function startRanks(campaign: Campaign, folder: string, index: number): Running[] {
  return Array.from({ length: RANKS }, (_, rank) =>
    campaign.start({
      folder,
      args: [...jobs.scale.args, ...WINDOW, ...SHARED],
      env: {
        SLURM_JOB_ID: String(100 + index),
        SLURM_STEP_ID: '0',
        SLURM_STEP_NUM_TASKS: String(RANKS),
        SLURM_PROCID: String(rank),
        LOCSCALE_CHECKPOINT_SECONDS: '0.05',
        LOCSCALE_MPI_LIBRARY: 'none',
      },
    }),
  );
}

async function killOne(
  campaign: Campaign,
  folder: string,
  { rank, signal, share }: Killing,
  index: number,
  whole: ReadonlyMap<string, string>,
): Promise<void> {
  const { tally } = campaign;
  const what = `rank ${rank} ${signal} at ${share.toFixed(3)}, run ${index}`;
  const running = startRanks(campaign, folder, index);
  await running[0]!.said('Team:');
  // What is done together takes about a second and a half.
  await sleep(1500 * share);
  const struck = performance.now();
  const victim = running[rank] as Running;
  victim.child.kill(signal);
  const others = running.filter((one) => one !== victim);
  const ends = await Promise.all(others.map(({ ended }) => ended));
  const seconds = (performance.now() - struck) / 1000;
  // A frozen one wakes up to find that the others have gone.
  if (signal === 'SIGSTOP') victim.child.kill('SIGCONT');
  const all = [...ends, await victim.ended];
  const codes = ends.map(({ code }) => code);
  const finished = codes.every((code) => code === 0);
  tally.count(finished ? 'had finished' : `the others ended, ${signal}`);
  if (!finished) tally.measure('seconds until the others end', seconds);
  if (all.some(({ hung }) => hung) || seconds > PATIENCE_SECONDS)
    tally.fault(`${what}: ended after ${seconds} s`);
  const stderr = all.map((end) => end.stderr).join('');
  if (!finished && !isOneSentence(stderr)) tally.fault(`${what}: said "${stderr.trim()}"`);
  if (!finished && codes.some((code) => code === 0)) tally.fault(`${what}: exits ${codes.join(', ')}`);
  const outputs = [...snapshot(folder)].filter(([name]) => !name.startsWith('more/'));
  for (const [name, content] of outputs)
    if (!isTemporary(name) && !isRecord(name) && !name.includes('.ranks-') && content !== whole.get(name))
      tally.fault(`${what}: ${name} is not whole`);
  if (!finished && signal !== 'SIGKILL' && outputs.some(([name]) => isTemporary(name)))
    tally.fault(`${what}: left temporary files`);

  const again = await Promise.all(startRanks(campaign, folder, index + 1000).map(({ ended }) => ended));
  const found = snapshot(folder);
  const wrong = [...whole].filter(([name, content]) => !isRecord(name) && found.get(name) !== content);
  if (again.some(({ code }) => code !== 0) || wrong.length > 0)
    tally.fault(
      `${what}: the next run gave ${again.map(({ code }) => code)}: ${wrong.map(([name]) => name)}`,
    );
  else tally.count('the next run gave the same result');
  if (again.some(({ stdout }) => /were scaled by an earlier run/.test(stdout)))
    tally.count('with tiles of the first');
  const left = entriesOf(folder).filter((name) => isTemporary(name) || name.includes('.ranks-'));
  if (left.length > 0) tally.count('leftovers after the next run');
  if (left.some(isTemporary)) tally.fault(`${what}: ${left.join(', ')} stayed`);
}
