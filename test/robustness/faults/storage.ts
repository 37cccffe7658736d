/** Disks that are full or read-only, and folders that vanish while a run works. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { type Campaign, type Ended, isOneSentence, type Scenario } from './campaign.ts';
import { DISK, type Job, jobs, snapshot, type Whole, wholeRun } from './jobs.ts';
import { drawMoment, entriesOf, putOldFiles, reach } from './stopped.ts';

const onDisk = (job: Job): string[] => job.args.map((word) => (word === job.main ? `${DISK}/${word}` : word));

/** Mounts a disk of its own in memory for `body`; only a superuser may. */
async function withDisk(
  folder: string,
  kilobytes: number,
  body: (disk: string) => Promise<void>,
): Promise<void> {
  const disk = join(folder, DISK);
  mkdirSync(disk);
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${kilobytes}k`, 'tmpfs', disk]);
  try {
    await body(disk);
  } finally {
    execFileSync('umount', ['-l', disk]);
  }
}

export function canMount(campaign: Campaign): boolean {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return false;
  const folder = join(campaign.folder, 'trial');
  mkdirSync(folder, { recursive: true });
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', folder], { stdio: 'ignore' });
    execFileSync('umount', [folder]);
    return true;
  } catch {
    return false;
  }
}

/** Exit 3 and a sentence with nothing changed, or exit 0 and everything in place. */
function checkRefused(
  campaign: Campaign,
  what: string,
  { code, signal, stderr, hung }: Ended,
  disk: string,
  before: readonly string[],
  whole: Whole,
  reason: RegExp,
): void {
  const { tally } = campaign;
  const found = existsSync(disk) ? snapshot(disk) : new Map<string, string>();
  if (hung) tally.fault(`${what}: did not end`);
  else if (code === 0) {
    tally.count('succeeded');
    // A report that cannot be written is warned about, and costs no map.
    const spared = /^warning: The (report was|pictures of the report were) not written/m.test(stderr);
    const wrong = [...whole.files].filter(
      ([name, content]) => found.get(name) !== content && !(spared && /report|out\.json/.test(name)),
    );
    if (spared) tally.count('of these without a report, warned');
    if (wrong.length > 0 && existsSync(disk))
      tally.fault(`${what}: exit 0 without ${wrong.map(([name]) => name).join(', ')}`);
  } else if (code === 3) {
    tally.count('refused, exit 3');
    if (!isOneSentence(stderr) || !reason.test(stderr)) tally.fault(`${what}: said "${stderr.trim()}"`);
    const now = existsSync(disk) ? entriesOf(disk) : [];
    const left = now.filter((name) => !before.includes(name));
    if (left.length > 0) tally.fault(`${what}: left ${left.join(', ')}`);
    const touched = [...found].filter(([name, content]) => content === whole.files.get(name));
    if (touched.length > 0) tally.fault(`${what}: wrote ${touched.map(([name]) => name).join(', ')}`);
  } else tally.fault(`${what}: exit ${code ?? signal}: ${stderr.trim()}`);
}

export const diskFull: Scenario = {
  name: 'disk-full',
  title: 'A disk that is full at any stage of writing',
  async run(campaign) {
    if (!canMount(campaign)) {
      campaign.tally.skipped = 'small disks can be mounted by a superuser of Linux only';
      return;
    }
    const count = campaign.size(40, 3);
    const choice = [jobs.report, jobs.scale, jobs.mask];
    await campaign.repeat(
      count,
      (index) => ({
        old: campaign.random.uniform() < 0.5,
        share: (index + campaign.random.uniform()) / count,
      }),
      ({ old, share }, index) =>
        campaign.inFolder(async (folder) => {
          const job = choice[index % choice.length] as Job;
          const whole = await wholeRun(campaign.options, job);
          // From nothing to a little more than is needed.
          const needed = kilobytesOf(whole);
          await withDisk(folder, Math.max(4, Math.round(1.1 * share * needed)), async (disk) => {
            if (old) putOldFilesThatFit(disk, whole);
            const before = entriesOf(disk);
            const ended = await campaign.run({ folder, args: onDisk(job) });
            checkRefused(campaign, `${job.name}, run ${index}`, ended, disk, before, whole, /disk is full/);
          });
        }),
    );
  },
};

function kilobytesOf(whole: Whole): number {
  return Math.ceil(whole.bytes / 1024) + 4 * whole.files.size;
}

function putOldFilesThatFit(disk: string, whole: Whole): void {
  try {
    putOldFiles(disk, whole.files.keys());
  } catch {
    // The smallest disks do not even take those; what is there is an earlier result all the same.
  }
}

export const readOnly: Scenario = {
  name: 'read-only',
  title: 'An output folder that is read-only, becomes so, or is removed',
  async run(campaign) {
    const mounts = canMount(campaign);
    if (!mounts)
      campaign.tally.skippedParts.push('Read-only disks: only a superuser of Linux can mount them.');
    const kinds = mounts
      ? (['removed', 'read-only later', 'read-only', 'working folder removed'] as const)
      : (['removed', 'working folder removed'] as const);
    await campaign.repeat(
      campaign.size(40, 4),
      (index) => drawMoment(campaign.random, Math.floor(index / kinds.length)),
      (moment, index) =>
        campaign.inFolder(async (folder) => {
          const kind = kinds[index % kinds.length] as (typeof kinds)[number];
          const job = index % 3 === 0 ? jobs.report : jobs.scale;
          const whole = await wholeRun(campaign.options, job);
          const what = `${kind}, ${job.name}, run ${index}`;
          if (kind === 'working folder removed') {
            const running = campaign.start({ folder, args: job.args });
            await reach(running, moment, whole);
            rmSync(folder, { recursive: true, force: true });
            const ended = await running.ended;
            // The folder may be removed while Node is starting, which is no matter of this program.
            if (/process\.cwd|uv_cwd/.test(ended.stderr) && !ended.stdout.includes('Engine'))
              campaign.tally.count('removed while Node was starting');
            else checkRefused(campaign, what, ended, folder, [], whole, /./);
            mkdirSync(folder, { recursive: true });
            return;
          }
          if (kind === 'removed') {
            const disk = join(folder, DISK);
            mkdirSync(disk);
            const running = campaign.start({ folder, args: onDisk(job) });
            await reach(running, moment, whole);
            rmSync(disk, { recursive: true, force: true });
            const ended = await running.ended;
            checkRefused(campaign, what, ended, disk, [], whole, /folder|exist/);
            if (ended.code !== 0 && existsSync(disk)) campaign.tally.fault(`${what}: made the folder again`);
            return;
          }
          await withDisk(folder, 32_768, async (disk) => {
            putOldFiles(disk, whole.files.keys());
            const before = entriesOf(disk);
            if (kind === 'read-only') execFileSync('mount', ['-o', 'remount,ro', disk]);
            const running = campaign.start({ folder, args: onDisk(job) });
            if (kind === 'read-only later') {
              await reach(running, moment, whole);
              remountReadOnly(disk);
            }
            const ended = await running.ended;
            execFileSync('mount', ['-o', 'remount,rw', disk]);
            // A temporary file cannot be removed from a disk that has become read-only.
            for (const name of readdirSync(disk)) if (name.endsWith('.tmp')) before.push(name);
            checkRefused(campaign, what, ended, disk, before, whole, /read-only/);
          });
        }),
    );
  },
};

/** The system refuses while a file is being written. */
function remountReadOnly(disk: string): void {
  for (let attempt = 0; attempt < 1000; attempt++) {
    try {
      execFileSync('mount', ['-o', 'remount,ro', disk], { stdio: 'ignore' });
      return;
    } catch {
      // Tried again at once: between two files it is let through.
    }
  }
}
