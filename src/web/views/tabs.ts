/**
 * The sections of the report as tabs. Their markup comes from the report's templates, which escape external
 * text.
 */

import type { ReportPart } from '../../screens/protocol.ts';
import { h } from '../dom.ts';

/** Short headings of sections whose own would not fit side by side. */
const shortNames: Readonly<Record<string, string>> = {
  checks: 'Checks',
  fsc: 'FSC',
  profiles: 'Profiles',
  bands: 'Bands',
  'scale-factors': 'Scale factors',
  'b-factors': 'B factors',
  unexplained: 'Unexplained',
  mask: 'Mask and noise',
  record: 'Record',
};

/**
 * Draws the tabs, the first one selected; keys as in the ARIA pattern: arrows move, Tab goes to the
 * panel.
 */
export function drawTabs(root: HTMLElement, parts: readonly ReportPart[]): void {
  const tabs = parts.map(({ id, heading }, i) =>
    h(
      'button',
      {
        type: 'button',
        role: 'tab',
        id: `tab-${id}`,
        'aria-controls': `part-${id}`,
        onclick: () => select(i),
      },
      shortNames[id] ?? heading,
    ),
  );
  const panels = parts.map(({ id, markup }) =>
    h('div', {
      role: 'tabpanel',
      id: `part-${id}`,
      tabIndex: 0,
      'aria-labelledby': `tab-${id}`,
      innerHTML: markup,
    }),
  );
  const select = (chosen: number): void => {
    tabs.forEach((tab, i) => {
      tab.setAttribute('aria-selected', String(i === chosen));
      // One stop for the Tab key.
      tab.tabIndex = i === chosen ? 0 : -1;
      panels[i].hidden = i !== chosen;
    });
  };
  const list = h('div', { role: 'tablist', className: 'tabs', 'aria-label': 'Parts of the report' }, ...tabs);
  list.addEventListener('keydown', (event) => {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (by === undefined) return;
    const now = tabs.findIndex((tab) => tab.getAttribute('aria-selected') === 'true');
    const chosen = (now + by + tabs.length) % tabs.length;
    select(chosen);
    tabs[chosen].focus();
  });
  select(0);
  root.replaceChildren(h('h2', {}, 'What the run found'), list, ...panels);
  root.hidden = false;
}
