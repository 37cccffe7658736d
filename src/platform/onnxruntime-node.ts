/**
 * onnxruntime under Node and Deno: an optional package, because its install script needs a download on some
 * systems.
 */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { firstLine } from './first-line.ts';
import type { Missing, Onnxruntime } from './platform.ts';

export const onnxruntimeRepair = 'Reinstall the package onnxruntime-node';

export async function loadOnnxruntime(): Promise<Onnxruntime | Missing> {
  /*
   * Disables onnxruntime's telemetry, which sends usage data and, if HOME is unset, leaves a file
   * ":memory:.ses" in the working directory. The main thread loads the package first: worker threads have
   * their own copy of the environment, which native code does not see.
   */
  process.env.ORT_DISABLE_TELEMETRY ??= '1';
  try {
    const loaded = await import('onnxruntime-node');
    // A CommonJS package: under Node the default export is the whole module.
    return (loaded as unknown as { default?: Onnxruntime }).default ?? loaded;
  } catch (error) {
    return { reason: firstLine(error) };
  }
}

/** Providers that are not bundled (cuda, tensorrt) are separate libraries next to the binding. */
export function hasProviderLibraries(): boolean {
  const main = createRequire(import.meta.url).resolve('onnxruntime-node');
  const folder = join(dirname(main), '../../bin/napi-v6', process.platform, process.arch);
  return ['libonnxruntime_providers_shared.so', 'onnxruntime_providers_shared.dll'].some((file) =>
    existsSync(join(folder, file)),
  );
}

export function systemName(): string {
  return `${process.platform} ${process.arch}`;
}
