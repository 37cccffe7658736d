/** The network that comes with the program: files, manifest, limits it was built for. */
import { readFileSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { outputOf } from '../../../src/network/run/network-session.ts';
import { checkManifest } from '../../../src/network/store/check-manifest.ts';
import { openBundled } from '../../../src/network/store/choose.ts';
import { sha256Of } from '../../../src/network/store/read-weights.ts';

const folder = fileURLToPath(new URL('../../../src/network/bundled/', import.meta.url));
const read = (name: string): unknown => JSON.parse(readFileSync(`${folder}${name}`, 'utf8'));

describe('bundled network', () => {
  const manifest = checkManifest(read('reference-network.json'), 'reference-network.json');

  it('is the file that its manifest names', async () => {
    const model = await openBundled(folder);
    expect(sha256Of(await model.readPlain())).toBe(manifest.files.plain.sha256);
  });

  it('keeps to the limits: 2.5 million parameters, 10 MB, 6 GFLOP per 32³', () => {
    expect(manifest.parameters).toBeLessThanOrEqual(2.5e6);
    expect(statSync(`${folder}${manifest.files.plain.file}`).size).toBeLessThan(10e6);
    expect((manifest.gflopPerCube * 32 ** 3) / manifest.cubeEdge ** 3).toBeLessThanOrEqual(6);
  });

  it('has its own dropout and calibration', () => {
    expect(manifest.dropout.length).toBeGreaterThan(0);
    for (const { keepProbability } of manifest.dropout) expect(keepProbability).toBeGreaterThan(0.5);
    expect(manifest.calibration?.standardError.length).toBeGreaterThan(5);
  });

  it('keeps its outputs apart: one to scale with, one that feature_enhance writes', () => {
    const { output, enhancedOutput } = manifest;
    expect([output, enhancedOutput]).toEqual(['reference', 'enhanced']);
    expect(outputOf(manifest, false)).toBe('reference');
    expect(outputOf(manifest, true)).toBe('enhanced');
  });

  it('was not trained on what it is tested on', () => {
    const split = JSON.parse(
      readFileSync(fileURLToPath(new URL('../../../training/split.json', import.meta.url)), 'utf8'),
    ) as Record<'train' | 'validation' | 'test', string[]>;
    const seen = new Set([...split.train, ...split.validation]);
    expect(split.test.filter((name) => seen.has(name))).toEqual([]);
    expect(new Set([...seen, ...split.test]).size).toBe(202);
  });
});
