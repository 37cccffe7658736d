import { describe, expect, it } from 'vitest';
import { collectReportData } from '../../../src/report/collect.ts';
import { renderReport } from '../../../src/report/page.ts';
import { chooseWindows } from '../../../src/report/page-parts.ts';
import { pageScript } from '../../../src/report/page-script.ts';
import { withLightColours } from '../../../src/report/palette.ts';
import {
  meanProfile,
  plotBFactors,
  plotComparison,
  plotDistribution,
  plotFsc,
  plotProfiles,
} from '../../../src/report/plots.ts';
import type { RunRecord } from '../../../src/report/run-record.ts';
import { settingText } from '../../../src/report/settings-words.ts';
import { sampleRecord, sampleRun } from './sample-run.ts';

const reportData = await collectReportData(sampleRun());
const words = { title: 'scaled.mrc', kind: 'scale' } as const;
const render = async (change = {}) => (await renderReport(reportData, sampleRecord(change), words)).html;

/** Points of the path of the line drawn in a colour. */
function pointsOf(svg: string, colour: string): [number, number][] {
  const group = new RegExp(`stroke="var\\(--${colour}\\)"[^>]*>\\s*<path d="([^"]+)"`).exec(svg)!;
  return group[1]!
    .slice(1)
    .split(/[LM]/)
    .map((pair) => pair.split(',').map(Number) as [number, number]);
}

describe('curves', () => {
  it('of the FSC go through its points and mark where it crosses', () => {
    const { fsc } = sampleRecord();
    const svg = plotFsc(fsc!);
    const points = pointsOf(svg, 'result');
    expect(points).toHaveLength(34);
    const [first, last] = [points[0]!, points.at(-1)!];
    points.forEach(([x, y], i) => {
      // Linear axes, three digits behind the point.
      const share =
        (fsc!.correlation[i]! - fsc!.correlation[0]!) / (fsc!.correlation[33]! - fsc!.correlation[0]!);
      expect(x).toBeCloseTo(first[0] + (i / 33) * (last[0] - first[0]), 2);
      expect(y).toBeCloseTo(first[1] + share * (last[1] - first[1]), 2);
    });
    for (const text of ['4.12 Å', '5.23 Å', '0.143', '0.5', 'spatial frequency, 1/Å'])
      expect(svg).toContain(`>${text}`);
    // Resolutions along the top.
    expect(svg).toMatch(/>10<[\s\S]*>6<[\s\S]*>5<[\s\S]*>4</);
  });

  it('of amplitudes start together and show each map once', () => {
    const svg = plotProfiles(reportData, 4);
    const input = pointsOf(svg, 'input');
    const result = pointsOf(svg, 'result');
    expect(input).toHaveLength(reportData.windows.frequency.length - 1);
    expect(input[0]).toEqual(result[0]);
    // A logarithmic axis that all maps share.
    const logs = (role: string): number[] =>
      [...meanProfile(reportData.maps.find((map) => map.role === role)!.profiles)].slice(1).map(Math.log);
    const scale = (result.at(-1)![1] - result[0]![1]) / (logs('result').at(-1)! - logs('result')[0]!);
    for (const [role, points] of Object.entries({ input, result }))
      points.forEach(([, y], i) => {
        expect(y).toBeCloseTo(points[0]![1] + scale * (logs(role)[i]! - logs(role)[0]!), 1);
      });
    for (const { label } of reportData.maps) expect(svg).toContain(label);
    expect(svg).toContain('4.00 Å');
  });

  it('of distributions hold all values', () => {
    const svg = plotDistribution(reportData.local!, 'B');
    const bars = [...svg.matchAll(/<rect [^>]*height="([\d.]+)"[^>]*>/g)].map((match) => Number(match[1]));
    expect(bars.length).toBeGreaterThan(20);
    expect(svg).toContain('share of the mask');
    expect(plotBFactors(reportData)).toContain('local B factor, Å² (windows)');
  });

  it('average profiles shell by shell', () => {
    expect([...meanProfile([Float64Array.of(1, 2), Float64Array.of(3, 6)])]).toEqual([2, 4]);
  });

  it('stand alone as files in light colours', async () => {
    const { figures } = await renderReport(reportData, sampleRecord(), words);
    expect(new Set(figures.map(({ name }) => name)).size).toBe(figures.length);
    expect(figures.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['sections', 'fsc', 'profiles', 'scale-factors', 'gain', 'mask-z', 'b-factors']),
    );
    for (const { name, svg } of figures) {
      expect(name).toMatch(/^[a-zA-Z0-9-]+$/);
      const alone = withLightColours(svg);
      expect(alone).toMatch(/^<svg [^>]*xmlns="http:\/\/www\.w3\.org\/2000\/svg"/);
      expect(alone).not.toMatch(/var\(--(?!plot)|currentColor/);
    }
  });
});

