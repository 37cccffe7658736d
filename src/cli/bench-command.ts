/**
 * The whole command, as a user starts it, in a process of its own: two half maps and a mask from files,
 * scaled in soft bands, one map written. The maps of all engines are compared with that of the first.
 */
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { summarise } from '../bench/clock.ts';
import { checkGate } from '../bench/gate.ts';
import { type BenchInputs, VOXEL_SIZE } from '../bench/inputs.ts';
import type { StageRecord } from '../bench/record.ts';
import { LocScaleError, stopIfAborted } from '../errors.ts';
import { readMapFile, writeMapFile } from '../files/index.ts';
import { isDeno } from '../platform/index.ts';
import { makeMapImage } from '../synthetic/map-image.ts';
import type { Session } from './session.ts';

/** Times the whole program in its own process, including start-up, reading and writing. */
export interface CommandBench {
  /**
   * `engine`: options that choose it. Throws GateError where the map is another than that of the first run.
   */
  run(engine: readonly string[]): Promise<StageRecord>;
  close(): Promise<void>;
}

/** Relative L2 between the maps of the engines: float32 transforms and sums in another order. */
const LIMIT = 5e-6;

/**
 * Writes the generated maps to a temporary folder. `quick`: one run instead of the median of two after a
 * warm-up.
 */
export async function openCommandBench(
  session: Session,
  inputs: BenchInputs,
  quick: boolean,
): Promise<CommandBench> {
  const folder = await mkdtemp(join(tmpdir(), 'locscale-gpu-bench-'));
  const grid = {
    shape: inputs.shape,
    voxelSize: [VOXEL_SIZE, VOXEL_SIZE, VOXEL_SIZE] as const,
    origin: [0, 0, 0] as const,
  };
  for (const name of ['half1', 'half2', 'mask'] as const)
    await writeMapFile(join(folder, `${name}.mrc`), makeMapImage(name, grid, inputs[name]), 'of a benchmark');
  let expected: Float32Array | undefined;
  return {
    async run(engine) {
      const name = 'whole command';
      session.logger.line(`${engine[1]}: ${name}`);
      const seconds: number[] = [];
      // The second run finds files and compiled shaders where the first has left them.
      for (let i = 0; i < (quick ? 1 : 3); i++) {
        const begun = performance.now();
        await runProgram(session, folder, ['-hm', 'half1.mrc', 'half2.mrc', '-ma', 'mask.mrc', ...engine]);
        if (quick || i > 0) seconds.push((performance.now() - begun) / 1000);
      }
      const { data } = await readMapFile(join(folder, OUTPUT));
      const map = Float32Array.from(data);
      const first = expected === undefined;
      expected ??= map;
      const gate = checkGate(`${name}, map of the first engine`, map, expected, LIMIT);
      const { median, runs } = summarise(seconds);
      return { name: 'command', title: name, seconds: median, runs, ...(first ? {} : { gate }) };
    },
    close: () => rm(folder, { recursive: true, force: true }),
  };
}

/** The map in the temporary folder, written anew by every run. */
const OUTPUT = 'scaled.mrc';

/**
 * Runs this program on the files in `folder`. Throws 'internal' with what it printed on stderr if it fails;
 * stdout is not needed.
 */
async function runProgram({ signal }: Session, folder: string, args: readonly string[]): Promise<void> {
  const own = process.argv[1];
  const child = spawn(
    process.execPath,
    [...(isDeno ? ['run', '-A'] : process.execArgv), own, ...args, '-o', OUTPUT, '--no_resume'],
    { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'], signal },
  );
  let text = '';
  child.stderr.on('data', (chunk: Buffer) => {
    text += chunk.toString();
  });
  const code = await new Promise<number | null>((resolve) => {
    child.on('error', () => resolve(null));
    child.on('close', resolve);
  });
  stopIfAborted(signal);
  if (code !== 0)
    throw new LocScaleError(
      'internal',
      `The command on generated maps ended with exit code ${code}: ${text.trim()}`,
    );
}
