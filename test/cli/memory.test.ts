/**
 * Memory of a run on a map that is large beside the program itself, as the kernel counts it. Linux only:
 * what other kernels count as resident differs.
 */
import { spawnSync } from 'node:child_process';
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeMrc } from '../support/mrc-fixture.ts';
import { itLong } from '../support/required.ts';
import { Workspace } from './run-cli.ts';

const program = join(fileURLToPath(new URL('../../', import.meta.url)), 'dist/cli.js');
const edge = 320;
const small = 32;
const MIB = 2 ** 20;
const mapBytes = 4 * edge ** 3;

describe.skipIf(process.platform !== 'linux')(`memory of a ${edge}^3 run`, () => {
  const workspace = new Workspace();
  let idle: Peaks;
  beforeAll(() => {
    for (const [name, n] of [
      ['', edge],
      ['small-', small],
    ] as const) {
      writeSections(workspace.path(`${name}map.mrc`), n, waves);
      writeSections(workspace.path(`${name}half.mrc`), n, otherWaves);
      writeSections(workspace.path(`${name}reference.mrc`), n, wideWaves);
      writeSections(workspace.path(`${name}mask.mrc`), n, ball(10));
    }
    // What Node, the threads and the program need whatever the map.
    idle = peaksOf(workspace, ['-em', 'small-map.mrc', ...others('small-')]);
  });
  afterAll(() => workspace.remove());

  for (const [name, input, inputs, test] of [
    ['one map', ['-em', 'map.mrc'], 1, itLong],
    ['half maps', ['-hm', 'map.mrc', 'half.mrc'], 2, it],
  ] as const)
    test(`of ${name}: every map is read once, when it is needed, without a second copy`, async () => {
      const peaks = peaksOf(workspace, [...input, ...others('')]);
      expect(idle.atEnd).toBeLessThan(300 * MIB);
      // The input, and what is in flight between disk and memory; mask and reference are still on disk.
      const reading = peaks.afterReading - idle.afterReading - inputs * mapBytes;
      expect(reading).toBeLessThan(0.5 * mapBytes);
      expect(peaks.afterReading).toBeGreaterThan(0.9 * inputs * mapBytes);

      // Beyond the need it announces: at most 2.5 times the map.
      expect(peaks.predicted).toBeGreaterThan(4 * mapBytes);
      expect(peaks.atEnd - idle.atEnd - peaks.predicted).toBeLessThan(2.5 * mapBytes);
      // The announced need is not an overestimate either.
      expect(peaks.atEnd).toBeGreaterThan(0.9 * peaks.predicted);
    });
});

const others = (prefix: string): string[] => [
  '-mm',
  `${prefix}reference.mrc`,
  '-ma',
  `${prefix}mask.mrc`,
  '-np',
  '2',
];

interface Peaks {
  /** Highest resident memory, bytes: until all maps are read, and of the whole run. */
  readonly afterReading: number;
  readonly atEnd: number;
  /** What the program said it would need, bytes. */
  readonly predicted: number;
}

/**
 * Runs first in the program's process and writes its peak so far (KiB) when it says that it checks the map,
 * which it does once all maps are read, and at its end. From outside the first would come late on a busy
 * machine.
 */
const WATCH = `
import { readFileSync, writeFileSync } from 'node:fs';
import process from 'node:process';
import { isMainThread } from 'node:worker_threads';
// Not maxRSS of resourceUsage: it begins with the memory of the process that started this one.
const peak = () => /^VmHWM:\\s*(\\d+)/m.exec(readFileSync('/proc/self/status', 'utf8'))[1];
const note = (name) => writeFileSync(name, peak());
if (isMainThread) {
  const write = process.stdout.write.bind(process.stdout);
  process.stdout.write = (text, ...rest) => {
    if (String(text).includes('Checking the')) note('after-reading.txt');
    return write(text, ...rest);
  };
  process.on('exit', () => note('at-end.txt'));
}`;

function peaksOf(workspace: Workspace, args: readonly string[]): Peaks {
  const watch = `data:text/javascript,${encodeURIComponent(WATCH)}`;
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--import', watch, program, ...args], {
    cwd: workspace.folder,
    encoding: 'utf8',
  });
  const memory = stdout.match(/Memory: ([\d.]+) (MiB|GiB)/);
  if (status !== 0 || memory === null) throw new Error(`exit code ${status}\n${stdout}${stderr}`);
  const bytes = (name: string): number => 1024 * Number(readFileSync(workspace.path(name), 'utf8'));
  return {
    afterReading: bytes('after-reading.txt'),
    atEnd: bytes('at-end.txt'),
    predicted: Number(memory[1]) * (memory[2] === 'GiB' ? 1024 : 1) * MIB,
  };
}

type Density = (z: number, y: number, x: number, n: number) => number;
const waves: Density = (z, y, x) => Math.sin(0.9 * x + 0.2 * z) * Math.cos(0.8 * y) + 0.3 * Math.sin(1.7 * z);
const otherWaves: Density = (z, y, x) => waves(z, y, x, 0) + 0.2 * Math.sin(2.1 * x + 1.3 * y);
const wideWaves: Density = (z, y, x) => Math.sin(0.5 * x + 0.1 * z) * Math.cos(0.4 * y);
const ball =
  (radius: number): Density =>
  (z, y, x, n) =>
    Math.hypot(z - n / 2, y - n / 2, x - n / 2) <= radius ? 1 : 0;

/** A cubic map, section by section: the test itself never holds a volume. */
function writeSections(path: string, n: number, density: Density): void {
  const header = makeMrc({ extents: [n, n, 0], sampling: [n, n, n], voxelSize: 1.5, values: [] });
  const view = new DataView(header.buffer);
  view.setInt32(8, n, true);
  const file = openSync(path, 'wx');
  try {
    writeSync(file, header);
    const section = new Float32Array(n * n);
    for (let z = 0; z < n; z++) {
      // Sections in groups of eight alike: what they hold does not matter, and sines take long.
      if (z % 8 === 0)
        for (let y = 0, i = 0; y < n; y++) for (let x = 0; x < n; x++, i++) section[i] = density(z, y, x, n);
      writeSync(file, new Uint8Array(section.buffer));
    }
  } finally {
    closeSync(file);
  }
}
