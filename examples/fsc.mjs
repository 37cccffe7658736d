// Fourier shell correlation of two maps, and where it falls below 0.143:
//   node examples/fsc.mjs half1.mrc half2.mrc
import { readMapFile, runFsc, selectEngine } from 'locscale-gpu';

const [path1, path2] = process.argv.slice(2);
const { engine } = await selectEngine({ engine: 'auto' });
try {
  const { fsc } = await runFsc(await readMapFile(path1), await readMapFile(path2), { engine });
  fsc.frequency.forEach((frequency, shell) => {
    console.log(`${frequency.toFixed(4)} 1/A  ${fsc.correlation[shell].toFixed(4)}`);
  });
  console.log(`Resolution at 0.143: ${fsc.resolution?.toFixed(2) ?? 'none'} A`);
} finally {
  await engine.dispose();
}
