// Compares the exported network with what torch computed:
// node check.mjs NETWORK.onnx CASES_FOLDER [cpu|webgpu [number of cases]]
// On WebGPU no operator may fall back to the CPU.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as ort from 'onnxruntime-node';

const [network, cases, provider = 'cpu', most = '9'] = process.argv.slice(2);
const read = (name) => {
  const bytes = readFileSync(join(cases, name));
  return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4).slice();
};
let failed = false;
const list = JSON.parse(readFileSync(join(cases, 'cases.json'), 'utf8'));
for (const [k, inputs] of list.slice(0, Number(most)).entries()) {
  const session = await ort.InferenceSession.create(network, {
    executionProviders: [provider],
    intraOpNumThreads: 2,
    ...(provider === 'webgpu' ? { extra: { session: { disable_cpu_ep_fallback: '1' } } } : {}),
    logSeverityLevel: provider === 'cpu' ? 2 : 3,
  });
  const feeds = {};
  for (const [name, shape] of Object.entries(inputs))
    feeds[name] = new ort.Tensor('float32', read(`${k}-${name}.bin`), shape);
  const result = await session.run(feeds);
  const started = performance.now();
  const repeats = provider === 'cpu' ? 3 : 1;
  for (let i = 0; i < repeats; i++) await session.run(feeds);
  const ms = (performance.now() - started) / repeats;
  for (const name of ['reference', 'enhanced']) {
    const ours = await result[name].getData();
    const theirs = read(`${k}-${name}.bin`);
    let worst = 0;
    let largest = 1;
    for (let i = 0; i < theirs.length; i++) {
      worst = Math.max(worst, Math.abs(ours[i] - theirs[i]));
      largest = Math.max(largest, Math.abs(theirs[i]));
    }
    if (!(worst <= 1e-5 * largest) || ours.length !== theirs.length) failed = true;
    console.log(
      `${provider} ${inputs.map} ${name}: largest difference ${worst.toExponential(2)}, ${ms.toFixed(1)} ms`,
    );
  }
  await session.release();
}
process.exit(failed ? 1 : 0);
