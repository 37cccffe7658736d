/** Options of Chromium for pages that compute, in tests and in tools/web-campaign.mjs. */

/**
 * Processes of their own, so that pages can be isolated and share memory; WebGPU on the browser's software
 * GPU, which needs a quarter of the time where workgroup memory is zeroed by a loop (src/platform/node.ts says why).
 */
export const COMPUTING_ARGS = [
  '--no-sandbox',
  '--use-angle=swiftshader',
  '--enable-unsafe-swiftshader',
  '--enable-unsafe-webgpu',
  '--use-webgpu-adapter=swiftshader',
  '--disable-dawn-features=use_vulkan_zero_initialize_workgroup_memory_extension',
];
