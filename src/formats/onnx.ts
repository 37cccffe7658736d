/**
 * Writes neural networks as ONNX files, and reads the weights of such files back.
 *
 * Supports what this program's networks need: float32 and int64 tensors with `raw_data` (little-endian, like
 * all machines that run JavaScript engines), one graph, the default operator domain.
 *
 * Weights make up most of a file (91 MB for EMmerNet). A protobuf library would collect them in a buffer that
 * grows by doubling and copy the message at the end. Here the library encodes the structure only, and the
 * weights are copied once into a buffer of the final size.
 */
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import {
  type AttributeProto,
  AttributeProto_AttributeType,
  AttributeProtoSchema,
  GraphProtoSchema,
  type ModelProto,
  ModelProtoSchema,
  NodeProtoSchema,
  OperatorSetIdProtoSchema,
  TensorProto_DataLocation,
  TensorProto_DataType,
  TensorProtoSchema,
  TensorShapeProto_DimensionSchema,
  TensorShapeProtoSchema,
  TypeProto_TensorSchema,
  TypeProtoSchema,
  type ValueInfoProto,
  ValueInfoProtoSchema,
} from 'onnx-buf';
import { LocScaleError } from '../errors.ts';
import { printable } from './printable.ts';

/** IR version 8 and operator set 17 (ONNX 1.12, 2022): read by onnxruntime 1.12 and all later ones. */
export const ONNX_IR_VERSION = 8;
/** Version of the operators that graphs are written for. */
export const ONNX_OPERATOR_SET = 17;

/** A constant of a graph. */
export interface OnnxTensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly data: Float32Array | BigInt64Array;
}

/**
 * An int, a list of ints, or floats, marked explicitly because JavaScript does not distinguish 1.0 from 1.
 */
export type OnnxAttribute =
  | number
  | readonly number[]
  | { readonly float: number }
  | { readonly floats: readonly number[] };

/** One operation. */
export interface OnnxNode {
  readonly operator: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Readonly<Record<string, OnnxAttribute>>;
}

/** A float32 input or output of the graph; a named axis has variable length. */
export interface OnnxValue {
  readonly name: string;
  readonly shape: readonly (number | string)[];
}

/** A graph with its weights. */
export interface OnnxGraph {
  readonly name: string;
  readonly inputs: readonly OnnxValue[];
  readonly outputs: readonly OnnxValue[];
  /** In topological order. */
  readonly nodes: readonly OnnxNode[];
  readonly initializers: readonly OnnxTensor[];
}

/** Field numbers of onnx.proto, for the messages assembled here. */
const FIELD = { modelGraph: 7, graphInitializer: 5, tensorRawData: 9 } as const;

/** Encodes an ONNX file. */
export function encodeOnnxModel(graph: OnnxGraph): Uint8Array<ArrayBuffer> {
  const model = toBinary(
    ModelProtoSchema,
    create(ModelProtoSchema, {
      irVersion: BigInt(ONNX_IR_VERSION),
      producerName: 'locscale-gpu',
      opsetImport: [create(OperatorSetIdProtoSchema, { domain: '', version: BigInt(ONNX_OPERATOR_SET) })],
    }),
  );
  const structure = toBinary(
    GraphProtoSchema,
    create(GraphProtoSchema, {
      name: graph.name,
      node: graph.nodes.map((node) =>
        create(NodeProtoSchema, {
          name: node.outputs[0] ?? '',
          opType: node.operator,
          input: [...node.inputs],
          output: [...node.outputs],
          attribute: Object.entries(node.attributes).map(([name, value]) => encodeAttribute(name, value)),
        }),
      ),
      input: graph.inputs.map(encodeValue),
      output: graph.outputs.map(encodeValue),
    }),
  );
  const tensors = graph.initializers.map(({ name, shape, data }) => {
    const dataType = data instanceof Float32Array ? TensorProto_DataType.FLOAT : TensorProto_DataType.INT64;
    const head = toBinary(
      TensorProtoSchema,
      create(TensorProtoSchema, { name, dims: shape.map(BigInt), dataType }),
    );
    const raw = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    const rawHead = lengthDelimited(FIELD.tensorRawData, raw.length);
    const length = head.length + rawHead.length + raw.length;
    return [lengthDelimited(FIELD.graphInitializer, length), head, rawHead, raw];
  });

  const graphParts = [structure, ...tensors.flat()];
  const parts = [model, lengthDelimited(FIELD.modelGraph, totalLength(graphParts)), ...graphParts];
  const file = new Uint8Array(totalLength(parts));
  let at = 0;
  for (const part of parts) {
    file.set(part, at);
    at += part.length;
  }
  return file;
}

/** An attribute with its type. */
function encodeAttribute(name: string, value: OnnxAttribute): AttributeProto {
  const type = AttributeProto_AttributeType;
  if (typeof value === 'number')
    return create(AttributeProtoSchema, { name, type: type.INT, i: BigInt(value) });
  if ('float' in value) return create(AttributeProtoSchema, { name, type: type.FLOAT, f: value.float });
  if ('floats' in value)
    return create(AttributeProtoSchema, { name, type: type.FLOATS, floats: [...value.floats] });
  return create(AttributeProtoSchema, { name, type: type.INTS, ints: value.map(BigInt) });
}

