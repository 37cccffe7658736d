/** Networks as ONNX, whose weights are read back, and the manifests that lie beside them. */

import { LocScaleError } from '../../../../src/errors.ts';
import { encodeOnnxModel, readOnnxInitializers, refuseExternalData } from '../../../../src/formats/onnx.ts';
import { elementCount } from '../../../../src/formats/stored-tensor.ts';
import { checkManifest } from '../../../../src/network/store/check-manifest.ts';
import { ascii, hashOf, join, property, withClearRefusals } from '../target-tools.ts';
import type { FuzzTarget } from '../types.ts';

/** Tags of protobuf (field and wire type), lengths that overflow, and names. */
const onnxDictionary: Uint8Array[] = [
  [0x3a],
  [0x2a],
  [0x4a],
  [0x0a],
  [0x70, 1],
  [0x10, 1],
  [0x08, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 1],
  [0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1],
  [0x08, 0x80, 0x80, 0x80, 0x80, 0x10],
  [0xff, 0xff, 0xff, 0xff, 0x0f],
  [0xff, 0xff, 0xff, 0xff, 0x07],
  [0x73],
  [0x0b],
  [0x0c],
].map((bytes) => Uint8Array.from(bytes));
onnxDictionary.push(ascii('kernel'), ascii('location'), ascii('../../etc/passwd'));

async function onnxSeeds(): Promise<readonly Uint8Array[]> {
  const kernel = Float32Array.from({ length: 125 }, (_, i) => Math.sin(i));
  const network = encodeOnnxModel({
    name: 'small',
    inputs: [{ name: 'map', shape: ['batch', 1, 8, 8, 8] }],
    outputs: [{ name: 'reference', shape: ['batch', 1, 8, 8, 8] }],
    nodes: [
      {
        operator: 'Conv',
        inputs: ['map', 'kernel', 'bias'],
        outputs: ['reference'],
        attributes: { pads: [2, 2, 2, 2, 2, 2], group: 1, alpha: { float: 0.5 }, scales: { floats: [1, 2] } },
      },
    ],
    initializers: [
      { name: 'kernel', shape: [1, 1, 5, 5, 5], data: kernel },
      { name: 'bias', shape: [1], data: Float32Array.of(0.25) },
      { name: 'shape', shape: [3], data: BigInt64Array.of(0n, 8n, -1n) },
      { name: 'nothing', shape: [0, 4], data: new Float32Array(0) },
    ],
  });
  const constants = encodeOnnxModel({
    name: 'constants',
    inputs: [],
    outputs: [],
    nodes: [],
    initializers: [{ name: 'scalar', shape: [], data: Float32Array.of(3) }],
  });
  return [network, constants];
}

async function readOnnx(bytes: Uint8Array): Promise<void> {
  refuseExternalData(bytes, 'case.onnx');
  for (const [name, { shape, data }] of readOnnxInitializers(bytes)) {
    property(typeof name === 'string', 'names of tensors are text');
    property(
      shape.every((extent) => Number.isSafeInteger(extent) && extent >= 0),
      `the tensor ${name} has whole extents, not ${shape.join(', ')}`,
    );
    property(data instanceof Float32Array, `the tensor ${name} is float32`);
    property(data.length === elementCount(shape), `the tensor ${name} has as many numbers as its shape`);
  }
}

/** Fields of the messages that hold messages: model.graph; graph.node, .initializer, .input, .output. */
type Nesting = { readonly [field: number]: Nesting };
const modelNesting: Nesting = { 7: { 1: {}, 5: {}, 11: {}, 12: {} } };

function readVarint(bytes: Uint8Array, start: number): { value: number; next: number } | undefined {
  let value = 0;
  for (let at = start; at < bytes.length && at < start + 10; at++) {
    value += (bytes[at] & 127) * 2 ** (7 * (at - start));
    if (bytes[at] < 128) return { value, next: at + 1 };
  }
  return undefined;
}

function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  let left = value;
  for (; left >= 128; left = Math.floor(left / 128)) bytes.push((left % 128) | 128);
  return Uint8Array.from([...bytes, left]);
}

/** The same fields with lengths that hold together; what is no field any more is left out. */
function repairMessage(bytes: Uint8Array, nesting: Nesting): Uint8Array<ArrayBuffer> {
  const parts: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; ) {
    const tag = readVarint(bytes, at);
    if (tag === undefined) break;
    const wire = tag.value % 8;
    let next = tag.next;
    if (wire === 2) {
      const length = readVarint(bytes, next);
      if (length === undefined) break;
      next = Math.min(bytes.length, length.next + length.value);
      const inner = nesting[Math.floor(tag.value / 8)];
      const raw = bytes.subarray(length.next, next);
      const content = inner === undefined ? raw : repairMessage(raw, inner);
      parts.push(bytes.subarray(at, tag.next), varint(content.length), content);
    } else {
      next = wire === 0 ? (readVarint(bytes, next)?.next ?? Infinity) : next + (wire === 1 ? 8 : 4);
      if (next > bytes.length || ![0, 1, 5].includes(wire)) break;
      parts.push(bytes.subarray(at, next));
    }
    at = next;
  }
  return join(parts);
}

