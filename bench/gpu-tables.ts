/** The GPU sections of docs/speed.md out of the stored results. */
import { secondsOf } from './gpu-context.ts';
import { copyBandwidth } from './gpu-copy.bench.ts';
import type { GpuFftResult, GpuResults, GpuScalingResult } from './gpu-results.ts';
import { ms, round, table } from './markdown.ts';

const PARTS = ['gather', 'profiles', 'factors', 'convolutions', 'place', 'setUp', 'other'] as const;

export function gpuSections(gpu: GpuResults): string[] {
  const { adapter, copy, fft, scaling, verbs, command, skipped } = gpu;
  return [
    `Driver: ${adapter.driver}; ${adapter.implementation} on ${adapter.backend}. ${
      adapter.timestamps
        ? 'Device times are the sums of the compute passes by timestamps; span is from the begin of the first to the end of the last, gaps, clears and copies included; encode is host time in recording and submitting; wall ends when the device has done all.'
        : 'The device has no timestamps: times are wall times.'
    } The CPU engine computed the same inputs with ${gpu.cpuThreads} threads in the same run.`,
    ...(scaling ? scalingSection(scaling, gpu.cpuThreads) : []),
    ...(command
      ? [
          '### Whole command',
          'Two half maps, reference and mask from files to the written map: a new process each time, files in the cache of the system.',
          table(
            [
              'box',
              'mask voxels',
              'window',
              'GPU, s',
              'its scaling step, s',
              'CPU, s',
              'GPU faster',
              'difference',
            ],
            command.map((r) => [
              `${r.edge}³`,
              `${r.maskVoxels}`,
              `${r.windowVoxels}`,
              `**${r.gpu.wall.median.toFixed(2)}**`,
              (r.gpu.secondsPerStep.scaling ?? 0).toFixed(2),
              r.cpu.wall.median.toFixed(2),
              `${round(r.cpu.wall.median / r.gpu.wall.median)}×`,
              r.gate.error.toExponential(1),
            ]),
          ),
        ]
      : []),
    ...(fft && copy
      ? [
          '### Real 3D FFT',
          `Measured copy (bytes read and written): copyBufferToBuffer ${round(copy.bufferCopy / 1e9)} GB/s, shader ${round(copy.shaderCopy / 1e9)} GB/s, ${copy.bytes / 2 ** 20} MiB; the larger one is 100 %. "Minimal" counts three passes that each read and write a real volume, 24 n³ bytes; "moved" counts what the passes read and write, half spectrum with padding; the share is of the bytes moved.`,
          table(
            ['size', 'what', 'device, ms', 'wall, ms', 'minimal, GB/s', 'moved, GB/s', 'of copy'],
            fft.flatMap((r) => [
              fftRow(r, 'forward', copyBandwidth(copy)),
              fftRow(r, 'inverse', copyBandwidth(copy)),
            ]),
          ),
        ]
      : []),
    ...(verbs
      ? [
          '### Engine verbs',
          'Milliseconds; GB/s of the voxels for the copies over the bus.',
          table(
            ['box', 'verb', 'device', 'encode', 'wall', 'CPU', 'GB/s', 'difference'],
            verbs.map((r) => [
              `${r.edge}³`,
              r.verb,
              r.timing.device ? ms(r.timing.device.median) : '-',
              ms(r.timing.encode.median),
              ms(r.timing.wall.median),
              r.busBytes === undefined ? ms(r.cpuSeconds) : '-',
              r.busBytes === undefined ? '' : round(r.busBytes / r.timing.wall.median / 1e9),
              r.gate.error.toExponential(1),
            ]),
          ),
        ]
      : []),
    ...(skipped.length > 0 ? [`Left out: ${skipped.join('; ')}.`] : []),
  ];
}

function scalingSection(results: readonly GpuScalingResult[], threads: number): string[] {
  return [
    '### Local scaling',
    'Rule reference-profile, profiles of two maps. Nanoseconds of device time per mask voxel, whole and by part (parts by a run with timestamps around every dispatch, as shares of the whole; set-up: shell kernels, occupied blocks); differences are relative L2, to the CPU engine and to the float64 window-by-window oracle.',
    table(
      [
        'box',
        'mask voxels',
        'window',
        'ns',
        ...PARTS.map((part) => (part === 'setUp' ? 'set-up' : part)),
        'device, ms',
        'span, ms',
        'wall, ms',
        `CPU, ${threads} threads, ms`,
        'GPU faster',
        'to CPU',
        'to oracle',
      ],
      results.map((r) => {
        const device = secondsOf(r.timing);
        const total = Object.values(r.parts ?? {}).reduce((sum, part) => sum + part, 0);
        const perVoxel = (share: number): string => round(((share * device) / r.maskVoxels) * 1e9);
        return [
          `${r.edge}³`,
          `${r.maskVoxels}`,
          `${r.windowVoxels}`,
          `**${perVoxel(1)}**`,
          ...PARTS.map((part) => (total > 0 ? perVoxel((r.parts?.[part] ?? 0) / total) : '-')),
          ms(device),
          r.timing.span ? ms(r.timing.span.median) : '-',
          ms(r.timing.wall.median),
          ms(r.cpuSeconds),
          `${round(r.cpuSeconds / r.timing.wall.median)}×`,
          ...r.gates.map(({ error }) => error.toExponential(1)),
        ];
      }),
    ),
  ];
}

function fftRow(r: GpuFftResult, direction: 'forward' | 'inverse', copy: number): string[] {
  const timing = r[direction];
  const time = secondsOf(timing);
  return [
    `${r.edge}³`,
    direction,
    timing.device ? ms(timing.device.median) : '-',
    ms(timing.wall.median),
    round(r.minimalBytes / time / 1e9),
    round(r.actualBytes / time / 1e9),
    `${((100 * r.actualBytes) / time / copy).toFixed(0)} %`,
  ];
}
