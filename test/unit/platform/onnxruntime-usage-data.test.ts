import process from 'node:process';
import { expect, it } from 'vitest';
import { loadOnnxruntime } from '../../../src/platform/index.ts';

const load = async (): Promise<string | undefined> => {
  await loadOnnxruntime();
  return process.env.ORT_DISABLE_TELEMETRY;
};

it('onnxruntime sends no usage data, unless the environment allows it', async () => {
  delete process.env.ORT_DISABLE_TELEMETRY;
  expect(await load()).toBe('1');
  process.env.ORT_DISABLE_TELEMETRY = '0';
  expect(await load()).toBe('0');
  delete process.env.ORT_DISABLE_TELEMETRY;
});
