/** Loads onnxruntime: an optional package, because its install script needs a download on some systems. */

import process from 'node:process';

/*
 * Disables onnxruntime's telemetry, which sends usage data and, if HOME is unset, leaves a file
 * ":memory:.ses" in the working directory. Set by the main thread when this module is loaded: worker threads
 * have their own copy of the environment, which native code does not see.
 */
process.env.ORT_DISABLE_TELEMETRY ??= '1';

/** The module, which is loaded on use. */
export type Onnxruntime = typeof import('onnxruntime-node');

/** The package, or the reason why it cannot be used. */
export async function loadOnnxruntime(): Promise<Onnxruntime | { readonly reason: string }> {
  try {
    const loaded = await import('onnxruntime-node');
    // A CommonJS package: under Node the default export is the whole module.
    return (loaded as unknown as { default?: Onnxruntime }).default ?? loaded;
  } catch (error) {
    return { reason: firstLine(error) };
  }
}

/** onnxruntime adds pages of detail to its messages. */
export function firstLine(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message.split('\n', 1)[0] ?? '';
}
