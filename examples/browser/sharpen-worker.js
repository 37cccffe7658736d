// The worker: two half maps in, a sharpened map out. The computation must not block the page, so it runs here.
import { imageOf, mapFromBlob, mapToBlob, runLocScale, selectEngine } from 'locscale-gpu/browser';

self.onmessage = async ({ data: files }) => {
  // WebGPU where it works, else threads, else this worker alone: the bits of the CPU engine are those of Node.
  const { engine, reason } = await selectEngine({ engine: 'auto' });
  try {
    const [half1, half2] = [await mapFromBlob(files[0], { engine }), await mapFromBlob(files[1], { engine })];
    const result = await runLocScale(
      { input: { kind: 'half-maps', half1, half2 }, reference: { kind: 'profile' } },
      { engine, onStep: (_, message) => self.postMessage({ message }) },
    );
    const map = await mapToBlob(await imageOf(engine, result.scaled, 'sharpened.mrc', result), 'sharpened');
    const resolution = result.fsc.resolution?.toFixed(2) ?? 'no';
    self.postMessage({ message: `${resolution} Å, on ${engine.description} (${reason})`, map });
  } catch (error) {
    self.postMessage({ message: `${error.message} ${error.hint ?? ''}` });
  } finally {
    await engine.dispose();
  }
};
