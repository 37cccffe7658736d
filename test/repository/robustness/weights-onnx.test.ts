/** Networks as ONNX before onnxruntime, a native library, sees them: whole as they were, and in one file. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { create, toBinary } from '@bufbuild/protobuf';
import {
  GraphProtoSchema,
  ModelProtoSchema,
  StringStringEntryProtoSchema,
  TensorProto_DataLocation,
  TensorProtoSchema,
} from 'onnx-buf';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { encodeOnnxModel, readOnnxInitializers, refuseExternalData } from '../../../src/formats/onnx.ts';
import { readGraph } from '../../../src/network/run/network-graph.ts';
import { loadStoredNetwork } from '../../../src/network/store/index.ts';
import { sha256Of } from '../../../src/network/store/read-weights.ts';
import { flipped } from '../../support/weight-files.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'locscale-onnx-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const sound = encodeOnnxModel({
  name: 'small',
  inputs: [],
  outputs: [],
  nodes: [],
  initializers: [{ name: 'w', shape: [2], data: Float32Array.of(1, 2) }],
});

/** The network and a manifest with the sum of `summed`, as -model_path takes them. */
function put(network: Uint8Array, summed = network): string {
  const path = join(folder, 'network.onnx');
  writeFileSync(path, network);
  const manifest = {
    format: 1,
    name: 'small',
    title: 'Small network',
    architecture: 'onnx',
    source: 'made by a test',
    sourceSha256: sha256Of(summed),
    licence: 'CC0-1.0',
    parameters: 2,
    gflopPerCube: 0.1,
    files: { plain: { file: 'network.onnx', sha256: sha256Of(summed) } },
    input: 'map',
    output: 'reference',
    voxelSizeAngstrom: 1,
    standardisation: 'mean-10sd',
    cubeEdge: 32,
    stride: 16,
    dropout: [],
  };
  writeFileSync(join(folder, 'network.json'), JSON.stringify(manifest));
  return path;
}
const graphOf = async (path: string): Promise<Uint8Array> =>
  readGraph(await loadStoredNetwork(path, join(folder, 'store')), 'cpu', false);

function external(name: string, location: string): Uint8Array {
  const tensor = create(TensorProtoSchema, {
    name,
    dims: [4n],
    dataType: 1,
    dataLocation: TensorProto_DataLocation.EXTERNAL,
    externalData: [create(StringStringEntryProtoSchema, { key: 'location', value: location })],
  });
  const graph = create(GraphProtoSchema, { name: 'g', initializer: [tensor] });
  return toBinary(ModelProtoSchema, create(ModelProtoSchema, { irVersion: 8n, graph }));
}

describe('networks as ONNX', () => {
  it('go to onnxruntime as they are', async () => {
    expect(new Uint8Array(await graphOf(put(sound)))).toEqual(new Uint8Array(sound));
  });

  it('with bytes changed never get there (50 files, seed 51)', async () => {
    for (const bytes of flipped(sound, 50, 51)) {
      if (Buffer.compare(bytes, sound) === 0) continue;
      await expect(graphOf(put(bytes, sound))).rejects.toMatchObject({ tag: 'bad-input' });
    }
  });

  it('with weights in other files never get there', async () => {
    for (const location of ['weights.bin', '../../unit/weights.bin', '/etc/passwd'])
      await expect(graphOf(put(external('w', location)))).rejects.toMatchObject({
        tag: 'bad-input',
        found: `w in ${location}`,
      });
  });

  it('name their tensors in messages without what acts on a terminal', () => {
    expect(() => readOnnxInitializers(external('\u001b[2J', 'x'))).toThrow('Tensor ?[2J is not stored');
    expect(() => refuseExternalData(sound, 'small')).not.toThrow();
  });
});
