/**
 * Tables of the documentation, made from stored results and from the table of options; pure. A table
 * stands between `<!-- name:begin -->` and `<!-- name:end -->`; fill-tables.mjs puts it there and
 * test/repository/docs.test.ts checks that it is there.
 */
import { clusterTable, ranksTable } from './cluster-model.mjs';
import { qualityBlocks, qualityMeans } from './quality-tables.mjs';
import { robustnessBlocks } from './robustness-tables.mjs';
import { startUpTable } from './start-up-tables.mjs';

/** Replaces what stands between the markers `name`; throws where a document lacks them. */
export function fillBlock(document, name, content) {
  const [begin, end] = [`<!-- ${name}:begin -->`, `<!-- ${name}:end -->`];
  const from = document.indexOf(begin);
  const to = document.indexOf(end);
  if (from < 0 || to < from) throw new Error(`The markers ${begin} and ${end} are not there.`);
  return `${document.slice(0, from + begin.length)}\n${content}\n${document.slice(to)}`;
}

/** Aligned as Biome formats documents, so that filling and formatting agree. */
export function table(head, rows, rightFrom = head.length) {
  const widths = head.map((title, i) => Math.max(3, ...[title, ...rows.map((row) => row[i])].map(widthOf)));
  const line = (cells) =>
    `| ${cells.map((cell, i) => (i >= rightFrom ? padStart(cell, widths[i]) : padEnd(cell, widths[i]))).join(' | ')} |`;
  const rule = widths.map((width, i) => (i >= rightFrom ? `${'-'.repeat(width - 1)}:` : '-'.repeat(width)));
  return [line(head), line(rule), ...rows.map(line)].join('\n');
}

/** Characters, not UTF-16 units. */
function widthOf(text) {
  return [...text].length;
}

function padStart(text, width) {
  return ' '.repeat(width - widthOf(text)) + text;
}

function padEnd(text, width) {
  return text + ' '.repeat(width - widthOf(text));
}

/** Differences of every engine from the stored outputs of the original program. */
export function accuracyTable(engines) {
  return engines
    .map((engine) =>
      [
        `${engine.description}; ${engine.runtime}, locscale-gpu ${engine.version}, ${engine.date}.`,
        table(
          [
            'compared with the original',
            'values',
            'relative L2',
            'largest difference',
            'rms of the original',
          ],
          engine.results.map((r) => [
            r.title,
            String(r.values),
            r.relativeL2.toExponential(1),
            r.largestDifference.toExponential(1),
            r.rms.toPrecision(3),
          ]),
          1,
        ),
        `Voxels of confidence of at least 0.99: ${engine.confidentVoxels.ours}, original ${engine.confidentVoxels.original}.`,
      ].join('\n\n'),
    )
    .join('\n\n');
}

/** What the demo prints with its default seed. */
export function demoSentence({ demo }) {
  return (
    `With the built-in seed the half maps reach ${demo.resolution.toFixed(2)} Å, and the correlation with the ` +
    `truth inside the mask is ${demo.before.toFixed(4)} before scaling, ${demo.locscaleScheme.toFixed(4)} with LocScale's scheme ` +
    `and the bundled network, and ${demo.soft.toFixed(4)} with soft scaling.`
  );
}

/** README: accuracy and speed in a few lines, each from a stored result. */
export function figuresList({ engines, speed, quality }) {
  const worst = (engine) => Math.max(...engine.results.map(({ relativeL2 }) => relativeL2));
  const [cpu, gpu] = ['CPU', 'GPU'].map((kind) =>
    engines.find(({ description }) => description.startsWith(kind)),
  );
  const ratios = newestSpeedResults(speed).flatMap(({ localScaling }) =>
    (localScaling?.windows ?? [])
      .filter(({ original }) => original !== undefined)
      .map((w) => w.original.secondsPerVoxel / (w.oneThread.median / localScaling.maskVoxels)),
  );
  const { real, simulated } = qualityMeans(quality);
  return [
    `- Equal to LocScale in its own modes: at most ${worst(cpu).toExponential(1)} in relative L2 on the CPU, ${worst(gpu).toExponential(1)} on the GPU engine.`,
    `- LocScale's scheme runs ${Math.min(...ratios).toFixed(0)} to ${Math.max(...ratios).toFixed(0)} times as fast as the original, core for core.`,
    `- ${real.maps} deposited maps, correlation with the fitted model at B = 20 / 60 Å²: input ${real.input}, default ${real.profile}, LocScale's scheme with the bundled network ${real.network}.`,
    `- With the fitted model as reference: LocScale's scheme ${real.model}, \`--scaling soft\` ${real.softModel}.`,
    `- ${simulated.cases} simulated pairs of half maps, correlation with the truth: mean of the half maps ${simulated.input}, default ${simulated.profile}; with the true model LocScale's scheme ${simulated.model}, \`--scaling soft\` ${simulated.softModel}.`,
  ].join('\n');
}

/** The results of `npm run bench`: the newest of every machine and engine, by file name. */
export function newestSpeedResults(files) {
  const newest = new Map();
  for (const { name, text } of [...files].sort((a, b) => (a.name < b.name ? -1 : 1))) {
    if (/^\d{4}-\d{2}-\d{2}-.+\.json$/.test(name)) newest.set(name.slice(11), JSON.parse(text));
  }
  return [...newest.values()];
}

function cell(text) {
  return text.replaceAll('|', '\\|').replaceAll('<', '&lt;');
}

function spellings({ names, placeholder }) {
  const value = placeholder === '' ? '' : ` ${placeholder}`;
  return names.map((name) => `\`${cell(name)}\``).join(', ') + (value === '' ? '' : ` ${cell(value.trim())}`);
}

