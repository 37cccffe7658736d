/** Models that Keras saved as HDF5: which layer is which, layouts, and damaged files. */
import { File as Hdf5File, ready } from 'h5wasm';
import { describe, expect, it } from 'vitest';
import { LocScaleError } from '../../../src/errors.ts';
import { openKerasHdf5 } from '../../../src/formats/keras-hdf5.ts';
import { weightsFromKeras } from '../../../src/network/graph/emmernet-weights.ts';
import type { WeightSet } from '../../../src/network/graph/model.ts';
import {
  flipped,
  type KerasChange,
  type KerasFixtureLayer,
  kerasLayers,
  randomWeights,
  tinyPlan,
  writeKeras,
} from '../../support/weight-files.ts';

const weights = randomWeights(2);

async function importKeras(bytes: Uint8Array): Promise<WeightSet> {
  const model = await openKerasHdf5(bytes, 'x.hdf5');
  try {
    return await weightsFromKeras(model.layers, 'x.hdf5', tinyPlan);
  } finally {
    model.close();
  }
}

async function refusal(bytes: Uint8Array): Promise<LocScaleError> {
  const error = await importKeras(bytes).then(
    () => new Error('it was read'),
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(LocScaleError);
  expect((error as LocScaleError).tag).toBe('bad-input');
  return error as LocScaleError;
}

/** The layers of the tiny net, changed; found by name. */
function changed(
  change: (layer: (name: string) => KerasFixtureLayer, all: KerasFixtureLayer[]) => void,
): KerasFixtureLayer[] {
  const layers = kerasLayers(weights).map((layer) => ({
    ...layer,
    weights: layer.weights.map((w) => ({ ...w })),
  }));
  change((name) => layers.find((layer) => layer.name === name)!, layers);
  return layers;
}

describe('Keras models', () => {
  it.each<[string, number, KerasChange]>([
    ['in the order of the layers', 0, {}],
    ['by the graph', 0, { graph: true }],
    ['with numbers that start at 57', 57, {}],
    ['with numbers that start at 99, by the graph', 99, { graph: true }],
    ['without model_config', 3, { noConfig: true }],
    ['saved by save_weights', 0, { atRoot: true }],
  ])('are read %s', async (_, firstNumber, change) => {
    const read = await importKeras(await writeKeras(kerasLayers(weights, firstNumber), change));
    expect(read).toEqual(weights);
    expect([...read.keys()]).toEqual([...weights.keys()]);
  });

  it('are read by the graph where layers are listed in any order', async () => {
    const layers = kerasLayers(weights, 5);
    const shuffled = layers.toSorted((a, b) => a.name.localeCompare(b.name));
    expect(await importKeras(await writeKeras(shuffled, { graph: true }))).toEqual(weights);
  });

  it('the graph counts, not the numbers', async () => {
    // A file in which somebody named the layers the other way round.
    const layers = kerasLayers(weights);
    const count = layers.filter(({ className }) => className === 'PReLU').length;
    const rename = (name: string): string => {
      const match = /^p_re_lu(?:_(\d+))?$/.exec(name);
      return match === null ? name : `p_re_lu_${count - Number(match[1] ?? 0)}`;
    };
    const renamed = layers.map((l) => ({ ...l, name: rename(l.name), inputs: l.inputs.map(rename) }));
    expect(await importKeras(await writeKeras(renamed, { graph: true }))).toEqual(weights);
  });
});

describe('models that are not EMmerNet', () => {
  it.each<[string, string, Parameters<typeof changed>[0]]>([
    [
      'a layer that is missing',
      'conv2_2.conv.weight, conv2_2.conv.bias, conv2_2.prelu.weight and 2 more are missing',
      (_, all) => {
        const at = all.findIndex(({ name }) => name === 'conv2_2_3d');
        all.splice(at, 4);
      },
    ],
    [
      'a weight that is missing',
      'conv1_1.conv.bias is missing',
      (layer) => layer('conv1_1_3d').weights.pop(),
    ],
    [
      'another shape',
      'conv1_1_3d/kernel has the shape (5, 5, 5, 2, 1), not (5, 5, 5, 1, 2)',
      (layer) => {
        layer('conv1_1_3d').weights[0].shape = [5, 5, 5, 2, 1];
      },
    ],
    [
      'slopes for every voxel',
      'p_re_lu/alpha has the shape (8, 8, 8, 2), not (1, 1, 1, 2)',
      (layer) => {
        layer('p_re_lu').weights[0] = { name: 'alpha', shape: [8, 8, 8, 2], data: new Float32Array(1024) };
      },
    ],
    [
      'one layer more',
      'it also holds dense/kernel',
      (_, all) =>
        all.push({
          name: 'dense',
          className: 'Dense',
          inputs: ['last_layer'],
          weights: [{ name: 'kernel', shape: [1, 1], data: new Float32Array(1) }],
        }),
    ],
    [
      'another block',
      'two layers hold last_conv.weight',
      (layer, all) => all.push({ ...layer('last_layer'), name: 'conv_extra', inputs: ['last_layer'] }),
    ],
    [
      'another normalisation',
      'its layer group_normalization_2 normalises in another way',
      (layer) => {
        layer('group_normalization_2').config = { groups: 4, epsilon: 0.001 };
      },
    ],
    [
      'weights that are NaN',
      'conv8_1.gn.bias holds values that are NaN or infinite',
      (layer) => {
        layer('group_normalization_19').weights[1].data = Float32Array.of(0, Number.NaN);
      },
    ],
  ])('%s is reported', async (_, message, change) => {
    expect((await refusal(await writeKeras(changed(change)))).message).toContain(message);
  });
});

describe('damaged files', () => {
  it.each([
    ['nothing', new Uint8Array(0)],
    ['text', new TextEncoder().encode('not an HDF5 file at all')],
    ['the signature only', Uint8Array.from([0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a])],
  ])('%s is refused', async (_, bytes) => {
    await refusal(bytes);
  });

  it.each<[string, string]>([
    ['{', 'not JSON'],
    ['{"config": 3}', 'lists no layers'],
    ['[]', 'lists no layers'],
  ])('a model_config of %s is refused', async (config, message) => {
    expect((await refusal(await writeKeras(kerasLayers(weights), { config }))).message).toContain(message);
  });

  it('a graph in a circle ends', async () => {
    const layers = changed((layer) => {
      layer('dropout').inputs = ['dropout_1'];
      layer('p_re_lu').inputs = ['group_normalization'];
      layer('group_normalization').inputs = ['p_re_lu'];
    });
    expect((await refusal(await writeKeras(layers, { graph: true }))).message).toContain(
      'conv1_1.prelu.weight',
    );
  });

  it('names that lead out of the group of weights are not followed', async () => {
    const bytes = await handMade((file) => {
      const root = file.create_group('model_weights');
      root.create_attribute('layer_names', ['../../model_weights', '/']);
    });
    expect((await refusal(bytes)).message).toContain('is missing');
  });

  it('arrays of other types are refused, double precision is read', async () => {
    const typed = (dtype: string, data: Int32Array | Float64Array): Promise<Uint8Array> =>
      handMade((file) => {
        const root = file.create_group('model_weights');
        root.create_attribute('layer_names', ['a']);
        const group = root.create_group('a');
        group.create_attribute('weight_names', ['w:0']);
        group.create_dataset({ name: 'w:0', data, dtype });
      });
    const read = async (bytes: Uint8Array): Promise<Float32Array> => {
      const model = await openKerasHdf5(bytes, 'x.hdf5');
      try {
        return await model.layers[0].weights[0].read();
      } finally {
        model.close();
      }
    };
    await expect(read(await typed('<i', Int32Array.of(1, 2)))).rejects.toMatchObject({ tag: 'bad-input' });
    expect(await read(await typed('<d', Float64Array.of(0.1, 2)))).toEqual(Float32Array.of(0.1, 2));
  });

  it('an array that declares far more than the file has takes no memory', async () => {
    const bytes = await handMade((file) => {
      const root = file.create_group('model_weights');
      root.create_attribute('layer_names', ['conv1_1_3d']);
      const group = root.create_group('conv1_1_3d');
      group.create_attribute('weight_names', ['kernel:0']);
      // Chunks that were never written: 16 TiB in a file of some kilobytes.
      group
        .create_dataset({
          name: 'kernel:0',
          data: new Float32Array(1),
          shape: [1],
          maxshape: [null],
          chunks: [1024],
          dtype: '<f',
        })
        .resize([2 ** 42]);
    });
    expect(bytes.length).toBeLessThan(50_000);
    const model = await openKerasHdf5(bytes, 'x.hdf5');
    await expect(model.layers[0].weights[0].read()).rejects.toMatchObject({ tag: 'bad-input' });
    model.close();
  });

  const formats: [string, boolean, number][] = [
    ['old', true, 40],
    ['new', false, 90],
  ];
  it.each(formats)('of the %s structure, cut at 200 places, it is refused', async (_, old) => {
    const whole = await writeKeras(kerasLayers(weights), { old });
    for (let i = 0; i < 200; i++) await refusal(whole.slice(0, Math.floor((i / 200) * whole.length)));
  });

  it.each(formats)(
    'of the %s structure, with bytes changed, it is refused or reads finite weights (200 files)',
    async (_, old, least) => {
      const whole = await writeKeras(kerasLayers(weights), { graph: true, old });
      let refused = 0;
      for (const bytes of flipped(whole, 200, 21)) {
        try {
          const read = await importKeras(bytes);
          for (const { data } of read.values()) expect(data.every(Number.isFinite)).toBe(true);
        } catch (error) {
          expect((error as LocScaleError).tag).toBe('bad-input');
          refused++;
        }
      }
      // Checksums in the new structure; in the old one changed weights are weights.
      expect(refused).toBeGreaterThan(least);
      // The library is as good as before.
      expect(await importKeras(whole)).toEqual(weights);
    },
  );
});

async function handMade(make: (file: InstanceType<typeof Hdf5File>) => void): Promise<Uint8Array> {
  const { FS } = await ready;
  const file = new Hdf5File('/hand-made.hdf5', 'w');
  make(file);
  file.close();
  const bytes = FS.readFile('/hand-made.hdf5') as Uint8Array;
  FS.unlink('/hand-made.hdf5');
  return bytes;
}
