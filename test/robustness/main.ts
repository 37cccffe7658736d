/** The robustness campaign: readers fed with broken files, runs that are stopped and starved. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { describeCommit, describeMachine, machineSlug } from '../../bench/machine.ts';
import { runFaults } from './faults/index.ts';
import { type FaultResult, faultNames } from './faults/types.ts';
import { judge, SLOW_MILLISECONDS } from './fuzz/judge.ts';
import { makeCase } from './fuzz/mutate.ts';
import type { FuzzResult } from './fuzz/results.ts';
import { runTarget } from './fuzz/run-target.ts';
import { findTarget, targets } from './fuzz/targets/index.ts';
import type { FuzzTarget } from './fuzz/types.ts';
import type { RobustnessResults } from './results.ts';

const HELP = `npm run robustness -- [options]
  --only NAME     readers: ${targets.map(({ name }) => name).join(' | ')}
                  faults: ${faultNames.join(' | ')}
                  may be given several times (default: all)
  --quick         a few seconds of each
  --cases N       cases per reader (default: 1000000)
  --minutes N     or as long per reader, whichever is reached first (default: 30)
  --hang N        seconds after which a case is taken to hang (default: 20)
  --seed N        of all cases and faults (default: 1)
  --jobs N        readers side by side (default: cores)
  --write         store the figures in bench/results/robustness/; of parts, in place of theirs
  --failures DIR  where the files of failed cases go (default: robustness-failures)
  --replay FILE   only read this file, with --only READER
`;

const { values } = parseArgs({
  options: {
    root: { type: 'string' },
    only: { type: 'string', multiple: true },
    quick: { type: 'boolean', default: false },
    cases: { type: 'string' },
    minutes: { type: 'string' },
    hang: { type: 'string', default: '20' },
    seed: { type: 'string', default: '1' },
    jobs: { type: 'string' },
    write: { type: 'boolean', default: false },
    failures: { type: 'string', default: 'robustness-failures' },
    replay: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});

const say = (line: string): void => void process.stdout.write(`${line}\n`);
const seed = Number(values.seed);
let sources: ReturnType<typeof describeCommit>;

async function main(): Promise<void> {
  const { root, only, replay } = values;
  if (values.help || root === undefined) return void process.stdout.write(HELP);
  if (values.write && values.quick)
    throw new Error('Quick runs are not stored: --write goes without --quick.');
  if (replay !== undefined) return replayCase(replay, findTarget(only?.[0] ?? ''));
  const readers = only === undefined ? targets : only.filter((name) => !isFault(name)).map(findTarget);
  const faults = only === undefined ? [...faultNames] : only.filter(isFault);
  // What runs now, whatever is committed meanwhile.
  sources = describeCommit(root);
  const machine = describeMachine('readers and the command line');
  say(`${machine.processor}, ${machine.cores} cores, ${machine.runtime}`);
  const fuzzed = await fuzz(readers, Number(values.jobs ?? machine.cores));
  const injected = faults.length === 0 ? [] : await inject(root, faults);
  if (values.write) store(root, [], injected);
  const failed = [...fuzzed, ...injected].filter((result) => result.faults.length > 0);
  say(failed.length === 0 ? 'No faults.' : `Faults: ${failed.map(({ name }) => name).join(', ')}.`);
  process.exitCode = failed.length === 0 ? 0 : 1;
}

function isFault(name: string): boolean {
  return (faultNames as readonly string[]).includes(name);
}

async function fuzz(readers: readonly FuzzTarget[], jobs: number): Promise<FuzzResult[]> {
  const waiting = [...readers];
  const results: FuzzResult[] = [];
  const options = {
    seed,
    cases: Number(values.cases ?? (values.quick ? 5000 : 1_000_000)),
    minutes: Number(values.minutes ?? (values.quick ? 0.1 : 30)),
    hangSeconds: Number(values.hang),
    onProgress: say,
  };
  const next = async (): Promise<void> => {
    for (let target = waiting.shift(); target !== undefined; target = waiting.shift()) {
      const result = await runTarget(target, options);
      results.push(result);
      // At once: a campaign of hours may be stopped.
      if (values.write) store(values.root as string, [result], []);
      say(describeFuzzing(result));
      await keepFailures(target, result);
    }
  };
  await Promise.all(Array.from({ length: Math.max(1, jobs) }, next));
  return readers.map(({ name }) => results.find((result) => result.name === name) as FuzzResult);
}

function describeFuzzing(result: FuzzResult): string {
  const outcomes = Object.entries(result.outcomes).map(([what, count]) => `${count} ${what}`);
  const mebibytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
  return [
    `${result.name}: ${result.cases} cases in ${result.seconds} s (${outcomes.join(', ')}),`,
    `slowest ${result.slowestMilliseconds} ms, largest allocation ${mebibytes(result.largestAllocationBytes)},`,
    `process ${mebibytes(result.peakResidentBytes)}, ${result.faults.length} faults`,
  ].join(' ');
}

/** Each failed case as a file, and how to read it again. */
async function keepFailures(target: FuzzTarget, { faults }: FuzzResult): Promise<void> {
  if (faults.length === 0) return;
  const source = { ...target, seeds: await target.seeds() };
  mkdirSync(values.failures, { recursive: true });
  for (const { index, fault } of faults) {
    say(`  case ${index}: ${fault}`);
    if (index < 0) continue;
    const file = join(values.failures, `${target.name}-${seed}-${index}`);
    writeFileSync(file, makeCase(source, seed, index));
    say(`  npm run robustness -- --only ${target.name} --replay ${file}`);
  }
}

async function replayCase(file: string, target: FuzzTarget): Promise<void> {
  try {
    await target.read(readFileSync(file));
    say('accepted');
  } catch (error) {
    console.error(error);
  }
  say(JSON.stringify(await judge(target, readFileSync(file), SLOW_MILLISECONDS)));
}

async function inject(root: string, only: readonly string[]): Promise<readonly FaultResult[]> {
  const work = mkdtempSync(join(tmpdir(), 'locscale-faults-'));
  try {
    return await runFaults({
      quick: values.quick,
      seed,
      dist: join(root, 'dist'),
      work,
      only,
      onProgress: say,
    });
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** Parts that were not run keep the figures they have. */
function store(root: string, fuzzed: readonly FuzzResult[], injected: readonly FaultResult[]): void {
  const machine = describeMachine('readers and the command line');
  const file = join(root, 'bench/results/robustness', `${machineSlug(machine, '').replace(/-$/, '')}.json`);
  const before: Partial<RobustnessResults> = existsSync(file)
    ? (JSON.parse(readFileSync(file, 'utf8')) as RobustnessResults)
    : {};
  const measured = { date: new Date().toISOString().slice(0, 10), ...sources };
  const merge = <T extends { readonly name: string }>(
    old: readonly T[] | undefined,
    made: readonly T[],
    order: readonly string[],
  ): T[] =>
    order.flatMap((name) =>
      [made, old ?? []].flatMap((list) => list.filter((r) => r.name === name)).slice(0, 1),
    );
  const results: RobustnessResults = {
    schema: 1,
    machine,
    fuzzing: merge(
      before.fuzzing,
      fuzzed.map((result) => ({ ...result, ...measured })),
      targets.map(({ name }) => name),
    ),
    faults: merge(
      before.faults,
      injected.map((result) => ({ ...result, ...measured })),
      faultNames,
    ),
  };
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `${JSON.stringify(results, null, 1)}\n`);
  say(`wrote ${file}`);
}

await main();
