/**
 * Commands that are to work without a network: none may be touched, and where there is none the result is the
 * same.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import type { Campaign, Scenario } from './campaign.ts';
import { type Job, jobs, snapshot, wholeRun } from './jobs.ts';

/**
 * Loaded by Node before the program, in its threads too: whatever touches the network is written down and
 * fails.
 */
const GUARD = `
const { appendFileSync } = require('node:fs');
const { syncBuiltinESMExports } = require('node:module');
const refuse = (what) => function () {
  appendFileSync(process.env.FAULT_RECORD, what + '\\n');
  throw new Error('no network: ' + what);
};
const net = require('node:net');
net.Socket.prototype.connect = refuse('net.connect');
net.connect = net.createConnection = refuse('net.connect');
require('node:tls').connect = refuse('tls.connect');
require('node:dgram').createSocket = refuse('dgram.createSocket');
const dns = require('node:dns');
for (const of of [dns, dns.promises, dns.Resolver.prototype])
  for (const name of ['lookup', 'resolve', 'resolve4', 'resolve6', 'lookupService']) of[name] = refuse('dns.' + name);
for (const name of ['http', 'https']) {
  const module = require('node:' + name);
  module.request = refuse(name + '.request');
  module.get = refuse(name + '.get');
}
require('node:http2').connect = refuse('http2.connect');
globalThis.fetch = refuse('fetch');
globalThis.WebSocket = refuse('WebSocket');
syncBuiltinESMExports();
`;

interface Command {
  readonly name: string;
  readonly args: readonly string[];
  /** With it the outputs are compared. */
  readonly job?: Job;
}

const inputs = (name: string): string => `../../inputs/${name}`;
const whole: readonly Command[] = [
  ...[jobs.scale, jobs.report, jobs.mask, jobs.fsc, jobs.locres, jobs.predicted].map((job) => ({
    name: job.name,
    args: job.args,
    job,
  })),
  { name: 'demo', args: ['demo', '--engine', 'cpu'] },
  { name: 'devices', args: ['devices'] },
  { name: 'models list', args: ['models', 'list'] },
  { name: 'validate', args: ['validate', inputs('half1.mrc')] },
  { name: 'version', args: ['version'] },
  { name: 'help', args: ['--help'] },
];
const quick = ['scale', 'fsc', 'models list', 'version'];

export const noNetwork: Scenario = {
  name: 'no-network',
  title: 'Every command but downloads, with all ways to the network watched and shut',
  async run(campaign) {
    const guard = join(campaign.folder, 'guard.cjs');
    writeFileSync(guard, GUARD);
    const commands = campaign.options.quick ? whole.filter(({ name }) => quick.includes(name)) : whole;
    checkGuard(campaign, guard);
    await campaign.repeat(
      commands.length,
      (index) => commands[index] as Command,
      (command, index) =>
        campaign.inFolder(async (folder) => {
          const record = join(campaign.folder, `record-${index}`);
          const env = { NODE_OPTIONS: `--require=${guard}`, FAULT_RECORD: record };
          const { code, stderr } = await campaign.run({ folder, args: command.args, env });
          campaign.tally.count('network untouched');
          if (existsSync(record))
            campaign.tally.fault(
              `${command.name} touched the network: ${readFileSync(record, 'utf8').trim()}`,
            );
          if (code !== 0) campaign.tally.fault(`${command.name} failed: ${stderr.trim()}`);
          await compare(campaign, command, folder);
        }),
    );
    const launcher = isolator();
    if (launcher === undefined) {
      campaign.tally.skippedParts.push('A namespace without a network: unshare -n does not work here.');
      return;
    }
    await campaign.repeat(
      commands.length,
      (index) => commands[index] as Command,
      (command) =>
        campaign.inFolder(async (folder) => {
          const { code, stderr } = await campaign.run({ folder, args: command.args, launcher });
          campaign.tally.count('the same in a namespace without a network');
          if (code !== 0) campaign.tally.fault(`${command.name} failed without a network: ${stderr.trim()}`);
          await compare(campaign, command, folder);
        }),
    );
  },
};

async function compare(campaign: Campaign, { name, job }: Command, folder: string): Promise<void> {
  if (job === undefined) return;
  const { files } = await wholeRun(campaign.options, job);
  const found = snapshot(folder);
  const wrong = [...files].filter(([file, content]) => found.get(file) !== content);
  if (wrong.length > 0)
    campaign.tally.fault(`${name}: other bytes in ${wrong.map(([file]) => file).join(', ')}`);
}

/** A watchman who sees nothing would find nothing: what he must see is tried first. */
function checkGuard(campaign: Campaign, guard: string): void {
  const record = join(campaign.folder, 'record-of-trial');
  const trial = `
    import net from 'node:net';
    import { lookup } from 'node:dns/promises';
    for (const use of [() => fetch('http://localhost'), () => net.connect(9), () => lookup('localhost')])
      try { await use(); } catch {}`;
  execFileSync('node', ['--require', guard, '--input-type=module', '-e', trial], {
    env: { ...process.env, FAULT_RECORD: record },
  });
  const seen = readFileSync(record, 'utf8').trim().split('\n');
  if (seen.length !== 3) campaign.tally.fault(`The guard saw only ${seen.join(', ')}.`);
}

/** What starts a program in a namespace without any network. */
function isolator(): readonly string[] | undefined {
  for (const launcher of [
    ['unshare', '-n'],
    ['unshare', '-rn'],
  ]) {
    try {
      execFileSync(launcher[0] as string, [...launcher.slice(1), 'true'], { stdio: 'ignore' });
      return launcher;
    } catch {
      // Not permitted, or not there.
    }
  }
  return undefined;
}
