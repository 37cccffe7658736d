/**
 * What the shaders of the benchmark's stages do, counted on a software GPU. Made by `npm run bench -- --tables` out of
 * bench/results/gpu-model. Do not edit.
 */
// biome-ignore-all format: made by a program
import type { StageWork } from './model.ts';

/** Machine instructions per floating-point operation of the source, by Mesa's compiler for RDNA3. */
export const INSTRUCTIONS_PER_OPERATION = 2.54;

export const COUNTED_WORK: readonly StageWork[] = [
  {
    stage: 'filter',
    per: 'voxel',
    units: 884736,
    windowVoxels: 0,
    kernels: [
      { label: 'fft-columns.main', dispatches: 2, bytesRead: 15876096, bytesWritten: 7225344, localBytes: 18874368, operations: 36347904 },
      { label: 'fft-rows.forward', dispatches: 1, bytesRead: 6782976, bytesWritten: 3612672, localBytes: 14229504, operations: 14717952 },
      { label: 'fft-rows.inverse', dispatches: 1, bytesRead: 6856704, bytesWritten: 3538944, localBytes: 14155776, operations: 13635072 },
      { label: 'radial-filter.main', dispatches: 1, bytesRead: 20447232, bytesWritten: 3833856, localBytes: 23003136, operations: 30511104 },
    ],
  },
  {
    stage: 'locscale',
    per: 'mask voxel',
    units: 1000000,
    windowVoxels: 24,
    kernels: [
      { label: 'fft-columns.main', dispatches: 32, bytesRead: 1309271040, bytesWritten: 682214400, localBytes: 1393459200, operations: 3557675520 },
      { label: 'fft-rows.forward', dispatches: 8, bytesRead: 44354304, bytesWritten: 23846400, localBytes: 93969408, operations: 124003008 },
      { label: 'fft-rows.inverse', dispatches: 8, bytesRead: 582971904, bytesWritten: 303264000, localBytes: 1213194240, operations: 1518169152 },
      { label: 'scale-factors.main', dispatches: 8, bytesRead: 458227712, bytesWritten: 90439680, localBytes: 0, operations: 302972928 },
      { label: 'shell-convolutions.accumulate', dispatches: 8, bytesRead: 180879360, bytesWritten: 6029312, localBytes: 0, operations: 39190528 },
      { label: 'shell-convolutions.multiply', dispatches: 8, bytesRead: 348364800, bytesWritten: 323481600, localBytes: 0, operations: 242611200 },
      { label: 'shell-convolutions.place', dispatches: 8, bytesRead: 34145152, bytesWritten: 3998592, localBytes: 0, operations: 1507328 },
      { label: 'tile-copy.gather', dispatches: 16, bytesRead: 46656000, bytesWritten: 46656000, localBytes: 0, operations: 0 },
      { label: 'window-profiles.slide_plane', dispatches: 16, bytesRead: 2060988416, bytesWritten: 156762112, localBytes: 113489080320, operations: 113226875904 },
      { label: 'window-profiles.slide_z', dispatches: 16, bytesRead: 158888448, bytesWritten: 806068224, localBytes: 0, operations: 2128526912 },
    ],
  },
  {
    stage: 'soft',
    per: 'voxel',
    units: 2097152,
    windowVoxels: 0,
    kernels: [
      { label: 'band-filter.main', dispatches: 22, bytesRead: 239159296, bytesWritten: 112984064, localBytes: 158400512, operations: 386919680 },
      { label: 'band-scaling.accumulate', dispatches: 11, bytesRead: 308543488, bytesWritten: 92274688, localBytes: 215547904, operations: 2122317824 },
      { label: 'band-scaling.add_level', dispatches: 2, bytesRead: 1272112, bytesWritten: 636056, localBytes: 0, operations: 318028 },
      { label: 'band-scaling.combine', dispatches: 2, bytesRead: 33554432, bytesWritten: 16777216, localBytes: 0, operations: 20971520 },
      { label: 'band-scaling.gains', dispatches: 11, bytesRead: 13357176, bytesWritten: 3525676, localBytes: 27970096, operations: 17964138 },
      { label: 'band-scaling.pack', dispatches: 1, bytesRead: 8388608, bytesWritten: 262144, localBytes: 0, operations: 0 },
      { label: 'band-scaling.powers', dispatches: 22, bytesRead: 256426632, bytesWritten: 7215384, localBytes: 28002304, operations: 324172508 },
      { label: 'band-scaling.subtract', dispatches: 11, bytesRead: 6996616, bytesWritten: 3498308, localBytes: 0, operations: 874577 },
      { label: 'band-scaling.window', dispatches: 66, bytesRead: 23868504, bytesWritten: 20989848, localBytes: 1458012072, operations: 523610802 },
      { label: 'fft-columns.main', dispatches: 26, bytesRead: 313982976, bytesWritten: 147849216, localBytes: 354418688, operations: 666468352 },
      { label: 'fft-rows.forward', dispatches: 2, bytesRead: 32505856, bytesWritten: 17039360, localBytes: 67371008, operations: 67534848 },
      { label: 'fft-rows.inverse', dispatches: 22, bytesRead: 360448000, bytesWritten: 184549376, localBytes: 738197504, operations: 686112768 },
      { label: 'statistics.main', dispatches: 3, bytesRead: 88080384, bytesWritten: 55296, localBytes: 129355776, operations: 38040576 },
    ],
  },
  {
    stage: 'resolution',
    per: 'mask voxel',
    units: 52735,
    windowVoxels: 24,
    kernels: [
      { label: 'local-resolution.columns', dispatches: 14, bytesRead: 594909184, bytesWritten: 952607744, localBytes: 2582018816, operations: 3937978752 },
      { label: 'local-resolution.resolve', dispatches: 1, bytesRead: 9888988, bytesWritten: 210940, localBytes: 0, operations: 5609742 },
      { label: 'local-resolution.rows', dispatches: 1, bytesRead: 4783608, bytesWritten: 91493376, localBytes: 166656504, operations: 270961152 },
      { label: 'local-resolution.windows', dispatches: 14, bytesRead: 1400805340, bytesWritten: 57586620, localBytes: 10945346720, operations: 20212481740 },
      { label: 'occupancy.main', dispatches: 1, bytesRead: 3539780, bytesWritten: 836, localBytes: 0, operations: 0 },
      { label: 'tile-copy.gather', dispatches: 3, bytesRead: 5701112, bytesWritten: 5701112, localBytes: 0, operations: 0 },
    ],
  },
];