/** Name and shape of an input or output; text stands for a free length. */
function encodeValue({ name, shape }: OnnxValue): ValueInfoProto {
  const dim = shape.map((length) =>
    create(TensorShapeProto_DimensionSchema, {
      value:
        typeof length === 'number'
          ? { case: 'dimValue', value: BigInt(length) }
          : { case: 'dimParam', value: length },
    }),
  );
  const tensor = create(TypeProto_TensorSchema, {
    elemType: TensorProto_DataType.FLOAT,
    shape: create(TensorShapeProtoSchema, { dim }),
  });
  const type = create(TypeProtoSchema, { value: { case: 'tensorType', value: tensor } });
  return create(ValueInfoProtoSchema, { name, type });
}

/** Tag and length before a message or byte string: two varints (wire type 2). */
function lengthDelimited(field: number, length: number): Uint8Array {
  const bytes: number[] = [];
  for (let value of [field * 8 + 2, length]) {
    // Division instead of shifts: lengths may exceed 31 bits.
    for (; value >= 128; value = Math.floor(value / 128)) bytes.push((value % 128) | 128);
    bytes.push(value);
  }
  return Uint8Array.from(bytes);
}

function totalLength(parts: readonly Uint8Array[]): number {
  return parts.reduce((sum, part) => sum + part.length, 0);
}

/**
 * The float32 weights by name of a file written by `encodeOnnxModel`, without the graph's int64 constants.
 * The arrays are copies and do not reference the file's bytes.
 */
export function readOnnxInitializers(
  file: Uint8Array,
): Map<string, { readonly shape: readonly number[]; readonly data: Float32Array<ArrayBuffer> }> {
  const tensors = new Map<string, { shape: number[]; data: Float32Array<ArrayBuffer> }>();
  for (const tensor of parseModel(file).graph?.initializer ?? []) {
    const { name, dims, dataType, rawData, dataLocation } = tensor;
    if (dataType === TensorProto_DataType.INT64) continue;
    if (dataType !== TensorProto_DataType.FLOAT || dataLocation === TensorProto_DataLocation.EXTERNAL)
      throw broken(`Tensor ${printable(name)} is not stored as float32 inside the ONNX file.`);
    const shape = dims.map(Number);
    const values = shape.reduce((product, length) => product * length, 1);
    if (rawData.length !== 4 * values || shape.some((length) => length < 0)) {
      throw broken(`Tensor ${printable(name)} of the ONNX file has the wrong number of bytes.`, {
        expected: printable(`${4 * values} for ${shape.join(' x ')}`),
        found: String(rawData.length),
      });
    }
    if (tensors.has(name)) throw broken(`The ONNX file holds tensor ${printable(name)} twice.`);
    const data = new Float32Array(values);
    new Uint8Array(data.buffer).set(rawData);
    tensors.set(name, { shape, data });
  }
  return tensors;
}

/**
 * Rejects networks with external weights, which onnxruntime would read from the working folder. Throws
 * 'bad-input'; `where`: the network, for messages.
 */
export function refuseExternalData(file: Uint8Array, where: string): void {
  const { graph, functions } = parseModel(file);
  const bodies = [...(graph === undefined ? [] : [graph]), ...functions];
  for (let body = bodies.pop(); body !== undefined; body = bodies.pop()) {
    const attributes = body.node.flatMap(({ attribute }) => attribute);
    const tensors = attributes.flatMap(({ t, tensors }) => (t === undefined ? tensors : [t, ...tensors]));
    if ('initializer' in body) {
      tensors.push(...body.initializer);
      for (const { values, indices } of body.sparseInitializer)
        tensors.push(...[values, indices].filter((tensor) => tensor !== undefined));
    }
    const outside = tensors.find(
      ({ dataLocation, externalData }) =>
        dataLocation === TensorProto_DataLocation.EXTERNAL || externalData.length > 0,
    );
    if (outside !== undefined)
      throw new LocScaleError('bad-input', `The network ${where} has weights in another file.`, {
        where,
        expected: 'an ONNX file with all weights in it',
        found: printable(`${outside.name} in ${outside.externalData[0]?.value ?? 'a file without a name'}`),
        hint: 'Save the network as one file: onnx.save(model, "network.onnx") without external data.',
      });
    bodies.push(...attributes.flatMap(({ g, graphs }) => (g === undefined ? graphs : [g, ...graphs])));
  }
}

/** Throws 'bad-input' for anything but ONNX. */
function parseModel(file: Uint8Array): ModelProto {
  try {
    return fromBinary(ModelProtoSchema, file, { readUnknownFields: false });
  } catch (cause) {
    throw broken('The file is not ONNX, or is damaged.', { cause });
  }
}

/** The error of an ONNX file that cannot be used. */
function broken(message: string, details: { expected?: string; found?: string; cause?: unknown } = {}) {
  return new LocScaleError('bad-input', message, {
    ...details,
    hint: 'Import the weights again from the file they came in.',
  });
}
