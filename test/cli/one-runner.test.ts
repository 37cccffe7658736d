/** What every command that makes maps can do: plan without running, continue a run, write a record. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { documentedOutputs } from '../../bench/doc-tables.mjs';
import { outputTables } from '../../src/cli/output-tables.ts';
import { type CommandName, definitionOf, type OptionId } from '../../src/options/index.ts';
import { ballValues, runCommand, Workspace } from './run-cli.ts';

let workspace: Workspace;
beforeEach(() => {
  workspace = new Workspace();
  workspace.map('half1.mrc', 2);
  workspace.map('half2.mrc', 3);
  workspace.map('mask.mrc', 1, { values: ballValues(8) });
});
afterEach(() => workspace.remove());

const run = (...args: string[]) => runCommand(workspace.folder, [...args, '--engine', 'cpu', '-np', '1']);
const halves = ['half1.mrc', 'half2.mrc'] as const;
/** Names and times of the files that --resume keeps. */
const finishedSteps = () => {
  const folder = workspace.path('processing_files/checkpoints');
  return readdirSync(folder)
    .sort()
    .map((name) => [name, statSync(join(folder, name)).mtimeMs]);
};
const json = (name: string) => JSON.parse(readFileSync(workspace.path(name), 'utf8'));

describe('--dry_run', () => {
  it.each([
    [['mask', '-hm', ...halves], 'FDR confidence mask', 'mask.mrc, mask_confidence.mrc, mask.json'],
    [
      ['locres', ...halves],
      'local resolution of half maps',
      'localres.mrc, localres_filtered.mrc, localres.cxc, localres.json',
    ],
    [['resample', 'half1.mrc', '--voxel_size', '6'], 'map on another grid', 'resampled.mrc, resampled.json'],
    [
      ['symmetrise', 'half1.mrc', '-sym', 'C2'],
      'average over 2 operators (C2)',
      'symmetrised.mrc, symmetrised.json',
    ],
    [
      ['postprocess', '-hm', ...halves, '-ma', 'mask.mrc'],
      'one B factor for the whole map',
      'postprocess.mrc, postprocess_masked.mrc, postprocess.star, postprocess.cxc, postprocess.json',
    ],
    [['fsc', ...halves, '-o', 'curve.xml'], 'FSC', 'curve.xml'],
  ])('of %j names mode, map and files, and writes none', async (args, mode, files) => {
    const { code, stdout, stderr } = await run(...args, '--dry_run');
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toContain(`Mode: ${mode}\n`);
    expect(stdout).toMatch(/^Map: \d+ x \d+ x \d+ voxels of [\d.]+ A$/m);
    expect(stdout).toContain(`Files: ${files}\n`);
    expect(workspace.list()).toEqual([...halves, 'mask.mrc']);
  });

  it('finds maps that do not fit', async () => {
    workspace.map('other.mrc', 3, { voxelSize: 1.7 });
    const { code, stderr } = await run('locres', 'half1.mrc', 'other.mrc', '--dry_run');
    expect(code).toBe(3);
    expect(stderr).toContain('other.mrc');
  });
});

describe('--resume', () => {
  it.each([
    ['mask', ['mask', '-hm', ...halves, '-o', 'm.mrc'], 'm.mrc'],
    ['locres', ['locres', ...halves, '--locres_window', '24', '-o', 'm.mrc'], 'm.mrc'],
    ['postprocess', ['postprocess', '-hm', ...halves, '-o', 'm.mrc'], 'm.mrc'],
  ])('of %s takes finished steps over, and gives the same map', async (_command, args, outfile) => {
    const first = await run(...args, '--resume');
    expect(first.code).toBe(0);
    const map = readFileSync(workspace.path(outfile));
    const kept = finishedSteps();
    expect(kept).not.toEqual([]);
    const second = await run(...args, '--resume');
    expect(second.code).toBe(0);
    // A step that is computed again is kept again, under another number.
    expect(finishedSteps()).toEqual(kept);
    // The label says nothing of the time: the files are equal.
    expect(readFileSync(workspace.path(outfile)).equals(map)).toBe(true);
  });
});

describe('--print_report', () => {
  it.each([
    ['mask', ['mask', '-hm', ...halves, '-o', 'm.mrc'], ['FDR confidence', 'Mask and noise']],
    [
      'locres',
      ['locres', ...halves, '--locres_window', '24', '-o', 'm.mrc'],
      ['local resolution', 'filtered map', 'Before and after', 'Fourier shell correlation'],
    ],
    [
      'postprocess',
      ['postprocess', '-hm', ...halves, '-o', 'm.mrc'],
      ['FSC within the mask', 'Guinier plot', 'Before and after', 'Mask and noise'],
    ],
  ])('of %s is a page of what was measured, without what scaling shows', async (_command, args, texts) => {
    const { code, stderr } = await run(...args, '--print_report');
    expect([code, stderr]).toEqual([0, expect.not.stringContaining('report')]);
    const page = readFileSync(workspace.path('m_report.html'), 'utf8');
    for (const text of texts) expect(page).toContain(text);
    const words = page.replaceAll(/<(script|style).*?<\/\1>|<[^>]+>/gs, ' ');
    for (const text of ['Scale factors', 'B factor of the input', 'undefined', 'NaN'])
      expect(words).not.toContain(text);
    expect(json('m.json').outputs).toContain('m_report.html');
  });
});

describe('what the runner gives', () => {
  /** Averaging and the FSC are one short step: nothing of them is worth keeping or showing on a page. */
  const abilities = {
    scale: ['dry run', 'record', 'resume', 'report'],
    feature_enhance: ['dry run', 'record', 'resume', 'report'],
    mask: ['dry run', 'record', 'resume', 'report'],
    locres: ['dry run', 'record', 'resume', 'report'],
    postprocess: ['dry run', 'record', 'resume', 'report'],
    assess: ['dry run', 'record', 'report'],
    resample: ['dry run', 'record'],
    symmetrise: ['dry run', 'record'],
    fsc: ['dry run'],
  };

  it.each(Object.entries(abilities))('to %s is %j', (command, expected) => {
    const has = (id: OptionId) => definitionOf(id).commands.includes(command as CommandName);
    const found = {
      'dry run': has('dryRun'),
      record: documentedOutputs[command].record !== false,
      resume: has('resume') && has('noResume'),
      report: has('printReport') && has('reportFilename'),
    };
    expect(Object.entries(found).flatMap(([name, there]) => (there ? [name] : []))).toEqual(expected);
  });

  it('goes to every command with a table of outputs, and to the demo, which is a run of scale', () => {
    const expected = [...Object.keys(abilities), 'demo'].sort();
    expect(Object.keys(outputTables).sort()).toEqual(expected);
    expect(Object.keys(documentedOutputs).sort()).toEqual(expected);
  });
});

describe('the record', () => {
  it('of a mask holds what of locres and scale does', async () => {
    expect((await run('mask', '-hm', ...halves, '-o', 'm.mrc')).code).toBe(0);
    const record = json('m.json');
    expect(record.outputs).toEqual(['m.mrc', 'm_confidence.mrc']);
    expect(record.inputs.map((input: { role: string }) => input.role)).toEqual(['half map 1', 'half map 2']);
    expect(Object.keys(record.secondsPerStep)).toEqual(
      expect.arrayContaining(['read', 'fsc', 'mask', 'write']),
    );
  });
});
