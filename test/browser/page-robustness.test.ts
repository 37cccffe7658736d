/**
 * What goes wrong with a page that computes for minutes: files that are no good or go away, too little memory,
 * a GPU that is lost or blocked, parts that cannot be loaded. Each ends in a sentence and a page that can be
 * used.
 */
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type PageServer, servePage } from '../../src/files/folder-server.ts';
import { COMPUTING_ARGS, forLongJourneys, launchBrowser } from '../support/browser.ts';
import { relativeL2 } from '../support/compare.ts';
import { builtPage, sharpenHere, WebPage, writeTestMap } from '../support/web-page.ts';

const probe = await forLongJourneys(() => launchBrowser({ args: COMPUTING_ARGS }));
await probe.browser?.close();

/** For the adapter of SwiftShader to be taken without being chosen, and the self-test to have its time. */
const HARDWARE = `{
  Object.defineProperty(GPUAdapterInfo.prototype, 'architecture', { get: () => 'test' });
  Object.defineProperty(GPUAdapterInfo.prototype, 'device', { get: () => '' });
  Object.defineProperty(GPUAdapterInfo.prototype, 'description', { get: () => 'test GPU' });
  Object.defineProperty(GPUAdapterInfo.prototype, 'isFallbackAdapter', { get: () => false });
  const later = setTimeout;
  setTimeout = (call, milliseconds) => later(call, 10 * milliseconds);
}`;

