/**
 * A compute pipeline of one shader entry point. Bindings are passed by the names of the shader's variables,
 * so that a call reads like the shader; sizes are override constants, everything else is in one uniform
 * struct.
 */
import { LocScaleError } from '../errors.ts';
import { type GpuDevice, usage } from './device.ts';
import { fingerprintOf } from './verification.ts';

/** What a pipeline is compiled from. */
export interface KernelSource {
  /** Operation name, the shader's file name. */
  readonly name: string;
  /** WGSL with all includes resolved. */
  readonly code: string;
  /** Default "main". */
  readonly entryPoint?: string;
  /** Values of the `override` declarations, by name. */
  readonly constants?: Readonly<Record<string, number>>;
}

/** A whole buffer or a part of it (offset a multiple of 256 bytes). */
export type Bound =
  | GPUBuffer
  | { readonly buffer: GPUBuffer; readonly offset: number; readonly size: number };

/** A compiled entry point. */
export interface Kernel {
  /** File and entry point, as in errors and timings. */
  readonly name: string;
  /** Of code and constants, where kernels are verified; else empty. */
  readonly fingerprint: string;
  /** Records one dispatch of x * y * z workgroups. `bound` names every binding of the shader's group 0. */
  run(
    pass: GPUComputePassEncoder,
    bound: Readonly<Record<string, Bound>>,
    workgroups: readonly [number, number?, number?],
  ): void;
}

// Binding numbers are read from the shader, so that they are stated once.
const BINDING = /@group\(0\)\s*@binding\((\d+)\)\s*var(?:<[^>]*>)?\s+(\w+)/g;

/** Modules of a device by their code: those of several entry points, or sets of constants, are parsed once. */
const modulesOf = new WeakMap<GPUDevice, Map<string, Promise<GPUShaderModule>>>();

function shaderModule(gpu: GpuDevice, name: string, code: string): Promise<GPUShaderModule> {
  let modules = modulesOf.get(gpu.device);
  if (modules === undefined) {
    modules = new Map();
    modulesOf.set(gpu.device, modules);
  }
  let parsed = modules.get(code);
  if (parsed === undefined) {
    parsed = parseShader(gpu, name, code);
    modules.set(code, parsed);
  }
  return parsed;
}

/** Compile errors include the shader's source line, which drivers' own messages lack. */
async function parseShader(gpu: GpuDevice, name: string, code: string): Promise<GPUShaderModule> {
  const shader = gpu.device.createShaderModule({ label: name, code });
  const messages = (await shader.getCompilationInfo()).messages.filter((message) => message.type === 'error');
  if (messages.length === 0) return shader;
  const lines = code.split('\n');
  const text = messages.map(
    (m) => `${name}.wgsl:${m.lineNum}:${m.linePos} ${m.message}\n  ${lines[m.lineNum - 1] ?? ''}`,
  );
  throw new LocScaleError(
    'internal',
    `The shader ${name} does not compile on ${gpu.name}:\n${text.join('\n')}`,
  );
}

/** Of one entry point, its constants set. */
export async function createKernel(gpu: GpuDevice, source: KernelSource): Promise<Kernel> {
  const { device } = gpu;
  const { name, code, entryPoint = 'main', constants } = source;
  const shader = await shaderModule(gpu, name, code);
  const pipeline = await device.createComputePipelineAsync({
    label: `${name}.${entryPoint}`,
    layout: 'auto',
    compute: { module: shader, entryPoint, ...(constants ? { constants } : {}) },
  });
  const slots = new Map<string, number>();
  for (const [, binding, variable] of code.matchAll(BINDING)) slots.set(variable, Number(binding));
  const layout = pipeline.getBindGroupLayout(0);
  const groupOf = createBindGroups(
    (entries) => device.createBindGroup({ label: name, layout, entries }),
    name,
    slots,
  );
  const fingerprint = gpu.verification ? await fingerprintOf(code, entryPoint, constants) : '';
  return {
    name,
    fingerprint,
    run(pass, bound, [x, y = 1, z = 1]) {
      if (x === 0 || y === 0 || z === 0) return;
      const most = gpu.limits.workgroupsPerDimension;
      if (x > most || y > most || z > most) {
        throw new LocScaleError(
          'internal',
          `${name}: ${x} x ${y} x ${z} workgroups exceed the limit ${most}.`,
        );
      }
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, groupOf(bound));
      pass.dispatchWorkgroups(x, y, z);
    },
  };
}

