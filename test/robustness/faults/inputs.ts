/** Input files that are removed, cut or exchanged while a run reads them. */
import { copyFileSync, readFileSync, renameSync, truncateSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isOneSentence, type Scenario, sleep } from './campaign.ts';
import { digest, jobs, OWN_INPUTS, snapshot, wholeRun, wrongFiles } from './jobs.ts';
import { entriesOf } from './stopped.ts';

const FILES = ['half1.mrc', 'half2.mrc.gz', 'reference.mrc', 'mask.mrc'] as const;
const KINDS = ['removed', 'cut', 'exchanged', 'written over', 'grown'] as const;
type Kind = (typeof KINDS)[number];

/** Of a map: what comes before the voxels. */
const HEADER_BYTES = 1024;

function disturb(kind: Kind, path: string, share: number): void {
  const bytes = readFileSync(path);
  switch (kind) {
    case 'removed':
      unlinkSync(path);
      break;
    case 'cut':
      truncateSync(path, Math.floor(share * bytes.length));
      break;
    case 'exchanged': {
      // Another whole map of the same box, moved into place.
      copyFileSync(path, `${path}.new`);
      writeFileSync(`${path}.new`, otherMap(path, bytes));
      renameSync(`${path}.new`, path);
      break;
    }
    case 'written over':
      writeFileSync(path, otherMap(path, bytes));
      break;
    case 'grown':
      writeFileSync(path, new Uint8Array(4096), { flag: 'a' });
      break;
  }
}

/** The other half of its voxels first; of a compressed file the one that is not. */
function otherMap(path: string, bytes: Uint8Array): Uint8Array {
  if (path.endsWith('.gz')) return readFileSync(join(path, '..', 'half1.mrc'));
  const middle = HEADER_BYTES + 4 * Math.floor((bytes.length - HEADER_BYTES) / 8);
  return Buffer.concat([
    bytes.subarray(0, HEADER_BYTES),
    bytes.subarray(middle),
    bytes.subarray(HEADER_BYTES, middle),
  ]);
}

export const vanishingInputs: Scenario = {
  name: 'vanishing-inputs',
  title: 'Input files removed, cut, exchanged, written over or grown while they are read',
  async run(campaign) {
    const job = jobs.ownInputs;
    const whole = await wholeRun(campaign.options, job);
    const inputs = join(campaign.options.work, 'inputs');
    const { random, tally } = campaign;
    await campaign.repeat(
      campaign.size(150, 5),
      (index) => ({
        kind: KINDS[index % KINDS.length] as Kind,
        file: FILES[random.integer(0, FILES.length - 1)] as string,
        // Most files are read right after the engine has started, the reference and the mask later.
        at: 0.6 * random.uniform() ** 2,
        whenReading: index % 4 !== 0,
        share: random.uniform(),
      }),
      ({ kind, file, at, share, whenReading }, index) =>
        campaign.inFolder(async (folder) => {
          job.prepare(folder, inputs);
          const running = campaign.start({ folder, args: job.args });
          if (whenReading) await running.said('Engine');
          await sleep(1000 * at * whole.seconds);
          running.struck();
          disturb(kind, join(folder, OWN_INPUTS, file), share);
          const { code, signal, stderr, hung } = await running.ended;
          const found = snapshot(folder);
          const what = `${file} ${kind} after ${at.toFixed(3)} of the run, run ${index}`;
          if (hung) tally.fault(`${what}: did not end`);
          else if (code === 0) {
            const wrong = wrongFiles(found, whole.files);
            tally.count(wrong.length === 0 ? 'the same result' : `another result (${kind})`);
            // A file that was complete before the program first looked at it is simply another input.
            if (wrong.length > 0 && !isOtherInput(folder, file))
              tally.fault(`${what}: exit 0 with other bytes in ${wrong.join(', ')}`);
          } else if (code === 3) {
            tally.count('refused, exit 3');
            if (!isOneSentence(stderr)) tally.fault(`${what}: said "${stderr.trim()}"`);
            const left = entriesOf(folder).filter((name) => !name.startsWith(OWN_INPUTS));
            if (left.length > 0) tally.fault(`${what}: left ${left.join(', ')}`);
          } else tally.fault(`${what}: exit ${code ?? signal}: ${stderr.trim()}`);
        }),
    );
  },
};

/** Whether the record names the file as it is now: all of it was read after it was exchanged. */
function isOtherInput(folder: string, file: string): boolean {
  const record = JSON.parse(readFileSync(join(folder, 'out.json'), 'utf8')) as {
    inputs: { path: string; sha256: string }[];
  };
  const now = digest(readFileSync(join(folder, OWN_INPUTS, file)));
  return record.inputs.some(({ path, sha256 }) => path.endsWith(`/${file}`) && sha256 === now);
}
