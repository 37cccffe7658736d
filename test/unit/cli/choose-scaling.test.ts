import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest';
import { chooseScaling } from '../../../src/cli/choose-scaling.ts';
import { chooseInput } from '../../../src/cli/job-options.ts';
import { parseArgv } from '../../../src/cli/parse-argv.ts';
import { HIGH_CONTEXT } from '../../../src/network/store/index.ts';

const models = mkdtempSync(join(tmpdir(), 'locscale-choose-'));
const imported = join(models, 'imported');
mkdirSync(join(imported, HIGH_CONTEXT), { recursive: true });
afterAll(() => rmSync(models, { recursive: true }));
afterEach(() => vi.unstubAllEnvs());

async function choose(line: string, { emmernet = false, shim = false } = {}) {
  vi.stubEnv('LOCSCALE_MODELS', emmernet ? imported : join(models, 'none'));
  vi.stubEnv('LOCSCALE_CALLED_AS', shim ? 'locscale' : '');
  const { parsed } = { parsed: parseArgv(line.split(' ')) };
  return chooseScaling({ parsed }, chooseInput(parsed.values));
}

const scheme = async (line: string, how?: Parameters<typeof choose>[1]): Promise<string> => {
  const { reference, scaling } = await choose(line, how);
  return `${reference.kind}, ${scaling}`;
};

describe('what a run scales to, and how', () => {
  const halves = '-hm a.mrc b.mrc';
  it.each([
    [halves, 'profile, soft'],
    ['-em a.mrc -res 4', 'profile, soft'],
    [`${halves} --scaling locscale`, 'network, locscale'],
    [`${halves} --scaling soft`, 'profile, soft'],
    [`${halves} --reference network`, 'network, locscale'],
    [`${halves} --reference network --scaling soft`, 'network, soft'],
    [`${halves} --provider cpu`, 'network, locscale'],
    [`${halves} -mres 4`, 'network, locscale'],
    [`${halves} --reference profile`, 'profile, soft'],
    [`${halves} -mm r.mrc`, 'model-map, locscale'],
    [`${halves} -mm r.mrc --scaling soft`, 'model-map, soft'],
    [`${halves} -mc r.pdb --scaling soft`, 'atomic-model, soft'],
    [`${halves} --no_reference`, 'none, locscale'],
    [`${halves} --no_reference --scaling soft`, 'none, soft'],
  ])('%s: %s', async (line, expected) => {
    expect(await scheme(line)).toBe(expected);
  });

  it('with EMmerNet imported, a run without a reference is LocScale’s', async () => {
    expect(await scheme(halves, { emmernet: true })).toBe('network, locscale');
    expect(await scheme('-em a.mrc', { emmernet: true })).toBe('network, locscale');
    expect(await scheme(`${halves} --scaling soft`, { emmernet: true })).toBe('profile, soft');
  });

  it('says what was taken where nobody chose, and how to get the other', async () => {
    expect((await choose(halves)).because).toMatch(/^Soft scaling .*--scaling locscale\)\.$/);
    expect((await choose(`${halves} --scaling soft`)).because).toBeUndefined();
  });

  it('requires the resolution of a single map; as `locscale` it warns and does what LocScale does', async () => {
    await expect(choose('-em a.mrc')).rejects.toThrow(/resolution, which is not given/);
    const called = await choose('-em a.mrc', { shim: true });
    expect(called).toMatchObject({ reference: { kind: 'network' }, scaling: 'locscale' });
    expect(called.warning).toMatch(/-res/);
  });

  it.each(['-apply_fsc_filter', '--radial_profile sphere'])('%s is for LocScale’s scheme', async (option) => {
    const name = option.split(' ')[0];
    await expect(choose(`${halves} ${option}`)).rejects.toThrow(`${name} cannot be used with soft scaling`);
    const called = await choose(`${halves} ${option}`, { shim: true });
    expect(called).toMatchObject({ reference: { kind: 'network' }, scaling: 'locscale' });
    expect(await scheme(`${halves} --scaling locscale ${option}`)).toBe('network, locscale');
  });

  it('--also is another way, and one that the reference allows', async () => {
    expect(await scheme(`${halves} --also global`)).toBe('profile, soft');
    expect(await scheme(`${halves} -mm r.mrc --also soft`)).toBe('model-map, locscale');
    expect(await scheme(`${halves} --reference network --scaling soft --also locscale`)).toBe(
      'network, soft',
    );
    await expect(choose(`${halves} --also soft`)).rejects.toThrow(/scales that way already/);
    await expect(choose(`${halves} -mm r.mrc --also locscale`)).rejects.toThrow(/scales that way already/);
    await expect(choose(`${halves} --also locscale`)).rejects.toThrow(/profile alone/);
  });

  it('refuses a profile in LocScale’s windows', async () => {
    await expect(choose(`${halves} --reference profile --scaling locscale`)).rejects.toThrow(/profile alone/);
    await expect(choose(`${halves} -mm r.mrc --activate_pseudomodel --scaling soft`)).rejects.toThrow(
      /--activate_pseudomodel/,
    );
  });
});
