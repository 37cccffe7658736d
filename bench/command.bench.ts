/**
 * The whole command, as a user starts it: two half maps, reference and mask from files, one map written;
 * a new process each time, once with either engine on the same files.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BlobMaps } from '../src/bench/blob-map.ts';
import { summarise } from '../src/bench/clock.ts';
import { checkGate } from '../src/bench/gate.ts';
import { readMrc, writeMrc } from '../src/formats/mrc.ts';
import { createMrcHeader } from '../src/formats/mrc-header.ts';
import { createRandom } from '../src/math/statistics/random.ts';
import type { GpuBenchContext } from './gpu-context.ts';
import { benchMaps } from './gpu-inputs.ts';
import type { CommandResult, CommandTiming } from './gpu-results.ts';

const EDGES = [96, 256];
/** 25 A are 24 voxels. */
const VOXEL_SIZE = 1.05;
const WINDOW = 24;
/** Standard deviation of the noise of one half map, beside densities of about 1. */
const HALF_MAP_NOISE = 0.05;
const LIMIT = 5e-6;

export interface CommandOptions {
  /** Folder with dist/cli.js. */
  readonly root: string;
  /** Options that choose the GPU. */
  readonly gpuArguments: readonly string[];
}

export async function benchCommand(
  context: GpuBenchContext,
  options: CommandOptions,
): Promise<CommandResult[]> {
  const edges = context.quick ? [48] : EDGES.filter((edge) => edge <= Math.max(96, context.maxSize));
  const results: CommandResult[] = [];
  for (const edge of edges) {
    const maps = await benchMaps(context.cpu, edge, context.maskVoxels);
    const folder = mkdtempSync(join(tmpdir(), 'locscale-bench-'));
    try {
      await writeInputs(folder, maps);
      const runs = context.quick ? 1 : 3;
      const gpu = runCommand(folder, options, ['--engine', 'gpu', ...options.gpuArguments], context, runs);
      const cpu = runCommand(folder, options, ['--engine', 'cpu'], context, runs);
      const gate = checkGate(
        `whole command ${edge}^3, maps of the two engines`,
        await readOutput(folder, 'gpu'),
        await readOutput(folder, 'cpu'),
        LIMIT,
      );
      const result: CommandResult = {
        edge,
        maskVoxels: maps.maskVoxels,
        windowVoxels: WINDOW,
        gate,
        gpu,
        cpu,
      };
      results.push(result);
      context.say(describe(result));
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }
  return results;
}

async function writeInputs(folder: string, maps: BlobMaps): Promise<void> {
  const half = (stream: number): Float32Array => {
    const random = createRandom(24, stream);
    return maps.map.map((value) => value + HALF_MAP_NOISE * random.gaussian());
  };
  const files = { half1: half(1), half2: half(2), reference: maps.reference, mask: maps.mask };
  const header = createMrcHeader({
    shape: maps.shape,
    voxelSize: [VOXEL_SIZE, VOXEL_SIZE, VOXEL_SIZE],
    origin: [0, 0, 0],
  });
  for (const [name, data] of Object.entries(files)) {
    const chunks: Uint8Array[] = [];
    for await (const chunk of writeMrc({ header, data }, { label: 'generated for a bench' }))
      chunks.push(chunk);
    writeFileSync(join(folder, `${name}.mrc`), Buffer.concat(chunks));
  }
}

function runCommand(
  folder: string,
  { root }: CommandOptions,
  engineArguments: readonly string[],
  { environment }: GpuBenchContext,
  runs: number,
): CommandTiming {
  const engine = engineArguments[1];
  const inputs = ['-hm', 'half1.mrc', 'half2.mrc', '-mm', 'reference.mrc', '-ma', 'mask.mrc'];
  const argv = [join(root, 'dist/cli.js'), ...inputs, '-wn', `${WINDOW}`, '-o', `${engine}.mrc`];
  const env = { ...process.env, ...environment };
  const seconds: number[] = [];
  // The first run brings files into the cache of the system and shaders into that of the driver.
  for (let i = -1; i < runs; i++) {
    const begun = performance.now();
    const run = spawnSync(process.execPath, [...argv, ...engineArguments], {
      cwd: folder,
      env,
      encoding: 'utf8',
    });
    if (i >= 0) seconds.push((performance.now() - begun) / 1000);
    if (run.status !== 0) throw new Error(`The command with engine ${engine} failed: ${run.stderr}`);
  }
  const manifest = JSON.parse(readFileSync(join(folder, `${engine}.json`), 'utf8')) as {
    secondsPerStep: Record<string, number>;
  };
  return { wall: summarise(seconds), secondsPerStep: manifest.secondsPerStep };
}

async function readOutput(folder: string, engine: string): Promise<Float32Array> {
  const bytes = readFileSync(join(folder, `${engine}.mrc`));
  const source = {
    bytes: (async function* () {
      yield bytes;
    })(),
    byteLength: bytes.length,
  };
  return (await readMrc(source, { name: engine, allocate: (voxels) => new Float32Array(voxels) })).data;
}

function describe({ edge, gpu, cpu, gate }: CommandResult): string {
  const steps = ({ wall, secondsPerStep }: CommandTiming): string =>
    `${wall.median.toFixed(2)} s (${Object.entries(secondsPerStep)
      .map(([step, seconds]) => `${step} ${seconds.toFixed(2)}`)
      .join(', ')})`;
  return `  ${edge}^3: GPU ${steps(gpu)}\n    CPU ${steps(cpu)}; equal to ${gate.error.toExponential(1)}`;
}
