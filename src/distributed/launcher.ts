/**
 * Who started this process, as which rank of how many: read from the environment alone.
 *
 * The innermost launcher wins, because environments are inherited: mpirun starts its daemons with srun, so
 * that a rank of mpirun sees SLURM's variables as well, with the numbers of the daemons.
 */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Implementations of MPI that differ in their binary interface; Intel MPI and MVAPICH are like MPICH. */
export type MpiFamily = 'open-mpi' | 'mpich';

export interface Launcher {
  /** For messages: "Open MPI's mpirun", "SLURM". */
  readonly name: string;
  readonly rank: number;
  /** Undefined where only libmpi can tell (PMIx alone). */
  readonly size: number | undefined;
  readonly localRank: number | undefined;
  readonly localSize: number | undefined;
  /**
   * The same on all ranks of the job, different for the next job where the launcher says so; fit for a file
   * name.
   */
  readonly jobId: string;
  /** Whose libmpi can find the other ranks through this launcher, best first. Empty: it offers no way. */
  readonly families: readonly MpiFamily[];
}

/** The launcher, or undefined for a process that was started alone. */
export function detectLauncher(environment: Environment): Launcher | undefined {
  for (const detect of [openMpi, mvapich, hydra, slurmStep, bareProcessManager]) {
    const launcher = detect(environment);
    if (launcher !== undefined) return launcher;
  }
  return undefined;
}

/** mpirun, mpiexec and orterun of Open MPI 1.3 to 5; IBM Spectrum MPI. */
function openMpi(environment: Environment): Launcher | undefined {
  return describe(environment, 'Open MPI', {
    rank: 'OMPI_COMM_WORLD_RANK',
    size: 'OMPI_COMM_WORLD_SIZE',
    localRank: 'OMPI_COMM_WORLD_LOCAL_RANK',
    localSize: 'OMPI_COMM_WORLD_LOCAL_SIZE',
    jobId: ['PMIX_NAMESPACE', 'OMPI_MCA_ess_base_jobid'],
    families: ['open-mpi'],
  });
}

/** mpirun_rsh of MVAPICH2. */
function mvapich(environment: Environment): Launcher | undefined {
  return describe(environment, 'MVAPICH', {
    rank: 'MV2_COMM_WORLD_RANK',
    size: 'MV2_COMM_WORLD_SIZE',
    localRank: 'MV2_COMM_WORLD_LOCAL_RANK',
    localSize: 'MV2_COMM_WORLD_LOCAL_SIZE',
    jobId: ['MPIRUN_ID', ...BATCH_JOB_IDS],
    families: ['mpich'],
  });
}

/**
 * mpirun and mpiexec of MPICH and of Intel MPI. MPI_LOCALNRANKS tells them from srun, which also sets
 * PMI_RANK.
 */
function hydra(environment: Environment): Launcher | undefined {
  if (integer(environment.MPI_LOCALNRANKS) === undefined) return undefined;
  return describe(environment, environment.I_MPI_HYDRA_UUID === undefined ? 'MPICH' : 'Intel MPI', {
    rank: 'PMI_RANK',
    size: 'PMI_SIZE',
    localRank: 'MPI_LOCALRANKID',
    localSize: 'MPI_LOCALNRANKS',
    jobId: ['I_MPI_HYDRA_UUID', ...BATCH_JOB_IDS],
    families: ['mpich'],
  });
}

/**
 * Steps that are not srun's have identifiers from here on: the batch script, an interactive shell, the
 * external step (slurm.h: SLURM_MAX_NORMAL_STEP_ID = 0xfffffff0).
 */
const FIRST_SPECIAL_STEP = 0xfffffff0;

/**
 * srun. In a batch script SLURM_PROCID is 0 and SLURM_NTASKS what the job asked for, although a single
 * process runs: only SLURM_STEP_NUM_TASKS, which srun sets, says how many there are.
 */
