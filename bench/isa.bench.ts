/**
 * Figures of merit of the shaders without a GPU: every pipeline of two jobs of LocScale's scaling and of
 * local resolution, compiled by Mesa's compiler for AMD GPUs (radv-statistics.mjs). The same code gives the
 * same numbers on every machine with the same Mesa, so that they can be compared exactly: a spill, scratch
 * memory, or an estimated time more than 5 % above the stored one is an error.
 */
import { spawnSync } from 'node:child_process';
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { GateError } from '../src/bench/gate.ts';
import { countCalls, type JobCalls } from './gpu-counts.bench.ts';
import { distinct, type Pipeline, resolutionPipelines } from './pipelines.ts';

export type Statistics = Readonly<Record<string, number>>;

export interface ShaderFigures {
  /** Per GPU family the driver, and per pipeline the compiler's statistics. */
  readonly families: Readonly<Record<string, FamilyFigures>>;
  readonly jobs: readonly JobCalls[];
}

interface FamilyFigures {
  readonly driver: string;
  readonly pipelines: Readonly<Record<string, Statistics>>;
}

/** 25 A at 1.05 A a voxel, and a large map. */
export const JOBS = [
  { edge: 256, windowVoxels: 24, maskVoxels: 1_000_000 },
  { edge: 512, windowVoxels: 32, maskVoxels: 8_000_000 },
];
/** Of local resolution, voxels. The largest whose frequencies `windows` sums all at once is 40. */
const RESOLUTION_WINDOWS = [24, 40];
/** What the driver says that describes the code; the rest are its hashes. */
const KEPT = [
  'SGPRs',
  'VGPRs',
  'Spilled SGPRs',
  'Spilled VGPRs',
  'Scratch size',
  'LDS size',
  'Subgroups per SIMD',
  'Instructions',
  'Latency',
  'Inverse Throughput',
];
const NEVER = ['Spilled SGPRs', 'Spilled VGPRs', 'Scratch size'];
const OF_THE_SHADER = ['LDS size'];
const OF_THE_COMPILER = ['Inverse Throughput'];
export const REGRESSION = 1.05;
const NEWER_MESA = 'node_modules/.cache/locscale-lavapipe';
const STORED = 'bench/results/gpu-model/isa.json';

