/**
 * docs/images/demo-slices.png: the picture of the demo with fewer grey levels, so that the file is small.
 *   node tools/demo-picture.mjs demo-output/slices.png docs/images/demo-slices.png
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { decode, encode } from 'fast-png';

const [slices, picture] = process.argv.slice(2);
/** Grey levels: the encoder has no filters, and repeated values are what it packs well. */
const LEVELS = 24;

const { width, height, data } = decode(readFileSync(slices));
const grey = data.map((value) => Math.round((Math.round((value / 255) * (LEVELS - 1)) * 255) / (LEVELS - 1)));
const png = encode({ width, height, data: grey, channels: 1 }, { zlib: { level: 9 } });
writeFileSync(picture, png);
process.stdout.write(`${picture}: ${width} x ${height}, ${png.length} bytes\n`);