describe('the page', () => {
  it('holds what the run recorded', async () => {
    const page = await render();
    for (const text of [
      '9.8.7',
      'Node 20.0.0',
      'reference map r.mrc',
      'CPU, 3 worker threads',
      'locscale-gpu -hm &#39;half 1.mrc&#39; half2.mrc',
      '12,345',
      'ab'.repeat(32),
      'somethingNew',
      'false-discovery rate of the mask',
      '4.12 Å',
      '1.25 s',
      '7.50 s',
      'out/scaled.mrc',
      'The origins differ.',
      '28×20×24',
      'Wilson cut-off, Å',
    ])
      expect(page, text).toContain(text);
  });

  it('compares two ways of scaling where both ran', async () => {
    expect(await render()).not.toContain('Two ways of scaling');
    const amplitudes = {
      frequency: [0, 0.05, 0.1, 0.15],
      wanted: [1, 1, 0.5, 0.4],
      reached: [1, 1, 0.5, 0.3],
      also: [1, 1, 0.5, 0],
    };
    const global = { bFactor: -80.4, resolution: 3.512 };
    const html = await render({ comparison: { scheme: 'global', global, amplitudes } });
    expect(html).toContain('Two ways of scaling');
    expect(html).toContain('-80 Å² were added to the whole map, up to 3.51 Å.');
    const svg = plotComparison(amplitudes, { reached: 'soft bands', also: 'one B factor' }, 3.5);
    expect(pointsOf(svg, 'result')).toHaveLength(4);
    // On a logarithmic axis what is 0 has no place.
    expect(pointsOf(svg, 'input')).toHaveLength(3);
    for (const name of ['wanted', 'soft bands', 'one B factor']) expect(svg).toContain(`— ${name}<`);
  });

  it('loads nothing and runs only its own script', async () => {
    const page = await render();
    // The only addresses are names of vocabularies.
    for (const [url] of page.matchAll(/https?:\/\/[^"'\s<)]+/g))
      expect(url).toBe('http://www.w3.org/2000/svg');
    for (const [, target] of page.matchAll(/(?:src|href)="([^"]*)"/g))
      expect(target).toMatch(/^(data:image\/png;base64,|#)/);
    expect(page).not.toMatch(/@import|url\(|<link|<iframe/);
    const digest = new Uint8Array(
      await crypto.subtle.digest('SHA-256', new TextEncoder().encode(pageScript)),
    );
    expect(page).toContain(`script-src 'sha256-${Buffer.from(digest).toString('base64')}'`);
    expect(page).toContain("default-src 'none'");
    expect(page.split('<script>')).toHaveLength(2);
  });

  it('shows hostile names as text', async () => {
    const hostile = `</code><script>alert(1)</script><img src=x onerror="alert(2)">.mrc`;
    const maps = sampleRun().maps.map((map) => ({ ...map, label: hostile }));
    const found = await collectReportData(
      sampleRun({ maps, local: { ...sampleRun().local!, label: hostile } }),
    );
    const { html } = await renderReport(
      found,
      sampleRecord({
        mode: hostile,
        engine: hostile,
        command: [hostile],
        inputs: [{ role: hostile, path: hostile, bytes: 1, sha256: hostile }],
        parameters: { [hostile]: hostile },
        outputs: [hostile],
        warnings: [hostile],
        secondsPerStep: { [hostile]: 1 },
        network: { [hostile]: hostile } as unknown as RunRecord['network'],
      }),
      { title: hostile, kind: 'scale' },
    );
    expect(html.includes('<script>alert')).toBe(false);
    expect(html.includes('<img src=x')).toBe(false);
    expect(html.match(/<script/g)).toHaveLength(2);
    expect(html.split('&lt;script&gt;alert(1)').length).toBeGreaterThan(15);
  });

  it('says that there is no FSC without half maps, and no reference without one', async () => {
    const maps = sampleRun().maps.filter(({ role }) => role !== 'reference');
    const found = await collectReportData(sampleRun({ maps, noiseBoxes: [] }));
    const { fsc: _, ...record } = sampleRecord();
    const { html, figures } = await renderReport(found, record, words);
    expect(html).toContain('there is no FSC');
    expect(html).toContain('There is no reference map');
    expect(html).toContain('The mask was given');
    expect(html).not.toContain('type="radio"');
    expect(figures.map(({ name }) => name)).not.toContain('fsc');
  });

  it('is small', async () => {
    expect((await render()).length).toBeLessThan(500_000);
  });

  it('takes the windows for single profiles from one end of the B factors to the other', () => {
    const values = chooseWindows(reportData).map(({ words: text }) => Number(/-?\d+/.exec(text)![0]));
    expect(values).toHaveLength(4);
    expect(values).toEqual(values.toSorted((a, b) => a - b));
  });
});

describe('settings as text', () => {
  it.each([
    [true, 'yes'],
    [null, 'none'],
    [0.1 + 0.2, '0.3'],
    [[[1, 2, 3]], '1, 2, 3'],
    [Array.from({ length: 40 }, () => 1), '40 values'],
    [{ frequency: [1, 2], name: 'x' }, 'frequency: 1, 2; name: x'],
  ])('%j is "%s"', (value, text) => {
    expect(settingText(value)).toBe(text);
  });
});