describe.skipIf(probe.reason !== undefined)(`the page, when things go wrong ${probe.reason ?? ''}`, () => {
  let folder: string;
  let halves: Blob[];
  let browser: NonNullable<typeof probe.browser>;
  let servers: PageServer[];

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'locscale-wrong-'));
    servers = [];
    browser = (await launchBrowser({ args: COMPUTING_ARGS })).browser as typeof browser;
    halves = [await writeTestMap(folder, 'half1.mrc', 1), await writeTestMap(folder, 'half2.mrc', 2)];
  });
  afterEach(async () => {
    await browser.close();
    await Promise.all(servers.map((server) => server.close()));
    rmSync(folder, { recursive: true, force: true });
  });

  async function open(hash = '#engine=cpu', served = builtPage): Promise<WebPage> {
    const server = await servePage({ folder: served });
    servers.push(server);
    return WebPage.open({ browser, url: `${server.url}${hash}`, folder });
  }
  const good = (): Buffer => readFileSync(join(folder, 'half1.mrc'));
  function changed(change: (map: DataView) => void): Buffer {
    const bytes = good();
    change(new DataView(bytes.buffer, bytes.byteOffset));
    return bytes;
  }
  async function run(tab: WebPage, ...names: string[]): Promise<void> {
    await tab.choose(...names);
    await tab.ready();
    await tab.page.click('#start');
    await tab.finished();
  }
  const failure = (tab: WebPage): Promise<string> =>
    tab.page.evaluate('failure.hidden ? "" : failure.innerText') as Promise<string>;
  const failed = (tab: WebPage): Promise<void> => tab.shown('!document.getElementById("failure").hidden');
  async function clear(tab: WebPage): Promise<void> {
    for (const button of await tab.page.$$('.card .close')) await button.evaluate((one) => one.click());
    await tab.shown('!document.getElementById("intro").hidden');
  }
  /** The page is as good as new: the right files give the right map. */
  async function stillWorks(tab: WebPage): Promise<void> {
    await clear(tab);
    await run(tab, 'half1.mrc', 'half2.mrc');
    expect(await failure(tab)).toBe('');
    expect((await tab.saved('locscale_output.mrc')).equals(await sharpenHere(halves))).toBe(true);
  }

  it('says of each bad file what is wrong with it, before anything is computed', async () => {
    const half = good();
    const bad: readonly (readonly [name: string, bytes: Uint8Array, sentence: RegExp])[] = [
      ['empty.mrc', Buffer.alloc(0), /too short for a map/],
      ['text.mrc', Buffer.from('This is no map. '.repeat(100)), /not an MRC|no map|MODE|mode/i],
      ['cut.mrc', half.subarray(0, 5000), /truncated|bytes/i],
      ['header.mrc', half.subarray(0, 1024), /truncated|bytes/i],
      ['cut.mrc.gz', gzipSync(half).subarray(0, 2000), /cut|truncated|damaged|incomplete|end/i],
      ['mode.mrc', changed((map) => map.setInt32(12, 99, true)), /mode/i],
      ['huge.mrc', changed((map) => map.setInt32(0, 2 ** 30, true)), /cannot be right/],
      ['negative.mrc', changed((map) => map.setInt32(4, -20, true)), /size|shape|dimension|NY|-20/i],
      ['axes.mrc', changed((map) => map.setInt32(64, 7, true)), /MAPC|axis|axes/i],
      ['empty.pdb', Buffer.from('REMARK nothing\nEND\n'), /no atoms/i],
      ['broken.cif', Buffer.from('data_x\nloop_\n_atom_site.id\n'), /atom/i],
    ];
    for (const [name, bytes] of bad) writeFileSync(join(folder, name), bytes);
    const tab = await open();
    const failures: string[] = [];
    for (const [name, , sentence] of bad) {
      await tab.choose(name);
      await tab.shown('document.querySelector(".problem") ?? document.querySelector(".card select")');
      const said = (await tab.page.$$eval('.problem', (all) => all.map((one) => one.textContent))).join(' ');
      if (
        !sentence.test(said) ||
        !/^[^\n]{20,400}[.)]$/.test(said) ||
        /undefined|NaN|\bat \w+\.js/.test(said)
      )
        failures.push(`${name}: ${said}`);
      await tab.page.click('.card .close');
      await tab.shown('document.querySelector(".card") === null');
    }
    expect(failures).toEqual([]);
    await stillWorks(tab);
    expect(tab.trouble).toEqual([]);
  });

  it('says what is wrong with voxels, which only the run reads', async () => {
    writeFileSync(
      join(folder, 'nan_half1.mrc'),
      changed((map) => map.setFloat32(1024 + 4 * 77, Number.NaN, true)),
    );
    writeFileSync(
      join(folder, 'flat_half2.mrc'),
      changed((map) =>
        new Uint8Array(map.buffer).fill(0, 1024 + map.byteOffset, 1024 + map.byteOffset + 4 * 20 ** 3),
      ),
    );
    const tab = await open();
    // The first half map is read for the first look at it.
    await tab.choose('nan_half1.mrc', 'half2.mrc');
    await failed(tab);
    expect(await failure(tab)).toMatch(/nan_half1\.mrc.*(not a number|not finite|NaN|finite)/i);
    await clear(tab);
    await run(tab, 'half1.mrc', 'flat_half2.mrc');
    expect(await failure(tab)).toMatch(/flat_half2\.mrc.*(0|zero|constant|same value)/i);
    await stillWorks(tab);
    expect(tab.trouble).toEqual([]);
  });

  it('says that a file has gone since it was chosen', async () => {
    const bytes = good();
    writeFileSync(join(folder, 'other_half1.mrc'), bytes);
    const tab = await open();
    await tab.choose('other_half1.mrc', 'half2.mrc');
    await tab.ready();
    await tab.shown('!document.getElementById("sections").hidden');
    rmSync(join(folder, 'other_half1.mrc'));
    await tab.page.click('#start');
    await tab.finished();
    expect(await failure(tab)).toMatch(
      /^other_half1\.mrc cannot be read any more: it was changed, moved or removed\.\s+Choose the file again\.$/,
    );
    await stillWorks(tab);
    expect(tab.trouble).toEqual([]);
  });

  it('refuses by its header what does not fit the memory', async () => {
    // Sparse: no disk has to hold it.
    for (const name of ['big_half1.mrc', 'big_half2.mrc']) {
      writeFileSync(
        join(folder, name),
        changed((map) => {
          for (const at of [0, 4, 8, 28, 32, 36]) map.setInt32(at, 900, true);
          for (const at of [40, 44, 48]) map.setFloat32(at, 900, true);
        }).subarray(0, 1024),
      );
      truncateSync(join(folder, name), 1024 + 4 * 900 ** 3);
    }
    const tab = await open();
    await tab.choose('big_half1.mrc', 'big_half2.mrc');
    await failed(tab);
    expect(await failure(tab)).toMatch(
      /^This run needs about [\d.]+ GiB; a page on this computer may take [\d.]+ GiB\.\s+Crop or bin the maps/,
    );
    await stillWorks(tab);
    expect(tab.trouble).toEqual([]);
  });

  it('says that the browser gives no more memory', async () => {
    const tab = await open();
    await tab.inWorker(`{
      const refuse = () => { throw new RangeError('Array buffer allocation failed'); };
      for (const name of ['SharedArrayBuffer', 'Float32Array']) {
        const Own = globalThis[name];
        globalThis[name] = new Proxy(Own, {
          construct: (target, given) => (given[0] > 7000 ? refuse() : Reflect.construct(target, given)),
        });
        globalThis['own' + name] = Own;
      }
    }`);
    await tab.choose('half1.mrc', 'half2.mrc');
    await failed(tab);
    expect(await failure(tab)).toMatch(/memory/i);
    expect(await failure(tab)).not.toMatch(/allocation failed|RangeError/);
    await tab.inWorker(
      `for (const name of ['SharedArrayBuffer', 'Float32Array']) globalThis[name] = globalThis['own' + name];`,
    );
    await stillWorks(tab);
    expect(tab.trouble).toEqual([]);
  });

  it('continues without a GPU that is lost in mid-run, and without one that the browser then blocks', async () => {
    const tab = await open('');
    await tab.inWorker(HARDWARE);
    await tab.page.evaluate('runWorker.postMessage({ id: -1, name: "probe" })');
    const crashes = await browser.target().createCDPSession();
    const crash = async (): Promise<void> => {
      await tab.shown('document.querySelectorAll("#steps li").length > 1');
      // The browser answers only where the process outlives the answer.
      await Promise.race([
        crashes.send('Browser.crashGpuProcess').catch(() => undefined),
        new Promise((resolve) => setTimeout(resolve, 2000)),
      ]);
    };
    const voxels = (file: Buffer): Float32Array =>
      new Float32Array(file.buffer.slice(file.byteOffset + 1024));
    const expected = voxels(await sharpenHere(halves));
    for (let time = 0; time < 3; time++) {
      await tab.choose('half1.mrc', 'half2.mrc');
      await tab.ready();
      await tab.page.click('#start');
      await crash();
      await tab.finished();
      expect(await failure(tab)).toBe('');
      expect(await tab.text('numbers')).toMatch(/Computed on\s+CPU, \d+ worker thread/);
      expect(await tab.text('warnings')).toMatch(
        /The GPU .*(was lost|stopped working) \(.*\): the run begins again on the CPU\.|The GPU is not used: /,
      );
      expect(relativeL2(voxels(await tab.saved('locscale_output.mrc')), expected)).toBe(0);
      await tab.page.click('#again');
      await tab.shown('!document.getElementById("intro").hidden');
    }
    // Asked for by name, it is an error with a way out.
    await tab.page.evaluate('location.hash = "#engine=gpu"');
    await tab.choose('half1.mrc', 'half2.mrc');
    await tab.ready();
    await tab.page.click('#start');
    await failed(tab);
    expect(await failure(tab)).toMatch(/GPU/);
    await tab.page.click('#failure button');
    await tab.ready();
    await tab.page.click('#start');
    await tab.finished();
    expect(await failure(tab)).toBe('');
    expect(await tab.page.evaluate('location.hash')).toBe('#engine=cpu');
    expect(tab.trouble).toEqual([]);
  });

  it('has one outcome when a run is cancelled: at once, at any step, twice, with its result under way', async () => {
    const tab = await open('#engine=cpu&b=1');
    const events = (): Promise<string[]> => tab.page.evaluate('window.outcomes') as Promise<string[]>;
    // Every outcome that the page has shown of a run, and what happens just before it hears of one.
    await tab.page.evaluate(`{
      window.outcomes = [];
      let last = 'run';
      new MutationObserver(() => {
        const shown = ['run', 'setup', 'result', 'failure'].filter((id) => !document.getElementById(id).hidden);
        if (shown.join() !== last) outcomes.push(last = shown.join());
      }).observe(document.body, { subtree: true, attributes: true });
      const { onmessage } = runWorker;
      runWorker.onmessage = (event) => {
        window.beforeMessage?.(event.data);
        onmessage.call(runWorker, event);
      };
    }`);
    const cancelled = async (when: string): Promise<string[]> => {
      await tab.ready();
      await tab.page.evaluate(`window.beforeMessage = undefined, window.outcomes.length = 0`);
      await tab.page.evaluate(when);
      await tab.shown('window.outcomes.length > 1 && document.getElementById("run").hidden');
      // Long enough for a second outcome, and for a worker that is given up.
      await new Promise((resolve) => setTimeout(resolve, 1500));
      return events();
    };
    const press = "document.getElementById('cancel').click();";
    const begin = "document.getElementById('start').click();";
    await tab.choose('half1.mrc', 'half2.mrc');
    expect(await cancelled(begin + press)).toEqual(['run', 'setup']);
    expect(await cancelled(begin + press + press)).toEqual(['run', 'setup']);
    for (const step of ['files', 'fsc', 'scaling', 'report'])
      expect(
        await cancelled(
          `window.beforeMessage = ({ event }) => { if (event?.name === '${step}') { ${press} } }; ${begin}`,
        ),
        step,
      ).toEqual(['run', 'setup']);
    // Its result is on its way to the page, and stands.
    expect(
      await cancelled(`window.beforeMessage = ({ value }) => { if (value?.files) { ${press} } }; ${begin}`),
    ).toEqual(['run', 'result']);
    expect(await failure(tab)).toBe('');
    expect(tab.trouble).toEqual([]);
    await tab.page.click('#again');
    await stillWorks(tab);
  });

  it('stores a result whole while the next run is cancelled, and runs next to other tabs', async () => {
    const tab = await open();
    // Another tab that computes.
    await tab.page.evaluate(
      "void navigator.locks.request('locscale-gpu run', { mode: 'shared' }, () => new Promise(() => {}))",
    );
    await tab.inWorker(`{
      const { prototype } = FileSystemFileHandle;
      const { createSyncAccessHandle } = prototype;
      prototype.createSyncAccessHandle = async function () {
        await new Promise((resolve) => { globalThis.store = resolve; });
        prototype.createSyncAccessHandle = createSyncAccessHandle;
        return createSyncAccessHandle.call(this);
      };
    }`);
    await run(tab, 'half1.mrc', 'half2.mrc');
    await tab.page.click('#edit');
    await tab.ready();
    await tab.page.evaluate(
      "document.getElementById('start').click(), document.getElementById('cancel').click()",
    );
    await tab.ready();
    await tab.inWorker('store()');
    // Answered once the store has ended.
    await tab.page.evaluate(`new Promise((resolve) => {
      runWorker.addEventListener('message', ({ data }) => data.id === -1 && resolve());
      runWorker.postMessage({ id: -1, name: 'storedResults' });
    })`);
    await tab.page.reload();
    await tab.booted();
    await tab.shown("document.querySelectorAll('#earlier-list li').length === 1");
    expect(tab.trouble).toEqual([]);
  });

  it('says that a part of it cannot be loaded', async () => {
    const served = join(folder, 'page');
    cpSync(builtPage, served, { recursive: true });
    const part = (start: string): string =>
      join(served, readdirSync(served).find((name) => name.startsWith(start)) as string);
    const whole = await open('#engine=cpu', served);
    rmSync(part('outputs-'));
    await run(whole, 'half1.mrc', 'half2.mrc');
    expect(await whole.text('failure')).toMatch(
      /^A part of this page could not be loaded: load the page again/,
    );

    rmSync(part('run-worker-'));
    const server = await servePage({ folder: served });
    servers.push(server);
    const page = await browser.newPage();
    const asked: string[] = [];
    page.on('request', (request) => asked.push(request.url()));
    await page.goto(server.url);
    await page.waitForFunction('!document.getElementById("failure").hidden');
    expect(await page.$eval('#failure', (note) => note.textContent)).toMatch(
      /^A part of this page could not be/,
    );
    expect(asked.filter((url) => url.includes('run-worker'))).toHaveLength(1);
  });
});
