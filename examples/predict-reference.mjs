// What a network makes of one map, without scaling to it. A third name may be an imported network or a file of weights:
//   node examples/predict-reference.mjs map.mrc reference.mrc [network [mask.mrc]]
import {
  imageOf,
  openMapFile,
  openNetwork,
  readMapFile,
  runPrediction,
  selectEngine,
  writeMapFile,
} from 'locscale-gpu';

const [input, output, model = 'bundled', maskPath] = process.argv.slice(2);
const { engine } = await selectEngine({ engine: 'auto' });
const predictor = await openNetwork({ model, onInfo: console.log });
try {
  const result = await runPrediction(
    {
      input: { kind: 'map', map: await readMapFile(input, { engine }) },
      ...(maskPath === undefined ? {} : { mask: await openMapFile(maskPath, { kind: 'mask' }) }),
      predictor,
    },
    { engine, onProgress: (step, done, total) => console.log(`${step} ${done}/${total}`) },
  );
  const reference = await imageOf(engine, result.reference, output, result);
  await writeMapFile(output, reference, 'predicted reference');
  console.log(`${result.prediction.network}: ${result.prediction.cubes} cubes, ${output}`);
} finally {
  await predictor.dispose();
  await engine.dispose();
}
