/**
 * Lists the GPUs of this machine. Adapters are requested in every way that WebGPU offers, because none of
 * them lists all. Every failure is recorded with its reason, and adapters found more than once are listed
 * once.
 */
import { LocScaleError, named } from '../errors.ts';
import type { GpuEntry } from '../platform/index.ts';
import { type GpuDevice, type GpuLimits, wrapDevice } from './device.ts';
import { createVerification, type VerdictStore } from './verification.ts';

/** Limits that the engine depends on; a device is opened with the adapter's maximum of each. */
export const adapterLimits = [
  'maxStorageBufferBindingSize',
  'maxBufferSize',
  'maxComputeWorkgroupStorageSize',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupSizeX',
  'maxComputeWorkgroupSizeY',
  'maxComputeWorkgroupSizeZ',
  'maxComputeWorkgroupsPerDimension',
  'maxStorageBuffersPerShaderStage',
  'maxUniformBufferBindingSize',
] as const;
/** Limits that decide how large a job may be. */
export type AdapterLimit = (typeof adapterLimits)[number];

/** An adapter as `devices` lists it, and how to open it. */
export interface GpuAdapterEntry {
  /** Index in the list, as used by --gpu_ids. */
  readonly index: number;
  /** "NVIDIA H200". */
  readonly name: string;
  /** Vendor name, also where the implementation reports a number. */
  readonly vendor: string;
  /** Hardware generation, "ampere", as WebGPU reports it; may be empty. */
  readonly architecture: string;
  /** Vendor's identifier of the chip, as the driver gives it; empty in browsers, which hide it. */
  readonly device: string;
  /** With Dawn: driver and version. */
  readonly description: string;
  /** vulkan, metal, d3d12 ...; unknown with wgpu. */
  readonly backend?: string;
  /** Dawn, wgpu or a browser: limits, names and known defects differ between them. */
  readonly implementation: GpuEntry['implementation'];
  /** Of `GpuEntry`. */
  readonly version?: string;
  /** Software adapters run the same shaders on the CPU, a thousand times slower: chosen by hand only. */
  readonly kind: 'hardware' | 'software';
  /** Number of GPUs with this name; only the first of them can be opened. */
  readonly sameName: number;
  /** What a device of this adapter can be opened with; the defaults of WebGPU are far smaller. */
  readonly limits: Readonly<Record<AdapterLimit, number>>;
  /** Optional WebGPU features by name, "timestamp-query" among them. */
  readonly features: readonly string[];
  /** Of `GpuEntry`. */
  readonly pace?: () => void;
  /** An adapter opens a single device, so each device requests it again in the way it was found. */
  readonly request: () => Promise<GPUAdapter | null>;
}

/** The adapters found, and the requests that failed, for `devices` and error messages. */
export interface AdapterList {
  /** Hardware before software; `index` counts along this order. */
  readonly adapters: readonly GpuAdapterEntry[];
  /** Requests without success, with their reasons. */
  readonly failures: readonly { readonly way: string; readonly reason: string }[];
}

/** Reason of a request that returned no adapter. */
export const NO_ADAPTER = 'no adapter';

/** A way to request an adapter. */
interface Way {
  /** How it is requested, for messages about requests that failed. */
  readonly name: string;
  /** Null is WebGPU's own way to say that there is no such adapter. */
  readonly request: () => Promise<GPUAdapter | null>;
  /** The adapter's entry in the implementation's own list. */
  readonly listed?: ListedAdapter;
}

/** An entry of Dawn's list; `count`: number of equal entries. */
interface ListedAdapter {
  /** API below WebGPU: one GPU is listed once per API. */
  readonly backend: string;
  /** As the driver spells it. Dawn opens adapters by backend and name, not by index. */
  readonly name: string;
  /** More than 1 on nodes with several equal GPUs. */
  readonly count: number;
}

