/** The jobs that are disturbed: small maps made once, and what each job leaves when nothing disturbs it. */
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { writeMrc } from '../../../src/formats/mrc.ts';
import { smallDataset } from '../../support/synthetic.ts';
import { start } from './campaign.ts';
import type { FaultOptions } from './types.ts';

export interface Job {
  readonly name: string;
  readonly args: readonly string[];
  /** Where the file is, all others of the run are. */
  readonly main: string;
  /** Puts what the run reads into its folder, under `in`; without it the run reads the common inputs. */
  prepare?(folder: string, inputs: string): void;
}

/** Relative to the folder of a run. */
const INPUTS = '../../inputs';
/** In the folder of a run. */
export const OWN_INPUTS = 'in';
/** The same, where a disk is mounted for the outputs. */
export const DISK = 'disk';
const cpu = ['--engine', 'cpu', '-np', '1'];
const halves = ['-hm', `${INPUTS}/half1.mrc`, `${INPUTS}/half2.mrc`];
const scaling = [...halves, '-mm', `${INPUTS}/reference.mrc`, ...cpu, '--measure_bfactors', '-o', 'out.mrc'];

const own = (name: string): string => `${OWN_INPUTS}/${name}`;

export const jobs = {
  /** Reads files of its own, compressed and not; a reference and a mask late. */
  ownInputs: {
    name: 'scale own inputs',
    args: [
      ...['-hm', own('half1.mrc'), own('half2.mrc.gz'), '-mm', own('reference.mrc'), '-ma', own('mask.mrc')],
      ...[...cpu, '--measure_bfactors', '-o', 'out.mrc'],
    ],
    main: 'out.mrc',
    prepare: (folder: string, inputs: string): void => {
      mkdirSync(join(folder, OWN_INPUTS));
      for (const name of ['half1.mrc', 'half2.mrc.gz', 'reference.mrc', 'mask.mrc'])
        copyFileSync(join(inputs, name), join(folder, OWN_INPUTS, name));
    },
  },
  scale: { name: 'scale', args: scaling, main: 'out.mrc' },
  report: { name: 'scale with report', args: [...scaling, '--print_report'], main: 'out.mrc' },
  mask: { name: 'mask', args: ['mask', ...halves, ...cpu, '-o', 'out.mrc'], main: 'out.mrc' },
  locres: { name: 'locres', args: ['locres', ...halves, ...cpu, '-o', 'out.mrc'], main: 'out.mrc' },
  fsc: { name: 'fsc', args: ['fsc', ...halves, ...cpu, '-o', 'out.json'], main: 'out.json' },
  /** By the bundled network, of a part of the map. */
  predicted: {
    name: 'prediction',
    args: [...halves, ...cpu, '--provider', 'cpu', '-o', 'out.mrc'],
    main: 'out.mrc',
  },
} as const satisfies Record<string, Job>;

/**
 * Writes the inputs into `work`/inputs, unless they are there; a third of the voxels for a quick campaign.
 */
export async function makeInputs({ work, quick }: FaultOptions): Promise<void> {
  const folder = join(work, 'inputs');
  if (existsSync(folder)) return;
  mkdirSync(folder, { recursive: true });
  const { half1, half2, reference, mask } = smallDataset(quick ? { shape: [40, 40, 40] } : {});
  for (const [name, map] of Object.entries({ half1, half2, reference, mask })) {
    const parts: Uint8Array[] = [];
    for await (const chunk of writeMrc(map, { label: 'made for tests' })) parts.push(chunk.slice());
    writeFileSync(join(folder, `${name}.mrc`), Buffer.concat(parts));
    writeFileSync(join(folder, `${name}.mrc.gz`), gzipSync(Buffer.concat(parts), { level: 1 }));
  }
}

/** Names in a folder and what stands in the files, without what differs from run to run. */
export type Snapshot = ReadonlyMap<string, string>;

