/**
 * Reads the shaders next to this file. A shader may begin with lines `//#include lib/name.wgsl`; each is
 * replaced by that file. There is no other templating; only the line transforms called by shaders that
 * include lib/line-fft.wgsl are generated per length (gpu/fft-code.ts).
 */
import { readAsset } from '../platform/index.ts';

const cache = new Map<string, Promise<string>>();

export function loadShader(name: string): Promise<string> {
  let text = cache.get(name);
  if (!text) {
    text = read(`./${name}.wgsl`);
    cache.set(name, text);
  }
  return text;
}

async function read(path: string): Promise<string> {
  const text = new TextDecoder().decode(await readAsset(new URL(path, import.meta.url)));
  const includes = [...text.matchAll(/^\/\/#include (lib\/[\w-]+\.wgsl)$/gm)];
  const parts = await Promise.all(includes.map(([, file]) => read(`./${file}`)));
  return includes.reduce((code, [line], i) => code.replace(line, () => parts[i]), text);
}
