/** Results of other machines: read, refused, shown beside those of this one. */
import { describe, expect, it } from 'vitest';
import {
  bytesOf,
  findGpu,
  findWork,
  type GpuPeaks,
  modelTime,
  type StageWork,
} from '../../../src/bench/model.ts';
import { type BenchRecord, type DeviceRecord, parseRecord } from '../../../src/bench/record.ts';
import { benchLines } from '../../../src/bench/table.ts';

const cpu: DeviceRecord = {
  kind: 'cpu',
  name: 'CPU, 2 threads',
  copy: 1e10,
  stages: [
    { name: 'filter', title: 'FFT', seconds: 0.2, runs: 3 },
    { name: 'locscale', title: "LocScale's scaling", seconds: 3, runs: 3 },
  ],
};
const gpu: DeviceRecord = {
  kind: 'hardware',
  name: 'A GPU (vulkan)',
  index: 0,
  copy: 2e12,
  stages: [{ name: 'filter', title: 'FFT', seconds: 0.0005, runs: 30 }],
  failure: "wrong result: LocScale's scaling",
};
const record: BenchRecord = {
  schema: 1,
  program: 'locscale-gpu',
  version: '0.1.0',
  date: '2026-01-01T00:00:00Z',
  machine: { processor: 'P', cores: 2, memoryGiB: 4, runtime: 'Node 20', system: 'linux x64' },
  edge: 64,
  maskVoxels: 1000,
  windowVoxels: 16,
  quick: false,
  devices: [cpu, gpu],
  leftOut: ['network (cpu): onnxruntime is not installed'],
};

describe('a stored result', () => {
  it('comes back as it was', () => {
    expect(parseRecord(JSON.stringify(record), 'a.json')).toEqual(record);
  });

  it.each([
    ['text', 'no json', /it is not JSON/],
    ['another record', '{"program": "locscale-gpu", "mode": "soft"}', /it has no devices/],
    ['null', 'null', /it has no devices/],
    ['another schema', JSON.stringify({ ...record, schema: 2 }), /its schema is 2, and this version reads 1/],
    ['no box', JSON.stringify({ ...record, edge: undefined }), /incomplete/],
    ['a broken device', JSON.stringify({ ...record, devices: [{ ...cpu, stages: [{}] }] }), /incomplete/],
  ])('is refused: %s', (_, text, message) => {
    expect(() => parseRecord(text, 'a.json')).toThrow(message);
    expect(() => parseRecord(text, 'a.json')).toThrow(/^a\.json is no result of locscale-gpu bench: /);
  });
});

describe('the table', () => {
  it('has ratios to the CPU, and what is wrong and missing', () => {
    // Of the stages only the low-pass has no windows, and so a count that holds here.
    const lines = benchLines(record);
    expect(lines.map((line) => line.replace(/ +\d+\.\d+ %$/, ' share'))).toEqual([
      'stage               device                 time  CPU / it  of copy',
      'copy in memory      CPU, 2 threads    10.0 GB/s    1.00 x',
      '                    0 A GPU (vulkan)  2000 GB/s     200 x',
      'FFT                 CPU, 2 threads       200 ms    1.00 x',
      '                    0 A GPU (vulkan)   0.500 ms     400 x share',
      "LocScale's scaling  CPU, 2 threads       3.00 s    1.00 x",
      "0 A GPU (vulkan): wrong result: LocScale's scaling",
      'Not measured: network (cpu): onnxruntime is not installed',
    ]);
  });

  it('has the share of the bandwidth, and the model of a GPU that it knows', () => {
    const stage = { name: 'locscale', title: "LocScale's scaling", seconds: 0.04, runs: 3 };
    const device = {
      kind: 'hardware',
      name: 'NVIDIA H200 (vulkan)',
      index: 0,
      copy: 4e12,
      stages: [stage],
    } as const;
    const large = { ...record, edge: 256, maskVoxels: 1_000_000, windowVoxels: 24, leftOut: [] };
    const rows = benchLines({ ...large, devices: [cpu, device] });
    const work = findWork('locscale', 24) as StageWork;
    const { read, written } = bytesOf(work);
    const gpu = findGpu('NVIDIA H200') as GpuPeaks;
    const model = modelTime(work, { voxels: 256 ** 3, maskVoxels: 1_000_000 }, gpu);
    const share = ((100 * (read + written)) / 0.04 / 4e12).toPrecision(3);
    const ms = (seconds: number): string => `${(1000 * seconds).toPrecision(3)} ms`;
    expect(rows.at(-1)).toMatch(
      new RegExp(`40\\.0 ms +75\\.0 x +${share} %  ${ms(model.cached)} - ${ms(model.uncached)}$`),
    );
  });

  it('has another machine next to this one', () => {
    const other = { ...record, devices: [{ ...cpu, copy: 4e10 }], leftOut: [] };
    const lines = benchLines({ ...record, devices: [cpu], leftOut: [] }, { record: other, mark: 'b.json' });
    expect(lines.slice(1, 5)).toEqual([
      'copy in memory      CPU, 2 threads          10.0 GB/s    1.00 x',
      '                    b.json: CPU, 2 threads  40.0 GB/s    4.00 x',
      'FFT                 CPU, 2 threads             200 ms    1.00 x',
      '                    b.json: CPU, 2 threads     200 ms    1.00 x',
    ]);
  });
});