function slurmStep(environment: Environment): Launcher | undefined {
  const step = integer(environment.SLURM_STEP_ID ?? environment.SLURM_STEPID);
  if (step === undefined || step >= FIRST_SPECIAL_STEP) return undefined;
  const job = environment.SLURM_JOB_ID ?? environment.SLURM_JOBID ?? 'job';
  // A job that was put back into the queue has its number again.
  const restarts = integer(environment.SLURM_RESTART_COUNT) ?? 0;
  const base = describe(environment, 'SLURM', {
    rank: 'SLURM_PROCID',
    size: 'SLURM_STEP_NUM_TASKS',
    localRank: 'SLURM_LOCALID',
    jobId: [],
    families: processManagerFamilies(environment),
  });
  if (base === undefined) return undefined;
  return {
    ...base,
    localSize: tasksOnNode(environment.SLURM_STEP_TASKS_PER_NODE, integer(environment.SLURM_NODEID)),
    jobId: fileName(`slurm-${job}.${step}${restarts > 0 ? `.${restarts}` : ''}`),
  };
}

/** Launchers without a name of their own that speak PMI or PMIx: PRRTE, PALS, Flux, yod. */
function bareProcessManager(environment: Environment): Launcher | undefined {
  const jobId = ['PMIX_NAMESPACE', 'PMI_JOBID', ...BATCH_JOB_IDS];
  const families = processManagerFamilies(environment);
  const pmi = describe(environment, 'PMI', { rank: 'PMI_RANK', size: 'PMI_SIZE', jobId, families });
  if (pmi !== undefined) return pmi;
  const rank = integer(environment.PMIX_RANK);
  if (rank === undefined) return undefined;
  return {
    name: 'PMIx',
    rank,
    size: undefined,
    localRank: undefined,
    localSize: undefined,
    jobId: jobIdFrom(environment, 'PMIx', jobId),
    families,
  };
}

/**
 * Open MPI since version 4 finds its ranks through PMIx only: without it, it ends the process in MPI_Init.
 */
function processManagerFamilies(environment: Environment): MpiFamily[] {
  if (environment.PMIX_RANK !== undefined) return ['open-mpi', 'mpich'];
  return environment.PMI_RANK !== undefined ? ['mpich'] : [];
}

interface Variables {
  readonly rank: string;
  readonly size: string;
  readonly localRank?: string;
  readonly localSize?: string;
  readonly jobId: readonly string[];
  readonly families: readonly MpiFamily[];
}

/** What batch systems call the job, for launchers that have no name for theirs. */
const BATCH_JOB_IDS = ['SLURM_JOB_ID', 'PBS_JOBID', 'LSB_JOBID', 'JOB_ID'];

function describe(environment: Environment, name: string, variables: Variables): Launcher | undefined {
  const rank = integer(environment[variables.rank]);
  const size = integer(environment[variables.size]);
  if (rank === undefined || size === undefined || rank >= size) return undefined;
  const read = (variable: string | undefined): number | undefined =>
    variable === undefined ? undefined : integer(environment[variable]);
  return {
    name,
    rank,
    size,
    localRank: read(variables.localRank),
    localSize: read(variables.localSize),
    jobId: jobIdFrom(environment, name, variables.jobId),
    families: variables.families,
  };
}

function jobIdFrom(environment: Environment, name: string, variables: readonly string[]): string {
  const found = variables.map((variable) => environment[variable]).find(Boolean);
  return fileName(`${name} ${found ?? 'job'}`.toLowerCase());
}

function fileName(text: string): string {
  return text.replace(/[^A-Za-z0-9._-]+/g, '-');
}

/** Entry `node` of a list such as "4(x3),2": tasks on nodes 0, 1, 2 and 3. */
export function tasksOnNode(list: string | undefined, node: number | undefined): number | undefined {
  if (list === undefined || node === undefined) return undefined;
  let first = 0;
  for (const entry of list.split(',')) {
    const match = /^(\d+)(?:\(x(\d+)\))?$/.exec(entry.trim());
    if (match === null) return undefined;
    first += Number(match[2] ?? 1);
    if (node < first) return Number(match[1]);
  }
  return undefined;
}

function integer(text: string | undefined): number | undefined {
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : undefined;
}
