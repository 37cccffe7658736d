/**
 * docs/images/assess.png: what `assess` draws of the demo's half maps and of the map that the demo scaled,
 * compared with the structure that the demo generates.
 *   locscale-gpu demo -o demo-output && node tools/assess-picture.mjs demo-output docs/images/assess.png
 * Leaves that structure in the folder as model.cif.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { decode, encode } from 'fast-png';
import { writeMmcif } from '../dist/formats/write-mmcif.js';
import { generateDemoData } from '../dist/synthetic/half-maps.js';

const [folder, picture] = process.argv.slice(2);
const { seed } = JSON.parse(readFileSync(join(folder, 'demo.json'), 'utf8')).demo;
const { atoms } = generateDemoData({ seed });
const whole = atoms.map((atom, i) => ({
  ...atom,
  ...{ altloc: '', insertionCode: '', model: 1, charge: 0, hetero: false, serial: i + 1 },
}));
writeFileSync(
  join(folder, 'model.cif'),
  writeMmcif({ id: 'demo', title: 'Structure of the demo', atoms: whole, notes: [] }),
);

const program = fileURLToPath(new URL('../dist/cli.js', import.meta.url));
const { status } = spawnSync(
  process.execPath,
  [
    ...[program, 'assess', '-hm', 'half_map_1.mrc', 'half_map_2.mrc', '-mc', 'model.cif'],
    ...['--against', 'locscale_output.mrc', '--labels', 'raw', 'soft', '--print_report', '-o', 'assess/'],
  ],
  { cwd: folder, stdio: 'inherit' },
);
if (status !== 0) process.exit(1);

/** Grey levels or steps of a colour: repeated values are what PNG packs well. */
const STEP = 8;
const figures = ['model-fsc', 'q-1-A'].map((name) =>
  decode(readFileSync(join(folder, 'assess', 'assess_report_figures', `${name}.png`))),
);
/** Every second pixel of every second row. */
const half = figures.map(({ width, height, data, channels }) => {
  const size = { width: Math.floor(width / 2), height: Math.floor(height / 2) };
  const at = (x, y, c) =>
    [0, 1, 2, 3].reduce(
      (sum, k) => sum + data[((2 * y + (k >> 1)) * width + 2 * x + (k & 1)) * channels + c],
      0,
    ) / 4;
  return { ...size, at };
});
const width = half.reduce((sum, { width: w }) => sum + w, 0);
const height = Math.max(...half.map(({ height: h }) => h));
const pixels = new Uint8Array(width * height * 3).fill(255);
let left = 0;
for (const { width: w, height: h, at } of half) {
  for (let y = 0; y < h; y++)
    for (let x = 0; x < w; x++)
      for (let c = 0; c < 3; c++)
        pixels[3 * (y * width + left + x) + c] = Math.min(255, Math.round(at(x, y, c) / STEP) * STEP);
  left += w;
}
const png = encode({ width, height, data: pixels, channels: 3 }, { zlib: { level: 9 } });
writeFileSync(picture, png);
process.stdout.write(`${picture}: ${width} x ${height}, ${png.length} bytes\n`);