export const onnx: FuzzTarget = {
  name: 'onnx',
  title: 'ONNX networks, their weights read back',
  seeds: onnxSeeds,
  dictionary: onnxDictionary,
  repair: (bytes) => repairMessage(bytes, modelNesting),
  read: withClearRefusals(readOnnx),
  refusals: ['bad-input'],
  memoryLimitBytes: 16 * 2 ** 20,
};

const sum = 'ab'.repeat(32);
const soundManifest = {
  format: 1,
  name: 'emmernet-high-context',
  title: 'EMmerNet, high context',
  architecture: 'emmernet',
  source: 'made for tests',
  sourceSha256: sum,
  licence: 'CC0-1.0',
  parameters: 1000,
  gflopPerCube: 1.5,
  files: { plain: { file: 'plain.onnx', sha256: sum }, monteCarlo: { file: 'mc.onnx', sha256: sum } },
  input: 'map',
  output: 'reference',
  voxelSizeAngstrom: 1,
  standardisation: 'mean-10sd',
  cubeEdge: 32,
  stride: 16,
  dropout: [{ input: 'mask', shape: [32, 16, 16, 16], keepProbability: 0.5 }],
  calibration: { standardError: [0, 0.1, 0.5], calibrated: [0, 0.2, 0.4] },
};
const manifestWords = [
  'null',
  'true',
  '{}',
  '[]',
  '-1',
  '0',
  '1e999',
  '-0',
  '1e-400',
  '2147483648',
  '0.5',
  '""',
];
const moreWords = [
  '"__proto__"',
  '"constructor"',
  '"../../x"',
  '"/etc/passwd"',
  '"a\\u0000b"',
  '[[[[]]]]',
  '"NaN"',
];

/** A sound manifest with one value, at a place and of a kind that the bytes choose. */
function repairManifest(bytes: Uint8Array): Uint8Array {
  const words = [...manifestWords, ...moreWords];
  const hash = hashOf(bytes);
  const places: [Record<string, unknown>, string][] = [];
  const copy = structuredClone(soundManifest) as Record<string, unknown>;
  const visit = (value: object): void => {
    for (const [key, inner] of Object.entries(value)) {
      places.push([value as Record<string, unknown>, key]);
      if (typeof inner === 'object' && inner !== null) visit(inner);
    }
  };
  visit(copy);
  const [owner, key] = places[hash % places.length] as [Record<string, unknown>, string];
  if (hash % 7 === 0) delete owner[key];
  else owner[key] = JSON.parse(words[(hash >>> 8) % words.length] as string);
  return ascii(JSON.stringify(copy));
}

async function readManifest(bytes: Uint8Array): Promise<void> {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    throw new LocScaleError('bad-input', 'The case is not JSON.');
  }
  const { name, files, cubeEdge, stride, voxelSizeAngstrom, dropout, calibration } = checkManifest(
    value,
    'case',
  );
  property(/^[a-z0-9-]+$/.test(name), 'the name of a model is one of a folder');
  for (const { file, sha256 } of [files.plain, ...(files.monteCarlo ? [files.monteCarlo] : [])]) {
    property(/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(file), 'a file lies beside the manifest');
    property(/^[0-9a-f]{64}$/.test(sha256), 'a sum is one');
  }
  property(Number.isSafeInteger(cubeEdge) && Number.isSafeInteger(stride), 'edge and stride are whole');
  property(cubeEdge > 0 && stride > 0 && Number.isFinite(voxelSizeAngstrom), 'sizes are above 0');
  for (const { shape, keepProbability } of dropout)
    property(shape.length === 4 && keepProbability > 0 && keepProbability <= 1, 'masks have four axes');
  property(
    calibration === undefined || calibration.standardError.length === calibration.calibrated.length,
    'both columns of a calibration are as long',
  );
}

export const manifest: FuzzTarget = {
  name: 'manifest',
  title: 'manifests of imported networks (JSON)',
  seeds: async () => [ascii(JSON.stringify(soundManifest)), ascii(JSON.stringify(soundManifest, null, 2))],
  dictionary: [...manifestWords, ...moreWords, ':', ',', '{', '}', '[', ']', '"'].map(ascii),
  repair: repairManifest,
  read: withClearRefusals(readManifest),
  refusals: ['bad-input'],
  memoryLimitBytes: 16 * 2 ** 20,
};
