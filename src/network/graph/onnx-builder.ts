/** Builds an ONNX graph operator by operator; values are referred to by name. */
import type { OnnxAttribute, OnnxGraph, OnnxNode, OnnxTensor, OnnxValue } from '../../formats/onnx.ts';

/** Batch axis of inputs and outputs, of variable length. */
export const BATCH_AXIS = 'n';

/** Builds a graph node by node; values are known by name. */
export interface OnnxBuilder {
  /** `shape` without the batch axis. */
  input(name: string, shape: readonly number[]): string;
  weights(name: string, shape: readonly number[], data: Float32Array): string;
  /** A list of integers, for shapes and axes of operators; equal lists are stored once. */
  integers(values: readonly number[]): string;
  /** Returns the name of the result, derived from the operator's unless given. */
  node(
    operator: string,
    inputs: readonly string[],
    attributes?: Readonly<Record<string, OnnxAttribute>>,
    name?: string,
  ): string;
  /** `shape` without the batch axis; `name` is that of a result. */
  output(name: string, shape: readonly number[]): void;
  finish(name: string): OnnxGraph;
}

/** An empty graph. */
export function createOnnxBuilder(): OnnxBuilder {
  const inputs: OnnxValue[] = [];
  const outputs: OnnxValue[] = [];
  const nodes: OnnxNode[] = [];
  const initializers = new Map<string, OnnxTensor>();
  return {
    input(name, shape) {
      inputs.push({ name, shape: [BATCH_AXIS, ...shape] });
      return name;
    },
    weights(name, shape, data) {
      if (!initializers.has(name)) initializers.set(name, { name, shape, data });
      return name;
    },
    integers(values) {
      const name = `integers_${values.join('_')}`;
      if (!initializers.has(name)) {
        const data = BigInt64Array.from(values, BigInt);
        initializers.set(name, { name, shape: [values.length], data });
      }
      return name;
    },
    node(operator, nodeInputs, attributes = {}, name = `${operator.toLowerCase()}_${nodes.length}`) {
      nodes.push({ operator, inputs: nodeInputs, outputs: [name], attributes });
      return name;
    },
    output(name, shape) {
      outputs.push({ name, shape: [BATCH_AXIS, ...shape] });
    },
    finish(name) {
      return { name, inputs, outputs, nodes, initializers: [...initializers.values()] };
    },
  };
}
