/** Lists the names of Vulkan's GPUs, through the Vulkan loader and koffi. */
import process from 'node:process';

/** VkResult of success; VK_INCOMPLETE means that there are more devices than requested. */
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

/** Names of the devices of all Vulkan drivers, in Vulkan's order; empty if Vulkan is unavailable. */
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
