/** Verdicts on a GPU: remembered for what they hold for, and never in the way. */
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { cacheFolder } from '../../../src/files/cache-folder.ts';
import { openVerdicts, verdictPath } from '../../../src/files/verdict-file.ts';

const KEY = { vendor: 'nvidia', device: 'H200', description: '550.54', program: '0.2.0' };
const DAY = 86_400_000;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'locscale-verdicts-'));
});
afterEach(() => {
  chmodSync(folder, 0o755);
  rmSync(folder, { recursive: true });
});

async function remember(check: string, key = KEY, now = Date.now()): Promise<void> {
  const file = await openVerdicts(folder, key, { now: () => now });
  file.add(check, { subject: 'transform', error: 1e-7 });
  await file.save();
}

describe('verdicts on a GPU', () => {
  it('are known to later runs, and say when they were given', async () => {
    await remember('one', KEY, Date.parse('2026-11-20T10:00:00Z'));
    await remember('two', KEY, Date.parse('2026-11-21T10:00:00Z'));
    const file = await openVerdicts(folder, KEY, { now: () => Date.parse('2026-11-22') });
    expect([file.has('one'), file.has('two'), file.has('three')]).toEqual([true, true, false]);
    expect([file.count, file.latest]).toEqual([2, '2026-11-21T10:00:00.000Z']);
  });

  it.each(Object.keys(KEY))('do not hold for another %s', async (part) => {
    await remember('one');
    expect((await openVerdicts(folder, { ...KEY, [part]: 'other' })).has('one')).toBe(false);
    // Even where the other's file is taken for one's own.
    const other = { ...KEY, [part]: 'other' };
    writeFileSync(verdictPath(folder, other), readFileSync(verdictPath(folder, KEY)));
    expect((await openVerdicts(folder, other)).has('one')).toBe(false);
  });

  it('hold for a month, and not from the future', async () => {
    await remember('one', KEY, 100 * DAY);
    const at = async (now: number) => (await openVerdicts(folder, KEY, { now: () => now })).has('one');
    expect([await at(129 * DAY), await at(131 * DAY), await at(90 * DAY)]).toEqual([true, false, false]);
  });

  it('are forgotten on request, and replaced', async () => {
    await remember('one');
    const file = await openVerdicts(folder, KEY, { forget: true });
    expect([file.has('one'), file.count]).toEqual([false, 0]);
    file.add('two', { subject: 'transform', error: 0 });
    await file.save();
    const later = await openVerdicts(folder, KEY);
    expect([later.has('one'), later.has('two')]).toEqual([false, true]);
  });

  it.each([
    '',
    'not JSON',
    '{}',
    'null',
    '{"format":2,"key":{},"verdicts":{}}',
    `{"format":1,"key":${JSON.stringify(KEY)},"verdicts":null}`,
    `{"format":1,"key":${JSON.stringify(KEY)},"verdicts":{"one":null}}`,
    `{"format":1,"key":${JSON.stringify(KEY)},"verdicts":{"one":{"subject":"x","date":"?"}}}`,
  ])('ignore a damaged file: %s', async (text) => {
    const path = verdictPath(folder, KEY);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
    expect((await openVerdicts(folder, KEY)).has('one')).toBe(false);
    await remember('one');
    expect((await openVerdicts(folder, KEY)).has('one')).toBe(true);
  });

  it('of processes that save at the same time are whole, and leave nothing next to them', async () => {
    await Promise.all(Array.from({ length: 20 }, (_, i) => remember(`check ${i}`)));
    const file = await openVerdicts(folder, KEY);
    expect(file.count).toBeGreaterThan(0);
    expect(readdirSync(join(folder, 'gpu-verdicts'))).toHaveLength(1);
  });

  it('do without a folder that cannot be written', async () => {
    const blocked = join(folder, 'file');
    writeFileSync(blocked, '');
    const file = await openVerdicts(blocked, KEY);
    file.add('one', { subject: 'transform', error: 0 });
    await file.save();
    expect(file.has('one')).toBe(true);
    if (process.getuid?.() === 0) return;
    chmodSync(folder, 0o555);
    await remember('one');
    expect(readdirSync(folder)).toEqual(['file']);
  });
});

describe('the cache folder', () => {
  it.each([
    [{ platform: 'linux', home: '/home/a' }, '/home/a/.cache/locscale-gpu'],
    [{ platform: 'linux', home: '/home/a', xdgCacheHome: '/scratch' }, '/scratch/locscale-gpu'],
    [{ platform: 'linux', home: '/home/a', xdgCacheHome: 'relative' }, '/home/a/.cache/locscale-gpu'],
    [{ platform: 'darwin', home: '/Users/a' }, '/Users/a/Library/Caches/locscale-gpu'],
    [{ platform: 'win32', home: '/a', localAppData: '/b' }, '/b/locscale-gpu/Cache'],
    [{ platform: 'win32', home: '/a' }, '/a/AppData/Local/locscale-gpu/Cache'],
    [{ platform: 'linux', home: '/home/a', override: '/own' }, '/own'],
    [{ platform: 'linux', home: '/home/a', override: '' }, '/home/a/.cache/locscale-gpu'],
  ] as const)('of %o', (surroundings, expected) => {
    expect(cacheFolder(surroundings)).toBe(expected);
  });
});
