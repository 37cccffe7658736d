/** `locscale-gpu devices`: lists GPUs and network providers. Finding no GPU is a result, not a failure. */
import {
  type AdapterList,
  adapterName,
  type GpuAdapterEntry,
  listAdapters,
  openDevice,
} from '../gpu/adapters.ts';
import { createGpuEngine } from '../gpu/index.ts';
import { findRefused, type RefusedDriver } from '../gpu/refused-drivers.ts';
import { type SelfTestResult, selfTest } from '../gpu/self-test.ts';
import { formatBytes } from '../math/bytes.ts';
import { type OnnxruntimeProviders, probeOnnxruntime } from '../network/run/probe-providers.ts';
import { coreCount, loadGpu, runtimeName } from '../platform/index.ts';
import { describeLibraryText } from '../platform/library-output.ts';
import { listVulkanDevices } from '../platform/vulkan-devices.ts';
import { verdictsOf } from './gpu-verdicts.ts';
import { wrap } from './help.ts';
import { refusePositionals } from './job-options.ts';
import { type Session, vulkanLoaderFromEnvironment } from './session.ts';

/** Columns of a list that runs over several lines. */
const WIDTH = 95;

/** An adapter as printed: without the function that opens it, with the results of its tests. */
type TestedAdapter = Omit<GpuAdapterEntry, 'request'> & {
  readonly selfTest: Pick<SelfTestResult, 'ok' | 'milliseconds' | 'reason'>;
  /** Checks of kernels that earlier runs have passed on it, and the date of the last, ISO 8601. */
  readonly verified: { readonly checks: number; readonly latest?: string };
};

/** All that the command finds. Printed as JSON with --json; field names are read by scripts. */
interface Devices {
  readonly runtime: string;
  readonly cpuCores: number;
  /** Dawn or wgpu; undefined if WebGPU is unavailable. */
  readonly webgpu?: string;
  /** Why WebGPU is unavailable, and what to do about it. */
  readonly reason?: string;
  readonly hint?: string;
  /** In the order of --gpu_ids. */
  readonly adapters: readonly TestedAdapter[];
  /** Drivers that Vulkan lists and WebGPU rejects. */
  readonly refused: readonly RefusedDriver[];
  readonly failures: AdapterList['failures'];
  readonly onnxruntime: OnnxruntimeProviders;
}

/** Prints text, or all of it as JSON with --json for bug reports and scripts. */
export async function runDevices(session: Session): Promise<void> {
  const { values, positionals } = session.parsed;
  refusePositionals(positionals, 0);
  // Dawn reports why it rejects a driver only in what it prints.
  await session.libraries.hold({ evenIfVerbose: true });
  const devices = await findDevices(session);
  const lines = values.json === true ? [JSON.stringify(devices, null, 2)] : deviceLines(devices);
  for (const line of lines) session.logger.line(line);
  const text = describeLibraryText(session.libraries.text());
  if (text !== '' && values.json !== true) session.logger.detail(`\n${text}`);
}

/**
 * Adapters are tested one after the other: two devices of one driver at the same time would disturb each
 * other's times.
 */
async function findDevices({ libraries }: Session): Promise<Devices> {
  const machine = { runtime: runtimeName(), cpuCores: coreCount() };
  const { vulkanLoader } = vulkanLoaderFromEnvironment();
  const entry = await loadGpu({ vulkanLoader });
  const none = { adapters: [], refused: [], failures: [] };
  if ('reason' in entry) return { ...machine, ...entry, ...none, onnxruntime: await probeOnnxruntime(false) };
  const { adapters, failures } = await listAdapters(entry);
  // Copied before anything else prints: the reasons for refused drivers are in here.
  const said = libraries.text();
  const refused = findRefused(await listVulkanDevices(vulkanLoader), entry, adapters, said);
  const tested: TestedAdapter[] = [];
  for (const adapter of adapters) {
    const { request: _, ...described } = adapter;
    const { error: __, ...result } = await testAdapter(adapter);
    const { count, latest } = await verdictsOf(adapter);
    tested.push({ ...described, selfTest: result, verified: { checks: count, latest } });
  }
  const onnxruntime = await probeOnnxruntime(adapters.length > 0);
  return { ...machine, webgpu: entry.implementation, adapters: tested, refused, failures, onnxruntime };
}

/**
 * The engine's own self-test; a device that cannot be opened counts as failed. The device is closed again.
 */
