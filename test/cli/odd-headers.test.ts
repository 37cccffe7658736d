/** Maps and masks whose headers say something else than MRC2014 would: every command reads them alike. */
import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { encodeBzip2 } from '../support/bzip2-encode.ts';
import type { MrcFixture } from '../support/mrc-fixture.ts';
import { edge, noisyBlob } from '../unit/pipeline/test-maps.ts';
import { mrcfilePresent, viewWithMrcfile } from './independent-reader.ts';
import { ballValues, runCli, runCommand, Workspace } from './run-cli.ts';

let workspace: Workspace;
beforeEach(() => {
  workspace = new Workspace();
});
afterEach(() => workspace.remove());

const cpu = ['--engine', 'cpu', '-np', '1'];
const run = (...args: string[]) => runCommand(workspace.folder, [...args, ...cpu]);
const voxels = (name: string): Buffer => readFileSync(workspace.path(name)).subarray(1024);
const header = (name: string) => {
  const bytes = readFileSync(workspace.path(name));
  const view = new DataView(bytes.buffer, bytes.byteOffset, 1024);
  return {
    start: [16, 20, 24].map((at) => view.getInt32(at, true)),
    mz: view.getInt32(36, true),
    ispg: view.getInt32(88, true),
    origin: [196, 200, 204].map((at) => view.getFloat32(at, true)),
  };
};

const grey = (seed: number): Float32Array =>
  noisyBlob('', seed).data.map((v) => Math.min(255, Math.max(0, Math.round(90 * v + 100))));
const white = ballValues(3, 255);

/** Half maps, reference, mask and difference mask, each in one form: names begin with `prefix`. */
function writeInputs(
  prefix: string,
  form: Partial<MrcFixture>,
  values: (seed: number) => Float32Array = grey,
) {
  for (const [i, name] of ['half1', 'half2', 'reference'].entries())
    workspace.map(`${prefix}_${name}.mrc`, 0, { values: values(i + 2), ...form });
  for (const name of ['mask', 'difference'])
    workspace.map(`${prefix}_${name}.mrc`, 0, { values: white, ...form });
  workspace.bytes('t.json', JSON.stringify({ frequency: [0, 0.1, 0.2], amplitude: [3, 2, 1] }));
}

/** Every command that reads maps; each writes PREFIX_out.mrc, or prints. */
const commands: Record<string, (prefix: string) => string[]> = {
  scale: (p) => [
    ...['-hm', `${p}_half1.mrc`, `${p}_half2.mrc`, '-mm', `${p}_reference.mrc`, '-ma', `${p}_mask.mrc`],
    ...['--difference_mask', `${p}_difference.mrc`, '--theoretical_profile', 't.json', '-wn', '6'],
    ...['-o', `${p}_out.mrc`],
  ],
  'scale one map': (p) => [
    ...['-em', `${p}_half1.mrc`, '--no_reference', '-ma', `${p}_mask.mrc`, '-res', '9', '-wn', '6'],
    ...['-o', `${p}_out.mrc`],
  ],
  mask: (p) => ['mask', `${p}_half1.mrc`, '-fdr_w', '4', '-o', `${p}_out.mrc`],
  locres: (p) => [
    ...['locres', '-hm', `${p}_half1.mrc`, `${p}_half2.mrc`, '-ma', `${p}_mask.mrc`],
    ...['--locres_window', '36', '-o', `${p}_out.mrc`],
  ],
  symmetrise: (p) => ['symmetrise', `${p}_half1.mrc`, '-sym', 'C4', '-o', `${p}_out.mrc`],
};

describe("IMOD's unsigned bytes", () => {
  it.each(Object.keys(commands))('are read as such by %s', async (name) => {
    writeInputs('float', {});
    writeInputs('imod', {
      mode: 0,
      imodFlags: 0,
      littleEndian: name !== 'scale',
      statistics: [-128, 127, 0, 1],
    });
    const [float, imod] = await Promise.all(
      ['float', 'imod'].map((prefix) => run(...commands[name](prefix))),
    );
    expect([float.code, imod.code]).toEqual([0, 0]);
    expect(imod.stderr.replaceAll('imod_', 'float_')).toBe(float.stderr);
    expect(voxels('imod_out.mrc').equals(voxels('float_out.mrc'))).toBe(true);
  });

  it('give the same FSC, and validate says how they are read', async () => {
    writeInputs('float', {});
    writeInputs('imod', { mode: 0, imodFlags: 0 });
    const fsc = async (prefix: string): Promise<string> =>
      (await run('fsc', `${prefix}_half1.mrc`, `${prefix}_half2.mrc`)).stdout.replaceAll(`${prefix}_`, '');
    expect(await fsc('imod')).toBe(await fsc('float'));
    const { code, stdout } = await runCli(workspace.folder, ['validate', 'imod_half1.mrc']);
    expect(code).toBe(0);
    expect(stdout).toContain(
      "warning: MODE: is 0, read as unsigned bytes, which MRC2014 does not know: it has IMOD's stamp, and bit 0 of its flags is clear",
    );
  });
});

const forms: [string, Partial<MrcFixture>, RegExp | undefined][] = [
  [
    'an extended header that is not there',
    { extendedLength: 20_000 },
    /room for none: the voxels begin at byte 1024/,
  ],
  [
    'a stack of one volume',
    { spaceGroup: 401 },
    /marked as a stack of volumes \(space group 401\); it holds one/,
  ],
  ['a stack of sections', { spaceGroup: 0, sampling: [edge, edge, 1] }, /marked as a stack of images/],
  ['space group 0', { spaceGroup: 0 }, undefined],
];

