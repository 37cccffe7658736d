/** Loads onnxruntime: an optional package, because its install script needs a download on some systems. */

import process from 'node:process';

/*
 * onnxruntime sends usage data to its makers, and where HOME is unset leaves a file ":memory:.ses" in the
 * working directory. Set when this module is loaded, by the main thread: threads have an environment of their
 * own, which native code does not see.
 */
process.env.ORT_DISABLE_TELEMETRY ??= '1';

export type Onnxruntime = typeof import('onnxruntime-node');

/** The package, or why it cannot be used. */
export async function loadOnnxruntime(): Promise<Onnxruntime | { readonly reason: string }> {
  try {
    const loaded = await import('onnxruntime-node');
    // A CommonJS package: under Node all of it is the default export too.
    return (loaded as unknown as { default?: Onnxruntime }).default ?? loaded;
  } catch (error) {
    return { reason: firstLine(error) };
  }
}

export function firstLine(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message.split('\n', 1)[0] ?? '';
}
