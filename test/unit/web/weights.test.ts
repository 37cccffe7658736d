/** Weights of networks that are dropped on the page: the network that the command line imports from them. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { EMMERNET } from '../../../src/network/graph/emmernet-layers.ts';
import { loadStoredNetwork } from '../../../src/network/store/index.ts';
import { sha256Of } from '../../../src/network/store/read-weights.ts';
import { readWeights } from '../../../src/web/worker/weights.ts';
import { itLong } from '../../support/required.ts';
import {
  kerasLayers,
  randomWeights,
  writeKeras,
  writePytorch,
  writeTarGz,
} from '../../support/weight-files.ts';
import { errorOf } from '../pipeline/test-maps.ts';

describe('dropped weights', () => {
  const folder = mkdtempSync(join(tmpdir(), 'locscale-dropped-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const file = (name: string, bytes: Uint8Array | string): File =>
    new File([bytes as Uint8Array<ArrayBuffer>], name);

  itLong('are the network that the command line makes of them', async () => {
    const body = writePytorch(randomWeights(5, EMMERNET));
    const inArchive = (context: string) => ({ name: `emmernet/EMmerNet_${context}Context.pt`, body });
    const bytes = await writeTarGz([inArchive('high'), inArchive('low')], 0);
    const path = join(folder, 'emmernet.tar.gz');
    writeFileSync(path, bytes);
    const there = await loadStoredNetwork(path, folder);
    const here = await readWeights(file('emmernet.tar.gz', bytes));
    expect(here.manifest).toEqual(there.manifest);
    expect(here.manifest.title).toBe('EMmerNet, high context');
    expect(sha256Of(here.plain)).toBe(sha256Of(await there.readPlain()));
  });

  it('that are none of EMmerNet are refused in one sentence', async () => {
    const why = async (name: string, bytes: Uint8Array | string): Promise<string> =>
      (await errorOf(readWeights(file(name, bytes)))).message;
    const tiny = randomWeights(5);
    expect(await why('tiny.bin', writePytorch(tiny))).toMatch(/^tiny\.bin\b.*\.$/);
    expect(await why('tiny.hdf5', await writeKeras(kerasLayers(tiny)))).toMatch(/^tiny\.hdf5\b.*\.$/);
    expect(await why('maps.zip', 'PK\x03\x04 no archive')).toMatch(/^maps\.zip\b.*\.$/);
    const others = await writeTarGz([{ name: 'notes.txt', body: new TextEncoder().encode('nothing') }]);
    expect(await why('notes.tar.gz', others)).toBe('notes.tar.gz holds no weights of EMmerNet.');
  });
});
