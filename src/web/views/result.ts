/** Draws the numbers and files of the result. */

import type { RunSummary } from '../../screens/protocol.ts';
import { inPageWords } from '../../screens/words.ts';
import { byId, formatBytes, formatSeconds, formatShape, h } from '../dom.ts';
import { number } from './run.ts';

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/**
 * `onSave`: a button for one output was pressed. Shows the panels, which are hidden until a run has
 * ended.
 */
export function drawResult(summary: RunSummary, onSave: (name: string) => void): void {
  const {
    resolution,
    resolutionSource,
    shape,
    voxelSize,
    maskVolume,
    windowAngstrom,
    windowSigma,
    seconds,
    truth,
    mode,
  } = summary;
  byId('numbers').replaceChildren(
    number('Mode', inPageWords(mode)),
    number(capital(resolutionSource), resolution === undefined ? 'none' : `${resolution.toFixed(2)} Å`),
    number('Box', `${formatShape(shape)} × ${Number(voxelSize.toFixed(4))} Å`),
    number('Mask', `${Math.round(maskVolume).toLocaleString('en')} Å³`),
    windowSigma === undefined
      ? number('Window', `${windowAngstrom.toFixed(1)} Å`)
      : number('Windows', `Gaussian, σ ${windowSigma.toFixed(1)} Å`),
    number('Time', formatSeconds(seconds)),
    number('Computed on', summary.engine.replace(/, WASM SIMD|, WebGPU/, '')),
    ...(truth === undefined
      ? []
      : [number('Correlation with the truth', `${truth.before.toFixed(3)} → ${truth.after.toFixed(3)}`)]),
  );
  byId('warnings').replaceChildren(
    ...summary.warnings.map((text) => h('p', { className: 'note look' }, inPageWords(text))),
  );
  byId('output-list').replaceChildren(
    ...summary.files.map(({ name, what, bytes }) =>
      h(
        'li',
        {},
        h('button', { type: 'button', 'aria-label': `Save ${name}`, onclick: () => onSave(name) }, 'Save'),
        h('code', {}, name),
        h('span', { className: 'quiet' }, `${what} · ${formatBytes(bytes)}`),
      ),
    ),
  );
  for (const id of ['result', 'outputs']) byId(id).hidden = false;
}
