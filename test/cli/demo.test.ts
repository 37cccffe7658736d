import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decode } from 'fast-png';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type DemoOptions, runDemo } from '../../src/cli/demo.ts';
import { readMapFile } from '../../src/files/index.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'locscale-demo-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function smallDemo(lines: string[], change: Partial<DemoOptions> = {}): DemoOptions {
  return {
    outputFolder: folder,
    engine: 'cpu',
    threads: 1,
    seed: 3,
    shape: [60, 60, 60],
    voxelSize: 1.5,
    symmetry: 'C1',
    print: (line) => lines.push(line),
    warn: (line) => lines.push(`warning: ${line}`),
    ...change,
  };
}

describe('the demo', () => {
  it('sharpens generated half maps towards the truth and writes maps, record and picture', async () => {
    const lines: string[] = [];
    const { before, after, resolution } = await runDemo(smallDemo(lines));
    expect(after).toBeGreaterThan(before + 0.05);
    expect(after).toBeGreaterThan(0.85);
    // The noise is set for 3.5 A; one shell of this box is 0.14 A wide there.
    expect(Math.abs(resolution! - 3.5)).toBeLessThan(0.3);
    expect(readdirSync(folder).sort()).toEqual([
      'demo.json',
      'half_map_1.mrc',
      'half_map_2.mrc',
      'locscale_output.cxc',
      'locscale_output.mrc',
      'reference.mrc',
      'report.html',
      'slices.png',
    ]);
    const record = JSON.parse(readFileSync(join(folder, 'demo.json'), 'utf8'));
    expect(record).toMatchObject({
      program: 'locscale-gpu',
      numbers: { shape: [60, 60, 60], windowVoxels: 18 },
      demo: { seed: 3, symmetry: 'C1', chains: 1, correlationWithTruth: { before, after } },
    });
    expect(Object.keys(record.secondsPerStep)).toEqual(
      expect.arrayContaining(['generate', 'fsc', 'mask', 'scaling', 'write inputs']),
    );
    expect(record.inputs).toHaveLength(3);
    const picture = decode(readFileSync(join(folder, 'slices.png')));
    expect(picture.width).toBeGreaterThan(600);
    const image = await readMapFile(join(folder, 'locscale_output.mrc'), {
      onWarning: (message) => expect.unreachable(message),
    });
    expect(image.grid.shape).toEqual([60, 60, 60]);
    expect(image.header.labels.join(' ')).toContain('local scaling, demo');
    expect(lines.join('\n')).toContain(`${before.toFixed(4)} before, ${after.toFixed(4)} after`);

    // A second run may replace what a demo wrote, and gives the same numbers.
    expect(await runDemo(smallDemo([]))).toMatchObject({ before, after });
  });

  it.each(['half_map_1.mrc', 'slices.png', 'demo.json'])(
    'leaves a file called %s alone that it did not write',
    async (name) => {
      writeFileSync(join(folder, name), 'mine');
      await expect(runDemo(smallDemo([]))).rejects.toMatchObject({ tag: 'bad-output' });
      expect(readFileSync(join(folder, name), 'utf8')).toBe('mine');
      expect(readdirSync(folder)).toEqual([name]);
    },
  );

  it('stops when told to and leaves no result', async () => {
    const controller = new AbortController();
    const options = smallDemo([], {
      signal: controller.signal,
      print: (line) => line.includes('FSC') && controller.abort(),
    });
    await expect(runDemo(options)).rejects.toMatchObject({ tag: 'aborted' });
    expect(readdirSync(folder)).not.toContain('locscale_output.mrc');
    expect(readdirSync(folder)).not.toContain('slices.png');
  });
});
