/** `locscale-gpu app`: serves the page, and computes for it on this machine. */
import { hostname, userInfo } from 'node:os';
import process from 'node:process';
import { builtPage, untilStopped } from '../cli/page.ts';
import type { Session } from '../cli/session.ts';
import { ComputerProcess } from './computer.ts';
import { createToken } from './guard.ts';
import { type GuardedOutput, guardOutput } from './guarded-output.ts';
import { openInBrowser } from './open-browser.ts';
import { RootFolder } from './root-folder.ts';
import { serveApp } from './server.ts';

/** Milliseconds. */
const MINUTE = 60_000;
/** A forgotten app holds a port, and on a cluster a node. */
const MOST_IDLE_MINUTES = 60;
/** Of SSH. */
const STANDARD_PORT = '22';

/** Serves until Ctrl-C, or until nobody has used the app for MOST_IDLE_MINUTES. */
export async function runApp({ parsed: { values }, logger, signal }: Session): Promise<void> {
  const pageFolder = builtPage();
  const root = await RootFolder.open(values.root ?? process.cwd());
  const token = createToken();
  const host = hostname();
  const computer = new ComputerProcess({ root: root.path, runOptions: runOptionsOf(values) });
  const server = await serveApp({ pageFolder, root, computer, token, host, port: values.port });
  const end = new AbortController();
  const idle = setInterval(() => {
    if (server.idle() > MOST_IDLE_MINUTES * MINUTE) end.abort();
  }, MINUTE);
  try {
    // After "#": browsers send it to nobody, and no log has it.
    const url = `${server.url}#token=${token}`;
    const output = guardOutput(1);
    logger.line(`The app is at ${url} (${endOf(process, output)} ends it).`);
    const tunnel = tunnelTo({
      env: process.env,
      host,
      user: userInfo().username,
      port: new URL(server.url).port,
    });
    if (tunnel !== undefined)
      logger.line(`On your own computer run "${tunnel}", then open the address there.`);
    logger.line(`It reads and writes below ${root.path}. Whoever has the address may do so, too.`);
    if (output === 'closed') logger.line('Others could read this file: it is yours alone now.');
    if (output === 'open')
      logger.note(
        'Others may read this file, which has the address: change its permissions and start the app again.',
      );
    if (values.open === true && !(await openInBrowser(url)))
      logger.note('No browser could be opened: open the address by hand.');
    await untilStopped(AbortSignal.any([signal, end.signal]));
    if (!signal.aborted) logger.line(`Nobody has used the app for ${MOST_IDLE_MINUTES} minutes: it ends.`);
  } finally {
    clearInterval(idle);
    await Promise.all([computer.close(), server.close()]);
  }
}

/** Options of the app that are options of each run. */
function runOptionsOf({ processes, memory, gpuIds }: Session['parsed']['values']): string[] {
  return [
    ...(processes === undefined ? [] : ['-np', String(processes)]),
    ...(memory === undefined ? [] : ['--memory', String(memory)]),
    ...(gpuIds === undefined ? [] : ['--gpu_ids', ...gpuIds]),
  ];
}

/** What the process knows of how it was started. */
interface Started {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly pid: number;
  readonly stdout: { readonly isTTY?: boolean };
}

/** What ends the app: in a terminal, and behind a pipe of one, Ctrl-C, elsewhere a command. */
export function endOf({ env, pid, stdout }: Started, output: GuardedOutput | undefined): string {
  const job = env.SLURM_JOB_ID;
  if (job !== undefined && stdout.isTTY !== true) return `"scancel ${job}"`;
  return output === undefined ? 'Ctrl-C' : `"kill ${pid}"`;
}

/** Of the machine that serves. */
export interface TunnelEnd {
  /** Variables of the shell: SSH_CONNECTION, and those of batch systems. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** As the user's machine reaches it. */
  readonly host: string;
  /** Login on this machine. */
  readonly user: string;
  /** Of the server, used at both ends of the tunnel. */
  readonly port: string;
}

/** The command of a tunnel to here; undefined if the environment has no sign of one. */
export function tunnelTo({ env, host, user, port }: TunnelEnd): string | undefined {
  const way = `-L ${port}:127.0.0.1:${port} ${user}@${host}`;
  // Client's address and port, server's address and port. Jobs have it from the shell that submitted them.
  const sshPort = env.SSH_CONNECTION?.split(' ')[3] ?? STANDARD_PORT;
  // Nodes of a cluster are reached by way of the machine that the job was submitted on.
  const login = env.SLURM_SUBMIT_HOST ?? env.PBS_O_HOST ?? env.SGE_O_HOST ?? env.LSB_SUB_HOST;
  if (login !== undefined && login !== host)
    return `ssh -J ${user}@${login}${sshPort === STANDARD_PORT ? '' : `:${sshPort}`} ${way}`;
  if (env.SSH_CONNECTION === undefined) return undefined;
  return `ssh ${sshPort === STANDARD_PORT ? '' : `-p ${sshPort} `}${way}`;
}
