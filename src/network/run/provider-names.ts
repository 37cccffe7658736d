/** Execution providers of onnxruntime in order of preference. */
export const providerNames = ['cuda', 'dml', 'coreml', 'webgpu', 'cpu'] as const;
/** A name as typed. */
export type ProviderName = (typeof providerNames)[number];
