/** Draws the running job: steps, time left in the current one, warnings. */

import type { Plan } from '../../screens/protocol.ts';
import { inPageWords } from '../../screens/words.ts';
import { byId, formatBytes, formatSeconds, h } from '../dom.ts';
import { type RunProgress, secondsLeft } from '../state.ts';

/** `network`: what predicts the reference in this page. */
export function drawPlan(plan: Plan, network?: 'bundled' | 'dropped'): void {
  const [nz, ny, nx] = plan.shape;
  byId('plan').replaceChildren(
    number('Mode', plan.mode),
    number('Box', `${nx} × ${ny} × ${nz} voxels of ${Number(plan.voxelSize.toFixed(4))} Å`),
    number('Memory', `about ${formatBytes(plan.memoryBytes)} of ${formatBytes(plan.limitBytes)}`),
    number('Time', `about ${formatAbout(plan.seconds)} on the CPU`),
    ...loaded(network).map((text) => number('Loads', text)),
    ...plan.warnings.map((warning) => number('Note', inPageWords(warning))),
  );
}

/** Parts of the page that only this run needs. */
function loaded(network: 'bundled' | 'dropped' | undefined): string[] {
  if (network === undefined || __NETWORK__ === null) return [];
  const { runtimeBytes, graphBytes } = __NETWORK__;
  const runtime = `onnxruntime (${formatBytes(runtimeBytes)})`;
  const parts =
    network === 'dropped' ? runtime : `${runtime} and the bundled network (${formatBytes(graphBytes)})`;
  return [`${parts}, from this page’s own folder`];
}

/** Estimates are rounded to one figure. */
function formatAbout(seconds: number): string {
  const rounded = Math.max(1, Number(seconds.toPrecision(1)));
  return rounded < 100 ? `${rounded} s` : formatSeconds(rounded);
}

/** A term with its value, for lists of numbers. */
export function number(name: string, value: string): HTMLElement {
  return h('div', {}, h('dt', {}, name), h('dd', {}, value));
}

/** `now`: by performance.now(), the clock of the steps. */
export function drawProgress(progress: RunProgress, stopping: boolean, now: number): void {
  const { steps, done, total, warnings, resolution, planned } = progress;
  const bar = byId('progress');
  const known = done !== undefined && total !== undefined && total > 0;
  bar.classList.toggle('unknown', !known);
  const percent = known ? (100 * done) / total : 0;
  (bar.firstElementChild as HTMLElement).style.width = `${known ? percent : 100}%`;
  if (known) bar.setAttribute('aria-valuenow', String(Math.round(percent)));
  else bar.removeAttribute('aria-valuenow');
  const left = secondsLeft(progress, now);
  const parts = [
    stopping ? 'stopping' : undefined,
    left === undefined ? undefined : `${formatSeconds(Math.max(left, 0.1))} left in this step`,
    resolution === undefined ? undefined : `resolution ${resolution.toFixed(2)} Å`,
    planned === undefined ? undefined : `peak memory ${formatBytes(planned.peakBytes)}`,
  ];
  byId('eta').textContent = parts.filter((part) => part !== undefined).join(' · ') || '\u00a0';
  const list = byId('steps');
  // Lines are appended, not redrawn, so that screen readers read each once.
  while (list.children.length > steps.length) list.lastElementChild?.remove();
  steps.forEach(({ message, begun }, i) => {
    const line =
      (list.children[i] as HTMLElement | undefined) ??
      list.appendChild(h('li', {}, h('span', {}, message), h('time')));
    const end = steps[i + 1]?.begun;
    line.classList.toggle('done', end !== undefined);
    if (end !== undefined)
      (line.lastElementChild as HTMLElement).textContent = formatSeconds((end - begun) / 1000);
  });
  byId('warnings').replaceChildren(
    ...warnings.map((text) => h('p', { className: 'note look' }, inPageWords(text))),
  );
}
