/** Probes which execution providers of onnxruntime work on this machine: each runs a network of one node. */
import { firstLine } from '../../platform/first-line.ts';
import { hasProviderLibraries, loadOnnxruntime } from '../../platform/index.ts';

/** What the installed onnxruntime can use. */
export interface OnnxruntimeProviders {
  readonly version?: string;
  /** Reason why the package cannot be used at all. */
  readonly reason?: string;
  readonly providers: readonly {
    readonly name: string;
    readonly works: boolean;
    /** Reason why it does not work. */
    readonly reason?: string;
  }[];
}

/**
 * `gpuFound`: WebGPU has an adapter. Without one its provider is not tried, because it would print warnings
 * past the logger; the same holds for providers whose libraries are not installed.
 */
export async function probeOnnxruntime(gpuFound: boolean): Promise<OnnxruntimeProviders> {
  const onnxruntime = await loadOnnxruntime();
  if ('reason' in onnxruntime) return { reason: `cannot be used: ${onnxruntime.reason}`, providers: [] };
  const { InferenceSession, Tensor, env, listSupportedBackends } = onnxruntime;
  const providers: { name: string; works: boolean; reason?: string }[] = [];
  for (const { name, bundled } of listSupportedBackends()) {
    const refuse = (reason: string) => providers.push({ name, works: false, reason });
    if (!bundled && !hasProviderLibraries()) {
      refuse('not installed');
      continue;
    }
    if (name === 'webgpu' && !gpuFound) {
      refuse('no GPU');
      continue;
    }
    try {
      const session = await InferenceSession.create(identityNetwork(), {
        executionProviders: [name],
        logSeverityLevel: 4,
      });
      const { y } = await session.run({ x: new Tensor('float32', [3], [1]) });
      await session.release();
      if (y?.data[0] === 3) providers.push({ name, works: true });
      else refuse('computes wrongly');
    } catch (error) {
      refuse(firstLine(error));
    }
  }
  return { version: env.versions.node ?? env.versions.common, providers };
}

/** y = Identity(x) for one float, as ONNX protocol buffer (IR version 8, opset 13). */
function identityNetwork(): Uint8Array {
  const number = (field: number, value: number): number[] => [field << 3, value];
  const bytes = (field: number, content: readonly number[]): number[] => [
    (field << 3) | 2,
    content.length,
    ...content,
  ];
  const text = (field: number, value: string): number[] => bytes(field, [...new TextEncoder().encode(value)]);
  const oneFloat = bytes(1, [...number(1, 1), ...bytes(2, bytes(1, number(1, 1)))]);
  const node = [...text(1, 'x'), ...text(2, 'y'), ...text(4, 'Identity')];
  const graph = [
    ...bytes(1, node),
    ...text(2, 'identity'),
    ...bytes(11, [...text(1, 'x'), ...bytes(2, oneFloat)]),
    ...bytes(12, [...text(1, 'y'), ...bytes(2, oneFloat)]),
  ];
  return Uint8Array.from([
    ...number(1, 8),
    ...bytes(7, graph),
    ...bytes(8, [...text(1, ''), ...number(2, 13)]),
  ]);
}
