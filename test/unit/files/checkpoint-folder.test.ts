/** Checkpoints on disk: found by their hash, whole or not at all. */
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type CheckpointFolder, openCheckpointFolder } from '../../../src/files/checkpoint-folder.ts';

let folder: string;
let warnings: string[];
const openFolder = (change: { version?: string; prefix?: string; folder?: string } = {}): CheckpointFolder =>
  openCheckpointFolder({
    folder,
    prefix: 'map_',
    version: '1.0.0',
    onWarning: (message) => warnings.push(message),
    ...change,
  });
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'checkpoints-'));
  warnings = [];
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const content = (value: number) => ({
  values: { value, nested: ['a\nb', null] },
  arrays: [Float32Array.of(value, Number.NaN, -0), new Float32Array(0), Float32Array.of(1e-45)],
});

describe('checkpoints in a folder', () => {
  it('come back as they were, in their order, from another opening of the folder', async () => {
    const of = { map: 'abc', window: 20 };
    for (let i = 0; i < 12; i++) await openFolder().add('scaling', of, content(i));
    expect(await openFolder().list('scaling', of)).toEqual(Array.from({ length: 12 }, (_, i) => content(i)));
    expect((await readdir(folder)).every((file) => /^map_scaling-[0-9a-f]{16}-\d{4}\.part$/.test(file))).toBe(
      true,
    );
  });

  it('take arrays in shared memory and views', async () => {
    const shared = new Float32Array(new SharedArrayBuffer(40)).fill(7);
    const whole = Float32Array.from({ length: 10 }, (_, i) => i);
    await openFolder().add('a', 1, { values: {}, arrays: [shared, whole.subarray(3, 5)] });
    const [kept] = await openFolder().list('a', 1);
    expect([...kept.arrays[0]]).toEqual([...shared]);
    expect([...kept.arrays[1]]).toEqual([3, 4]);
  });

  it('belong to what they were made of, the version and the output', async () => {
    await openFolder().add('mask', { map: 'abc' }, content(1));
    expect(await openFolder().list('mask', { map: 'abc' })).toHaveLength(1);
    expect(await openFolder().list('mask', { map: 'abd' })).toHaveLength(0);
    expect(await openFolder().list('fsc', { map: 'abc' })).toHaveLength(0);
    expect(await openFolder({ version: '1.0.1' }).list('mask', { map: 'abc' })).toHaveLength(0);
    expect(await openFolder({ prefix: 'other_' }).list('mask', { map: 'abc' })).toHaveLength(0);
  });

  it('replace what was there, and go when they are not needed', async () => {
    const kept = openFolder();
    await kept.replace('prediction', 1, content(1));
    await kept.replace('prediction', 1, content(2));
    await kept.add('fsc', 1, content(3));
    expect(await kept.list('prediction', 1)).toEqual([content(2)]);
    await kept.remove('prediction');
    expect(await kept.list('prediction', 1)).toEqual([]);
    expect(await kept.list('fsc', 1)).toHaveLength(1);
  });

  it('are not read where they are damaged: cut, changed anywhere, longer, empty', async () => {
    await openFolder().add('mask', 1, content(1));
    const [file] = await readdir(folder);
    const path = join(folder, file);
    const bytes = await readFile(path);
    for (let at = 0; at < bytes.length; at++) {
      const changed = Buffer.from(bytes);
      changed[at] ^= 0x11;
      await writeFile(path, changed);
      expect(await openFolder().list('mask', 1), `byte ${at}`).toEqual([]);
    }
    for (const length of [0, 5, 12, 40, bytes.length - 1]) {
      await writeFile(path, bytes.subarray(0, length));
      expect(await openFolder().list('mask', 1)).toEqual([]);
    }
    await writeFile(path, Buffer.concat([bytes, Buffer.of(0)]));
    expect(await openFolder().list('mask', 1)).toEqual([]);
    expect(warnings.at(-1)).toMatch(/is damaged or cannot be read: its content is computed again/);
    // Listed, but not to be opened.
    await rm(path);
    await symlink(`${path}.gone`, path);
    warnings.length = 0;
    expect(await openFolder().list('mask', 1)).toEqual([]);
    expect(warnings).toHaveLength(1);
    await writeFile(path, bytes);
    expect(await openFolder().list('mask', 1)).toEqual([content(1)]);
  });

  it('that cannot be written are reported once, and leave nothing', async () => {
    const gone = openFolder({ folder: join(folder, 'missing') });
    await gone.add('mask', 1, content(1));
    await gone.add('mask', 2, content(1));
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toMatch(/cannot be stored in .*; the run continues/);
    expect(await gone.list('mask', 1)).toEqual([]);
    await mkdir(join(folder, 'missing'));
    expect(await readdir(join(folder, 'missing'))).toEqual([]);
  });
});
