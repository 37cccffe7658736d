/** Loads onnxruntime: an optional package, because its install script needs a download on some systems. */

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
