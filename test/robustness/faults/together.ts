/** Runs with the same output at the same time, and runs whose terminal or log takes nothing more. */
import { closeSync, existsSync, openSync } from 'node:fs';
import { isOneSentence, type Scenario, sleep } from './campaign.ts';
import { isTemporary, jobs, snapshot, wholeRun } from './jobs.ts';
import { drawMoment, entriesOf, reach } from './stopped.ts';

/** Another window gives another map. */
const OTHER = ['-wn', '14'];

export const twoRuns: Scenario = {
  name: 'two-runs',
  title: 'Two runs with the same output at the same time',
  async run(campaign) {
    const one = await wholeRun(campaign.options, jobs.scale);
    const two = await wholeRun(campaign.options, jobs.scale, OTHER);
    const { random, tally } = campaign;
    await campaign.repeat(
      campaign.size(20, 2),
      () => 60 * random.uniform(),
      (lead, index) =>
        campaign.inFolder(async (folder) => {
          const first = campaign.start({ folder, args: jobs.scale.args });
          await sleep(lead);
          const second = campaign.start({ folder, args: [...jobs.scale.args, ...OTHER] });
          const ends = await Promise.all([first.ended, second.ended]);
          const codes = ends.map(({ code }) => code);
          tally.count(`exits ${codes.join(' and ')}`);
          const found = snapshot(folder);
          if (codes.some((code) => code !== 0 && code !== 3))
            tally.fault(`run ${index}: ${ends.map(({ stderr }) => stderr.trim()).join('; ')}`);
          for (const { code, stderr } of ends)
            if (code !== 0 && !isOneSentence(stderr)) tally.fault(`run ${index}: said "${stderr.trim()}"`);
          for (const [name, content] of found)
            if (content !== one.files.get(name) && content !== two.files.get(name))
              tally.fault(`run ${index}: ${name} belongs to neither run`);
          const sets = [one, two].filter(({ files }) =>
            [...files].every(([name, content]) => found.get(name) === content),
          );
          if (sets.length === 0) tally.count('files of both runs side by side');
          if (entriesOf(folder).some(isTemporary)) tally.fault(`run ${index}: left temporary files`);
        }),
    );
  },
};

const KINDS = ['stdout closed', 'both closed', 'stdout to a full device', 'both to a full device'] as const;

export const closedPipes: Scenario = {
  name: 'closed-pipes',
  title: 'Standard output and error closed, or full, during a run',
  async run(campaign) {
    const { tally } = campaign;
    const hasFull = existsSync('/dev/full');
    if (!hasFull) tally.skippedParts.push('Devices that are full: /dev/full is not here.');
    const kinds = hasFull ? KINDS : KINDS.slice(0, 2);
    const whole = await wholeRun(campaign.options, jobs.scale);
    await campaign.repeat(
      campaign.size(20, 4),
      (index) => drawMoment(campaign.random, Math.floor(index / kinds.length)),
      (moment, index) =>
        campaign.inFolder(async (folder) => {
          const kind = kinds[index % kinds.length] as string;
          const full = kind.endsWith('device') ? openSync('/dev/full', 'w') : undefined;
          const both = kind.startsWith('both');
          const args = [...jobs.scale.args, '-v'];
          const running = campaign.start({
            folder,
            args,
            ...(full === undefined ? {} : { stdout: full, ...(both ? { stderr: full } : {}) }),
          });
          if (full === undefined) {
            await reach(running, moment, whole);
            running.child.stdout?.destroy();
            if (both) running.child.stderr?.destroy();
          }
          const { code, signal, stderr } = await running.ended;
          if (full !== undefined) closeSync(full);
          tally.count(`${kind}: exit ${code ?? signal}`);
          const found = snapshot(folder);
          const wrong = [...whole.files].filter(([name, content]) => found.get(name) !== content);
          if (wrong.length > 0)
            tally.fault(`${kind}, run ${index}: lost ${wrong.map(([name]) => name).join(', ')}`);
          // A closed pipe is no failure; a log that could not be written is one, told at the end.
          const expected = full === undefined ? 0 : 3;
          if (code !== expected)
            tally.fault(`${kind}, run ${index}: exit ${code ?? signal}: ${stderr.trim()}`);
          if (kind === 'stdout to a full device' && !isOneSentence(stderr))
            tally.fault(`${kind}, run ${index}: said "${stderr.trim()}"`);
          if (entriesOf(folder).some(isTemporary)) tally.fault(`${kind}, run ${index}: left temporary files`);
        }),
    );
  },
};
