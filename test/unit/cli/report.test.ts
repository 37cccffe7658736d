import { describe, expect, it, vi } from 'vitest';
import { planOutputs, type RunRequest } from '../../../src/cli/outputs.ts';
import { drawReport, reportFilesOf, reportNameNote, withoutPictures } from '../../../src/cli/report.ts';
import type { Session } from '../../../src/cli/session.ts';
import { writeRun } from '../../../src/cli/write-run.ts';
import { collectReportData } from '../../../src/report/collect.ts';
import type { RunRecord } from '../../../src/report/run-record.ts';
import { createSimpleEngine } from '../../support/simple-engine.ts';
import { noisyBlob } from '../pipeline/test-maps.ts';
import { sampleRecord, sampleRun } from '../report/sample-run.ts';

const missing = vi.hoisted(() => ({ now: false }));
vi.mock('@resvg/resvg-js', async (original) => {
  if (missing.now) throw new Error('not installed');
  return original();
});
const written = vi.hoisted(() => ({ files: new Map<string, string>() }));
vi.mock('../../../src/files/staged-files.ts', () => ({
  makeFolder: async () => {},
  StagedFiles: class {
    private readonly paths: string[] = [];
    async stage(path: string, content: unknown) {
      this.paths.push(path);
      written.files.set(path, typeof content === 'string' ? content : '');
    }
    async makeFolder() {}
    async commit() {
      return this.paths;
    }
    discard() {}
  },
}));

const files = { page: 'x_report.html', folder: 'x_report_figures' };

describe('names of a report', () => {
  it.each([
    [{}, 'out/m.mrc', undefined],
    [{ printReport: true as const }, 'out/m.mrc', 'out/m_report.html'],
    [{ printReport: true as const, reportFilename: 'r' }, 'out/m.mrc', 'out/r.html'],
    [{ printReport: true as const, reportFilename: 'r.HTML' }, 'm.mrc', 'r.HTML'],
    [{ printReport: true as const, reportFilename: 'there/r' }, 'out/m.mrc', 'there/r.html'],
    [{ printReport: true as const, reportFilename: './r' }, 'out/m.mrc', './r.html'],
    [{ printReport: true as const, reportFilename: 'r.pdf' }, 'out/m.mrc', 'out/r.html'],
    [{ printReport: true as const, reportFilename: 'there/r.PDF' }, 'out/m.mrc', 'there/r.html'],
    [{ printReport: true as const, reportFilename: 'r.htm' }, 'm.mrc', 'r.htm'],
    // The end of a number is no type of file.
    [{ printReport: true as const, reportFilename: 'r_3.2A' }, 'm.mrc', 'r_3.2A.html'],
    [{ printReport: true as const, reportFilename: '.pdf' }, 'm.mrc', '.pdf.html'],
  ])('%j next to %s is %s', (values, outfile, page) => {
    expect(reportFilesOf(values, outfile)?.page).toBe(page);
  });

  it.each(['there/', '.', '..', '/'])('%s is a folder', (reportFilename) => {
    expect(() => reportFilesOf({ printReport: true, reportFilename }, 'm.mrc')).toThrow(/that is a folder/);
  });

  it('are reported where they differ from the request', () => {
    const note = (reportFilename: string) => reportNameNote({ printReport: true, reportFilename });
    expect(note('x.pdf')).toBe(
      'The report is an HTML page, not PDF: it is written as x.html; a browser prints it as PDF.',
    );
    expect(note('there/x.txt')).toBe('The report is an HTML page, not TXT: it is written as there/x.html.');
    for (const name of ['x', 'x.html', 'x_3.2A']) expect(note(name)).toBeUndefined();
    expect(reportNameNote({ reportFilename: 'x.pdf' })).toBeUndefined();
  });

  it('stand for the folder of pictures in the list of what was written', () => {
    const paths = ['m.mrc', files.page, 'x_report_figures/a.png', 'x_report_figures/b.png', 'm.json'];
    expect(withoutPictures(paths, { files })).toEqual([
      'm.mrc',
      files.page,
      'm.json',
      'x_report_figures (2 pictures)',
    ]);
    expect(withoutPictures(paths, undefined)).toEqual(paths);
  });
});

describe('a report', () => {
  it('without the package that draws pictures is the page alone, and says so', async () => {
    missing.now = true;
    const reportData = await collectReportData(sampleRun());
    const words = { files, title: 'm.mrc', kind: 'scale' } as const;
    const drawn = await drawReport(reportData, sampleRecord(), words);
    expect(drawn.page).toContain('<!doctype html>');
    expect(drawn.pictures).toEqual([]);
    expect(drawn.note).toContain('@resvg/resvg-js is not installed');
    expect(drawn.note).toContain(files.page);
  });

  it.each(['looking', 'drawing'])(
    'that fails while %s costs no map: a warning, and no page',
    async (when) => {
      const engine = createSimpleEngine();
      const image = noisyBlob('map', 1);
      const warnings: string[] = [];
      const session = {
        logger: { line: () => {}, warn: (text: string) => warnings.push(text), note: () => {} },
        parsed: { values: {} },
        argv: [],
        signal: new AbortController().signal,
      } as unknown as Session;
      const broken = async (): Promise<never> => {
        throw new Error('lost its mask');
      };
      const whole = sampleRun();
      // Without a result there is nothing to draw.
      const run =
        when === 'looking' ? { ...whole, mask: broken } : { ...whole, maps: whole.maps.slice(0, 1) };
      const volume = await engine.upload(Float32Array.from(image.data), image.grid.shape);
      written.files.clear();
      const request: RunRequest = {
        values: { printReport: true, reportFilename: files.page },
        outfile: 'm.mrc',
        input: { kind: 'map', map: 'in.mrc' },
      };
      const table = [{ key: 'm', name: '', volume: () => volume, label: 'x', description: 'a map' }];
      const paths = await writeRun(session, {
        engine,
        result: { grid: image.grid, header: image.header, timings: {}, warnings: [] },
        outputs: planOutputs(table, request, true),
        request,
        files: [],
        started: new Date(0),
        record: { mode: 'm', parameters: {}, numbers: { windowVoxels: 6, fscCutoff: 3 } },
        report: { run, title: 'm.mrc', kind: 'scale' },
      });
      expect(paths).toEqual(['m.mrc', 'm.json']);
      expect(warnings).toEqual([expect.stringMatching(/^The report was not written: /)]);
      const manifest = JSON.parse(written.files.get('m.json')!) as RunRecord;
      expect(manifest.outputs).toEqual(['m.mrc']);
    },
  );
});
