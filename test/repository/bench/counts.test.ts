/** The gate of the counts: calls, pipelines and bytes that grew. */
import { expect, it } from 'vitest';
import { type Counts, checkCounts, compareBytes } from '../../../bench/gpu-counts.bench.ts';

const limits = { workgroupBytes: 32768, workgroupInvocations: 1024, bindingBytes: 2 ** 27 };
const kernel = { label: 'a.main', dispatches: 8, bytesRead: 1000, bytesWritten: 500, localBytes: 0 };
const calls = { dispatches: 100, bindGroups: 40, submits: 8, bytesSent: 1000 };
const counts = {
  calls: { setUp: { dispatches: 5 }, scaling: calls, pipelines: ['a.main', 'b.main'] },
  bytes: { limits, kernels: [kernel], bytes: 1500 },
} as unknown as Counts;
const changed = (calls: object, bytes: object): Counts => ({
  calls: { ...counts.calls, ...calls },
  bytes: { ...counts.bytes, ...bytes },
});
const silent = (): void => undefined;

it('passes what is stored, and up to 5 % more', () => {
  expect(() => checkCounts(counts, counts, silent)).not.toThrow();
  const more = changed({ scaling: { ...calls, dispatches: 105 } }, { bytes: 1575 });
  expect(() => checkCounts(more, counts, silent)).not.toThrow();
});

it.each([
  [
    'dispatches',
    changed({ scaling: { ...calls, dispatches: 106 } }, {}),
    /tiles: dispatches 106, stored 100/,
  ],
  ['dispatches before the tiles', changed({ setUp: { dispatches: 6 } }, {}), /set-up: dispatches 6/],
  ['bind groups', changed({ scaling: { ...calls, bindGroups: 43 } }, {}), /bindGroups 43/],
  ['pipelines', changed({ pipelines: ['a', 'b', 'c'] }, {}), /pipelines 3, stored 2/],
  ['bytes', changed({}, { bytes: 1576 }), /bytes 1576, stored 1500/],
  ['bytes of a shader', changed({}, { kernels: [{ ...kernel, localBytes: 1 }] }), /a\.main: localBytes 1/],
])('fails on more %s', (_, now, message) => {
  expect(() => checkCounts(now, counts, silent)).toThrow(message);
});

it('does not compare bytes of a device with other limits, and says so', () => {
  const said: string[] = [];
  const other = { ...counts.bytes, bytes: 9000, limits: { ...limits, workgroupInvocations: 256 } };
  expect(compareBytes(other, counts.bytes, (line) => said.push(line))).toEqual([]);
  expect(said[0]).toMatch(/^NOT COMPARED: bytes/);
});