async function testAdapter(adapter: GpuAdapterEntry): Promise<SelfTestResult> {
  const begun = performance.now();
  try {
    const device = await openDevice(adapter);
    try {
      return await selfTest(await createGpuEngine(device), adapter.kind);
    } finally {
      device.destroy();
    }
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return { ok: false, milliseconds: performance.now() - begun, reason };
  }
}

/** Adapters, rejected drivers, failed requests, the choice of `auto`, and onnxruntime's providers. */
function deviceLines(devices: Devices): string[] {
  const { webgpu, adapters, refused, failures, onnxruntime } = devices;
  const lines = [
    `${devices.runtime}, ${devices.cpuCores} CPU cores, ` +
      `${webgpu === undefined ? 'no WebGPU' : `WebGPU by ${webgpu}`}`,
    '',
  ];
  if (devices.reason !== undefined) lines.push(`No GPU: ${devices.reason}.`);
  if (devices.hint !== undefined) lines.push(devices.hint);
  if (devices.reason === undefined && adapters.length === 0) lines.push('No GPU was found.');
  for (const adapter of adapters) lines.push(...adapterLines(adapter));
  if (refused.length > 0) lines.push('Drivers that cannot be used:');
  for (const { name, refusedBy, reason } of refused)
    lines.push(`  ${name}: refused by ${refusedBy}: ${reason}`);
  if (failures.length > 0) lines.push('Requests without success:');
  for (const { way, reason } of failures) lines.push(`  ${way}: ${reason}`);
  lines.push(engineLine(adapters), '');
  if (onnxruntime.reason !== undefined) lines.push(`onnxruntime: ${onnxruntime.reason}`);
  else lines.push(`onnxruntime ${onnxruntime.version}:`);
  for (const { name, works, reason } of onnxruntime.providers)
    lines.push(`  ${name}: ${works ? 'works' : reason}`);
  return lines;
}

/** One block of lines per adapter, with its index for --gpu_ids. */
function adapterLines(adapter: TestedAdapter): string[] {
  const { limits, vendor, architecture, device, description, sameName, features, selfTest } = adapter;
  const seconds = `${(selfTest.milliseconds / 1000).toFixed(2)} s`;
  const chip = [vendor, architecture, device].filter((text) => text !== '').join(', ');
  const driver = description === adapter.name ? `not reported by ${adapter.implementation}` : description;
  const lines = [
    `${adapter.index}  ${adapterName(adapter)}, ${adapter.kind}`,
    `   Chip: ${chip}`,
    `   Driver: ${driver || 'unknown'}`,
    `   Limits: ${formatBytes(limits.maxStorageBufferBindingSize)} per binding, ` +
      `${formatBytes(limits.maxBufferSize)} per buffer, ${limits.maxStorageBuffersPerShaderStage} ` +
      'buffers per shader,',
    `     ${limits.maxComputeWorkgroupStorageSize / 1024} KiB workgroup memory, ` +
      `${limits.maxComputeInvocationsPerWorkgroup} invocations per workgroup`,
    ...wrap(`Features: ${features.join(' ') || 'none'}`, WIDTH).map(
      (line, i) => `   ${i > 0 ? '  ' : ''}${line}`,
    ),
    `   Self-test: ${selfTest.ok ? `passed in ${seconds}` : `failed after ${seconds}: ${selfTest.reason}`}`,
  ];
  const { checks, latest } = adapter.verified;
  if (latest !== undefined)
    lines.push(`   Verified in earlier runs: ${checks} checks of kernels, last on ${latest.slice(0, 10)}`);
  if (sameName > 1)
    lines.push(`   ${sameName} GPUs have this name; WebGPU cannot distinguish them: the first is used.`);
  return [...lines, ''];
}

/** What `--engine auto` would choose, by the same rule as select-engine.ts. */
function engineLine(adapters: readonly TestedAdapter[]): string {
  const first = adapters.find(({ kind }) => kind === 'hardware');
  if (first === undefined) {
    const software = adapters.length > 0 ? ' (a software GPU is taken with --allow_software_gpu)' : '';
    return `--engine auto computes on the CPU${software}.`;
  }
  return first.selfTest.ok
    ? `--engine auto computes on ${adapterName(first)}.`
    : `--engine auto computes on the CPU, because ${adapterName(first)} fails its self-test.`;
}
