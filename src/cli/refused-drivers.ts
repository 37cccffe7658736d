/**
 * GPU drivers that Vulkan lists and WebGPU does not: which they are, Vulkan is asked itself; why, stands in what Dawn
 * prints when it passes over a device. Dawn does not name the device there, but goes through them in Vulkan's order.
 */
import type { GpuAdapterEntry } from '../gpu/adapters.ts';
import type { GpuEntry } from '../platform/index.ts';

export interface RefusedDriver {
  /** As the driver calls its device: "llvmpipe (LLVM 15.0.6, 256 bits)". */
  readonly name: string;
  readonly refusedBy: GpuEntry['implementation'];
  readonly reason: string;
}

/** VkResult of success; VK_INCOMPLETE says that there are more devices than were asked for. */
const VK_SUCCESS = 0;
const VK_INCOMPLETE = 5;
const VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO = 1;
/** VkInstanceCreateInfo on 64-bit systems: type, next, flags, application, two lists of names. */
const INSTANCE_CREATE_INFO_BYTES = 64;
const MOST_DEVICES = 64;
/** VkPhysicalDeviceProperties has 824 bytes: five 32-bit numbers, then the name of at most 256 bytes. */
const PROPERTIES_BYTES = 1024;
const NAME_AT = 20;
const NAME_BYTES = 256;

const UNSAID = 'it gives no reason';

/** Names of the devices of all Vulkan drivers, in Vulkan's order; empty where Vulkan cannot be asked. */
export async function listVulkanDevices(loader: string | undefined): Promise<string[]> {
  if (process.platform !== 'linux') return [];
  try {
    const { default: koffi } = await import('koffi');
    return namesOfDevices(koffi, loader);
  } catch {
    return [];
  }
}

function namesOfDevices(koffi: typeof import('koffi')['default'], loader: string | undefined): string[] {
  const library = loadLoader(koffi, loader);
  const createInstance = library.func('int vkCreateInstance(const void *, const void *, _Out_ void **)');
  const enumerate = library.func(
    'int vkEnumeratePhysicalDevices(void *, _Inout_ uint32_t *, _Out_ uintptr_t *)',
  );
  const getProperties = library.func('void vkGetPhysicalDeviceProperties(uintptr_t, _Out_ uint8_t *)');
  const destroyInstance = library.func('void vkDestroyInstance(void *, const void *)');
  const request = new Uint8Array(INSTANCE_CREATE_INFO_BYTES);
  new DataView(request.buffer).setUint32(0, VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO, true);
  const instance: unknown[] = [null];
  if (createInstance(request, null, instance) !== VK_SUCCESS) return [];
  try {
    const count = [MOST_DEVICES];
    const devices = new BigUint64Array(MOST_DEVICES);
    const result = enumerate(instance[0], count, devices);
    if (result !== VK_SUCCESS && result !== VK_INCOMPLETE) return [];
    return Array.from(devices.subarray(0, count[0]), (device) => {
      const properties = new Uint8Array(PROPERTIES_BYTES);
      getProperties(device, properties);
      const name = properties.subarray(NAME_AT, NAME_AT + NAME_BYTES);
      return new TextDecoder().decode(name.subarray(0, name.indexOf(0)));
    });
  } finally {
    destroyInstance(instance[0], null);
  }
}

function loadLoader(
  koffi: typeof import('koffi')['default'],
  own: string | undefined,
): ReturnType<typeof koffi.load> {
  try {
    return koffi.load('libvulkan.so.1');
  } catch (error) {
    if (own === undefined) throw error;
    return koffi.load(own);
  }
}

/** `text`: what the libraries have printed while the adapters were asked for. */
export function findRefused(
  vulkanDevices: readonly string[],
  { implementation }: Pick<GpuEntry, 'implementation'>,
  adapters: readonly Pick<GpuAdapterEntry, 'name' | 'device' | 'description'>[],
  text: string,
): RefusedDriver[] {
  // wgpu has no list of its own: that it leaves a device out is known only where it has none at all.
  if (implementation === 'wgpu' && adapters.length > 0) return [];
  const refused = vulkanDevices.filter(
    (name) => !adapters.some((adapter) => [adapter.name, adapter.device, adapter.description].includes(name)),
  );
  const reasons = implementation === 'Dawn' ? readDawnReasons(text) : [];
  return refused.map((name, i) => ({
    name,
    refusedBy: implementation,
    reason: reasons.length === refused.length ? (reasons[i] as string) : reasons.join('; ') || UNSAID,
  }));
}

/**
 * Each device that Dawn passes over gives:
 *   Warning: Vulkan shaderUniform*ArrayDynamicIndexing required.
 *    - While initializing adapter (backend=BackendType::Vulkan)
 *       at InitializeImpl (/path/of/its/build/PhysicalDeviceVk.cpp:257)
 * Dawn says it again each time it goes through the devices: the same reasons are listed once.
 */
export function readDawnReasons(text: string): string[] {
  const pattern = /^(?:Warning|Error): (.+)\n(?:\s+-.*\n)*?\s+- While initializing adapter \(backend=/gm;
  const reasons = Array.from(text.matchAll(pattern), ([, reason]) => (reason as string).replace(/\.$/, ''));
  return [...new Set(reasons)];
}
