/**
 * What Mesa's compiler for AMD GPUs makes of compute shaders, on a machine without one: RADV's null device
 * compiles pipelines and reports registers, spills, occupancy and its own estimate of their time. usage: node
 * radv-statistics.mjs FAMILY DRIVER.json < list > statistics; FAMILY: navi21, navi31 (RADV_FORCE_FAMILY);
 * list: JSON, [{ label, file (SPIR-V), uniform (its binding, -1: none) }]; statistics: JSON, per label name
 * -> number.
 */
import { readFileSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import koffi from 'koffi';

const [family, driver] = process.argv.slice(2);
Object.assign(process.env, { RADV_FORCE_FAMILY: family, VK_DRIVER_FILES: driver, VK_ICD_FILENAMES: driver });
// The process's own environment, which the loader reads, is not always that of Node.
const libc = koffi.load('libc.so.6');
const setenv = libc.func('int setenv(const char *, const char *, int)');
for (const name of ['RADV_FORCE_FAMILY', 'VK_DRIVER_FILES', 'VK_ICD_FILENAMES'])
  setenv(name, process.env[name], 1);

const vulkan = koffi.load('libvulkan.so.1');
const pointer = 'void *';
const struct = (members) => koffi.struct({ sType: 'uint32', pNext: pointer, ...members });
const u32 = 'uint32';

const types = {
  application: struct({ name: 'str', version: u32, engine: 'str', engineVersion: u32, apiVersion: u32 }),
  instance: struct({
    flags: u32,
    application: pointer,
    layerCount: u32,
    layers: pointer,
    extensionCount: u32,
    extensions: pointer,
  }),
  queue: struct({ flags: u32, family: u32, count: u32, priorities: pointer }),
  executableFeatures: struct({ pipelineExecutableInfo: u32 }),
  features12: struct({ switches: koffi.array(u32, 47) }),
  device: struct({
    flags: u32,
    queueCount: u32,
    queues: pointer,
    layerCount: u32,
    layers: pointer,
    extensionCount: u32,
    extensions: pointer,
    features: pointer,
  }),
  module: struct({ flags: u32, size: 'size_t', code: pointer }),
  binding: koffi.struct({ binding: u32, type: u32, count: u32, stages: u32, samplers: pointer }),
  setLayout: struct({ flags: u32, count: u32, bindings: pointer }),
  layout: struct({ flags: u32, setCount: u32, sets: pointer, rangeCount: u32, ranges: pointer }),
  stage: struct({ flags: u32, stage: u32, module: pointer, name: 'str', specialization: pointer }),
  executableInfo: struct({ pipeline: pointer, index: u32 }),
  statistic: struct({
    name: koffi.array('char', 256, 'String'),
    description: koffi.array('char', 256, 'String'),
    format: u32,
    value: 'uint64',
  }),
};
types.compute = struct({
  flags: u32,
  stage: types.stage,
  layout: pointer,
  base: pointer,
  baseIndex: 'int32',
});

const [APPLICATION, INSTANCE, QUEUE, DEVICE, MODULE, STAGE, COMPUTE, LAYOUT, SET_LAYOUT] = [
  0, 1, 2, 3, 16, 18, 29, 30, 32,
];
const [FEATURES_12, EXECUTABLE_FEATURES, EXECUTABLE_INFO, STATISTIC] = [
  51, 1000269000, 1000269003, 1000269004,
];
/** Members of VkPhysicalDeviceVulkan12Features: vulkanMemoryModel and its scope of a device. */
const MEMORY_MODEL = [41, 42];
const CAPTURE_STATISTICS = 0x40;
const [UNIFORM_BUFFER, STORAGE_BUFFER, COMPUTE_STAGE] = [6, 7, 0x20];
const BINDINGS = 16;

/** Memory that the calls point to; it must outlive them. */
const alive = [];
function make(type, value) {
  const memory = koffi.alloc(type, 1);
  koffi.encode(memory, type, value);
  alive.push(memory);
  return memory;
}
function makeArray(type, values) {
  const memory = koffi.alloc(type, values.length);
  koffi.encode(memory, koffi.array(type, values.length), values);
  alive.push(memory);
  return memory;
}

const call = (name, ...parameters) => {
  const run = vulkan.func(`int ${name}(${parameters.map((type, i) => `${type} p${i}`).join(', ')})`);
  return (...values) => {
    const result = run(...values);
    if (result < 0) throw new Error(`${name} failed with ${result}`);
  };
};
const out = (create, ...values) => {
  const handle = [null];
  create(...values, handle);
  return handle[0];
};

const instanceInfo = make(types.instance, {
  sType: INSTANCE,
  application: make(types.application, {
    sType: APPLICATION,
    name: 'bench',
    engine: 'bench',
    apiVersion: 0x403000,
  }),
});
const instance = out(call('vkCreateInstance', pointer, pointer, '_Out_ void **'), instanceInfo, null);
const gpus = [null];
call('vkEnumeratePhysicalDevices', pointer, '_Inout_ uint32 *', '_Out_ void **')(instance, [1], gpus);

const switches = new Array(47).fill(0);
for (const i of MEMORY_MODEL) switches[i] = 1;
const deviceInfo = make(types.device, {
  sType: DEVICE,
  pNext: make(types.features12, {
    sType: FEATURES_12,
    pNext: make(types.executableFeatures, { sType: EXECUTABLE_FEATURES, pipelineExecutableInfo: 1 }),
    switches,
  }),
  queueCount: 1,
  queues: make(types.queue, { sType: QUEUE, count: 1, priorities: makeArray('float', [1]) }),
  extensionCount: 1,
  extensions: makeArray('str', ['VK_KHR_pipeline_executable_properties']),
});
const device = out(
  call('vkCreateDevice', pointer, pointer, pointer, '_Out_ void **'),
  gpus[0],
  deviceInfo,
  null,
);

const address = vulkan.func('void *vkGetDeviceProcAddr(void *device, const char *name)');
const getStatistics = koffi.decode(
  address(device, 'vkGetPipelineExecutableStatisticsKHR'),
  koffi.proto('int GetStatistics(void *device, void *info, _Inout_ uint32 *count, void *statistics)'),
);
const creator = (name) => call(name, pointer, pointer, pointer, '_Out_ void **');
const [createModule, createSetLayout, createLayout] = [
  creator('vkCreateShaderModule'),
  creator('vkCreateDescriptorSetLayout'),
  creator('vkCreatePipelineLayout'),
];
const createPipelines = call(
  'vkCreateComputePipelines',
  pointer,
  pointer,
  u32,
  pointer,
  pointer,
  '_Out_ void **',
);

function statisticsOf({ file, uniform }) {
  const code = readFileSync(file);
  const words = makeArray(u32, Array.from(new Uint32Array(code.buffer, code.byteOffset, code.length / 4)));
  const module = out(
    createModule,
    device,
    make(types.module, { sType: MODULE, size: code.length, code: words }),
    null,
  );
  const bindings = Array.from({ length: BINDINGS }, (_, binding) => ({
    binding,
    type: binding === uniform ? UNIFORM_BUFFER : STORAGE_BUFFER,
    count: 1,
    stages: COMPUTE_STAGE,
    samplers: null,
  }));
  const setInfo = { sType: SET_LAYOUT, count: BINDINGS, bindings: makeArray(types.binding, bindings) };
  const set = out(createSetLayout, device, make(types.setLayout, setInfo), null);
  const layoutInfo = { sType: LAYOUT, setCount: 1, sets: makeArray(pointer, [set]) };
  const layout = out(createLayout, device, make(types.layout, layoutInfo), null);
  const stage = { sType: STAGE, stage: COMPUTE_STAGE, module, name: 'dawn_entry_point' };
  const info = make(types.compute, { sType: COMPUTE, flags: CAPTURE_STATISTICS, stage, layout });
  const pipeline = out(createPipelines, device, null, 1, info, null);
  const executable = make(types.executableInfo, { sType: EXECUTABLE_INFO, pipeline, index: 0 });
  const count = [0];
  getStatistics(device, executable, count, null);
  const list = makeArray(
    types.statistic,
    Array.from({ length: count[0] }, () => ({ sType: STATISTIC, name: '', description: '' })),
  );
  getStatistics(device, executable, count, list);
  const found = koffi.decode(list, koffi.array(types.statistic, count[0]));
  return Object.fromEntries(found.map(({ name, value }) => [name, Number(value)]));
}

// A pipe that is read synchronously may have nothing yet (EAGAIN).
const list = JSON.parse(await text(process.stdin));
process.stdout.write(
  `${JSON.stringify(Object.fromEntries(list.map((entry) => [entry.label, statisticsOf(entry)])), null, 1)}\n`,
);
