/**
 * `node tools/tutorial.mjs`: runs the commands of docs/tutorial.md in an empty folder, in order, and puts what each prints
 * into the block behind it; docs/images/tutorial-*.png come from the report of the third. Build first.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { decode, encode } from 'fast-png';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const document = join(root, 'docs/tutorial.md');
/** Steps of a colour: the encoder has no filters, and repeated values are what it packs well. */
const STEP = 10;

/** A figure of the report over white, with fewer colours. */
function picture(from, name) {
  const { width, height, data, channels } = decode(readFileSync(from));
  const pixels = new Uint8Array(width * height * 3);
  for (let i = 0; i < width * height; i++) {
    const alpha = channels === 4 ? data[channels * i + 3] / 255 : 1;
    for (let c = 0; c < 3; c++) {
      const value = alpha * data[channels * i + c] + (1 - alpha) * 255;
      pixels[3 * i + c] = Math.min(255, Math.round(value / STEP) * STEP);
    }
  }
  const png = encode({ width, height, data: pixels, channels: 3 }, { zlib: { level: 9 } });
  writeFileSync(join(root, 'docs/images', name), png);
  process.stdout.write(`${name}: ${width} x ${height}, ${png.length} bytes\n`);
}

const folder = mkdtempSync(join(tmpdir(), 'tutorial-'));
try {
  const text = readFileSync(document, 'utf8').replaceAll(
    /^```sh\nlocscale-gpu ([^\n]+)\n```\n\n```text\n.*?^```$/gms,
    (_, words) => {
      const { status, stdout, stderr } = spawnSync(
        process.execPath,
        [join(root, 'dist/cli.js'), ...words.split(' ')],
        { cwd: folder, encoding: 'utf8' },
      );
      if (status !== 0 || stderr !== '') throw new Error(`${words}: exit ${status}\n${stdout}\n${stderr}`);
      process.stdout.write(`locscale-gpu ${words}\n`);
      return `\`\`\`sh\nlocscale-gpu ${words}\n\`\`\`\n\n\`\`\`text\n${stdout.trimEnd()}\n\`\`\``;
    },
  );
  const figures = join(folder, 'sharpened_report_figures');
  picture(join(figures, 'sections.png'), 'tutorial-sections.png');
  picture(join(figures, 'local-B-factor-x.png'), 'tutorial-bfactors.png');
  writeFileSync(document, text);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
