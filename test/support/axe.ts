/** axe-core, which tools/web brings, looks at the page. */
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Page } from 'puppeteer-core';
import { describe, expect } from 'vitest';
import { describeAbsent } from './required.ts';
import type { WebPage } from './web-page.ts';

const axe = fileURLToPath(new URL('../../tools/web/node_modules/axe-core/axe.min.js', import.meta.url));

export const NARROW = { width: 360, height: 740 };
const WIDE = { width: 1280, height: 900 };

export function describeWithAxe(name: string, body: () => void): void {
  if (existsSync(axe)) describe(name, body);
  else describeAbsent(name, 'web', 'tools/web is not installed (npm run web)', body);
}

export async function loadAxe(page: Page): Promise<void> {
  await page.evaluate(`window.axe ?? (() => { ${readFileSync(axe, 'utf8')} })()`);
}

/** Light and dark, wide and narrow; `within`: what has changed since the last look. */
export async function lookWithAxe(tab: WebPage, state: string, within = 'html'): Promise<void> {
  const { page } = tab;
  for (const scheme of ['light', 'dark'])
    for (const viewport of [WIDE, NARROW]) {
      await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: scheme }]);
      await page.setViewport(viewport);
      await tab.picture(`page-${state}-${scheme}${viewport === NARROW ? '-narrow' : ''}`);
      const beyond = await page.evaluate('document.documentElement.scrollWidth - innerWidth');
      expect(beyond, `${state}: wider than ${viewport.width} pixels`).toBeLessThanOrEqual(0);
      await loadAxe(page);
      const found = await page.evaluate(`axe.run('${within}').then(({ violations }) => violations.map(
        ({ id, nodes }) => id + ': ' + nodes.map(({ html }) => html.slice(0, 160)).join(' | ')))`);
      expect(found, `${state}, ${scheme}, ${viewport.width} pixels`).toEqual([]);
    }
  await page.setViewport(WIDE);
}
