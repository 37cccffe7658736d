/**
 * A GPU for tests on any Linux machine: SwiftShader, Google's Vulkan driver on the CPU, unpacked from a
 * development package into node_modules/.cache. With LOCSCALE_TEST_GPU=hardware the machine's own GPU
 * is used instead; with LOCSCALE_TEST_GPU=FILE another driver on the CPU, FILE being what describes it to the
 * Vulkan loader (/usr/share/vulkan/icd.d/lvp_icd.json: Mesa's).
 */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { brotliDecompressSync } from 'node:zlib';
import { type GpuEntry, loadGpu, type Missing } from '../../src/platform/index.ts';

const modules = fileURLToPath(new URL('../../node_modules/', import.meta.url));
const DRIVER = 'libvk_swiftshader.so';
const LOADER = 'libvulkan.so.1';
const DESCRIPTION = 'vk_swiftshader_icd.json';

const wish = process.env.LOCSCALE_TEST_GPU ?? '';
export const usesHardware = wish === 'hardware';
const ownDescription = wish === '' || usesHardware ? undefined : wish;
/** A software driver other than SwiftShader. */
export const usesOwnDriver = ownDescription !== undefined;
if (ownDescription !== undefined && !existsSync(ownDescription))
  throw new Error(`LOCSCALE_TEST_GPU names ${ownDescription}, which does not exist.`);

export interface SoftwareGpuFiles {
  readonly folder: string;
  /** Path of the file that tells the Vulkan loader where the driver is. */
  readonly description: string;
  readonly loader: string;
}

/** The unpacked files, or the reason why there are none. */
export function softwareGpuFiles(): SoftwareGpuFiles | { readonly reason: string } {
  if (process.platform !== 'linux' || process.arch !== 'x64')
    return { reason: `there is no SwiftShader for ${process.platform} ${process.arch}` };
  const archive = join(modules, '@sparticuz/chromium/bin/swiftshader.tar.br');
  const manifest = join(modules, '@sparticuz/chromium/package.json');
  if (!existsSync(archive)) return { reason: 'the development package @sparticuz/chromium is not installed' };
  const { version } = JSON.parse(readFileSync(manifest, 'utf8')) as { version: string };
  const folder = join(modules, '.cache', `locscale-swiftshader-${version}`);
  if (!existsSync(folder)) unpack(archive, folder);
  return { folder, description: ownDescription ?? join(folder, DESCRIPTION), loader: join(folder, LOADER) };
}

/** Into a folder of another name first: test processes start side by side. */
function unpack(archive: string, folder: string): void {
  mkdirSync(dirname(folder), { recursive: true });
  const temporary = mkdtempSync(`${folder}-`);
  const files = readTar(brotliDecompressSync(readFileSync(archive)));
  for (const name of [DRIVER, LOADER, DESCRIPTION]) {
    const content = files.get(name);
    if (content === undefined) throw new Error(`${archive} holds no ${name}`);
    writeFileSync(join(temporary, name), content, { mode: 0o755 });
  }
  try {
    renameSync(temporary, folder);
  } catch (error) {
    rmSync(temporary, { recursive: true });
    if (!existsSync(folder)) throw error;
  }
}

/** Regular files of a tar archive (ustar): 512-byte headers with the name at 0 and the octal size at 124. */
export function readTar(archive: Uint8Array): Map<string, Uint8Array> {
  const files = new Map<string, Uint8Array>();
  const field = (at: number, length: number): string =>
    new TextDecoder().decode(archive.subarray(at, at + length)).replace(/\0.*$/s, '');
  for (let at = 0; at + 512 <= archive.length; ) {
    const name = field(at, 100);
    if (name === '') break;
    const size = Number.parseInt(field(at + 124, 12), 8);
    const type = field(at + 156, 1);
    if (type === '' || type === '0') files.set(name, archive.subarray(at + 512, at + 512 + size));
    at += 512 + 512 * Math.ceil(size / 512);
  }
  return files;
}

/** Environment for a process started by a test, so that it finds the same GPU. Empty for hardware. */
export function gpuEnvironment(): Record<string, string> {
  const files = usesHardware ? undefined : softwareGpuFiles();
  if (files === undefined || 'reason' in files) return {};
  const before = process.env.LD_LIBRARY_PATH;
  return {
    VK_ICD_FILENAMES: files.description,
    VK_DRIVER_FILES: files.description,
    // A system loader is as good; this one is for systems without.
    LD_LIBRARY_PATH: before === undefined || before === '' ? files.folder : `${before}:${files.folder}`,
  };
}

/** What `selectEngine` and `loadGpu` need in this process to find the test GPU. */
export function gpuEntryOptions(): { vulkanLoader?: string } {
  const files = usesHardware ? undefined : softwareGpuFiles();
  if (files === undefined || 'reason' in files) return {};
  process.env.VK_ICD_FILENAMES = files.description;
  process.env.VK_DRIVER_FILES = files.description;
  return { vulkanLoader: files.loader };
}

/** WebGPU in this process, Node or Deno alike. */
export async function loadTestGpu(): Promise<GpuEntry | Missing> {
  if (usesHardware) return loadGpu();
  const files = softwareGpuFiles();
  return 'reason' in files ? files : loadGpu(gpuEntryOptions());
}
