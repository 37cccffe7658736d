/**
 * One set of weights in the three published layouts, written by h5py and PyTorch: what is read is the same,
 * and is the network that an independent program computed.
 */
import { spawnSync } from 'node:child_process';
import { createReadStream, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { openKerasHdf5 } from '../../src/formats/keras-hdf5.ts';
import { readPytorchState } from '../../src/formats/pytorch-state.ts';
import { readTar } from '../../src/formats/tar-gz.ts';
import { weightsFromKeras, weightsFromPytorch } from '../../src/network/graph/emmernet-weights.ts';
import type { WeightSet } from '../../src/network/graph/model.ts';
import { importNetwork, loadStoredNetwork } from '../../src/network/store/index.ts';
import { relativeL2 } from '../support/compare.ts';
import { describeWithEmmernetFiles, findPython } from '../support/emmernet-files.ts';
import { describeProviders } from '../support/onnxruntime.ts';
import { sharedPath } from '../support/shared-data.ts';

async function fromKeras(bytes: Uint8Array): Promise<WeightSet> {
  const model = await openKerasHdf5(bytes, 'x.hdf5');
  try {
    return await weightsFromKeras(model.layers, 'x.hdf5');
  } finally {
    model.close();
  }
}

/** Byte by byte, which `toEqual` would take minutes for. */
function expectEqual(a: WeightSet, b: WeightSet): void {
  expect([...a.keys()]).toEqual([...b.keys()]);
  for (const [name, { shape, data }] of a) {
    const other = b.get(name)!;
    expect(other.shape, name).toEqual(shape);
    const [left, right] = [data, other.data].map((d) => Buffer.from(d.buffer, d.byteOffset, d.byteLength));
    expect(left!.equals(right!), name).toBe(true);
  }
}

function readCubes(name: string): Float32Array {
  return new Float32Array(new Uint8Array(readFileSync(sharedPath('golden', 'emmernet', name))).buffer);
}

describeWithEmmernetFiles('the published layouts of EMmerNet', (files) => {
  it('give the same weights, bit by bit', async () => {
    const pt = await weightsFromPytorch(await readPytorchState(readFileSync(files.pt), 'x.pt'), 'x.pt');
    expect([...pt.values()].reduce((sum, { data }) => sum + data.length, 0)).toBe(22_875_161);
    expectEqual(await fromKeras(readFileSync(files.hdf5)), pt);
    const source = { bytes: createReadStream(files.tarGz), byteLength: statSync(files.tarGz).size };
    const limits = { fileBytes: 2 ** 27, archiveBytes: 2 ** 28 };
    let found = 0;
    for await (const { path, bytes } of readTar(
      source,
      'x.tar.gz',
      (name) => name.endsWith('.hdf5'),
      limits,
    )) {
      expect(path).toBe('emmernet/EMmerNet_highContext.hdf5');
      expectEqual(await fromKeras(bytes), pt);
      found++;
    }
    expect(found).toBe(1);
  });

  it('give the same network in the store', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'locscale-store-'));
    try {
      const sums: string[] = [];
      for (const file of [files.tarGz, files.hdf5, files.pt]) {
        const [model] = await importNetwork(file, { folder });
        expect(model?.manifest.name).toBe('emmernet-high-context');
        sums.push(model!.manifest.files.plain.sha256);
      }
      expect(new Set(sums).size).toBe(1);
      const direct = await loadStoredNetwork(files.tarGz, folder);
      expect(direct.manifest.files.plain.sha256).toBe(sums[0]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  describeProviders('the imported network', ['cpu'], (open) => {
    it('reproduces the reference cubes', async () => {
      const model = await loadStoredNetwork(files.hdf5, tmpdir());
      const network = await open(await model.readPlain());
      const { data } = await network.run({
        map: { data: readCubes('cubes.bin'), shape: [2, 1, 32, 32, 32] },
      });
      // The reference is in float64; float32 alone differs from it by up to 1.3e-5.
      expect(relativeL2(data, readCubes('expected.bin'))).toBeLessThan(5e-5);
    });
  });

  it('what PyTorch writes in other ways is read or refused as such', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'locscale-torch-'));
    try {
      const script = `
import sys, torch, collections
o = sys.argv[1] + '/'
w = torch.arange(24, dtype=torch.float32).reshape(2, 3, 4)
m = torch.nn.Sequential(torch.nn.Conv3d(2, 3, 1), torch.nn.PReLU(3), torch.nn.GroupNorm(1, 3))
torch.manual_seed(1)
opt = torch.optim.Adam(m.parameters()); m(torch.ones(1, 2, 2, 2, 2)).sum().backward(); opt.step()
torch.save({'epoch': 3, 'model_state_dict': torch.nn.DataParallel(m).state_dict(), 'optimizer': opt.state_dict(), 'loss': 0.5}, o + 'checkpoint.pt')
torch.save({'a': w.permute(2, 0, 1), 'b': w[1, 1:, ::2], 'c': w.half(), 'd': w.bfloat16(), 'e': w.double(), 'f': torch.nn.Parameter(w[0]), 'g': w.long()}, o + 'views.pt')
torch.save(m.state_dict(), o + 'old.pt', _use_new_zipfile_serialization=False)
torch.save(m, o + 'module.pt')
torch.jit.script(m).save(o + 'script.pt')
`;
      const run = spawnSync(findPython()!, ['-c', script, folder], { encoding: 'utf8' });
      expect(run.stderr.replaceAll(/.*[Ww]arn.*\n/g, '')).toBe('');
      const read = (name: string) => readPytorchState(readFileSync(join(folder, name)), name);
      expect((await read('checkpoint.pt')).map(({ name, shape }) => [name, shape])).toEqual([
        ['0.weight', [3, 2, 1, 1, 1]],
        ['0.bias', [3]],
        ['1.weight', [3]],
        ['2.weight', [3]],
        ['2.bias', [3]],
      ]);
      const w = (z: number, y: number, x: number): number => 12 * z + 4 * y + x;
      const whole = Array.from({ length: 24 }, (_, i) => i);
      const views = new Map((await read('views.pt')).map((tensor) => [tensor.name, tensor]));
      const numbers = async (name: string) => [...(await views.get(name)!.read())];
      expect(views.get('a')?.shape).toEqual([4, 2, 3]);
      expect(await numbers('a')).toEqual(
        whole.map((i) => w(Math.floor(i / 3) % 2, i % 3, Math.floor(i / 6))),
      );
      expect(await numbers('b')).toEqual([w(1, 1, 0), w(1, 1, 2), w(1, 2, 0), w(1, 2, 2)]);
      for (const name of ['c', 'd', 'e']) expect(await numbers(name)).toEqual(whole);
      expect(await numbers('f')).toEqual(whole.slice(0, 12));
      await expect(numbers('g')).rejects.toMatchObject({ tag: 'bad-input' });
      await expect(read('old.pt')).rejects.toThrow('before version 1.6');
      await expect(read('module.pt')).rejects.toThrow('names torch.nn.modules.container.Sequential,');
      await expect(read('script.pt')).rejects.toThrow('TorchScript');
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
