/**
 * Detects the launcher, rank and number of ranks from the environment.
 *
 * The innermost launcher takes precedence because environments are inherited: mpirun starts its daemons with
 * srun, so its ranks also see SLURM's variables, with the daemons' numbers.
 */
export type Environment = Readonly<Record<string, string | undefined>>;

/** MPI implementations with different ABIs; Intel MPI and MVAPICH share MPICH's. */
export type MpiFamily = 'open-mpi' | 'mpich';

/** What the environment states about the launcher. */
export interface Launcher {
  /** For messages: "Open MPI's mpirun", "SLURM". */
  readonly name: string;
  readonly rank: number;
  /** Undefined if only libmpi knows it (PMIx without other variables). */
  readonly size: number | undefined;
  readonly localRank: number | undefined;
  readonly localSize: number | undefined;
  /**
   * Job identifier, valid in file names: the same on all ranks, and different for each job if the launcher
   * provides one.
   */
  readonly jobId: string;
  /**
   * MPI families whose libmpi can find the other ranks through this launcher, best first; empty if none can.
   */
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
 * mpirun and mpiexec of MPICH and of Intel MPI. MPI_LOCALNRANKS distinguishes them from srun, which also sets
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
 * Step identifiers from here on do not belong to srun but to the batch script, an interactive shell or the
 * external step (slurm.h: SLURM_MAX_NORMAL_STEP_ID = 0xfffffff0).
 */
const FIRST_SPECIAL_STEP = 0xfffffff0;

/**
 * srun. In a batch script SLURM_PROCID is 0 and SLURM_NTASKS is the number of tasks requested, although one
 * process runs: only SLURM_STEP_NUM_TASKS, set by srun, gives the true count.
 */
function slurmStep(environment: Environment): Launcher | undefined {
  const step = integer(environment.SLURM_STEP_ID ?? environment.SLURM_STEPID);
  if (step === undefined || step >= FIRST_SPECIAL_STEP) return undefined;
  const job = environment.SLURM_JOB_ID ?? environment.SLURM_JOBID ?? 'job';
  // A requeued job has the same job number, so the restart count is appended.
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

/** Other launchers that use PMI or PMIx: PRRTE, PALS, Flux, yod. */
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

/** Open MPI 4 and later finds its ranks through PMIx only, and exits in MPI_Init without it. */
function processManagerFamilies(environment: Environment): MpiFamily[] {
  if (environment.PMIX_RANK !== undefined) return ['open-mpi', 'mpich'];
  return environment.PMI_RANK !== undefined ? ['mpich'] : [];
}

/** Names of a launcher's environment variables. */
interface Variables {
  readonly rank: string;
  readonly size: string;
  readonly localRank?: string;
  readonly localSize?: string;
  readonly jobId: readonly string[];
  readonly families: readonly MpiFamily[];
}

/** The batch system's job number, for launchers without one of their own. */
const BATCH_JOB_IDS = ['SLURM_JOB_ID', 'PBS_JOBID', 'LSB_JOBID', 'JOB_ID'];

/** Undefined if the variables are absent or contradict each other. */
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

/** The same on all ranks of a job, different for jobs that run at the same time. */
function jobIdFrom(environment: Environment, name: string, variables: readonly string[]): string {
  const found = variables.map((variable) => environment[variable]).find(Boolean);
  return fileName(`${name} ${found ?? 'job'}`.toLowerCase());
}

/** Letters that any file system allows. */
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

/** Undefined for anything but digits. */
function integer(text: string | undefined): number | undefined {
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : undefined;
}
