import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decode } from 'fast-png';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type DemoSettings, runDemo } from '../../src/cli/demo.ts';
import { parseArgv } from '../../src/cli/parse-argv.ts';
import type { Session } from '../../src/cli/session.ts';
import { readMapFile } from '../../src/files/index.ts';
import { openBundled } from '../../src/network/store/index.ts';
import { runCommand } from './run-cli.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'locscale-demo-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

interface Demo extends Pick<DemoSettings, 'network'> {
  readonly lines?: string[];
  readonly onLine?: (line: string) => void;
  readonly signal?: AbortSignal;
}

/** On small maps; returns what its record says. */
async function smallDemo({ lines = [], onLine, signal, network }: Demo = {}) {
  const argv = ['demo', '-o', folder, '--seed', '3', '--engine', 'cpu', '-np', '1'];
  const line = (text: string): void => {
    lines.push(text);
    onLine?.(text);
  };
  const session: Session = {
    parsed: parseArgv(argv),
    argv,
    logger: {
      line,
      detail: () => undefined,
      note: (text) => expect.unreachable(text),
      warn: (text) => lines.push(`warning: ${text}`),
      error: (error) => expect.unreachable(error.message),
    },
    progress: { update: () => undefined, clear: () => undefined },
    signal: signal ?? new AbortController().signal,
    libraries: {
      hold: async () => undefined,
      standardError: () => 2,
      text: () => '',
      release: () => '',
    },
  };
  await runDemo(session, {
    generation: { shape: [48, 48, 48], voxelSize: 1.5, symmetry: 'C1' },
    network,
  });
  const record = readRecord();
  return { ...record.demo.correlationWithTruth, resolution: record.fsc.resolution, outputs: record.outputs };
}

const filesWithoutNetwork = [
  'demo.json',
  'half_map_1.mrc',
  'half_map_2.mrc',
  'locscale_output.cxc',
  'locscale_output.mrc',
  'reference.mrc',
  'report.html',
  'report_figures',
  'slices.png',
];

function readRecord() {
  return JSON.parse(readFileSync(join(folder, 'demo.json'), 'utf8'));
}

function readMap(name: string) {
  return readMapFile(join(folder, name), { onWarning: (message) => expect.unreachable(message) });
}

describe('the demo', () => {
  it('scales generated half maps as the bare command does, towards the truth, and writes maps, record and picture', async () => {
    const lines: string[] = [];
    const { before, soft, locscaleScheme, resolution } = await smallDemo({ lines });
    expect(soft).toBeGreaterThan(before + 0.05);
    expect(soft).toBeGreaterThan(0.85);
    expect(locscaleScheme).toBeUndefined();
    // The noise is set for 3.5 A; one shell of this box is 0.14 A wide there.
    expect(Math.abs(resolution! - 3.5)).toBeLessThan(0.3);
    expect(readdirSync(folder).sort()).toEqual(filesWithoutNetwork);
    const record = readRecord();
    expect(record).toMatchObject({
      program: 'locscale-gpu',
      mode: 'soft scaling, no reference map, amplitudes of an average protein',
      parameters: { scaling: 'soft' },
      numbers: { shape: [48, 48, 48] },
      demo: { seed: 3, symmetry: 'C1', chains: 1, correlationWithTruth: { before, soft } },
    });
    expect(record.soft.bands.length).toBeGreaterThan(3);
    expect(Object.keys(record.secondsPerStep)).toEqual(
      expect.arrayContaining(['generate', 'fsc', 'mask', 'scaling', 'write inputs']),
    );
    expect(record.inputs).toHaveLength(2);
    expect(decode(readFileSync(join(folder, 'slices.png'))).width).toBeGreaterThan(600);
    const image = await readMap('locscale_output.mrc');
    expect(image.grid.shape).toEqual([48, 48, 48]);
    expect(image.header.labels.join(' ')).toContain('soft scaling, demo');
    expect(lines.join('\n')).toContain(`${before.toFixed(4)} before, ${soft.toFixed(4)} soft scaling`);
    expect(lines.join('\n')).toContain("The comparison with LocScale's scheme is left out");

    const bare = '-hm half_map_1.mrc half_map_2.mrc -o bare.mrc --engine cpu -np 1'.split(' ');
    expect((await runCommand(folder, bare)).code).toBe(0);
    expect(image.data).toEqual((await readMap('bare.mrc')).data);
  });

  it("compares with LocScale's scheme where there is a network, and removes its map where there is none", async () => {
    const lines: string[] = [];
    const bundled = await openBundled();
    // Cubes that do not overlap are fewer.
    const network = async () => ({
      ...bundled,
      manifest: { ...bundled.manifest, stride: bundled.manifest.cubeEdge },
    });
    const { before, soft, locscaleScheme, outputs } = await smallDemo({ lines, network });
    expect(readdirSync(folder).sort()).toEqual([...filesWithoutNetwork, 'locscale_scheme.mrc'].sort());
    expect(outputs).toContain(join(folder, 'locscale_scheme.mrc'));
    expect(locscaleScheme).toBeGreaterThan(before);
    expect(readRecord().demo).toMatchObject({
      correlationWithTruth: { before, locscaleScheme, soft },
      comparison: { windowVoxels: 18, network: { passes: 1 } },
    });
    expect(readRecord().secondsPerStep.comparison).toBeGreaterThan(0);
    const numbers = [before, locscaleScheme!, soft].map((value) => value.toFixed(4));
    expect(lines.join('\n')).toContain(
      `${numbers[0]} before, ${numbers[1]} LocScale's scheme, ${numbers[2]} soft scaling`,
    );
    const scheme = await readMap('locscale_scheme.mrc');
    expect(scheme.header.labels.join(' ')).toContain('local scaling, demo');
    const widthOf = () => decode(readFileSync(join(folder, 'slices.png'))).width;
    const fourColumns = widthOf();

    // A second run may replace what a demo wrote, and gives the same numbers.
    expect(await smallDemo()).toMatchObject({ before, soft });
    expect(readdirSync(folder)).not.toContain('locscale_scheme.mrc');
    expect(widthOf()).toBeLessThan(fourColumns);
  });

  it.each(['half_map_1.mrc', 'locscale_scheme.mrc', 'slices.png', 'demo.json'])(
    'leaves a file called %s alone that it did not write',
    async (name) => {
      writeFileSync(join(folder, name), 'mine');
      await expect(smallDemo()).rejects.toMatchObject({ tag: 'bad-output' });
      expect(readFileSync(join(folder, name), 'utf8')).toBe('mine');
      expect(readdirSync(folder)).toEqual([name]);
    },
  );

  it('stops on request and leaves no result', async () => {
    const controller = new AbortController();
    const onLine = (line: string) => line.includes('FSC') && controller.abort();
    await expect(smallDemo({ signal: controller.signal, onLine })).rejects.toMatchObject({ tag: 'aborted' });
    expect(readdirSync(folder)).not.toContain('locscale_output.mrc');
    expect(readdirSync(folder)).not.toContain('slices.png');
  });
});