export async function benchIsa(options: {
  readonly root: string;
  /** Replaces the stored figures instead of comparing with them. */
  readonly write: boolean;
  readonly say: (line: string) => void;
}): Promise<ShaderFigures> {
  const { root, write, say } = options;
  const counted = [];
  for (const job of JOBS) counted.push(await countCalls(job));
  const resolution = await resolutionPipelines(RESOLUTION_WINDOWS);
  const pipelines = distinct([...counted.flatMap(({ uses }) => uses), ...resolution]);
  const folder = mkdtempSync(join(tmpdir(), 'locscale-isa-'));
  try {
    const binaries = assemble(dump(root, pipelines, folder), pipelines, folder);
    const families: Record<string, FamilyFigures> = {};
    for (const { family, driver, description } of radvDrivers(root, folder)) {
      families[family] = { driver: description, pipelines: compile(family, driver, binaries) };
    }
    if (Object.keys(families).length === 0)
      throw new Error("Mesa's driver for AMD GPUs is not installed (mesa-vulkan-drivers).");
    const figures = { families, jobs: counted.map(({ uses: _, ...job }) => job) };
    const stored = join(root, STORED);
    checkFigures(
      figures,
      existsSync(stored) && !write ? JSON.parse(readFileSync(stored, 'utf8')) : undefined,
      (line) => say(`  ${line}`),
    );
    for (const [family, { pipelines: all }] of Object.entries(families)) {
      say(`  ${family}`);
      for (const [name, s] of Object.entries(all)) say(`    ${name.padEnd(60)} ${describe(s)}`);
    }
    if (write) {
      mkdirSync(dirname(stored), { recursive: true });
      writeFileSync(stored, `${JSON.stringify(figures, null, 1)}\n`);
      say(`wrote ${STORED}`);
    }
    return figures;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function describe(s: Statistics): string {
  return (
    `${s.VGPRs} VGPRs, ${s['LDS size']} bytes LDS, ${s['Subgroups per SIMD']} subgroups a SIMD, ` +
    `${s.Instructions} instructions, inverse throughput ${s['Inverse Throughput']}`
  );
}

/** On the newer Mesa's driver for CPUs, whose workgroups are as large as those of graphics cards. */
function dump(root: string, pipelines: readonly Pipeline[], folder: string): string {
  const lavapipe = join(root, NEWER_MESA, 'lavapipe.json');
  if (!existsSync(lavapipe))
    throw new Error(`The newer Mesa is missing: tools/fetch-lavapipe.sh ${NEWER_MESA} fetches it.`);
  const file = join(folder, 'dump');
  const output = openSync(file, 'w');
  const child = spawnSync(process.execPath, [fileURLToPath(new URL('dump-spirv.js', import.meta.url))], {
    input: JSON.stringify(pipelines),
    encoding: 'utf8',
    // Into a file: Dawn loses what a pipe does not take at once.
    stdio: ['pipe', output, 'pipe'],
    env: { ...process.env, LOCSCALE_TEST_GPU: lavapipe },
  });
  if (child.status !== 0) throw new Error(`SPIR-V could not be dumped: ${child.stderr}`);
  closeSync(output);
  return readFileSync(file, 'utf8');
}

interface Binary {
  readonly label: string;
  readonly file: string;
  readonly uniform: number;
}

/** SPIR-V binaries of Dawn's dump; needs spirv-as (spirv-tools). */
function assemble(text: string, pipelines: readonly Pipeline[], folder: string): Binary[] {
  const parts = text.split(/Dumped SPIRV disassembly[^\n]*\n/).slice(1);
  if (parts.length !== pipelines.length)
    throw new Error(`Dawn printed the SPIR-V of ${parts.length} pipelines, not of ${pipelines.length}.`);
  return parts.map((part, i) => {
    const { name } = pipelines[i];
    const code = /^(; SPIR-V[\s\S]*OpFunctionEnd)/.exec(part)?.[1];
    if (code === undefined) throw new Error(`Dawn printed no SPIR-V of ${name}.`);
    const file = join(folder, `${name.replaceAll(/\W+/g, '-')}.spv`);
    const made = spawnSync('spirv-as', ['--target-env', 'vulkan1.2', '-o', file, '-'], {
      // An extension of the driver that Dawn ran on; it only forbids what RADV does not do.
      input: `${code.replaceAll(/^.*(SPV_KHR_maximal_reconvergence|MaximallyReconvergesKHR).*$\n/gm, '')}\n`,
      encoding: 'utf8',
    });
    if (made.error) throw new Error('spirv-as is missing: install spirv-tools.');
    if (made.status !== 0) throw new Error(`spirv-as refuses ${name}: ${made.stderr}`);
    return { label: name, file, uniform: uniformBinding(code) };
  });
}

function uniformBinding(code: string): number {
  const variable = /(%\w+) = OpVariable %_ptr_Uniform_\w+ Uniform/.exec(code)?.[1];
  if (variable === undefined) return -1;
  return Number(new RegExp(`OpDecorate ${variable} Binding (\\d+)`).exec(code)?.[1]);
}

/** RDNA2 by the system's Mesa, RDNA3 by the newer one of tools/fetch-lavapipe.sh, where they are. */
function radvDrivers(
  root: string,
  folder: string,
): { readonly family: string; readonly driver: string; readonly description: string }[] {
  const system = ['radeon_icd.x86_64.json', 'radeon_icd.json']
    .map((name) => join('/usr/share/vulkan/icd.d', name))
    .find((path) => existsSync(path));
  const drivers = system
    ? [{ family: 'navi21', driver: system, description: mesaOf(join(LIBRARIES, RADV)) }]
    : [];
  const newer = join(root, NEWER_MESA, 'mesa', LIBRARIES, RADV);
  if (existsSync(newer)) {
    const driver = join(folder, 'radeon.json');
    const description = { file_format_version: '1.0.0', ICD: { library_path: newer, api_version: '1.3.0' } };
    writeFileSync(driver, JSON.stringify(description));
    drivers.push({ family: 'navi31', driver, description: mesaOf(newer) });
  }
  return drivers;
}

const LIBRARIES = '/usr/lib/x86_64-linux-gnu';
const RADV = 'libvulkan_radeon.so';

/** "Mesa 22.3.6": what the driver says of itself. */
function mesaOf(library: string): string {
  const text = existsSync(library) ? readFileSync(library).toString('latin1') : '';
  return /Mesa \d+\.\d+\.\d+/.exec(text)?.[0] ?? 'unknown Mesa';
}

function compile(family: string, driver: string, binaries: readonly Binary[]): Record<string, Statistics> {
  const script = fileURLToPath(new URL('../../../../bench/radv-statistics.mjs', import.meta.url));
  const child = spawnSync(process.execPath, [script, family, driver], {
    input: JSON.stringify(binaries),
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
  });
  if (child.status !== 0) throw new Error(`RADV does not compile for ${family}: ${child.stderr}`);
  const all = JSON.parse(child.stdout) as Record<string, Statistics>;
  return Object.fromEntries(
    Object.entries(all).map(([name, statistics]) => [
      name,
      Object.fromEntries(KEPT.filter((key) => key in statistics).map((key) => [key, statistics[key]])),
    ]),
  );
}

/**
 * Throws on spills and scratch memory, and where the estimated time, or what no compiler decides, has grown.
 * Estimates of another version of Mesa say nothing about the shaders: `say` is told so.
 */
export function checkFigures(
  figures: ShaderFigures,
  stored: ShaderFigures | undefined,
  say: (line: string) => void = () => undefined,
): void {
  const faults: string[] = [];
  for (const [family, { driver, pipelines }] of Object.entries(figures.families)) {
    const before = stored?.families[family];
    const compared = before?.driver === driver ? [...OF_THE_SHADER, ...OF_THE_COMPILER] : OF_THE_SHADER;
    if (before !== undefined && before.driver !== driver)
      say(
        `NOT COMPARED, ${family}: ${OF_THE_COMPILER.join(', ')}; stored by ${before.driver}, here is ${driver}`,
      );
    const unknown = Object.keys(pipelines).filter((name) => before && !Object.hasOwn(before.pipelines, name));
    if (unknown.length > 0)
      say(`NOT COMPARED, ${family}: ${unknown.join(', ')} have no stored figures (--write stores them)`);
    for (const [name, s] of Object.entries(pipelines)) {
      for (const key of NEVER) if (s[key] > 0) faults.push(`${family}, ${name}: ${key} ${s[key]}`);
      for (const key of compared) {
        const allowed = before?.pipelines[name]?.[key];
        if (allowed !== undefined && s[key] > REGRESSION * allowed)
          faults.push(`${family}, ${name}: ${key} ${s[key]}, stored ${allowed}`);
      }
    }
  }
  if (faults.length > 0) throw new GateError(faults.join('; '));
}
