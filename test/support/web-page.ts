/** The page as its tests use it: opened, given files, watched, and what it saves. */
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Browser, ElementHandle, Page } from 'puppeteer-core';
import { mapFromBlob, mapToBlob } from '../../src/browser.ts';
import { completeParameters, imageOf, runLocScale, selectEngine } from '../../src/index.ts';
import type { LocScaleJob } from '../../src/pipeline/types.ts';
import { noisyBlob } from '../unit/pipeline/test-maps.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
const screenshots = process.env.LOCSCALE_SCREENSHOTS;

export const builtPage = join(root, 'dist/web');
/** Mol* is built into the page where tools/web is installed. */
export const hasView = existsSync(join(root, 'tools/web/node_modules/molstar'));
/** The same of onnxruntime and the bundled network. */
export const hasNetworks = existsSync(join(root, 'tools/web/node_modules/onnxruntime-web'));

/** Of the page's own scripts those that only runs with a network load. */
export const SCRIPTS_OF_NETWORKS = /^(network|emmernet-graph|onnx|weights|web)-/;

/** A loaded machine takes many times as long as an idle one. */
const PATIENCE_MILLISECONDS = 240_000;

export interface OpenOptions {
  readonly browser: Browser;
  /** Where the page is; a fragment may follow. */
  readonly url: string;
  /** For files to choose and files that are saved. */
  readonly folder: string;
  /** Scripts that run before those of the page. */
  readonly before?: readonly string[];
}

/** One tab. */
export class WebPage {
  readonly page: Page;
  /** Requests to anywhere else, and errors of scripts. */
  readonly trouble: string[] = [];
  private readonly folder: string;

  private constructor(page: Page, folder: string) {
    this.page = page;
    this.folder = folder;
  }

  static async open({ browser, url, folder, before = [] }: OpenOptions): Promise<WebPage> {
    const page = await browser.newPage();
    const opened = new WebPage(page, folder);
    const { trouble } = opened;
    const own = new URL('.', url).href;
    page.on('request', (request) => {
      const asked = request.url();
      if (!asked.startsWith(own) && !/^(data|blob):/.test(asked)) trouble.push(asked);
    });
    page.on('pageerror', (error) => trouble.push(String(error)));
    page.on('console', (message) => message.type() === 'error' && trouble.push(message.text()));
    // Without dialogs files are downloaded, as in browsers that have none.
    await page.evaluateOnNewDocument('delete window.showSaveFilePicker; delete window.showDirectoryPicker;');
    // The worker is spoken to, and what it is given looked at: the generated half maps are in no file.
    await page.evaluateOnNewDocument(`{
      const { postMessage } = Worker.prototype;
      Worker.prototype.postMessage = function (message, ...rest) {
        window.runWorker = this;
        if (message.name === 'run') window.job = message.value.files;
        return postMessage.call(this, message, ...rest);
      };
    }`);
    for (const script of before) await page.evaluateOnNewDocument(script);
    if ((await browser.version()).includes('Chrome')) {
      const session = await page.createCDPSession();
      await session.send('Browser.setDownloadBehavior', { behavior: 'allow', downloadPath: folder });
    }
    await page.goto(url);
    await opened.booted();
    return opened;
  }

  booted(): Promise<void> {
    return this.shown('document.getElementById("machine").textContent.includes("·")');
  }

  /** Asked from here: in hidden tabs browsers slow down what looks by itself. */
  async shown(condition: string): Promise<void> {
    const begun = performance.now();
    for (;;) {
      // While a page is loaded again it cannot be asked.
      const holds = await this.page.evaluate(condition).catch(() => false);
      if (holds) return;
      if (performance.now() - begun > PATIENCE_MILLISECONDS)
        throw new Error(`${condition} does not come true. The page: ${await this.text('main')}`);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  text(id: string): Promise<string> {
    return this.page.evaluate(`document.getElementById('${id}').innerText`) as Promise<string>;
  }

  ready(): Promise<void> {
    return this.shown(
      '!document.getElementById("start").disabled && !document.getElementById("setup").hidden',
    );
  }

  finished(): Promise<void> {
    return this.shown(
      '!document.getElementById("result").hidden || !document.getElementById("failure").hidden',
    );
  }

  async choose(...names: string[]): Promise<void> {
    const input = (await this.page.$('#choose')) as ElementHandle<never>;
    await input.uploadFile(...names.map((name) => join(this.folder, name)));
  }

  /** Saves a file of the result and gives its bytes. */
  async saved(name: string): Promise<Buffer> {
    const path = join(this.folder, name);
    rmSync(path, { force: true });
    await this.page.click(`[aria-label="Save ${name}"]`);
    // Firefox makes an empty file of that name first.
    for (let i = 0; i < 400 && (statSync(path, { throwIfNoEntry: false })?.size ?? 0) === 0; i++)
      await new Promise((resolve) => setTimeout(resolve, 50));
    return readFileSync(path);
  }

  /** Runs a script in the worker that computes. */
  async inWorker(script: string): Promise<void> {
    const [worker] = this.page.workers().filter((one) => one.url().includes('run-worker'));
    await worker.evaluate(script);
  }

  /** A file of the last job. */
  async given(role: string): Promise<Buffer> {
    const base64 = (await this.page.evaluate(`new Promise((resolve) => {
      const reader = new FileReader();
      reader.onload = () => resolve(reader.result.slice(reader.result.indexOf(',') + 1));
      reader.readAsDataURL(window.job.${role});
    })`)) as string;
    return Buffer.from(base64, 'base64');
  }

  async picture(name: string): Promise<void> {
    if (screenshots === undefined) return;
    mkdirSync(screenshots, { recursive: true });
    await this.page.screenshot({
      path: `${join(screenshots, name)}.png` as `${string}.png`,
      fullPage: true,
    });
  }
}

/** A map with a blob of density and noise, as a file of `folder`. */
export async function writeTestMap(
  folder: string,
  name: string,
  seed: number,
  edge = 20,
  voxel = 3,
): Promise<Blob> {
  const grid = { shape: [edge, edge, edge], voxelSize: [voxel, voxel, voxel], origin: [0, 0, 0] } as const;
  const blob = await mapToBlob(noisyBlob(name, seed, 0.05, 3, grid), 'test');
  writeFileSync(join(folder, name), Buffer.from(await blob.arrayBuffer()));
  return blob;
}

/** The main output of the same run in Node, CPU engine. */
export async function sharpenHere(
  files: readonly Blob[],
  parameters: Partial<LocScaleJob['parameters']> = {},
): Promise<Buffer> {
  const { engine } = await selectEngine({ engine: 'cpu', threads: 2 });
  try {
    const [half1, half2] = await Promise.all(files.map((file) => mapFromBlob(file, { engine })));
    const complete = { ...completeParameters({}, true), scaling: 'soft' as const, ...parameters };
    const result = await runLocScale(
      {
        input: { kind: 'half-maps', half1, half2 },
        reference: { kind: 'profile' },
        parameters: complete,
      },
      { engine },
    );
    const image = await imageOf(engine, result.scaled, 'scaled', result);
    return Buffer.from(await (await mapToBlob(image, `locscale-gpu ${version}: soft scaling`)).arrayBuffer());
  } finally {
    await engine.dispose();
  }
}
