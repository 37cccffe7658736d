/**
 * `node bench/ranks.mjs --data FOLDER [--write]`: how much faster two processes are than one, on the
 * reference data (golden/trpv1-c4), scaled with a reference map and with a predicted one, and in soft bands;
 * and what a run of a larger map does that is not shared. Outputs are compared bit by bit first.
 * bench/fill-tables.mjs puts the figures into docs/clusters.md.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const { values } = parseArgs({
  options: { data: { type: 'string' }, write: { type: 'boolean', default: false } },
});
if (values.data === undefined) throw new Error('--data FOLDER: the folder that has golden/trpv1-c4');
const golden = join(values.data, 'golden/trpv1-c4');
const folder = mkdtempSync(join(tmpdir(), 'locscale-ranks-'));
const program = join(root, 'dist/cli.js');
const RUNS = 3;
/** The larger map is the golden one, so many times along each axis. */
const COPIES = 3;

const asRoot = { OMPI_ALLOW_RUN_AS_ROOT: '1', OMPI_ALLOW_RUN_AS_ROOT_CONFIRM: '1' };
const ways = [
  { name: 'one process, one thread', launcher: [], args: ['-np', '1'] },
  { name: 'one process, two threads', launcher: [], args: ['-np', '2'] },
  ...[
    ['Open MPI', ['mpirun.openmpi', '-np', '2', '--bind-to', 'none']],
    ['MPICH', ['mpirun.mpich', '-np', '2']],
  ].map(([mpi, launcher]) => ({
    name: `two processes of one thread, ${mpi}`,
    launcher,
    args: ['-np', '1', '-mpi'],
  })),
];

function run(job, way, out) {
  const [command, ...rest] = [...way.launcher, process.execPath, program, ...job, ...way.args, '-o', out];
  const result = spawnSync(command, rest, {
    cwd: folder,
    encoding: 'utf8',
    env: { ...process.env, ...asRoot },
  });
  if (result.error?.code === 'ENOENT') return undefined;
  if (result.status !== 0) throw new Error(`${way.name}: ${result.stderr}`);
  const record = JSON.parse(readFileSync(join(folder, out.replace('.mrc', '.json')), 'utf8'));
  const [, sent, received] =
    /Between the processes: ([\d.]+) MB sent, ([\d.]+) MB received/.exec(result.stdout) ?? [];
  return {
    seconds: record.secondsPerStep,
    numbers: record.numbers,
    network: record.network,
    ...(sent === undefined ? {} : { megabytesSent: Number(sent), megabytesReceived: Number(received) }),
    voxels: readFileSync(join(folder, out)).subarray(1024),
  };
}

function median(list) {
  return [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];
}

/** The golden maps side by side, so that a larger map has as much to do everywhere. */
function tile(name) {
  const bytes = readFileSync(join(golden, name));
  const header = Buffer.from(bytes.subarray(0, 1024));
  const [nx, ny, nz] = [0, 4, 8].map((at) => header.readInt32LE(at));
  const extra = header.readInt32LE(92);
  const from = new Float32Array(Uint8Array.from(bytes.subarray(1024 + extra)).buffer);
  const n = COPIES * nx;
  const to = new Float32Array(n ** 3);
  for (let z = 0; z < n; z++)
    for (let y = 0; y < n; y++) {
      const row = ((z % nz) * ny + (y % ny)) * nx;
      for (let copy = 0; copy < COPIES; copy++)
        to.set(from.subarray(row, row + nx), (z * n + y) * n + copy * nx);
    }
  for (const at of [0, 4, 8, 28, 32, 36]) header.writeInt32LE(n, at);
  for (const at of [40, 44, 48]) header.writeFloatLE(header.readFloatLE(at) * COPIES, at);
  header.writeInt32LE(0, 92);
  writeFileSync(join(folder, name), Buffer.concat([header, Buffer.from(to.buffer)]));
  return n;
}

try {
  const inputs = (where) => [
    ...['-hm', join(where, 'half1.mrc'), join(where, 'half2.mrc'), '-ma', join(where, 'mask.mrc')],
    ...['--engine', 'cpu', '--provider', 'cpu'],
  ];
  let edge = 0;
  for (const name of ['half1.mrc', 'half2.mrc', 'mask.mrc', 'reference.mrc']) edge = tile(name);
  const withReference = (where) => [...inputs(where), '-mm', join(where, 'reference.mrc')];
  const jobs = [
    { name: 'scaling', step: 'scaling', args: withReference(folder) },
    { name: 'prediction', step: 'reference', args: inputs(golden) },
    { name: 'small', step: 'scaling', args: withReference(golden) },
    { name: 'soft', step: 'scaling', args: [...inputs(folder), '--reference', 'profile'] },
  ];
  const measured = [];
  for (const job of jobs) {
    const first = run(job.args, ways[0], 'first.mrc');
    const times = [];
    for (const way of ways) {
      const runs = [];
      for (let i = 0; i < RUNS; i++) {
        const result = run(job.args, way, 'out.mrc');
        if (result === undefined) break;
        if (!result.voxels.equals(first.voxels)) throw new Error(`${way.name}: other bits than one process`);
        runs.push(result);
      }
      if (runs.length === 0) continue;
      const [{ megabytesSent, megabytesReceived }] = runs;
      times.push({
        way: way.name,
        seconds: runs.map(({ seconds }) => seconds[job.step]),
        median: median(runs.map(({ seconds }) => seconds[job.step])),
        ...(megabytesSent === undefined ? {} : { megabytesSent, megabytesReceived }),
      });
      console.log(job.name, times.at(-1).way, times.at(-1).median.toFixed(3), 's');
    }
    measured.push({
      name: job.name,
      maskVoxels: first.numbers.maskVoxels,
      edge: first.numbers.shape[0],
      windowVoxels: first.numbers.windowVoxels,
      ...(first.network === undefined
        ? {}
        : { cubes: first.network.cubes, cubeEdge: first.network.cubeEdge }),
      times,
    });
  }
  const large = run([...inputs(folder), '-mm', 'reference.mrc'], ways[1], 'large.mrc');
  const { read = 0, fsc = 0, mask = 0, reference = 0, write = 0, scaling } = large.seconds;
  const results = {
    schema: 1,
    date: new Date().toISOString().slice(0, 10),
    machine: { processor: cpus()[0].model, cores: cpus().length, runtime: `Node ${process.versions.node}` },
    measured,
    notShared: { edge, threads: 2, seconds: read + fsc + mask + reference + write, scalingSeconds: scaling },
  };
  console.log(JSON.stringify(results.notShared));
  if (values.write) {
    mkdirSync(join(root, 'bench/results/ranks'), { recursive: true });
    writeFileSync(
      join(root, `bench/results/ranks/${results.date}.json`),
      `${JSON.stringify(results, null, 2)}\n`,
    );
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