/** Hardware first; otherwise in the order in which they were found. */
export async function listAdapters(entry: GpuEntry): Promise<AdapterList> {
  const failures: { way: string; reason: string }[] = [];
  const ways: Way[] = [
    requestWith(entry.gpu, { powerPreference: 'high-performance' }),
    requestWith(entry.gpu, {}),
    requestWith(entry.gpu, { powerPreference: 'low-power' }),
  ];
  try {
    for (const listed of await readDawnList(entry)) ways.push(requestListed(entry, listed));
  } catch (error) {
    failures.push({ way: "the implementation's own list", reason: messageOf(error) });
  }
  const found = new Map<string, Omit<GpuAdapterEntry, 'index'>>();
  for (const way of ways) {
    try {
      const adapter = await way.request();
      if (!adapter) {
        failures.push({ way: way.name, reason: NO_ADAPTER });
        continue;
      }
      const described = describe(adapter, entry, way);
      const key = [described.vendor, described.device, described.description, described.kind].join('\n');
      const earlier = found.get(key);
      found.set(key, earlier === undefined ? described : addListing(earlier, way.listed));
    } catch (error) {
      failures.push({ way: way.name, reason: messageOf(error) });
    }
  }
  const ordered = [...found.values()].sort(
    (a, b) => Number(a.kind === 'software') - Number(b.kind === 'software'),
  );
  return { adapters: ordered.map((adapter, index) => ({ index, ...adapter })), failures };
}

/** The standard request; no preference and the two preferences may return different adapters. */
function requestWith(gpu: GPU, options: GPURequestAdapterOptions): Way {
  const { powerPreference } = options;
  return {
    name: powerPreference === undefined ? 'no power preference' : `power preference ${powerPreference}`,
    request: () => gpu.requestAdapter(options),
  };
}

/** Dawn opens an adapter by backend and name through flags of its own. */
function requestListed({ open }: GpuEntry, listed: ListedAdapter): Way {
  const flags = [`backend=${listed.backend}`, `adapter=${listed.name}`];
  return {
    name: flags.join(' '),
    listed,
    request: async () => (open as NonNullable<typeof open>)(flags).requestAdapter(),
  };
}

/** Requesting a name that no adapter has makes Dawn fail with the list of those that exist. */
async function readDawnList({ open }: GpuEntry): Promise<ListedAdapter[]> {
  if (open === undefined) return [];
  let message: string;
  try {
    await open(['adapter=(list)']).requestAdapter();
    return [];
  } catch (error) {
    message = messageOf(error);
  }
  const counts = new Map<string, number>();
  for (const [, backend, name] of message.matchAll(/\* backend: '([^']*)', name: '(.*)'/g)) {
    const key = `${backend}\n${name}`;
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return Array.from(counts, ([key, count]) => {
    const [backend, name] = key.split('\n');
    return { backend, name, count };
  });
}

/** Name and properties of an adapter. Implementations differ in the field that holds the name. */
function describe(adapter: GPUAdapter, entry: GpuEntry, way: Way): Omit<GpuAdapterEntry, 'index'> {
  const { info } = adapter;
  // Browsers withhold the device name: "nvidia ampere".
  const family = [vendors[info.vendor] ?? info.vendor, info.architecture].filter(Boolean).join(' ');
  const name = way.listed?.name ?? (entry.implementation === 'wgpu' ? info.description : info.device);
  return {
    name: name || info.description || info.device || family || 'unnamed adapter',
    vendor: vendors[info.vendor] ?? info.vendor,
    architecture: info.architecture,
    device: info.device,
    description: info.description,
    ...(way.listed === undefined ? {} : { backend: way.listed.backend }),
    implementation: entry.implementation,
    version: entry.version,
    pace: entry.pace,
    kind: isSoftware(info) ? 'software' : 'hardware',
    sameName: way.listed?.count ?? 1,
    limits: Object.fromEntries(adapterLimits.map((limit) => [limit, adapter.limits[limit]])) as Record<
      AdapterLimit,
      number
    >,
    features: [...adapter.features].sort(),
    request: way.request,
  };
}

/** Name and backend are known only from the implementation's list, which is queried last. */
function addListing(
  adapter: Omit<GpuAdapterEntry, 'index'>,
  listed: ListedAdapter | undefined,
): Omit<GpuAdapterEntry, 'index'> {
  if (listed === undefined || adapter.backend !== undefined) return adapter;
  return { ...adapter, name: listed.name, backend: listed.backend, sameName: listed.count };
}

/** PCI and Khronos vendor IDs, which wgpu reports instead of names. */
const vendors: Readonly<Record<string, string>> = {
  '4098': 'amd',
  '4203': 'apple',
  '4318': 'nvidia',
  '5045': 'arm',
  '5140': 'microsoft',
  '5197': 'imagination',
  '6880': 'google',
  '20803': 'qualcomm',
  '32902': 'intel',
  '65541': 'mesa',
};

