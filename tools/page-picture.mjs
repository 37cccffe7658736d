/**
 * docs/images/page.jpg: the page after a run of its demo, down to the sections.
 *   node tools/page-picture.mjs [FILE.jpg|FILE.png]
 */
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import chromium from '@sparticuz/chromium';
import puppeteer from 'puppeteer-core';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const { servePage } = await import(pathToFileURL(join(root, 'dist/files/folder-server.js')).href);
const [picture = join(root, 'docs/images/page.jpg')] = process.argv.slice(2);
const WIDTH = 1180;
/** Less than what is between two boxes. */
const MARGIN = 9;
/** Of the run; a loaded machine takes several times as long as an idle one. */
const PATIENCE_MILLISECONDS = 600_000;

const server = await servePage({ folder: join(root, 'dist/web') });
const browser = await puppeteer.launch({
  executablePath: await chromium.executablePath(),
  args: ['--no-sandbox'],
  headless: 'shell',
});
try {
  const page = await browser.newPage();
  page.setDefaultTimeout(PATIENCE_MILLISECONDS);
  await page.setViewport({ width: WIDTH, height: 900 });
  await page.goto(`${server.url}#engine=cpu`);
  await page.waitForFunction('document.getElementById("machine").textContent.includes("·")');
  await page.click('#demo');
  await page.waitForFunction('!document.getElementById("start").disabled');
  await page.click('#start');
  await page.waitForFunction('document.getElementById("storage").textContent.startsWith("Finished")');
  // The ring around the heading, which has the focus, is for those who use the keyboard.
  await page.evaluate('document.activeElement.blur()');
  const [top, bottom] = await page.evaluate(`[
    document.getElementById("result").getBoundingClientRect().top + scrollY,
    document.getElementById("sections").getBoundingClientRect().bottom + scrollY]`);
  const clip = {
    x: 0,
    y: Math.floor(top - MARGIN),
    width: WIDTH,
    height: Math.ceil(bottom - top + 2 * MARGIN),
  };
  const type = picture.endsWith('.png') ? 'png' : 'jpeg';
  const options = type === 'png' ? {} : { quality: 82 };
  const bytes = await page.screenshot({ clip, type, captureBeyondViewport: true, ...options });
  writeFileSync(picture, bytes);
  process.stdout.write(`${clip.width} x ${clip.height}, ${bytes.length} bytes\n`);
} finally {
  await browser.close();
  await server.close();
}
