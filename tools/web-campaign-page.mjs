/** The page as its campaign (web-campaign.mjs) uses it: opened in a browser, given files, started, timed by its own clock. */
import { dirname, join } from 'node:path';
import process from 'node:process';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { COMPUTING_ARGS } from '../test/support/chromium-args.mjs';
import { startFirefox } from '../test/support/firefox.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const { servePage } = await import(pathToFileURL(join(root, 'dist/files/folder-server.js')).href);
const PATIENCE_MILLISECONDS = 3_600_000;

async function launch(kind) {
  if (kind === 'firefox')
    return startFirefox({ executablePath: process.env.LOCSCALE_FIREFOX ?? '/usr/bin/firefox-esr' });
  const { default: puppeteer } = await import('puppeteer-core');
  const { default: chromium } = await import('@sparticuz/chromium');
  const own = process.env.LOCSCALE_BROWSER;
  return puppeteer.launch({
    executablePath: own ?? (await chromium.executablePath()),
    headless: own === undefined ? 'shell' : true,
    protocolTimeout: PATIENCE_MILLISECONDS,
    args: COMPUTING_ARGS,
  });
}

export async function withPage(kind, hash, use) {
  const server = await servePage({ folder: join(root, 'dist/web') });
  const browser = await launch(kind);
  try {
    const page = await browser.newPage();
    await page.evaluateOnNewDocument(CLOCK);
    await page.goto(server.url + hash);
    await until(page, 'document.getElementById("machine").textContent.includes("·")');
    return await use(page, browser);
  } finally {
    await browser.close();
    await server.close();
  }
}

/** Runs in the page: when its parts showed, by its own clock, and a way to the bytes of outputs. */
const CLOCK = `{
  const { postMessage } = Worker.prototype;
  Worker.prototype.postMessage = function (...given) {
    window.runWorker = this;
    return postMessage.apply(this, given);
  };
  window.at = {};
  const note = (name) => (window.at[name] ??= performance.now());
  addEventListener('DOMContentLoaded', () => {
    document.getElementById('choose').addEventListener('change', () => (window.at = { chosen: performance.now() }), true);
    addEventListener('click', ({ target }) => {
      if (target.id === 'start') window.at.started = performance.now();
      if (target.id === 'cancel') window.at.cancelled = performance.now();
    }, true);
    new MutationObserver(() => {
      const is = (id) => !document.getElementById(id).hidden;
      if (document.querySelector('.card .quiet')?.textContent.includes('voxels')) note('header');
      if (is('sections')) note('view');
      if (is('result') || is('failure')) note('finished');
      if (at.cancelled !== undefined && is('setup') && !document.getElementById('start').disabled) note('stopped');
    }).observe(document.body, { subtree: true, childList: true, attributes: true, characterData: true });
  });
}`;

/** `meanwhile` is called before each look. */
export async function until(
  page,
  condition,
  { meanwhile = async () => undefined, patience = PATIENCE_MILLISECONDS } = {},
) {
  const begun = performance.now();
  while (!(await page.evaluate(condition).catch(() => false))) {
    await meanwhile();
    if (performance.now() - begun > patience) {
      const shown = await page.evaluate('document.body.innerText').catch(() => 'nothing');
      throw new Error(`Never true: ${condition}. The page shows: ${shown}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
export const isReady =
  '!document.getElementById("start").disabled && !document.getElementById("setup").hidden';
export const isFinished = 'at.finished !== undefined';
export const start = (page) =>
  page.evaluate('at.finished = undefined, document.getElementById("start").click()');
export const seconds = (page, from, to) => page.evaluate(`(at.${to} - at.${from}) / 1000`);

export async function choose(page, ...paths) {
  const input = await page.$('#choose');
  await input.uploadFile(...paths);
}

/** Where a long run is: a line whenever the page shows another step. */
let lastStep = '';
async function sayStep(page) {
  const step = await page.evaluate('document.getElementById("steps").lastElementChild?.innerText ?? ""');
  if (step === lastStep || step === '') return;
  lastStep = step;
  process.stdout.write(`  ${new Date().toISOString().slice(11, 19)} ${step.replace(/\s+/g, ' ')}\n`);
}

export async function run(page) {
  await until(page, isReady);
  await start(page);
  await until(page, isFinished, { meanwhile: () => sayStep(page) });
  const failure = await page.evaluate('failure.hidden ? "" : failure.innerText');
  if (failure !== '') throw new Error(failure);
  return seconds(page, 'started', 'finished');
}

/** Of the voxels of the scaled map, as the page would save them. */
export async function pageMap(page) {
  const text = await page.evaluate(`new Promise((resolve) => {
    runWorker.addEventListener('message', function answer({ data }) {
      if (data.id !== -1) return;
      runWorker.removeEventListener('message', answer);
      const reader = new FileReader();
      reader.onload = () => resolve(reader.result.slice(reader.result.indexOf(',') + 1));
      reader.readAsDataURL(data.value);
    });
    runWorker.postMessage({ id: -1, name: 'file', value: 'locscale_output.mrc' });
  })`);
  return voxelsOf(Buffer.from(text, 'base64'));
}

/** Of an MRC file of mode 2, in this machine's byte order. */
export function voxelsOf(file) {
  const bytes = Uint8Array.from(file).buffer;
  return new Float32Array(bytes, 1024 + new DataView(bytes).getInt32(92, true));
}
