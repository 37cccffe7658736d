/**
 * Keras weights in HDF5: opened, every layer and array read, and put together, on a thread as an import
 * does it. An import takes a thread for each file; here one reads file after file, and starts anew where the
 * product has stopped it. Whatever a file has done to it, sound files must still be read.
 */
import { ready } from 'h5wasm';
import { weightsFromKeras } from '../../../../src/network/graph/emmernet-weights.ts';
import { KerasThread } from '../../../../src/network/store/keras-thread.ts';
import {
  type KerasChange,
  type KerasFiles,
  kerasLayers,
  writeKerasInto,
} from '../../../support/weight-files.ts';
import { ascii, property, withClearRefusals } from '../target-tools.ts';
import type { FuzzTarget } from '../types.ts';
import { checkWeights, readAll, smallWeights, threeLayers } from './small-weights.ts';

const NAME = 'case.hdf5';
/** A seed takes some milliseconds, a thread a fraction of a second to start. */
const STALL_MILLISECONDS = 3000;
/** Cases between two looks at whether a sound file is still read. */
const SOUND_EVERY = 100;

/** Signatures of the structures of HDF5, types, and lengths that overflow. */
const dictionary = [
  ...['TREE', 'SNOD', 'HEAP', 'GCOL', 'OHDR', 'OCHK', 'FRHP', 'FHDB', 'FHIB', 'FSHD', 'BTHD', 'BTLF', 'BTIN'],
  ...['FADB', 'FAHD', 'EAHD', 'EADB', 'SMTB', 'model_weights', 'layer_names', 'weight_names', 'kernel:0'],
].map(ascii);
for (const bytes of [
  [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
  [0xff, 0xff, 0xff, 0x7f],
  [0, 0, 0, 0x80],
  [0, 0, 0, 0, 1, 0, 0, 0],
  [0, 0, 0, 0x40, 0, 0, 0, 0],
  [0x10, 0, 0, 0],
  [0x13, 0, 0, 0],
  [0x19, 0x01, 0, 0],
])
  dictionary.push(Uint8Array.from(bytes));

/** HDF5 writes times of change into its headers: they stand still meanwhile. Nothing here may wait. */
function atFixedTime<T>(body: () => T): T {
  const { now } = Date;
  Date.now = () => 0;
  try {
    return body();
  } finally {
    Date.now = now;
  }
}

let sound: readonly Uint8Array[] | undefined;

async function seeds(): Promise<readonly Uint8Array[]> {
  const files = (await ready).FS as KerasFiles;
  const layers = kerasLayers(smallWeights, 0, threeLayers);
  const write = (change: KerasChange): Uint8Array =>
    writeKerasInto(files, layers, { graph: true, ...change });
  sound ??= atFixedTime(() => [
    write({ old: true }),
    write({ old: false }),
    write({ old: true, atRoot: true, noConfig: true }),
    write({ old: true, compressed: true }),
  ]);
  return sound;
}

const thread = new KerasThread(STALL_MILLISECONDS);

/** One file through the thread, every array of it. */
async function readOnce(bytes: Uint8Array): Promise<void> {
  const { layers, close } = await thread.open(bytes, NAME);
  try {
    for (const { name, className, inputs, config, weights } of layers) {
      property(typeof name === 'string', 'names of layers are text');
      property(className === undefined || typeof className === 'string', 'classes of layers are text');
      property(inputs?.every((input) => typeof input === 'string') ?? true, 'inputs are names');
      property(typeof config === 'object' && config !== null, 'the configuration is an object');
      property(Array.isArray(weights), 'weights are a list');
    }
    await readAll(layers.flatMap(({ weights }) => weights));
    checkWeights(await weightsFromKeras(layers, NAME, threeLayers));
  } finally {
    close();
  }
}

let cases = 0;

async function read(bytes: Uint8Array): Promise<void> {
  try {
    await readOnce(new Uint8Array(bytes));
  } finally {
    if (++cases % SOUND_EVERY === 0) {
      const all = await seeds();
      const next = all[(cases / SOUND_EVERY) % all.length] as Uint8Array;
      await readOnce(new Uint8Array(next)).catch((cause: unknown) => {
        throw new Error('A sound file is no longer read after damaged ones.', { cause });
      });
    }
  }
}

export const hdf5: FuzzTarget = {
  name: 'hdf5',
  title: 'HDF5 weights of Keras, structures of 1.6 and of 2.0, compressed or not',
  seeds,
  dictionary,
  read: withClearRefusals(read),
  refusals: ['bad-input'],
  memoryLimitBytes: 64 * 2 ** 20,
};
