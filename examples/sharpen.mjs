// Two half maps to a locally sharpened map, scaled softly to the amplitudes of an average protein:
//   node examples/sharpen.mjs half1.mrc half2.mrc out.mrc
import { imageOf, readMapFile, runLocScale, selectEngine, writeMapFile } from 'locscale-gpu';

const [path1, path2, output] = process.argv.slice(2);
const stop = new AbortController();
process.once('SIGINT', () => stop.abort());

const { engine, reason } = await selectEngine({ engine: 'auto' });
console.log(`${engine.description} (${reason})`);
try {
  const [half1, half2] = [await readMapFile(path1, { engine }), await readMapFile(path2, { engine })];
  const result = await runLocScale(
    {
      input: { kind: 'half-maps', half1, half2 },
      reference: { kind: 'profile' },
    },
    { engine, signal: stop.signal, onStep: (_, message) => console.log(message), onWarning: console.warn },
  );
  await writeMapFile(output, await imageOf(engine, result.scaled, output, result), 'local sharpening');
  console.log(`${result.numbers.maskVoxels} voxels, ${result.fsc.resolution?.toFixed(2)} A: ${output}`);
} finally {
  await engine.dispose();
}
