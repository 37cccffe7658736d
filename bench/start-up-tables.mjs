/** The table of docs/speed.md that `node bench/start-up.mjs --out bench/results/start-up/....json` measures; pure. */
import { table } from './doc-tables.mjs';

const MARKS = ['<!-- start-up:begin -->', '<!-- start-up:end -->'];

/** What a step does, in the order of a run. */
const STEPS = {
  start: 'start, imports, GPU opened',
  engine: 'threads that read',
  read: 'half maps, uploads, statistics',
  FSC: 'FSC, mean of the half maps',
  mask: 'FDR mask, plan',
  reference: 'reference map',
  scaling: 'scaling: tables, tiles',
  write: 'read-back, files, end',
};

/** `files`: name and text of stored results; the last by name counts. */
export function startUpTable(files) {
  const last = [...files].sort((a, b) => (a.name < b.name ? -1 : 1)).at(-1);
  if (last === undefined) return 'Not measured yet.';
  const { edge, date, cpu, cores, node, driver, note, results } = JSON.parse(last.text);
  const [before, now] = results.length > 1 ? results : [undefined, results[0]];
  const seconds = (value) => (value === undefined ? '-' : value.toFixed(2));
  const row = (title, of) => [
    title,
    ...[before?.first, now.first, before?.later, now.later].map((run) => seconds(run && of(run))),
    seconds(before && of(before.later, 'processor')),
    seconds(of(now.later, 'processor')),
  ];
  const rows = Object.entries(STEPS).map(([step, title]) =>
    row(title, ({ steps }, what) =>
      what === 'processor' ? steps[step]?.mainThreadSeconds : steps[step]?.wallSeconds,
    ),
  );
  const all = row('**all**', (run, what) => (what === 'processor' ? run.mainThreadSeconds : run.ownSeconds));
  const names = [before?.commit ?? '-', now.commit];
  const head = [
    'step',
    ...['first run', 'later run', 'main thread'].flatMap((what) => names.map((name) => `${what}, ${name}`)),
  ];
  return [
    `Seconds of a whole command, \`-hm -mm\` with LocScale's scaling in a box of ${edge}³, less the time in which it only waited for the GPU or its driver (${driver}); ${date}, ${cpu}, ${cores} cores, Node ${node.slice(1)}. The first run also verifies the kernels; later ones know them (the best of several). Main thread: its processor time in that later run. ${names[0]} is the version before, ${names[1]} the one measured with it.${note === undefined ? '' : ` ${note}`}`,
    table(head, [...rows, all], 1),
  ].join('\n\n');
}

/** The section of docs/speed.md; bench/fill-tables.mjs fills what stands between its marks. */
export function startUpSections(files) {
  return [
    '## Time without the GPU',
    'What hides behind a fast GPU: reading, checks, imports, compilation as far as the program does it, writing.',
    `${MARKS[0]}\n${startUpTable(files)}\n${MARKS[1]}`,
  ];
}
