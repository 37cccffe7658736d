/**
 * onnxruntime in tests: sessions on the CPU, and on WebGPU through the software GPU of software-gpu.ts
 * (or the machine's own with LOCSCALE_TEST_GPU=hardware).
 */
import type { InferenceSession, Tensor } from 'onnxruntime-node';
import { afterAll, describe } from 'vitest';
import { findTestAdapter } from './gpu-device.ts';
import { describeAbsent } from './required.ts';

export type TestProvider = 'cpu' | 'webgpu';

export interface TestNetwork {
  readonly session: InferenceSession;
  /** Inputs by name; returns the only output. */
  run(inputs: Readonly<Record<string, { data: Float32Array; shape: readonly number[] }>>): Promise<{
    data: Float32Array;
    shape: readonly number[];
  }>;
}

/** A session on `provider`; every session is released at the end of the group of tests. */
export type OpenNetwork = (
  model: Uint8Array,
  options?: InferenceSession.SessionOptions,
) => Promise<TestNetwork>;

type Onnxruntime = typeof import('onnxruntime-node');

async function loadOnnxruntime(): Promise<Onnxruntime | { readonly reason: string }> {
  try {
    const loaded = (await import('onnxruntime-node')) as Onnxruntime & { default?: Onnxruntime };
    // A CommonJS package: under Node all of it is the default export too.
    return loaded.default ?? loaded;
  } catch (error) {
    return { reason: `onnxruntime-node does not load: ${String(error).split('\n', 1)[0]}` };
  }
}

// The Vulkan loader has to be in the process before onnxruntime looks for a GPU: findTestAdapter sees to it.
const adapter = await findTestAdapter();
const onnxruntime = await loadOnnxruntime();

/** Why `provider` cannot be tested here; undefined if it can. */
function reasonAgainst(provider: TestProvider): string | undefined {
  if ('reason' in onnxruntime) return onnxruntime.reason;
  return provider === 'webgpu' && 'reason' in adapter ? adapter.reason : undefined;
}

/**
 * The same tests on each provider; one that is absent is skipped visibly (a failure where it must not be).
 */
export function describeProviders(
  name: string,
  providers: readonly TestProvider[],
  body: (open: OpenNetwork, provider: TestProvider) => void,
): void {
  for (const provider of providers) {
    const title = `${name}, ${provider}`;
    const reason = reasonAgainst(provider);
    if (reason === undefined) describe(title, () => body(networkOpener(provider), provider));
    else describeAbsent(title, provider === 'webgpu' ? 'gpu' : 'onnxruntime', reason);
  }
}

function networkOpener(provider: TestProvider): OpenNetwork {
  const sessions: InferenceSession[] = [];
  afterAll(async () => {
    for (const session of sessions) await session.release();
  });
  return async (model, options = {}) => {
    const { InferenceSession, Tensor } = onnxruntime as Onnxruntime;
    const session = await InferenceSession.create(model, {
      executionProviders: [provider],
      // Operators without a kernel would silently go to the CPU: here that is an error.
      ...(provider === 'webgpu' ? { extra: { session: { disable_cpu_ep_fallback: '1' } } } : {}),
      logSeverityLevel: 4,
      ...options,
    });
    sessions.push(session);
    return {
      session,
      async run(inputs) {
        const feeds: Record<string, Tensor> = {};
        for (const [name, { data, shape }] of Object.entries(inputs))
          feeds[name] = new Tensor('float32', data, shape);
        const results = await session.run(feeds);
        const output = results[session.outputNames[0]] as Tensor;
        return { data: output.data as Float32Array, shape: output.dims };
      },
    };
  };
}