/** In the place of a kernel that a job does not run. */
export function unneededKernel(name: string): Kernel {
  return {
    name,
    fingerprint: '',
    run() {
      throw new LocScaleError('internal', `The kernel ${name} runs in a job that was planned without it.`);
    },
  };
}

/** Bind groups of a kernel, cached per set of resources: a job binds the same buffers for every tile. */
function createBindGroups(
  make: (entries: GPUBindGroupEntry[]) => GPUBindGroup,
  name: string,
  bindings: ReadonlyMap<string, number>,
): (bound: Readonly<Record<string, Bound>>) => GPUBindGroup {
  const made = new Map<string, GPUBindGroup>();
  const entriesOf = (bound: Readonly<Record<string, Bound>>): GPUBindGroupEntry[] =>
    Object.entries(bound).map(([variable, resource]) => {
      const binding = bindings.get(variable);
      if (binding === undefined)
        throw new LocScaleError('internal', `${name}.wgsl has no binding '${variable}'.`);
      return { binding, resource: 'buffer' in resource ? resource : { buffer: resource } };
    });
  return (bound) => {
    let key = '';
    for (const variable in bound) {
      const resource = bound[variable];
      const part =
        'buffer' in resource
          ? `${numberOf(resource.buffer)} ${resource.offset} ${resource.size}`
          : numberOf(resource);
      key += `${variable} ${part},`;
    }
    let group = made.get(key);
    if (group === undefined) {
      group = make(entriesOf(bound));
      if (made.size >= MOST_BIND_GROUPS) made.clear();
      made.set(key, group);
    }
    return group;
  };
}

/** Limit at which bind groups of destroyed buffers are evicted. */
const MOST_BIND_GROUPS = 256;

/** Numbers of buffers, the keys of bind groups. */
const numbers = new WeakMap<GPUBuffer, number>();
/** Counts across devices: a buffer of a new device never meets the bind group of an old one. */
let lastNumber = 0;

/** Unique ID of a buffer, never reused. */
function numberOf(buffer: GPUBuffer): number {
  let number = numbers.get(buffer);
  if (number === undefined) {
    number = ++lastNumber;
    numbers.set(buffer, number);
  }
  return number;
}

/**
 * A member of a uniform struct; all are 32-bit scalars, in declaration order
 * (test/unit/shaders/shaders.test.ts holds it).
 */
export type UniformField = readonly ['u32' | 'i32' | 'f32', number];

/** 32-bit fields, padded to the alignment of uniform structs. */
export function encodeFields(fields: readonly UniformField[]): ArrayBuffer {
  const data = new DataView(new ArrayBuffer(16 * Math.ceil(fields.length / 4)));
  fields.forEach(([kind, value], i) => {
    if (kind === 'u32') data.setUint32(4 * i, value, true);
    else if (kind === 'i32') data.setInt32(4 * i, value, true);
    else data.setFloat32(4 * i, value, true);
  });
  return data.buffer;
}

/** A uniform buffer of one struct. */
export function createUniform(gpu: GpuDevice, label: string, fields: readonly UniformField[]): GPUBuffer {
  const data = encodeFields(fields);
  const buffer = gpu.createBuffer(`${label} parameters`, data.byteLength, usage.uniform | usage.copyTarget);
  gpu.device.queue.writeBuffer(buffer, 0, data);
  return buffer;
}

/** A read-only table of float32 values. */
export function createTable(gpu: GpuDevice, label: string, values: ArrayLike<number>): GPUBuffer {
  const buffer = gpu.createBuffer(label, 4 * values.length, usage.storage | usage.copyTarget);
  gpu.device.queue.writeBuffer(
    buffer,
    0,
    values instanceof Float32Array ? (values as Float32Array<ArrayBuffer>) : Float32Array.from(values),
  );
  return buffer;
}

/** A read-only table of unsigned 32-bit integers. */
export function createIndexTable(gpu: GpuDevice, label: string, values: ArrayLike<number>): GPUBuffer {
  const buffer = gpu.createBuffer(label, 4 * values.length, usage.storage | usage.copyTarget);
  gpu.device.queue.writeBuffer(
    buffer,
    0,
    values instanceof Uint32Array ? (values as Uint32Array<ArrayBuffer>) : Uint32Array.from(values),
  );
  return buffer;
}
