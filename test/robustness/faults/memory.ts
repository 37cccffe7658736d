/** Runs that get too little memory. */
import { mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { isOneSentence, type Scenario } from './campaign.ts';
import { isTemporary, jobs, wholeRun } from './jobs.ts';
import { entriesOf } from './stopped.ts';

interface Limit {
  readonly name: string;
  readonly args?: readonly string[];
  readonly node?: readonly string[];
  readonly launcher?: readonly string[];
}

const GIBIBYTES = [1e-6, 0.002, 0.005, 0.01, 0.02, 0.05];
const HEAP_MEBIBYTES = [20, 32, 64];
const GROUP_MEBIBYTES = [50, 70, 90, 110, 130, 160];

export const memory: Scenario = {
  name: 'memory',
  title: 'Too little memory: --memory, a small heap of Node, a group of processes with a limit',
  async run(campaign) {
    const { tally } = campaign;
    const limits: Limit[] = [
      ...GIBIBYTES.map((size) => ({ name: `--memory ${size}`, args: ['--memory', String(size)] })),
      ...HEAP_MEBIBYTES.map((size) => ({
        name: `a heap of ${size} MiB`,
        node: [`--max-old-space-size=${size}`],
      })),
    ];
    const group = limitedGroups(campaign.folder);
    if (group === undefined)
      tally.skippedParts.push('Memory limits of the system: no control group can be made here.');
    else
      limits.push(
        ...GROUP_MEBIBYTES.map((size) => ({
          name: `${size} MiB of the system`,
          launcher: group.enter(size),
        })),
      );
    const chosen = campaign.options.quick ? limits.filter((_, index) => index % 4 === 0) : limits;
    const choice = [jobs.scale, jobs.locres];
    await campaign.repeat(
      chosen.length * choice.length,
      (index) => ({
        limit: chosen[Math.floor(index / 2)] as Limit,
        job: choice[index % 2] as typeof jobs.scale,
      }),
      ({ limit, job }) =>
        campaign.inFolder(async (folder) => {
          const whole = await wholeRun(campaign.options, job);
          const { name, args = [], ...how } = limit;
          const { code, signal, stderr, hung } = await campaign.run({
            folder,
            args: [...job.args, ...args],
            ...how,
          });
          const what = `${job.name}, ${name}`;
          if (hung) tally.fault(`${what}: did not end`);
          else if (code === 0) {
            tally.count('the same result');
            for (const file of [...whole.files.keys()].filter((name) => name.endsWith('.mrc'))) {
              const difference = largestDifference(join(folder, file), join(whole.folder, file));
              // Where memory is scarce the work is cut into other pieces, and sums are rounded otherwise.
              tally.measure('millionths of the maximum that values differ by at most', 1e6 * difference);
              if (!(difference < 1e-5)) tally.fault(`${what}: other values in ${file}`);
            }
          } else if (code === 5) {
            tally.count('reported in a sentence, exit 5');
            if (!isOneSentence(stderr)) tally.fault(`${what}: said "${stderr.trim()}"`);
            if (entriesOf(folder).length > 0) tally.fault(`${what}: left ${entriesOf(folder).join(', ')}`);
          } else if (signal === 'SIGKILL' && limit.launcher !== undefined) {
            // The system ends what exceeds such a limit; no program can tell of it.
            tally.count('ended by the system');
            const left = entriesOf(folder).filter((file) => !isTemporary(file));
            if (left.length > 0) tally.fault(`${what}: left ${left.join(', ')}`);
          } else tally.fault(`${what}: exit ${code ?? signal}: ${stderr.trim().slice(0, 300)}`);
        }),
    );
    group?.remove();
  },
};

/** Control groups of Linux, version 1 or 2, that limit the memory of what enters them. */
function limitedGroups(
  folder: string,
): { enter(mebibytes: number): readonly string[]; remove(): void } | undefined {
  const roots = [
    { path: '/sys/fs/cgroup/memory', file: 'memory.limit_in_bytes' },
    { path: '/sys/fs/cgroup', file: 'memory.max' },
  ];
  for (const { path, file } of roots) {
    const made: string[] = [];
    const make = (mebibytes: number): string => {
      const group = join(path, `faults-${process.pid}-${mebibytes}`);
      mkdirSync(group);
      made.push(group);
      writeFileSync(join(group, file), String(mebibytes * 2 ** 20), { flag: 'r+' });
      return group;
    };
    const remove = (): void => {
      for (const group of made.splice(0)) {
        try {
          rmdirSync(group);
        } catch {
          // A process that is just ending still belongs to it; an empty group does no harm.
        }
      }
    };
    try {
      make(1);
      remove();
    } catch {
      remove();
      continue;
    }
    const script = join(folder, 'enter.sh');
    writeFileSync(script, 'echo $$ > "$1/cgroup.procs" || exit 99\nshift\nexec "$@"\n');
    return { enter: (mebibytes) => ['sh', script, make(mebibytes)], remove };
  }
  return undefined;
}

/** Of the voxels of two maps, relative to the largest. */
function largestDifference(one: string, other: string): number {
  const [a, b] = [one, other].map(
    (path) => new Float32Array(Uint8Array.from(readFileSync(path).subarray(1024)).buffer),
  );
  let [difference, largest] = [0, 0];
  (a as Float32Array).forEach((value, i) => {
    difference = Math.max(difference, Math.abs(value - (b as Float32Array)[i]!));
    largest = Math.max(largest, Math.abs(value));
  });
  return difference / largest;
}
