/*
 * onnxruntime for browsers: its CPU provider in WebAssembly, one thread a session. JavaScript, because its
 * types are there only where tools/web is installed; platform/platform.ts declares what is used of it.
 */
import { env, InferenceSession, Tensor } from 'onnxruntime-web/wasm';

env.wasm.numThreads = 1;
env.wasm.wasmPaths = { wasm: new URL(__ONNXRUNTIME_WASM__, import.meta.url).href };
env.logLevel = 'error';

export function listSupportedBackends() {
  return [{ name: 'cpu', bundled: true }];
}

export { env, InferenceSession, Tensor };