// All commands read maps alike; that they do is seen once.
const read = forms.flatMap(([what, form, warning], i) =>
  (i === 0 ? ['scale', 'mask', 'locres', 'symmetrise'] : ['scale']).map(
    (name) => [what, name, form, warning] as const,
  ),
);

describe('what is not a sound volume by its header', () => {
  it.each(read)('%s is read by %s, and the result is one', async (_, name, form, warning) => {
    writeInputs('sound', {});
    writeInputs('odd', form);
    const [sound, odd] = await Promise.all(['sound', 'odd'].map((prefix) => run(...commands[name](prefix))));
    expect([sound.code, odd.code]).toEqual([0, 0]);
    const lines = odd.stderr.split('\n').filter((line) => warning?.test(line));
    expect(lines.length > 0).toBe(warning !== undefined);
    const others = odd.stderr.split('\n').filter((line) => !lines.includes(line));
    expect(others.join('\n').replaceAll('odd_', 'sound_')).toBe(sound.stderr);
    expect(voxels('odd_out.mrc').equals(voxels('sound_out.mrc'))).toBe(true);
    expect(header('odd_out.mrc')).toMatchObject({ ispg: 1, mz: edge });
    expect((await runCli(workspace.folder, ['validate', 'odd_out.mrc'])).stdout).toContain(
      '0 errors, 0 warnings',
    );
    if (mrcfilePresent)
      expect(viewWithMrcfile(workspace.path('odd_out.mrc'))).toMatchObject({ valid: true, log: '' });
  });
});

describe('a compressed file', () => {
  it('with an extended header that is not there is read, and one that is cut off is refused', async () => {
    writeInputs('sound', {});
    writeInputs('lie', { extendedLength: 20_000 });
    writeInputs('real', { extended: new Uint8Array(1024), extendedType: 'SERI' });
    const bytes = (name: string) => new Uint8Array(readFileSync(workspace.path(name)));
    workspace.bytes('lie_half1.mrc.gz', gzipSync(bytes('lie_half1.mrc')));
    workspace.bytes('lie_half2.mrc.bz2', encodeBzip2(bytes('lie_half2.mrc')));
    const args = (one: string, two: string) => [
      '-hm',
      one,
      two,
      '--no_reference',
      '-ma',
      'sound_mask.mrc',
      '-wn',
      '6',
    ];
    const sound = await run(...args('sound_half1.mrc', 'sound_half2.mrc'), '-o', 'a.mrc');
    const lie = await run(...args('lie_half1.mrc.gz', 'lie_half2.mrc.bz2'), '-o', 'b.mrc');
    expect([sound.code, lie.code]).toEqual([0, 0]);
    expect(lie.stderr.match(/room for none/g)).toHaveLength(2);
    expect(voxels('a.mrc').equals(voxels('b.mrc'))).toBe(true);
    workspace.bytes('cut.mrc', bytes('real_half1.mrc').subarray(0, -1000));
    workspace.bytes('cut.mrc.gz', gzipSync(bytes('cut.mrc')));
    for (const name of ['cut.mrc', 'cut.mrc.gz']) {
      const { code, stderr } = await run(...args(name, 'sound_half2.mrc'), '-o', 'c.mrc');
      expect(code).toBe(3);
      expect(stderr).toContain(`${name} is truncated`);
    }
  });
});

describe('space group 0', () => {
  it('is worth one line per file with -v, and none without', async () => {
    writeInputs('zero', { spaceGroup: 0 });
    const quiet = await run('fsc', 'zero_half1.mrc', 'zero_half2.mrc');
    const verbose = await run('fsc', 'zero_half1.mrc', 'zero_half2.mrc', '-v');
    expect([quiet.stderr, verbose.stderr]).toEqual(['', '']);
    expect(quiet.stdout).not.toContain('space group');
    expect(verbose.stdout.match(/has space group 0/g)).toHaveLength(2);
  });
});

describe('an origin that one file has', () => {
  const origin = [-33, 12, 6] as const;
  const says = (name: string) =>
    new RegExp(`no origin; that of ${name}, \\(-33, 12, 6\\) A, is used for all maps`);
  it.each(['half1', 'half2', 'reference', 'mask', 'difference'])(
    '(%s) is that of the result',
    async (one) => {
      writeInputs('in', {}, (seed) => noisyBlob('', seed).data);
      const name = `in_${one}.mrc`;
      const values = ['mask', 'difference'].includes(one) ? white : noisyBlob('', 7).data;
      workspace.map(name, 0, { values, origin });
      const { code, stderr } = await run(...commands.scale('in'));
      expect([code, stderr.match(says(name))?.length, stderr.trim().split('\n').length]).toEqual([0, 1, 1]);
      expect(header('in_out.mrc').origin).toEqual(origin);
    },
  );

  it.each(['mask', 'locres'])('counts in whichever order for %s', async (command) => {
    writeInputs('in', {}, (seed) => noisyBlob('', seed).data);
    workspace.map('placed.mrc', 5, { start: [-11, 4, 2] });
    for (const maps of [
      ['in_half1.mrc', 'placed.mrc'],
      ['placed.mrc', 'in_half1.mrc'],
    ]) {
      const more = command === 'mask' ? ['-fdr_w', '4'] : ['-ma', 'in_mask.mrc', '--locres_window', '36'];
      const { code, stderr } = await run(command, '-hm', ...maps, ...more, '-o', 'out.mrc');
      expect([code, stderr.match(says('placed.mrc'))?.length]).toEqual([0, 1]);
      expect(header('out.mrc')).toMatchObject({ start: [-11, 4, 2], origin: [0, 0, 0] });
    }
  });
});
