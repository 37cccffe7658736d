/**
 * How far a run scales over nodes, from measured rates (bench/results/ranks/): what is shared, what rank 0
 * does alone, and what goes over the network. docs/clusters.md has the tables.
 */
import { table } from './doc-tables.mjs';

/** Cores of a node, bytes per second between nodes, and the share of the box that a mask fills. */
const CORES = 64;
const BYTES_PER_SECOND = 5e9;
const MASK_SHARE = 0.12;
/** What rank 0 does alone stops getting faster with more threads: disk and memory bound. */
const SERIAL_THREADS = 8;
const NODES = [1, 2, 4, 8, 16, 32, 64];
export const EDGES = [512, 1024];

export function ranksTable({ machine, date, measured }) {
  const words = {
    scaling: 'scaling, 27 boxes side by side',
    prediction: 'prediction by the bundled network',
    small: 'scaling',
    soft: 'soft scaling, 27 boxes side by side',
  };
  const rows = measured.flatMap(({ name, times }) =>
    times.map(({ way, median, megabytesSent, megabytesReceived }) => [
      words[name],
      way,
      median.toFixed(2),
      `${(times[0].median / median).toFixed(2)}×`,
      megabytesSent === undefined ? '-' : `${megabytesSent} / ${megabytesReceived}`,
    ]),
  );
  return [
    `${machine.processor}, ${machine.cores} cores, ${machine.runtime}, ${date}: golden/trpv1-c4 (96³ voxels, ${measured[2].maskVoxels} in the mask, ${measured[1].cubes} cubes), and its box 27 times (${measured[0].edge}³, ${measured[0].maskVoxels} in the mask). Medians of three runs; the outputs have the same bits. Scaling of the single box takes less time than processes and threads need to warm up.`,
    table(['what', 'how', 'seconds', 'faster', 'MB sent / received by rank 0'], rows, 2),
  ].join('\n\n');
}

/** Seconds of a run on `nodes`, in parts. */
export function modelRun({ measured, notShared }, edge, nodes) {
  const [scaling, prediction] = measured;
  const voxels = MASK_SHARE * edge ** 3;
  const cubes = prediction.cubes * (voxels / prediction.maskVoxels);
  const cores = CORES * nodes;
  const shared =
    (scaling.times[0].median / scaling.maskVoxels) * voxels +
    (prediction.times[0].median / prediction.cubes) * cubes;
  const alone = (notShared.seconds * notShared.threads * (edge / notShared.edge) ** 3) / SERIAL_THREADS;
  const bytes =
    nodes === 1
      ? 0
      : // Map, reference and mask to all; scaled voxels back; cubes there and back.
        3 * 4 * edge ** 3 + 4 * voxels + (2 * 4 * prediction.cubeEdge ** 3 * cubes * (nodes - 1)) / nodes;
  return { shared: shared / cores, alone, network: bytes / BYTES_PER_SECOND, bytes };
}

export function clusterTable(results) {
  const sum = ({ shared, alone, network }) => shared + alone + network;
  const rows = EDGES.flatMap((edge) =>
    NODES.map((nodes) => {
      const model = modelRun(results, edge, nodes);
      const whole = sum(model);
      return [
        `${edge}³`,
        `${nodes}`,
        model.shared.toFixed(1),
        model.alone.toFixed(1),
        `${(model.bytes / 1e9).toFixed(1)}`,
        model.network.toFixed(1),
        whole.toFixed(0),
        `${(sum(modelRun(results, edge, 1)) / whole).toFixed(1)}×`,
      ];
    }),
  );
  return [
    `Model: nodes of ${CORES} cores, ${BYTES_PER_SECOND / 1e9} GB/s between them, a mask of ${MASK_SHARE * 100} % of the box at 1.4 Å per voxel, the bundled network on the CPU; rates from the table above, the work of rank 0 alone as measured on ${results.notShared.edge}³, with at most ${SERIAL_THREADS} threads.`,
    table(
      ['box', 'nodes', 'shared work, s', 'rank 0 alone, s', 'network, GB', 'network, s', 'sum, s', 'faster'],
      rows,
      1,
    ),
  ].join('\n\n');
}
