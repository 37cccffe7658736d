import { expect, it } from 'vitest';
import { isBundled } from '../../../src/cli/feature-enhance.ts';
import { parseArgv } from '../../../src/cli/parse-argv.ts';
import type { NetworkFiles } from '../../../src/network/run/network-graph.ts';
import { openBundled } from '../../../src/network/store/index.ts';

it('a run warns of the bundled network, not of EMmerNet or of a network that the user names', async () => {
  const bundled = await openBundled();
  const emmernet = { manifest: { ...bundled.manifest, architecture: 'emmernet' } } as NetworkFiles;
  const of = (words: string[], network: Pick<NetworkFiles, 'manifest'>): boolean =>
    isBundled(parseArgv(['feature_enhance', '-em', 'a.mrc', ...words]).values, network);
  expect(of([], bundled)).toBe(true);
  expect(of(['-model_path', 'bundled'], bundled)).toBe(true);
  expect(of([], emmernet)).toBe(false);
  expect(of(['-model_path', 'mine.onnx'], bundled)).toBe(false);
});
