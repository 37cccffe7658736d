/** Every platform offers the same, and the right one is chosen. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import * as browser from '../../../src/platform/browser.ts';
import * as deno from '../../../src/platform/deno.ts';
import * as chosen from '../../../src/platform/index.ts';
import * as node from '../../../src/platform/node.ts';
import type { Platform } from '../../../src/platform/platform.ts';

/** The types are checked by the compiler (`npm run check`). */
const platforms: Record<'node' | 'deno' | 'browser', Platform> = { node, deno, browser };

describe('platforms', () => {
  it('export the same names', () => {
    const names = Object.keys(node).sort();
    for (const platform of Object.values(platforms)) expect(Object.keys(platform).sort()).toEqual(names);
    expect(Object.keys(chosen).sort()).toEqual(names);
  });

  it('are the same for the sources and for the package', () => {
    const read = (path: string) => readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8');
    const ofSources = JSON.stringify(JSON.parse(read('src/package.json')).imports);
    const ofPackage = JSON.stringify(JSON.parse(read('package.json')).imports);
    expect(ofPackage.replaceAll('./dist/', './').replaceAll('.js"', '.ts"')).toBe(ofSources);
  });

  it('are chosen by where the program runs', () => {
    const expected = 'Deno' in globalThis ? deno : node;
    expect(chosen.loadGpu).toBe(expected.loadGpu);
    expect(chosen.runtimeName()).toMatch('Deno' in globalThis ? /^Deno \d+\.\d+/ : /^Node \d+\.\d+/);
  });
});

describe('the browser platform', () => {
  it('says which asset is missing', async () => {
    const url = new URL('data:text/plain,abc');
    expect(new TextDecoder().decode(await browser.readAsset(url))).toBe('abc');
    await expect(browser.readAsset(new URL('http://127.0.0.1:9/x.wgsl'))).rejects.toThrow();
  });
});
