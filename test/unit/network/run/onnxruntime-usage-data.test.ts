import process from 'node:process';
import { expect, it, vi } from 'vitest';

const load = async (): Promise<string | undefined> => {
  vi.resetModules();
  await import('../../../../src/network/run/onnxruntime.ts');
  return process.env.ORT_DISABLE_TELEMETRY;
};

it('onnxruntime sends no usage data, unless the environment allows it', async () => {
  delete process.env.ORT_DISABLE_TELEMETRY;
  expect(await load()).toBe('1');
  process.env.ORT_DISABLE_TELEMETRY = '0';
  expect(await load()).toBe('0');
  delete process.env.ORT_DISABLE_TELEMETRY;
});
