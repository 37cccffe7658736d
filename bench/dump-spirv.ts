/**
 * Prints the SPIR-V assembly of compute pipelines as Dawn makes it, in their order. Run by isa.bench.ts in a
 * process of its own, since Dawn prints to the process's standard output.
 * usage: node dump-spirv.js < pipelines; JSON, [{ code, entryPoint, constants }]
 */
import process from 'node:process';
import { text } from 'node:stream/consumers';
import { loadGpu } from '../src/platform/index.ts';
import { gpuEntryOptions } from '../test/support/software-gpu.ts';

const FLAGS = [
  'enable-dawn-features=dump_shaders,disable_symbol_renaming',
  'disable-dawn-features=use_vulkan_zero_initialize_workgroup_memory_extension',
];
const LIMITS = [
  'maxComputeWorkgroupStorageSize',
  'maxStorageBuffersPerShaderStage',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupSizeX',
  'maxComputeWorkgroupSizeY',
  'maxComputeWorkgroupSizeZ',
] as const;

// A pipe that is read synchronously may have nothing yet (EAGAIN).
const pipelines = JSON.parse(await text(process.stdin)) as readonly {
  readonly code: string;
  readonly entryPoint: string;
  readonly constants: Record<string, number>;
}[];
const entry = await loadGpu(gpuEntryOptions());
if ('reason' in entry || entry.open === undefined) throw new Error('Dawn does not run here.');
const gpu = entry.open(FLAGS);
const adapter = await gpu.requestAdapter();
if (!adapter) throw new Error('There is no adapter.');
const device = await adapter.requestDevice({
  requiredLimits: Object.fromEntries(LIMITS.map((limit) => [limit, adapter.limits[limit]])),
});
for (const { code, entryPoint, constants } of pipelines) {
  const module = device.createShaderModule({ code });
  await device.createComputePipelineAsync({ layout: 'auto', compute: { module, entryPoint, constants } });
}
// The end of the process, not its collector, closes the device.
process.exit(0);
