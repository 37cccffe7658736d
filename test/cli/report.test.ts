/** `--print_report` as a user runs it: the page, its pictures, the record, and where they go. */
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { decode } from 'fast-png';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { edge } from '../unit/pipeline/test-maps.ts';
import { ballValues, type Runtime, runCli, runCommand, runtimes, Workspace } from './run-cli.ts';

let workspace: Workspace;
beforeAll(() => {
  workspace = new Workspace();
  workspace.map('half1.mrc', 1);
  workspace.map('half2.mrc', 2);
  workspace.map('reference.mrc', 3);
  workspace.map('mask.mrc', 0, { values: ballValues(6) });
});
afterAll(() => workspace.remove());

const scale = [
  '-hm',
  'half1.mrc',
  'half2.mrc',
  '-mm',
  'reference.mrc',
  '-wn',
  '10',
  '--engine',
  'cpu',
  '-np',
  '1',
];
const text = (name: string): string => readFileSync(workspace.path(name), 'utf8');
const run = (args: readonly string[], runtime?: Runtime) =>
  runtime === undefined ? runCommand(workspace.folder, args) : runCli(workspace.folder, args, { runtime });

describe.each(runtimes)('a report under %s', (runtime) => {
  it('is one page with everything in it, and pictures next to it', async () => {
    const out = `out-${runtime}`;
    const result = await run([...scale, '--measure_bfactors', '--print_report', '-o', `${out}.mrc`], runtime);
    expect(result.code, result.stderr).toBe(0);
    expect(result.stdout).toContain(`Wrote ${out}_report.html\n`);
    const page = text(`${out}_report.html`);
    const record = JSON.parse(text(`${out}.json`));
    expect(record.outputs).toContain(`${out}_report.html`);
    expect(record.secondsPerStep.report).toBeGreaterThan(0);
    for (const { path, sha256 } of record.inputs) {
      expect(page).toContain(path);
      expect(page).toContain(sha256);
    }
    for (const expected of [
      record.version,
      record.engine,
      record.mode,
      record.started,
      `${record.fsc.resolution.toFixed(2)} Å`,
      `${record.secondsPerStep.scaling.toFixed(2)} s`,
      'At every voxel: local B factor',
      ...record.warnings,
    ])
      expect(page, expected).toContain(expected);
    for (const [url] of page.matchAll(/https?:\/\/[^"'\s<)]+/g))
      expect(url).toBe('http://www.w3.org/2000/svg');
    // Text with nothing missing: no number came out as NaN.
    expect(page.replaceAll(/<script[\s\S]*?<\/script>/g, '')).not.toMatch(/\b(NaN|undefined|Infinity)\b/);

    const folder = `${out}_report_figures`;
    expect(result.stdout).toMatch(new RegExp(`^Wrote ${folder} \\(\\d+ pictures\\)$`, 'm'));
    const fsc = decode(readFileSync(workspace.path(`${folder}/fsc.png`)));
    expect([fsc.width, fsc.height]).toEqual([1600, 880]);
    // White paper, and a curve in its colour.
    expect([...fsc.data.subarray(0, 3)]).toEqual([255, 255, 255]);
    const blue = countPixels(fsc, [31, 111, 178]);
    expect(blue).toBeGreaterThan(2000);
    expect(statSync(workspace.path(`${folder}/sections.png`)).size).toBeGreaterThan(10_000);
  });
});

describe('the name of a report', () => {
  it('may be chosen; alone it goes next to the output', async () => {
    mkdirSync(workspace.path('there'));
    const common = [...scale, '-ma', 'mask.mrc', '--print_report'];
    const beside = await run([...common, '-o', 'there/x.mrc', '--report_filename', 'my & report']);
    expect(beside.code, beside.stderr).toBe(0);
    expect(text('there/my & report.html')).toContain('The mask was given');
    const elsewhere = await run([...common, '-o', 'there/x.mrc', '--report_filename', './y.html']);
    expect(elsewhere.code, elsewhere.stderr).toBe(0);
    expect(existsSync(workspace.path('y.html'))).toBe(true);
    expect(existsSync(workspace.path('y_figures/profiles.png'))).toBe(true);
  });

  it('of an input is refused before anything is computed', async () => {
    writeFileSync(workspace.path('map.html'), readFileSync(workspace.path('half1.mrc')));
    const before = workspace.list();
    const args = scale.map((word) => (word === 'half1.mrc' ? 'map.html' : word));
    const result = await run([...args, '--print_report', '--report_filename', 'map', '-o', 'z.mrc']);
    expect(result.code).toBe(3);
    expect(result.stderr).toContain('would overwrite the input map.html');
    expect(workspace.list()).toEqual(before);
  });

  it('may end with .pdf: a page is written, and one sentence says so', async () => {
    const result = await run([
      ...scale,
      '-ma',
      'mask.mrc',
      '--print_report',
      '--report_filename',
      'r.pdf',
      '-o',
      'p.mrc',
    ]);
    expect([result.code, result.stderr]).toEqual([
      0,
      'note: The report is an HTML page, not PDF: it is written as r.html; a browser prints it as PDF.\n',
    ]);
    expect(text('r.html')).toMatch(/^<!doctype html>/i);
    expect(existsSync(workspace.path('r.pdf'))).toBe(false);
  });

  it.each([
    ['none/r', /none\/r\.html cannot be written: the folder .*none does not exist\.\n.*--report_filename/],
    ['taken.mrc/r', /taken\.mrc is not a folder\.\n.*--report_filename/],
    ['taken', /The folder taken_figures cannot be made: a file has its name\.\n.*--report_filename/],
    ['folder/', /The report cannot be called "folder\/": that is a folder\./],
  ])('%s is refused before anything is computed', async (name, message) => {
    writeFileSync(workspace.path('taken.mrc'), '');
    writeFileSync(workspace.path('taken_figures'), '');
    const before = workspace.list();
    const result = await run([...scale, '--print_report', '--report_filename', name, '-o', 'z.mrc']);
    expect(result.stderr).toMatch(message);
    expect([2, 3]).toContain(result.code);
    expect(workspace.list()).toEqual(before);
  });

  it('without a report is noted', async () => {
    const result = await run([...scale, '--report_filename', 'x', '-o', 'noted.mrc']);
    expect(result.code).toBe(0);
    expect(`${result.stdout}${result.stderr}`).toContain('--report_filename has no effect');
    expect(workspace.list().filter((name) => name.startsWith('noted'))).toEqual([
      'noted.cxc',
      'noted.json',
      'noted.mrc',
    ]);
  });
});

describe('hostile names', () => {
  it('are shown as text', async () => {
    const name = `<img src=x onerror=alert(1)>'"&.mrc`;
    writeFileSync(workspace.path(name), readFileSync(workspace.path('half1.mrc')));
    const args = scale.map((word) => (word === 'half1.mrc' ? name : word));
    const result = await run([...args, '-ma', 'mask.mrc', '--print_report', '-o', 'hostile.mrc']);
    expect(result.code, result.stderr).toBe(0);
    const page = text('hostile_report.html');
    expect(page.includes('<img src=x')).toBe(false);
    expect(page).toContain('&lt;img src=x onerror=alert(1)&gt;&#39;&quot;&amp;.mrc');
  });
});

describe('the ChimeraX file', () => {
  it('opens the map, and colours it by local B factors where they were measured', async () => {
    const result = await run([...scale, '-ma', 'mask.mrc', '--measure_bfactors', '-o', 'scene.mrc']);
    expect(result.code, result.stderr).toBe(0);
    const scene = text('scene.cxc');
    expect(scene).toContain(
      `open "${workspace.path('scene.mrc')}"\nopen "${workspace.path('scene_bfactor.mrc')}"`,
    );
    expect(scene).toMatch(
      /^color sample #1 map #2 palette -?[\d.]+,#2166ac:-?[\d.]+,#f7f7f7:-?[\d.]+,#b2182b$/m,
    );
    const volume = ballValues(6).reduce((sum, v) => sum + v, 0) * 27;
    expect(scene).toContain(`encloseVolume ${Math.round(0.35 * volume)}`);
    expect(edge).toBe(20);
  });

  it('shows the input next to the result where it is one file', async () => {
    await run(['-em', 'half1.mrc', ...scale.slice(3), '-ma', 'mask.mrc', '-o', 'one.mrc']);
    expect(text('one.cxc')).toContain(`open "${workspace.path('half1.mrc')}"`);
    expect(text('one.cxc')).toContain('hide #2 models');
  });
});

function countPixels(
  { data, channels }: { data: ArrayLike<number>; channels: number },
  rgb: readonly number[],
): number {
  let count = 0;
  for (let i = 0; i < data.length; i += channels)
    if (rgb.every((v, c) => Math.abs(data[i + c]! - v) < 3)) count++;
  return count;
}
