/** Tables of docs/robustness.md, made from bench/results/robustness/; pure. */
import { table } from './doc-tables.mjs';

const mebibytes = (bytes) => (bytes / 2 ** 20).toFixed(bytes < 10 * 2 ** 20 ? 1 : 0);

function minutes(seconds) {
  return seconds < 90 ? `${Math.round(seconds)} s` : `${(seconds / 60).toFixed(1)} min`;
}

function where({ machine }, parts) {
  const dates = [...new Set(parts.map(({ date }) => date))].sort();
  return `${machine.processor}, ${machine.cores} cores, ${machine.runtime}, ${dates.join(', ')}.`;
}

export function fuzzingTable(results) {
  const { fuzzing } = results;
  const refused = ({ outcomes }) =>
    Object.entries(outcomes).reduce(
      (sum, [what, count]) => (what === 'accepted' || what === 'fault' ? sum : sum + count),
      0,
    );
  const rows = fuzzing.map((result) => [
    result.title,
    String(result.cases),
    minutes(result.seconds),
    String(result.outcomes.accepted ?? 0),
    String(refused(result)),
    String(result.faults.length),
    String(result.slowestMilliseconds),
    `${mebibytes(result.largestAllocationBytes)} of ${mebibytes(result.memoryLimitBytes)}`,
    mebibytes(result.peakResidentBytes),
  ]);
  const head = [
    'files',
    'cases',
    'time',
    'read',
    'refused',
    'faults',
    'slowest, ms',
    'arrays of a case, MiB',
    'process, MiB',
  ];
  return [where(results, fuzzing), table(head, rows, 1)].join('\n\n');
}

export function faultsTable(results) {
  const { faults } = results;
  const rows = faults.map((result) => [
    result.title,
    String(result.runs),
    result.skipped === undefined
      ? Object.entries(result.outcomes)
          .sort((a, b) => b[1] - a[1])
          .map(([what, count]) => `${count} ${what}`)
          .join('; ')
      : `not run: ${result.skipped}`,
    Object.entries(result.measured ?? {})
      .map(([what, value]) => `${what} ${Number(value.toPrecision(3))}`)
      .join('; '),
    String(result.faults.length),
  ]);
  return [
    where(results, faults),
    table(['what is done to runs', 'runs', 'what comes of them', 'largest', 'faults'], rows, 5),
  ].join('\n\n');
}

/** `files`: name and text of the JSON files; the newest machine's by name. */
export function robustnessBlocks(files) {
  const newest = [...files].sort((a, b) => (a.name < b.name ? -1 : 1)).at(-1);
  if (newest === undefined) return [];
  const results = JSON.parse(newest.text);
  return [
    { file: 'docs/robustness.md', name: 'fuzzing', content: fuzzingTable(results) },
    { file: 'docs/robustness.md', name: 'faults', content: faultsTable(results) },
  ];
}
