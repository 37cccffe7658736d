/**
 * docs/images/report.png: the top of a report as a browser shows it.
 *   node tools/report-picture.mjs demo-output/report.html docs/images/report.png
 */
import { writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import chromium from '@sparticuz/chromium';
import { decode, encode } from 'fast-png';
import puppeteer from 'puppeteer-core';

const [report, picture] = process.argv.slice(2);
const WIDTH = 1000;
const SCALE = 0.85;
/** Steps of a colour: the encoder has no filters, and repeated values are what it packs well. */
const STEP = 12;

const browser = await puppeteer.launch({
  executablePath: await chromium.executablePath(),
  args: chromium.args,
  headless: 'shell',
});
try {
  const page = await browser.newPage();
  await page.setViewport({ width: WIDTH, height: 900 });
  await page.goto(pathToFileURL(resolve(report)).href, { waitUntil: 'load' });
  await page.waitForFunction('document.getElementById("solid-canvas").dataset.drawn !== undefined');
  const height = await page.evaluate('Math.ceil(document.getElementById("fsc").getBoundingClientRect().top)');
  const { width, data, channels } = decode(
    await page.screenshot({ clip: { x: 0, y: 0, width: WIDTH, height, scale: SCALE } }),
  );
  const rows = data.length / channels / width;
  const pixels = new Uint8Array(width * rows * 3);
  for (let i = 0; i < width * rows; i++) {
    const rgb = data.subarray(channels * i, channels * i + 3);
    // Near white the tints of the page would show the steps.
    const step = Math.min(...rgb) > 235 ? 1 : STEP;
    for (let c = 0; c < 3; c++) pixels[3 * i + c] = Math.min(255, Math.round(rgb[c] / step) * step);
  }
  const png = encode({ width, height: rows, data: pixels, channels: 3 }, { zlib: { level: 9 } });
  writeFileSync(picture, png);
  process.stdout.write(`${picture}: ${width} x ${rows}, ${png.length} bytes\n`);
} finally {
  await browser.close();
}
