// Predicts a whole map cube by cube with onnxruntime, as the program does:
// node infer.mjs NETWORK.onnx MAP.bin MASK.bin z,y,x EDGE STRIDE OUT_PREFIX
// MAP.bin: float32, standardised, x fastest. MASK.bin: bytes; cubes with more than 5 mask voxels are
// predicted, overlaps averaged with weights that fall to the faces (sin^2). Writes OUT_PREFIX-<output>.bin for every output of the network.
import { readFileSync, writeFileSync } from 'node:fs';
import * as ort from 'onnxruntime-node';

const [network, mapFile, maskFile, size, edgeText, strideText, prefix] = process.argv.slice(2);
const [nz, ny, nx] = size.split(',').map(Number);
const [edge, stride] = [Number(edgeText), Number(strideText)];
const bytes = readFileSync(mapFile);
const map = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
const mask = readFileSync(maskFile);
const starts = (n) => {
  const list = [];
  for (let a = 0; a + edge < n; a += stride) list.push(a);
  list.push(Math.max(0, n - edge));
  return [...new Set(list)];
};
const session = await ort.InferenceSession.create(network, { intraOpNumThreads: 2, logSeverityLevel: 3 });
// Masks of dropout: 1 keeps everything.
const masks = {};
for (const { name, shape } of session.inputMetadata.filter((input) => input.name.startsWith('mask_'))) {
  const dims = shape.map((n) => (typeof n === 'number' ? n : 1));
  masks[name] = new ort.Tensor('float32', new Float32Array(dims.reduce((a, b) => a * b)).fill(1), dims);
}
const sums = Object.fromEntries(session.outputNames.map((name) => [name, new Float32Array(map.length)]));
const count = new Float32Array(map.length);
const cube = new Float32Array(edge ** 3);
const along = Float64Array.from({ length: edge }, (_, i) => Math.sin((Math.PI * (i + 0.5)) / edge) ** 2);
const weights = new Float32Array(edge ** 3);
for (let i = 0; i < weights.length; i++)
  weights[i] = along[Math.floor(i / edge ** 2)] * along[Math.floor(i / edge) % edge] * along[i % edge];
let cubes = 0;
let ms = 0;
/** Calls visit(index in the map, index in the cube) for the part of the cube inside the map. */
const each = (z0, y0, x0, visit) => {
  for (let z = 0; z < edge && z0 + z < nz; z++)
    for (let y = 0; y < edge && y0 + y < ny; y++)
      for (let x = 0; x < edge && x0 + x < nx; x++)
        visit(((z0 + z) * ny + y0 + y) * nx + x0 + x, (z * edge + y) * edge + x);
};
for (const z0 of starts(nz))
  for (const y0 of starts(ny))
    for (const x0 of starts(nx)) {
      let inside = 0;
      cube.fill(0);
      each(z0, y0, x0, (i, j) => {
        inside += mask[i];
        cube[j] = map[i];
      });
      if (inside <= 5) continue;
      const began = performance.now();
      const result = await session.run({
        ...masks,
        map: new ort.Tensor('float32', cube, [1, 1, edge, edge, edge]),
      });
      ms += performance.now() - began;
      cubes++;
      for (const [name, sum] of Object.entries(sums)) {
        const values = result[name].data;
        each(z0, y0, x0, (i, j) => {
          sum[i] += weights[j] * values[j];
        });
      }
      each(z0, y0, x0, (i, j) => {
        count[i] += weights[j];
      });
    }
for (const [name, sum] of Object.entries(sums)) {
  for (let i = 0; i < sum.length; i++) if (count[i] > 0) sum[i] /= count[i];
  writeFileSync(`${prefix}-${name}.bin`, new Uint8Array(sum.buffer));
}
console.log(JSON.stringify({ cubes, edge, stride, msPerCube: cubes ? ms / cubes : 0 }));
