/**
 * The page on a plain host of static files: isolated by its own service worker, used without a network after
 * one visit, replaced by a new release without old and new files mixing.
 */
import {
  appendFileSync,
  cpSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { servePage } from '../../src/files/folder-server.ts';
import { addServiceWorker, laterIn } from '../../tools/build-web.mjs';
import { COMPUTING_ARGS, forLongJourneys, launchBrowser } from '../support/browser.ts';
import { hostFolder, type StaticHost } from '../support/static-host.ts';
import { builtPage, sharpenHere, WebPage, writeTestMap } from '../support/web-page.ts';

const probe = await forLongJourneys(() => launchBrowser({ args: COMPUTING_ARGS }));
await probe.browser?.close();

describe.skipIf(probe.reason !== undefined)(`the page on a plain host ${probe.reason ?? ''}`, () => {
  let folder: string;
  let host: StaticHost;
  let browser: NonNullable<typeof probe.browser>;

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'locscale-offline-'));
    host = await hostFolder(builtPage);
    // A new browser stores nothing yet.
    browser = (await launchBrowser({ args: COMPUTING_ARGS })).browser as typeof browser;
  });
  afterEach(async () => {
    await browser.close();
    await host.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const open = (hash = ''): Promise<WebPage> => WebPage.open({ browser, url: `${host.url}${hash}`, folder });
  const isStored = (tab: WebPage): Promise<void> => tab.shown('!document.getElementById("offline").hidden');
  const isIsolated = (tab: WebPage): Promise<unknown> => tab.page.evaluate('crossOriginIsolated');
  const build = (tab: WebPage): Promise<unknown> =>
    tab.page.evaluate('document.documentElement.dataset.build');

  it('shares memory after its first visit, and computes without a network', async () => {
    const tab = await open();
    await isStored(tab);
    await tab.booted();
    expect(await isIsolated(tab)).toBe(true);
    expect([...new Set(host.asked)].filter((name) => name !== 'service-worker.js').sort()).toEqual(
      readdirSync(builtPage)
        .filter((name) => name !== 'service-worker.js' && !laterIn(builtPage).includes(name))
        .sort(),
    );
    await host.close();
    await Promise.all([tab.page.waitForNavigation(), tab.page.keyboard.press('F5'), tab.page.reload()]);
    const second = await open('#engine=cpu');
    for (const one of [second, tab]) {
      await one.page.bringToFront();
      await one.booted();
      expect(await isIsolated(one)).toBe(true);
      await one.page.click('#demo');
      await one.ready();
      await one.page.click('#start');
      await one.finished();
      expect(await one.text('numbers')).toMatch(/CPU, \d+ worker threads?\s+Correlation.*0\.757 → 0\.899/s);
      expect(one.trouble).toEqual([]);
    }
  });

  it('lets nothing out, though service workers have no policy of their own', async () => {
    const tab = await open();
    await isStored(tab);
    await tab.page.evaluate(`window.refused = new Set();
      addEventListener('securitypolicyviolation', (event) => refused.add(event.effectiveDirective))`);
    const outcome = await tab.page.evaluate(
      `Promise.allSettled([
        fetch('https://example.org/?voxel=1'),
        import('https://example.org/script.js'),
        new Promise((resolve, reject) => {
          const image = new Image();
          image.onload = resolve;
          image.onerror = reject;
          image.src = 'https://example.org/voxel.png';
        }),
      ]).then((all) => all.map(({ status }) => status))`,
    );
    expect(outcome).toEqual(['rejected', 'rejected', 'rejected']);
    expect(await tab.page.evaluate('[...refused].sort()')).toEqual([
      'connect-src',
      'img-src',
      'script-src-elem',
    ]);
  });

  it('shows a new release at once, while tabs of the old one still find their files', async () => {
    const halves = [await writeTestMap(folder, 'half1.mrc', 1), await writeTestMap(folder, 'half2.mrc', 2)];
    host.folder = await release('1');
    const old = await open('#engine=cpu');
    await isStored(old);
    host.folder = await release('2');
    const next = await open('#engine=cpu');
    await isStored(next);
    expect([await build(old), await build(next)]).toEqual(['1', '2']);
    // Its parts are loaded only now, and the host has them no more.
    await old.page.bringToFront();
    await old.booted();
    await old.choose('half1.mrc', 'half2.mrc');
    await old.ready();
    await old.page.click('#start');
    await old.finished();
    expect((await old.saved('locscale_output.mrc')).equals(await sharpenHere(halves))).toBe(true);
    await old.page.close();
    await next.page.close();

    // Nobody uses the old release any more: the new one is what works offline.
    const last = await open();
    await last.shown(`caches.keys().then((names) => names.length === 1)`);
    await host.close();
    await last.page.reload();
    await last.booted();
    expect(await build(last)).toBe('2');
    expect([...old.trouble, ...next.trouble, ...last.trouble]).toEqual([]);
  });

  it('stores no release of which a file is damaged', async () => {
    host.folder = await release('1');
    const tab = await open();
    await isStored(tab);
    const damaged = await release('2');
    const name = readdirSync(damaged).find((file) => file.startsWith('outputs-')) as string;
    appendFileSync(join(damaged, name), '// cut off');
    host.folder = damaged;
    await tab.page.reload();
    expect(await build(tab)).toBe('2');
    const state = await tab.page.evaluate(`navigator.serviceWorker.getRegistration()
      .then((registration) => registration.update().catch(() => undefined).then(() => new Promise((resolve) => {
        const { installing } = registration;
        if (installing === null) resolve('none');
        else installing.onstatechange = () => installing.state !== 'installing' && resolve(installing.state);
      })))`);
    expect(['none', 'redundant']).toContain(state);
    await host.close();
    await tab.page.reload();
    await tab.booted();
    expect(await build(tab)).toBe('1');
  });

  /** The page with the name of the release in its document and in the contents of every script. */
  async function release(name: string): Promise<string> {
    const made = join(folder, `release-${name}`);
    cpSync(builtPage, made, { recursive: true });
    const renamed = readdirSync(made)
      .filter((file) => /-[\w-]{8}\.js$/.test(file))
      .map((file) => [file, file.replace(/[\w-]{8}\.js$/, `release${name}.js`)] as const);
    for (const file of readdirSync(made).filter((one) => /\.(js|html)$/.test(one))) {
      let text = readFileSync(join(made, file), 'utf8').replace('<html ', `<html data-build="${name}" `);
      for (const [from, to] of renamed) text = text.replaceAll(from, to);
      rmSync(join(made, file));
      const to = renamed.find(([from]) => from === file)?.[1] ?? file;
      writeFileSync(join(made, to), text);
    }
    await addServiceWorker(made);
    return made;
  }
});

describe.skipIf(probe.reason !== undefined)(`the page that the program serves ${probe.reason ?? ''}`, () => {
  it('leaves no service worker behind at an address that is another program’s tomorrow', async () => {
    const { browser } = await launchBrowser({ args: COMPUTING_ARGS });
    const folder = mkdtempSync(join(tmpdir(), 'locscale-offline-'));
    const server = await servePage({ folder: builtPage });
    try {
      const tab = await WebPage.open({
        browser: browser as NonNullable<typeof browser>,
        url: server.url,
        folder,
      });
      const registered = 'navigator.serviceWorker.getRegistrations().then(({ length }) => length)';
      expect(await tab.page.evaluate(registered)).toBe(0);
      expect((await fetch(`${server.url}service-worker.js`)).status).toBe(404);
      expect(tab.trouble).toEqual([]);
    } finally {
      await browser?.close();
      await server.close();
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
