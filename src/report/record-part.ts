/** Last section of a report: program, inputs, parameters and times, as in the run's JSON record. */

import { html, type Markup } from './html.ts';
import type { Part } from './page-parts.ts';
import type { RunRecord } from './run-record.ts';
import { settingsWords, settingText } from './settings-words.ts';

/** The whole record in tables, so that a page that is mailed alone says how its map was made. */
export function recordPart(record: RunRecord): Part {
  return {
    id: 'record',
    heading: 'Settings, files and times',
    figures: [],
    content: html`<p>The JSON file next to the map contains the same, for programs.</p>
<h3>Command</h3>
<code class="block">${record.command.map(shellWord).join(' ')}</code>
<h3>Program</h3>
${rows([
  ['version', `${record.program} ${record.version}`],
  ['ran on', record.runtime],
  ['engine', record.engine],
  ...(record.scaledBy ?? []).map(({ engine, windows }) => [`scaled ${windows} windows`, engine] as const),
  ['mode', record.mode],
  ['started', record.started],
])}
${record.network === undefined ? undefined : html`<h3>Network</h3>${rows(entriesOf(record.network))}`}
${record.model === undefined ? undefined : html`<h3>Atomic model</h3>${rows(entriesOf(record.model))}`}
<h3>Parameters</h3>
${rows(entriesOf(record.parameters))}
<h3>Numbers</h3>
${rows(entriesOf({ ...record.numbers, noise: undefined }))}
<h3>Inputs</h3>
<div class="scroll" tabindex="0" role="group" aria-label="Table"><table><thead><tr><th
>role</th><th>file</th><th class="number">bytes</th><th>SHA-256</th></tr></thead><tbody>
${record.inputs.map(
  ({ role, path, bytes, sha256 }) =>
    html`<tr><td>${role}</td><td><code>${path}</code></td><td
class="number">${bytes.toLocaleString('en')}</td><td><code>${sha256}</code></td></tr>`,
)}
</tbody></table></div>
<h3>Outputs</h3>
<ul>${record.outputs.map((path) => html`<li><code>${path}</code></li>`)}</ul>
<h3>Time per step</h3>
${timeTable(record.secondsPerStep)}`,
  };
}

/** Seconds per step with bars relative to the longest. */
function timeTable(secondsPerStep: Readonly<Record<string, number>>): Markup {
  const steps = Object.entries(secondsPerStep);
  const longest = Math.max(...steps.map(([, seconds]) => seconds), 1e-9);
  return html`<table><tbody>${steps.map(
    ([step, seconds]) =>
      html`<tr><td>${step}</td><td class="number">${seconds.toFixed(2)} s</td><td class="bar"><i
style="width: ${((100 * seconds) / longest).toFixed(1)}%"></i></td></tr>`,
  )}</tbody></table>`;
}

/** Rows of a table; entries without a label appear under their own names. */
function entriesOf(object: object): [string, string][] {
  return Object.entries(object)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => [settingsWords[key] ?? key, settingText(value)]);
}

/** A table with one row per entry. */
function rows(entries: readonly (readonly [string, string])[]): Markup {
  return html`<table><tbody>${entries.map(
    ([name, value]) => html`<tr><th
scope="row">${name}</th><td>${value}</td></tr>`,
  )}</tbody></table>`;
}

/** Quotes a command-line argument as one would type it. */
function shellWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`;
}