/** Drivers that compute on the CPU: SwiftShader, Mesa's llvmpipe and lavapipe, Windows' WARP. */
const SOFTWARE = /swiftshader|llvmpipe|lavapipe|softpipe|subzero|basic render|\bwarp\b/i;

/** By the fallback flag, else by the names of known software drivers. */
function isSoftware(info: GPUAdapterInfo): boolean {
  return (
    info.isFallbackAdapter === true ||
    [info.architecture, info.device, info.description].some((text) => SOFTWARE.test(text))
  );
}

/** "NVIDIA H200 (vulkan)". */
export function adapterName({
  name,
  backend,
  implementation,
}: Pick<GpuAdapterEntry, 'name' | 'backend' | 'implementation'>): string {
  return `${name} (${backend ?? implementation})`;
}

/**
 * The adapters that `ids` name: each is an index, or a part of a name or description, ignoring case. Throws
 * 'no-device' with the list if one matches nothing.
 */
export function pickAdapters(
  adapters: readonly GpuAdapterEntry[],
  ids: readonly string[],
): GpuAdapterEntry[] {
  const picked = ids.map((id) => {
    const found = adapters.find((adapter) => matchesId(adapter, id));
    if (found !== undefined) return found;
    throw new LocScaleError('no-device', `There is no GPU "${id}"; found: ${listAdapterNames(adapters)}.`, {
      parameter: 'gpuIds',
      found: listAdapterNames(adapters),
      hint: 'Run "locscale-gpu devices" for the list.',
    });
  });
  return [...new Set(picked)];
}

/** `id`: an index, or a part of a name or description, ignoring case. */
export function matchesId(
  { index, name, device, description }: Pick<GpuAdapterEntry, 'index' | 'name' | 'device' | 'description'>,
  id: string,
): boolean {
  if (/^\d+$/.test(id)) return index === Number(id);
  return [name, device, description].some((text) => text.toLowerCase().includes(id.toLowerCase()));
}

/** One line per adapter, for error messages. */
export function listAdapterNames(adapters: readonly GpuAdapterEntry[]): string {
  if (adapters.length === 0) return 'none';
  return adapters.map((adapter) => `${adapter.index} ${adapterName(adapter)}, ${adapter.kind}`).join('; ');
}

/**
 * wgpu zeroes workgroup memory by assigning a zero value, which a software driver expands to one instruction
 * per number: pipelines with 32 KiB take 10 s to compile there, those with 4 KiB one or two.
 */
const SLOWLY_CLEARED_LINE_BYTES = 1024;

/**
 * Opens a device with every limit the adapter has. `overrides` make limits smaller, for tests. With
 * `verdicts` its kernels are verified before their results are used.
 */
export async function openDevice(
  adapter: GpuAdapterEntry,
  overrides: Partial<GpuLimits> = {},
  verdicts?: VerdictStore,
): Promise<GpuDevice> {
  const name = adapterName(adapter);
  if (adapter.kind === 'software') adapter.pace?.();
  try {
    const fresh = await adapter.request();
    if (!fresh) throw new Error('the adapter is gone');
    const device = await fresh.requestDevice({
      label: 'locscale-gpu',
      requiredFeatures: fresh.features.has('timestamp-query') ? ['timestamp-query'] : [],
      requiredLimits: Object.fromEntries(adapterLimits.map((limit) => [limit, fresh.limits[limit]])),
    });
    const slow = adapter.kind === 'software' && adapter.implementation === 'wgpu';
    return wrapDevice(
      device,
      name,
      slow ? { lineBytes: SLOWLY_CLEARED_LINE_BYTES, ...overrides } : overrides,
      verdicts && createVerification(name, adapter.kind, verdicts),
    );
  } catch (cause) {
    throw new LocScaleError('no-device', `The GPU ${name} cannot be opened: ${messageOf(cause)}.`, {
      hint: `Update its driver, close other programs that use it, or use ${named('engine', 'cpu')}.`,
      cause,
    });
  }
}

/** For a message that continues. */
function messageOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message.trim().replace(/\.$/, '');
}
