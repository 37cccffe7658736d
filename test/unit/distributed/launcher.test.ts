/** Rank and size from environments as launchers set them (variables copied from real jobs, shortened). */
import { describe, expect, it } from 'vitest';
import { detectLauncher, type Environment, tasksOnNode } from '../../../src/distributed/launcher.ts';

/** Open MPI 4.1.4, mpirun -np 2. */
const openMpi: Environment = {
  OMPI_COMM_WORLD_RANK: '1',
  OMPI_COMM_WORLD_SIZE: '2',
  OMPI_COMM_WORLD_LOCAL_RANK: '1',
  OMPI_COMM_WORLD_LOCAL_SIZE: '2',
  PMIX_NAMESPACE: '1016201217',
  PMIX_RANK: '1',
};
/** MPICH 4.0.2, mpiexec.hydra -np 3. */
const hydra: Environment = {
  PMI_FD: '6',
  PMI_RANK: '2',
  PMI_SIZE: '3',
  MPI_LOCALNRANKS: '3',
  MPI_LOCALRANKID: '2',
};
/** A batch script of a job with four tasks, before any srun. */
const batchScript: Environment = {
  SLURM_JOB_ID: '200505',
  SLURM_NTASKS: '4',
  SLURM_NPROCS: '4',
  SLURM_PROCID: '0',
  SLURM_LOCALID: '0',
  SLURM_NODEID: '0',
  SLURM_TASKS_PER_NODE: '2(x2)',
};
/** The same job, third task of its srun. */
const srun: Environment = {
  ...batchScript,
  SLURM_STEP_ID: '0',
  SLURM_STEPID: '0',
  SLURM_STEP_NUM_TASKS: '4',
  SLURM_STEP_TASKS_PER_NODE: '2(x2)',
  SLURM_PROCID: '2',
  SLURM_LOCALID: '0',
  SLURM_NODEID: '1',
};

const cases: [string, Environment, Partial<ReturnType<typeof detectLauncher>>][] = [
  [
    "Open MPI's mpirun",
    openMpi,
    {
      name: 'Open MPI',
      rank: 1,
      size: 2,
      localRank: 1,
      localSize: 2,
      jobId: 'open-mpi-1016201217',
      families: ['open-mpi'],
    },
  ],
  [
    "MPICH's mpiexec",
    hydra,
    { name: 'MPICH', rank: 2, size: 3, localRank: 2, localSize: 3, jobId: 'mpich-job', families: ['mpich'] },
  ],
  [
    "Intel MPI's mpirun in a batch job",
    { ...hydra, I_MPI_HYDRA_UUID: 'ab12', SLURM_JOB_ID: '9' },
    { name: 'Intel MPI', jobId: 'intel-mpi-ab12', families: ['mpich'] },
  ],
  [
    "MPICH's mpiexec in a batch job",
    { ...batchScript, ...hydra },
    { name: 'MPICH', rank: 2, size: 3, jobId: 'mpich-200505' },
  ],
  [
    'MVAPICH',
    { MV2_COMM_WORLD_RANK: '0', MV2_COMM_WORLD_SIZE: '8', MV2_COMM_WORLD_LOCAL_RANK: '0' },
    { name: 'MVAPICH', rank: 0, size: 8, localRank: 0, localSize: undefined, families: ['mpich'] },
  ],
  [
    'srun without MPI',
    srun,
    { name: 'SLURM', rank: 2, size: 4, localRank: 0, localSize: 2, jobId: 'slurm-200505.0', families: [] },
  ],
  [
    'srun --mpi=pmi2',
    { ...srun, PMI_RANK: '2', PMI_SIZE: '4' },
    { name: 'SLURM', rank: 2, families: ['mpich'] },
  ],
  [
    'srun --mpi=pmix',
    { ...srun, PMIX_RANK: '2', PMIX_NAMESPACE: 'slurm.pmix.200505.0' },
    { name: 'SLURM', size: 4, families: ['open-mpi', 'mpich'] },
  ],
  ['srun of some of the tasks', { ...srun, SLURM_STEP_NUM_TASKS: '3' }, { rank: 2, size: 3 }],
  ['a requeued job', { ...srun, SLURM_RESTART_COUNT: '2' }, { jobId: 'slurm-200505.0.2' }],
  ['mpirun whose daemons srun started', { ...srun, ...openMpi }, { name: 'Open MPI', rank: 1, size: 2 }],
  ['mpiexec whose proxies srun started', { ...srun, ...hydra }, { name: 'MPICH', rank: 2, size: 3 }],
  [
    'mpirun in an interactive step of SLURM',
    { ...srun, SLURM_STEP_ID: '4294967290', ...openMpi },
    { name: 'Open MPI' },
  ],
  [
    'a launcher with PMI only',
    { PMI_RANK: '3', PMI_SIZE: '4', PMI_JOBID: 'a b/c' },
    { name: 'PMI', rank: 3, size: 4, localRank: undefined, jobId: 'pmi-a-b-c', families: ['mpich'] },
  ],
  [
    'a launcher with PMIx only',
    { PMIX_RANK: '3', PMIX_NAMESPACE: 'prterun-host-12@1' },
    { name: 'PMIx', rank: 3, size: undefined, jobId: 'pmix-prterun-host-12-1' },
  ],
];

describe('the launcher', () => {
  it.each(cases)('%s', (_name, environment, expected) => {
    expect(detectLauncher(environment)).toMatchObject(expected!);
  });

  const alone: [string, Environment][] = [
    ['an empty environment', {}],
    ['a batch script with SLURM_NTASKS=4', batchScript],
    [
      'the batch step with its number',
      { ...batchScript, SLURM_STEP_ID: '4294967291', SLURM_STEP_NUM_TASKS: '4' },
    ],
    ['an interactive step', { ...batchScript, SLURM_STEP_ID: '4294967290', SLURM_STEP_NUM_TASKS: '4' }],
    ['numbers that are none', { OMPI_COMM_WORLD_RANK: 'x', OMPI_COMM_WORLD_SIZE: '2' }],
    ['a rank beyond the size', { PMI_RANK: '2', PMI_SIZE: '2' }],
    ['SLURM_PROCID alone', { SLURM_PROCID: '1' }],
  ];
  it.each(alone)('is absent: %s', (_name, environment) => {
    expect(detectLauncher(environment)).toBeUndefined();
  });

  it('counts the tasks of a node', () => {
    expect([0, 1, 2, 3, 4].map((node) => tasksOnNode('4(x3),2', node))).toEqual([4, 4, 4, 2, undefined]);
    expect(tasksOnNode('nonsense', 0)).toBeUndefined();
    expect(tasksOnNode(undefined, 0)).toBeUndefined();
  });
});
