/**
 * The table of a benchmark: stage by stage, the devices of this machine and, to compare, those of another.
 */
import { bytesOf, findGpu, findWork, modelTime, type StageWork, scaleOf } from './model.ts';
import type { BenchRecord, DeviceRecord, StageRecord } from './record.ts';

/** First row: bandwidth of memory, which limits most stages. */
const COPY = 'copy in memory';

/** A device of this or of another machine. */
interface Column {
  readonly label: string;
  readonly device: DeviceRecord;
  /** That it belongs to: the box. */
  readonly record: BenchRecord;
}

/** Texts of the six columns. */
type Row = readonly [
  stage: string,
  device: string,
  time: string,
  ratio: string,
  share: string,
  model: string,
];

/** `other`: to compare with, and how its devices are marked. */
export function benchLines(
  record: BenchRecord,
  other?: { readonly record: BenchRecord; readonly mark: string },
): string[] {
  const columns: Column[] = [
    ...record.devices.map((device) => ({ label: labelOf(device), device, record })),
    ...(other?.record.devices ?? []).map((device) => ({
      label: `${other?.mark}: ${labelOf(device)}`,
      device,
      record: other?.record as BenchRecord,
    })),
  ];
  const [cpu] = record.devices;
  const rows: Row[] = [['stage', 'device', 'time', 'CPU / it', 'of copy', 'model']];
  const measured = columns.filter(({ device }) => device.copy !== undefined);
  for (const [i, { label, device }] of measured.entries())
    rows.push([
      i === 0 ? COPY : '',
      label,
      `${threeDigits((device.copy ?? 0) / 1e9)} GB/s`,
      cpu.copy === undefined ? '' : timesOf((device.copy ?? 0) / cpu.copy),
      '',
      '',
    ]);
  for (const { name, title } of stagesOf(columns)) {
    const first = find(cpu, name);
    let isFirst = true;
    for (const column of columns) {
      const { label, device } = column;
      const stage = find(device, name);
      if (stage === undefined) continue;
      rows.push([
        isFirst ? title : '',
        stage.provider === undefined ? label : `${label}, ${stage.provider}`,
        duration(stage.seconds),
        first === undefined ? '' : timesOf(first.seconds / stage.seconds),
        ...comparisonOf(stage, column),
      ]);
      isFirst = false;
    }
  }
  return [
    ...align(rows),
    ...record.devices
      .filter(({ failure }) => failure !== undefined)
      .map((device) => `${labelOf(device)}: ${device.failure}`),
    ...record.leftOut.map((what) => `Not measured: ${what}`),
  ];
}

/**
 * Beyond it most reads are of what neighbours have read, and a share of the memory's bandwidth says nothing.
 */
const MOST_READS_PER_WRITE = 8;

/**
 * Of a GPU, the bytes that were counted for a stage in its time, as a share of those that it copies; and the
 * time of the model where its peaks are known.
 */
function comparisonOf(
  { name, seconds }: StageRecord,
  { device, record }: Column,
): [share: string, model: string] {
  const work = device.kind === 'cpu' ? undefined : findWork(name, record.windowVoxels);
  if (work === undefined) return ['', ''];
  const job = { voxels: record.edge ** 3, maskVoxels: record.maskVoxels };
  const gpu = device.kind === 'hardware' ? findGpu(device.name) : undefined;
  const model = gpu && modelTime(work, job, gpu);
  return [
    shareOfCopy(work, scaleOf(work, job) / seconds, device.copy),
    model === undefined ? '' : `${duration(model.cached)} - ${duration(model.uncached)}`,
  ];
}

function shareOfCopy(work: StageWork, perSecond: number, copy: number | undefined): string {
  const { read, written } = bytesOf(work);
  if (copy === undefined || read > MOST_READS_PER_WRITE * written) return '';
  return `${threeDigits((100 * perSecond * (read + written)) / copy)} %`;
}

function labelOf({ kind, name, index }: DeviceRecord): string {
  return `${index === undefined ? '' : `${index} `}${name}${kind === 'software' ? ', software' : ''}`;
}

/** In the order in which the first device that has them went through them. */
function stagesOf(columns: readonly Column[]): StageRecord[] {
  const found = new Map<string, StageRecord>();
  for (const { device } of columns) for (const stage of device.stages) found.set(stage.name, stage);
  return [...found.values()];
}

function find({ stages }: DeviceRecord, name: string): StageRecord | undefined {
  return stages.find((stage) => stage.name === name);
}

function duration(seconds: number): string {
  return seconds < 1 ? `${threeDigits(1000 * seconds)} ms` : `${threeDigits(seconds)} s`;
}

function timesOf(ratio: number): string {
  return `${threeDigits(ratio)} x`;
}

function threeDigits(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3);
}

/** Texts to the left, numbers to the right; columns without an entry are left out. */
function align(rows: readonly Row[]): string[] {
  const kept = rows[0].map((_, i) => i).filter((i) => rows.slice(1).some((row) => row[i] !== ''));
  const widths = kept.map((i) => Math.max(...rows.map((row) => row[i].length)));
  return rows.map((row) =>
    kept
      .map((i, k) => (i < 2 ? row[i].padEnd(widths[k]) : row[i].padStart(widths[k])))
      .join('  ')
      .trimEnd(),
  );
}