/** How this version treats an option, in words. */
function treatment(definition) {
  // Only symmetry looks at its value: any group but the default stands for "all others" here.
  const state = definition.state('C4');
  if (state.kind === 'noted') return `accepted; note: ${cell(state.note)}`;
  if (state.kind === 'works')
    return definition.commands.every((name) => name === 'feature_enhance')
      ? 'works, in `feature_enhance`'
      : 'works';
  if (definition.defaultText !== undefined && definition.state(definition.defaultText).kind === 'works')
    return `\`${definition.defaultText}\` only, others **refused**: ${cell(state.hint)}`;
  return `**refused**: ${cell(state.hint)}`;
}

function isOption(definition) {
  return !definition.names.includes('--help');
}

/** Options of LocScale; `options`: the definitions of src/options/index.ts. */
export function originalOptionsTable(options) {
  const rows = Object.values(options)
    .filter((definition) => !definition.own && isOption(definition))
    .map((definition) => [
      spellings(definition),
      definition.defaultText === undefined ? '' : cell(definition.defaultText),
      treatment(definition),
      cell(definition.help),
    ]);
  return table(['LocScale option', 'default here', 'here', 'what it does here'], rows);
}

/** Options that LocScale does not have. */
export function ownOptionsTable(options) {
  const rows = Object.values(options)
    .filter((definition) => definition.own)
    .map((definition) => [
      spellings(definition),
      definition.defaultText === undefined ? '' : cell(definition.defaultText),
      cell(definition.help),
    ]);
  return table(['option', 'default', 'what it does'], rows);
}

/**
 * Commands in the order of docs/outputs.md: what -o names there, and the record where it is not beside that.
 */
export const documentedOutputs = {
  scale: { outfile: 'out.mrc' },
  feature_enhance: { outfile: 'out.mrc' },
  mask: { outfile: 'mask.mrc' },
  locres: { outfile: 'localres.mrc' },
  postprocess: { outfile: 'postprocess.mrc' },
  assess: { outfile: 'assess.csv' },
  resample: { outfile: 'resampled.mrc' },
  symmetrise: { outfile: 'symmetrised.mrc' },
  fsc: { outfile: 'curve.json', record: false },
  demo: { outfile: 'locscale_output.mrc', record: 'demo.json' },
};

/**
 * What the outputs of a command are called, when they are written, and what they hold, by the rows of its
 * table.
 */
export function describeOutputs(table, { outfile, record = true }, { pathOf, recordPathOf }) {
  const facts = {
    values: { outputProcessingFiles: 'FOLDER' },
    outfile,
    input: { kind: 'map', map: 'map.mrc' },
  };
  const rows = table.map((row) => {
    const conditions = [row.inProcessingFolder === true ? '`-op FOLDER`' : undefined, row.when?.description];
    const when = conditions.filter((condition) => condition !== undefined).join('; ');
    return { file: pathOf(row, facts), when: when === '' ? 'always' : when, description: row.description };
  });
  const path = recordPathOf(record, outfile);
  if (path === undefined) return rows;
  const description =
    'record: version, command line, inputs with SHA-256, parameters in use, results in numbers, ' +
    'seconds per step, warnings';
  return [...rows, { file: path, when: 'always', description }];
}

/** `tables`: those of src/cli/output-tables.ts; `paths`: functions of src/cli/outputs.ts. */
export function outputsTables({ tables, paths }) {
  return Object.entries(documentedOutputs)
    .map(([command, names]) => {
      const described = describeOutputs(tables[command], names, paths);
      const body = described.map(({ file, when, description }) => [
        `\`${cell(file)}\``,
        cell(when),
        cell(description),
      ]);
      return [`**${command}**`, table(['file', 'when', 'what'], body)].join('\n\n');
    })
    .join('\n\n');
}

/** The newest of bench/results/ranks/, and what a model makes of it. */
function ranksBlocks(files) {
  const newest = [...files].sort((a, b) => (a.name < b.name ? -1 : 1)).at(-1);
  if (newest === undefined) return [];
  const results = JSON.parse(newest.text);
  return [
    { file: 'docs/clusters.md', name: 'ranks', content: ranksTable(results) },
    { file: 'docs/clusters.md', name: 'cluster-model', content: clusterTable(results) },
  ];
}

/**
 * Every generated block: file, marker name, content. `outputs`: as outputsTables takes it. `accuracy`,
 * `speed`, `ranks` and `robustness`: name and text of the JSON files in bench/results/accuracy/ (one an
 * engine), in bench/results/, and in its folders of these names.
 */
export function documentBlocks({ options, outputs, accuracy, speed, startUp, ranks, robustness, quality }) {
  const engines = [...accuracy]
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map(({ text }) => JSON.parse(text));
  const demo = engines.find((engine) => engine.demo !== undefined);
  if (demo === undefined) throw new Error('bench/results/accuracy/cpu.json is not there.');
  const measured = accuracyTable(engines);
  return [
    { file: 'README.md', name: 'demo', content: demoSentence(demo) },
    { file: 'README.md', name: 'figures', content: figuresList({ engines, speed, quality }) },
    { file: 'docs/accuracy.md', name: 'accuracy', content: measured },
    {
      file: 'docs/coming-from-locscale.md',
      name: 'original-options',
      content: originalOptionsTable(options),
    },
    { file: 'docs/outputs.md', name: 'outputs', content: outputsTables(outputs) },
    { file: 'docs/coming-from-locscale.md', name: 'own-options', content: ownOptionsTable(options) },
    { file: 'docs/speed.md', name: 'start-up', content: startUpTable(startUp) },
    ...ranksBlocks(ranks),
    ...robustnessBlocks(robustness),
    ...qualityBlocks(quality),
  ];
}
