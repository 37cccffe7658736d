/** Tables of docs/soft-scaling.md, made from bench/results/soft-scaling/. */
import { table } from './doc-tables.mjs';

const fixed = (value) => value.toFixed(3);
const meanOf = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;

const REAL_COLUMNS = [
  ['input', 'input'],
  ['best global B', 'best global B'],
  ['default', 'soft, profile'],
  ['soft model', 'soft, its model'],
  ['LocScale network', 'LocScale, bundled network'],
  ['LocScale -mc', 'LocScale, its model'],
  ['LocScale -mc hann', 'the same, Hann, faded'],
  ['feature enhance', 'bundled network itself'],
];

/** `rows` of real-maps.json: scores of every mode on every map. */
export function realMapsTable(results) {
  const columns = REAL_COLUMNS.filter(([key]) => results.some(({ rows }) => rows[key] !== undefined));
  const isScored = (row) => typeof row?.b20 === 'number';
  const pair = (row) => (!isScored(row) ? '-' : `${fixed(row.b20)} / ${fixed(row.b60)}`);
  const lines = results.map(({ name, resolution, rows }) => [
    name,
    String(resolution),
    ...columns.map(([key]) => pair(rows[key])),
  ]);
  const means = columns.map(([key]) => {
    const scored = results.map(({ rows }) => rows[key]).filter(isScored);
    return pair({ b20: meanOf(scored.map(({ b20 }) => b20)), b60: meanOf(scored.map(({ b60 }) => b60)) });
  });
  const head = ['map', 'Å', ...columns.map(([, title]) => title)];
  return table(head, [...lines, ['mean', '', ...means]], 1);
}

const SIMULATED_COLUMNS = [
  ['input', 'mean of the half maps'],
  ['locscaleDefault', 'LocScale, bundled network'],
  ['softProfile', 'soft, profile'],
  ['locscaleTrue', 'LocScale, true model'],
  ['hannTrue', 'the same, Hann, faded'],
  ['softTrue', 'soft, true model'],
];

function describeCase({ belt, cut, local }) {
  return [belt && 'belt', cut, local && 'blurred at one end'].filter(Boolean).join(', ');
}

/** simulated.json: scores of every method on every case. */
export function simulatedTable(cases) {
  const columns = SIMULATED_COLUMNS.filter(([key]) =>
    Object.values(cases).every(({ scores }) => scores[key] !== undefined),
  );
  const lines = Object.entries(cases)
    .sort(([a], [b]) => (b[0] === a[0] ? (a < b ? -1 : 1) : a[0] < b[0] ? 1 : -1))
    .map(([, { structure, resolution, special, scores }]) => [
      structure,
      describeCase(special),
      String(resolution),
      ...columns.map(([key]) => fixed(scores[key])),
    ]);
  const means = columns.map(([key]) => fixed(meanOf(Object.values(cases).map(({ scores }) => scores[key]))));
  const head = ['structure', 'special', 'Å', ...columns.map(([, title]) => title)];
  return table(head, [...lines, ['mean', '', '', ...means]], 2);
}

/** Means of both tables, for README. */
export function qualityMeans(files) {
  const stored = (name) => JSON.parse(files.find((file) => file.name === name).text);
  const results = stored('real-maps.json');
  const cases = Object.values(stored('simulated.json'));
  const ofReal = (key) => {
    const scored = results.map(({ rows }) => rows[key]).filter((row) => typeof row?.b20 === 'number');
    return `${fixed(meanOf(scored.map(({ b20 }) => b20)))} / ${fixed(meanOf(scored.map(({ b60 }) => b60)))}`;
  };
  const ofSimulated = (key) => fixed(meanOf(cases.map(({ scores }) => scores[key])));
  return {
    real: {
      maps: results.length,
      input: ofReal('input'),
      profile: ofReal('default'),
      network: ofReal('LocScale network'),
      model: ofReal('LocScale -mc'),
      softModel: ofReal('soft model'),
    },
    simulated: {
      cases: cases.length,
      input: ofSimulated('input'),
      profile: ofSimulated('softProfile'),
      model: ofSimulated('locscaleTrue'),
      softModel: ofSimulated('softTrue'),
    },
  };
}

export function qualityBlocks(files) {
  const stored = (name) => JSON.parse(files.find((file) => file.name === name).text);
  const file = 'docs/soft-scaling.md';
  return [
    { file, name: 'real-maps', content: realMapsTable(stored('real-maps.json')) },
    { file, name: 'soft-simulated', content: simulatedTable(stored('simulated.json')) },
  ];
}
