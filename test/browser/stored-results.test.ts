/** Results outlive a reload of the page, in the browser's own storage: whole or not at all. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type PageServer, servePage } from '../../src/files/folder-server.ts';
import { COMPUTING_ARGS, forLongJourneys, launchBrowser } from '../support/browser.ts';
import { builtPage, WebPage, writeTestMap } from '../support/web-page.ts';

const probe = await forLongJourneys(() => launchBrowser({ args: COMPUTING_ARGS }));
await probe.browser?.close();

const SAVED = ['.mrc', '_bfactor.mrc', '_mask.mrc', '.json', '.cxc', '_report.html'];
const ATOM = 'ATOM      1  CA  ALA A   1      30.000  30.000  30.000  1.00 20.00           C';

describe.skipIf(probe.reason !== undefined)(`results of the page ${probe.reason ?? ''}`, () => {
  let folder: string;
  let server: PageServer;
  let browser: NonNullable<typeof probe.browser>;

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'locscale-stored-'));
    server = await servePage({ folder: builtPage });
    browser = (await launchBrowser({ args: COMPUTING_ARGS })).browser as typeof browser;
    await writeTestMap(folder, 'half1.mrc', 1);
    await writeTestMap(folder, 'half2.mrc', 2);
    writeFileSync(join(folder, 'model.pdb'), `${ATOM}\nEND\n`);
  });
  afterEach(async () => {
    await browser.close();
    await server.close();
    rmSync(folder, { recursive: true, force: true });
  });

  async function open(): Promise<WebPage> {
    const tab = await WebPage.open({ browser, url: `${server.url}#engine=cpu&ref=profile&b=1`, folder });
    tab.page.on('dialog', (dialog) => dialog.accept());
    return tab;
  }
  async function run(tab: WebPage): Promise<void> {
    await tab.choose('half1.mrc', 'half2.mrc', 'model.pdb');
    await tab.ready();
    await tab.page.click('#start');
    await tab.finished();
  }
  const settled = (tab: WebPage): Promise<void> =>
    tab.shown('!/^(Storing|$)/.test(document.getElementById("storage").textContent)');
  async function reload(tab: WebPage): Promise<void> {
    await tab.page.reload();
    await tab.booted();
  }
  const offered = async (tab: WebPage): Promise<string[]> => {
    // Asked once more, so that the page's own list is complete.
    await ask(tab, 'storedResults');
    return tab.page.$$eval('#earlier:not([hidden]) .stored-title', (all) => all.map((one) => one.innerHTML));
  };
  const ask = (tab: WebPage, name: string, then = 'value'): Promise<unknown> =>
    tab.page.evaluate(`new Promise((resolve) => {
      runWorker.addEventListener('message', function answer({ data }) {
        if (data.id !== -1) return;
        runWorker.removeEventListener('message', answer);
        const { value } = data;
        resolve(${then});
      });
      runWorker.postMessage({ id: -1, name: '${name}' });
    })`);
  /** All that the views draw. */
  const views = async (tab: WebPage): Promise<unknown> => [
    await tab.page.$$eval('#sections canvas', (all) => all.map((one) => one.toDataURL())),
    await ask(
      tab,
      'view',
      'JSON.stringify(value, (_, one) => one instanceof Uint8Array ? [...one].join() : one)',
    ),
    await tab.text('parts'),
  ];
  const files = (tab: WebPage): Promise<unknown> =>
    tab.page.evaluate(`(async () => {
      const names = [];
      const walk = async (folder) => {
        for await (const [name, entry] of folder.entries()) {
          names.push(name);
          if (entry.kind === 'directory') await walk(entry);
        }
      };
      await walk(await navigator.storage.getDirectory());
      return names;
    })()`);

  it('are offered after a reload with all they had, until they are deleted', async () => {
    const tab = await open();
    expect(await offered(tab)).toEqual([]);
    await run(tab);
    await settled(tab);
    expect(await tab.text('storage')).toMatch(/^Finished \d+ \w+ \d{4}.*Stored in this browser \(\d+ kB\)/);
    const names = SAVED.map((end) => `locscale_output${end}`);
    const before = [await tab.text('numbers'), await tab.text('output-list'), await views(tab)];
    const saved: Buffer[] = [];
    for (const name of names) saved.push(await tab.saved(name));

    await reload(tab);
    await tab.shown('!document.getElementById("earlier").hidden');
    expect(await offered(tab)).toEqual(['half1.mrc, half2.mrc']);
    await tab.page.click('#earlier-list button');
    await tab.finished();
    await tab.shown('document.querySelector("#sections output").textContent !== ""');
    expect([await tab.text('numbers'), await tab.text('output-list'), await views(tab)]).toEqual(before);
    for (const [i, name] of names.entries())
      expect((await tab.saved(name)).equals(saved[i]), name).toBe(true);

    await tab.page.click('#storage button');
    await tab.shown('!document.getElementById("intro").hidden');
    expect(await offered(tab)).toEqual([]);
    expect(await files(tab)).toEqual(['results']);
    expect(tab.trouble).toEqual([]);
  });

  it('are not offered half written', async () => {
    const tab = await open();
    await run(tab);
    // Perhaps while it is being stored: then there is nothing, else all of it.
    await reload(tab);
    const whole = await offered(tab);
    expect(['', 'half1.mrc, half2.mrc']).toContain(whole.join());
    await tab.page.evaluate(`(async () => {
      const root = await navigator.storage.getDirectory();
      const results = await root.getDirectoryHandle('results', { create: true });
      const write = async (folder, name, text) => {
        const file = await (await folder.getFileHandle(name, { create: true })).createWritable();
        await file.write(text);
        await file.close();
      };
      const withoutContents = await results.getDirectoryHandle('20260101-a', { create: true });
      await write(withoutContents, 'locscale_output.mrc', 'abc');
      const cutOff = await results.getDirectoryHandle('20260101-b', { create: true });
      await write(cutOff, 'locscale_output.mrc', 'abc');
      await write(cutOff, 'contents.json', '{"format":1,"finished":"2026","title":"cut off"');
      const short = await results.getDirectoryHandle('20260101-c', { create: true });
      await write(short, 'locscale_output.mrc', 'abc');
      await write(short, 'contents.json', JSON.stringify({
        format: 1, finished: '2026', title: 'short', sizes: { 'locscale_output.mrc': 4 },
      }));
    })()`);
    await reload(tab);
    expect(await offered(tab)).toEqual(whole);
    expect(String(await files(tab))).not.toContain('20260101');
    expect(tab.trouble).toEqual([]);
  });

  it.each([
    [
      'the disk is full before it begins',
      'StorageManager.prototype.estimate = async () => ({ quota: 1e5, usage: 0 })',
      /lose this result: The browser has no room for its 1 MB\. Delete results that were stored/,
    ],
    [
      'the disk fills up on the way',
      `{
        const { write } = FileSystemSyncAccessHandle.prototype;
        FileSystemSyncAccessHandle.prototype.write = function (bytes, { at }) {
          return at > 0 ? 0 : write.call(this, bytes.subarray(0, 2000), { at });
        };
      }`,
      /lose this result: The browser has no room for its 1 MB\./,
    ],
    [
      'the window is private',
      `StorageManager.prototype.getDirectory = () => Promise.reject(new DOMException('', 'SecurityError'))`,
      /lose this result: The browser offers this page no storage\. In a private window there may be none\./,
    ],
  ])('are lost with a sentence where %s', async (_, change, sentence) => {
    const tab = await open();
    await tab.inWorker(change);
    await run(tab);
    await settled(tab);
    expect(await tab.text('storage')).toMatch(sentence);
    // What is not stored can be saved.
    expect((await tab.saved('locscale_output.mrc')).length).toBe(1024 + 4 * 20 ** 3);
    await reload(tab);
    expect(await offered(tab)).toEqual([]);
    expect(await files(tab)).toEqual(['results']);
    expect(tab.trouble).toEqual([]);
  });
});