export function snapshot(folder: string): Snapshot {
  const found = new Map<string, string>();
  for (const entry of readdirSync(folder, { recursive: true }).map(String).sort()) {
    const path = join(folder, entry);
    if (entry === OWN_INPUTS || entry.startsWith(`${OWN_INPUTS}/`)) continue;
    if (statSync(path, { throwIfNoEntry: false })?.isFile() === true)
      found.set(entry, contentOf(path, folder));
  }
  return found;
}

/**
 * Times, the name of the folder and the command are not compared; of a page of a report only that it is
 * whole.
 */
function contentOf(path: string, folder: string): string {
  const bytes = readFileSync(path);
  if (path.endsWith('.html')) {
    const text = bytes.toString();
    return /^<!doctype html>[\s\S]*<\/html>\s*$/i.test(text)
      ? 'a whole page'
      : `a part of a page, ${text.length}`;
  }
  if (path.endsWith('.json')) {
    try {
      const { started, secondsPerStep, command, ...rest } = JSON.parse(bytes.toString()) as Record<
        string,
        unknown
      >;
      const described = { rest, has: [started, secondsPerStep, command].map((part) => part !== undefined) };
      return digest(JSON.stringify(described).replaceAll(`"${DISK}/`, '"'));
    } catch {
      return `no JSON, ${bytes.length} bytes`;
    }
  }
  if (path.endsWith('.cxc')) return digest(bytes.toString().replaceAll(folder, ''));
  return digest(bytes);
}

export function digest(content: string | Uint8Array): string {
  return createHash('sha256').update(content).digest('hex');
}

export const isTemporary = (name: string): boolean => /\.tmp$/.test(name);

export interface Whole {
  readonly job: Job;
  readonly folder: string;
  readonly files: Snapshot;
  /** Of all files. */
  readonly bytes: number;
  readonly seconds: number;
  /** From the start to the line "Writing the results", where the job says so. */
  readonly writingFrom: number;
}

const known = new Map<string, Promise<Whole>>();

/** The job undisturbed: twice, which must give the same. `extra`: more arguments. */
export function wholeRun(options: FaultOptions, job: Job, extra: readonly string[] = []): Promise<Whole> {
  const key = JSON.stringify([options.work, options.dist, job.args, extra]);
  const earlier = known.get(key);
  if (earlier !== undefined) return earlier;
  const made = makeWhole(options, job, extra);
  known.set(key, made);
  return made;
}

let wholes = 0;

async function makeWhole(options: FaultOptions, job: Job, extra: readonly string[]): Promise<Whole> {
  await makeInputs(options);
  const ends: Whole[] = [];
  for (let round = 0; round < 2; round++) {
    const folder = join(options.work, 'whole', `${wholes++}`);
    mkdirSync(folder, { recursive: true });
    job.prepare?.(folder, join(options.work, 'inputs'));
    const running = start(options, { folder, args: [...job.args, ...extra] });
    const begun = performance.now();
    let writingFrom = Number.NaN;
    void running.said('Writing the results').then(() => {
      writingFrom = (performance.now() - begun) / 1000;
    });
    const { code, stderr, seconds } = await running.ended;
    if (code !== 0) throw new Error(`The undisturbed job "${job.name}" failed (${code}): ${stderr}`);
    const files = snapshot(folder);
    const bytes = [...files.keys()].reduce((sum, name) => sum + statSync(join(folder, name)).size, 0);
    ends.push({ job, folder, files, bytes, seconds, writingFrom });
  }
  const [first, second] = ends as [Whole, Whole];
  const different = differences(first.files, second.files);
  if (different.length > 0)
    throw new Error(`Two undisturbed runs of "${job.name}" differ in ${different.join(', ')}.`);
  return second;
}

/** Names of files that are in one only, or differ. */
export function differences(one: Snapshot, other: Snapshot): string[] {
  const names = new Set([...one.keys(), ...other.keys()]);
  return [...names].filter((name) => one.get(name) !== other.get(name));
}

/** Files that are there and are not those of the whole run. */
export function wrongFiles(found: Snapshot, whole: Snapshot): string[] {
  return [...found.keys()].filter((name) => found.get(name) !== whole.get(name));
}
