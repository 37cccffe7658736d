/**
 * Maps that are odd, do not fit each other or are no good, in the page and on the command line: both end in
 * the same sentence, or in the same voxels.
 */
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type PageServer, servePage } from '../../src/files/folder-server.ts';
import { inPageWords } from '../../src/screens/words.ts';
import { type CliResult, runCommand, Workspace } from '../cli/run-cli.ts';
import { COMPUTING_ARGS, forLongJourneys, launchBrowser } from '../support/browser.ts';
import { combine, goodHalves, makeScene } from '../support/half-map-scene.ts';
import { type MrcFixture, makeMrc } from '../support/mrc-fixture.ts';
import { builtPage, WebPage } from '../support/web-page.ts';

const launched = await forLongJourneys(() => launchBrowser({ args: COMPUTING_ARGS }));

const edge = 32;
const voxelSize = 1.4;
const ball = (radius: number): Float32Array =>
  Float32Array.from({ length: edge ** 3 }, (_, i) =>
    Math.hypot(Math.floor(i / edge ** 2) - 16, (Math.floor(i / edge) % edge) - 16, (i % edge) - 16) < radius
      ? 1
      : 0,
  );

interface Case {
  readonly what: string;
  /** Dropped on the page. */
  readonly files: readonly string[];
  readonly settings: string;
  /** The same on the command line. */
  readonly options: readonly string[];
  /** In an error or a warning of both. */
  readonly sentence?: RegExp;
  /** Output that both write; default: none. */
  readonly output?: string;
}

const halves = ['a_half1.mrc', 'a_half2.mrc'];
const masked = ['-ma', 'mask.mrc'];
const plain = 'ref=none';
const pair = (one: string, other: string): string[] => ['-hm', one, other];
const none = ['--no_reference'];
const main = 'locscale_output.mrc';

const cases: readonly Case[] = [
  {
    what: 'copies of one map',
    files: ['a_half1.mrc', 'copy_half2.mrc', 'mask.mrc'],
    settings: plain,
    options: [...pair('a_half1.mrc', 'copy_half2.mrc'), ...masked, ...none],
    sentence: /^The half maps are copies of one map: copy_half2\.mrc is a_half1\.mrc times 2\.5 .*\.$/,
  },
  {
    what: 'a half map with the mean of both',
    files: ['a_half1.mrc', 'mean_half2.mrc', 'mask.mrc'],
    settings: plain,
    options: [...pair('a_half1.mrc', 'mean_half2.mrc'), ...masked, ...none],
    sentence: /^mean_half2\.mrc seems to be the mean of both half maps: .*\.$/,
    output: main,
  },
  {
    what: 'signal up to the limit of the voxels',
    files: ['sharp_half1.mrc', 'sharp_half2.mrc', 'mask.mrc'],
    settings: `${plain}&b=1`,
    options: [...pair('sharp_half1.mrc', 'sharp_half2.mrc'), ...masked, ...none, '--measure_bfactors'],
    output: 'locscale_output_bfactor.mrc',
  },
  {
    what: 'an origin that one half map lacks',
    files: ['a_half1.mrc', 'placed_half2.mrc', 'mask.mrc'],
    settings: plain,
    options: [...pair('a_half1.mrc', 'placed_half2.mrc'), ...masked, ...none],
    sentence:
      /^a_half1\.mrc and mask\.mrc have no origin; that of placed_half2\.mrc, .* is used for all maps\.$/,
    output: main,
  },
  {
    what: 'unsigned bytes of IMOD',
    files: ['imod_half1.mrc', 'imod_half2.mrc', 'mask.mrc'],
    settings: plain,
    options: [...pair('imod_half1.mrc', 'imod_half2.mrc'), ...masked, ...none],
    output: main,
  },
  {
    what: 'an extended header that is not there',
    files: ['lie_half1.mrc', 'a_half2.mrc', 'mask.mrc'],
    settings: plain,
    options: [...pair('lie_half1.mrc', 'a_half2.mrc'), ...masked, ...none],
    sentence: /^lie_half1\.mrc declares an extended header of 20000 bytes .*\.$/,
    output: main,
  },
  {
    what: 'a stack of one volume',
    files: ['stack_half1.mrc', 'a_half2.mrc', 'mask.mrc'],
    settings: plain,
    options: [...pair('stack_half1.mrc', 'a_half2.mrc'), ...masked, ...none],
    sentence: /^stack_half1\.mrc is marked as a stack of volumes .*\.$/,
    output: main,
  },
  {
    what: 'dark density',
    files: ['dark_half1.mrc', 'dark_half2.mrc'],
    settings: `${plain}&noise=6`,
    options: [...pair('dark_half1.mrc', 'dark_half2.mrc'), '-fdr_w', '6', ...none],
    sentence: /contrast of the map seems inverted/,
  },
  {
    what: 'voxels of a subtomogram average',
    files: ['coarse_half1.mrc', 'coarse_half2.mrc', 'coarse_mask.mrc'],
    settings: plain,
    options: [...pair('coarse_half1.mrc', 'coarse_half2.mrc'), '-ma', 'coarse_mask.mrc', ...none],
    output: main,
  },
  {
    what: 'a resolution that the voxels do not hold',
    files: [...halves, 'mask.mrc'],
    settings: `${plain}&res=1`,
    options: [...pair('a_half1.mrc', 'a_half2.mrc'), ...masked, ...none, '-res', '1'],
    sentence: /^The resolution of 1\.00 A .*is finer than the voxels allow: 2\.80 A is used, Nyquist/,
    output: main,
  },
  {
    what: 'an empty mask',
    files: [...halves, 'empty_mask.mrc'],
    settings: plain,
    options: [...pair('a_half1.mrc', 'a_half2.mrc'), '-ma', 'empty_mask.mrc', ...none],
    sentence: /empty_mask\.mrc/,
  },
  {
    what: 'a resolution by the FSC inside the mask',
    files: [...halves, 'mask.mrc'],
    settings: 'resfrom=masked',
    options: [
      ...pair('a_half1.mrc', 'a_half2.mrc'),
      ...masked,
      ...['--resolution_from', 'masked', '--reference', 'profile'],
    ],
    output: main,
  },
  {
    what: 'density that a reference does not explain',
    files: [...halves, 'reference.mrc', 'mask.mrc'],
    settings: 'unexplained=1',
    options: [...pair('a_half1.mrc', 'a_half2.mrc'), ...masked, '-mm', 'reference.mrc', '--unexplained'],
    output: 'locscale_output_unexplained.mrc',
  },
  {
    what: 'a symmetry about a voxel, imposed on the result',
    files: [...halves, 'reference.mrc', 'mask.mrc'],
    settings: 'sym=C2&symcentre=16,15.5,15.5&symout=1',
    options: [
      ...pair('a_half1.mrc', 'a_half2.mrc'),
      ...masked,
      ...['-mm', 'reference.mrc', '-sym', 'C2', '--sym_center', '16,15.5,15.5', '--symmetrise_output'],
    ],
    output: main,
  },
  {
    what: 'a mask of a density, cleaned, extended and softened',
    files: halves,
    settings: 'threshold=0.05&maskfilter=8&fillholes=1&keep=1&extend=3&softedge=6',
    options: [
      ...pair('a_half1.mrc', 'a_half2.mrc'),
      ...['--reference', 'profile', '--threshold', '0.05', '--low_pass', '8', '--fill_holes', '--keep', '1'],
      ...['--extend', '3', '--soft_edge', '6', '-op', 'cli'],
    ],
    output: 'locscale_output_mask.mrc',
  },
  {
    what: 'a given mask, counted from another value and made smaller',
    files: [...halves, 'mask.mrc'],
    settings: 'threshold=0.2&extend=-3&locality=1&fade=1',
    options: [
      ...pair('a_half1.mrc', 'a_half2.mrc'),
      ...masked,
      ...[
        '--reference',
        'profile',
        '--threshold',
        '0.2',
        '--extend',
        '-3',
        '--locality',
        '1',
        '--fade_output',
      ],
    ],
    output: main,
  },
  {
    what: 'a density that no voxel reaches',
    files: halves,
    settings: 'threshold=99',
    options: [...pair('a_half1.mrc', 'a_half2.mrc'), '--reference', 'profile', '--threshold', '99'],
    sentence: /^No voxel reaches a density of 99\.$/,
  },
  {
    what: 'noise boxes in corners, and another B factor',
    files: halves,
    settings: `${plain}&noise=6&noiseat=0,0,0;26,26,26&targetb=60&mw=30`,
    options: [
      ...pair('a_half1.mrc', 'a_half2.mrc'),
      ...['-fdr_w', '6', '--noise_box', '0,0,0', '--noise_box', '26,26,26', '-mw', '30'],
      ...['--no_reference', '--set_local_bfactor', '60'],
    ],
    output: main,
  },
  {
    what: 'a helix, and a reference that is low-passed',
    files: [...halves, 'reference.mrc', 'mask.mrc'],
    settings: 'twist=-22.5&rise=5&refres=7',
    options: [
      ...pair('a_half1.mrc', 'a_half2.mrc'),
      ...masked,
      ...['-mm', 'reference.mrc', '--twist', '-22.5', '--rise', '5', '-mres', '7'],
    ],
    output: main,
  },
];

describe.skipIf(launched.reason !== undefined)(`odd inputs of the page ${launched.reason ?? ''}`, () => {
  let workspace: Workspace;
  let server: PageServer;
  let tab: WebPage;

  beforeAll(async () => {
    workspace = new Workspace();
    const scene = makeScene({ shape: [edge, edge, edge], voxelSize, resolution: 5 });
    const [first, second] = goodHalves(scene);
    const sharp = goodHalves(makeScene({ shape: [edge, edge, edge], voxelSize, fscAtNyquist: 0.4 }));
    const largest = Math.max(...first.map(Math.abs), ...second.map(Math.abs));
    const grey = (map: ArrayLike<number>): Float32Array =>
      Float32Array.from(map, (v) => Math.round(127.5 + (127 * v) / largest));
    const write = (name: string, values: ArrayLike<number>, change: Partial<MrcFixture> = {}) =>
      workspace.bytes(name, makeMrc({ extents: [edge, edge, edge], voxelSize, values, ...change }));
    write('a_half1.mrc', first);
    write('a_half2.mrc', second);
    write(
      'copy_half2.mrc',
      first.map((v) => 2.5 * v),
    );
    write('mean_half2.mrc', combine([0.5, first], [0.5, second]));
    write('placed_half2.mrc', second, { origin: [-20, -20, -20] });
    write('sharp_half1.mrc', sharp[0]);
    write('sharp_half2.mrc', sharp[1]);
    write('imod_half1.mrc', grey(first), { mode: 0, imodFlags: 0 });
    write('imod_half2.mrc', grey(second), { mode: 0, imodFlags: 0 });
    write('lie_half1.mrc', first, { extendedLength: 20_000 });
    write('stack_half1.mrc', first, { spaceGroup: 401 });
    write(
      'dark_half1.mrc',
      first.map((v) => -v),
    );
    write(
      'dark_half2.mrc',
      second.map((v) => -v),
    );
    write('coarse_half1.mrc', first, { voxelSize: 13.28 });
    write('coarse_half2.mrc', second, { voxelSize: 13.28 });
    write('coarse_mask.mrc', ball(9), { voxelSize: 13.28 });
    write('mask.mrc', ball(9));
    write('empty_mask.mrc', ball(0));
    write('reference.mrc', scene.signal);
    // On voxels of 2.8 A: every second of them, from the middle of the box of the half maps.
    const coarser = Float32Array.from({ length: 12 ** 3 }, (_, i) => {
      const at = [Math.floor(i / 144), Math.floor(i / 12) % 12, i % 12].map((v) => 4 + 2 * v);
      return scene.signal[(at[0] * edge + at[1]) * edge + at[2]];
    });
    const place = 4 * voxelSize;
    write('other_reference.mrc', coarser, {
      extents: [12, 12, 12],
      voxelSize: 2 * voxelSize,
      origin: [place, place, place],
    });
    server = await servePage({ folder: builtPage });
  });
  afterAll(async () => {
    await server?.close();
    await launched.browser?.close();
    workspace?.remove();
  });

  const command = (options: readonly string[]): Promise<CliResult> =>
    runCommand(workspace.folder, [
      ...options,
      '-o',
      'cli/locscale_output.mrc',
      '--engine',
      'cpu',
      '-np',
      '1',
    ]);
  const voxels = (bytes: Buffer): Buffer => bytes.subarray(1024);
  /** The sentences of stderr, without what they are. */
  const sentences = ({ stderr }: CliResult): string[] =>
    stderr.split('\n').map((line) => line.replace(/^(error|warning|hint): /, ''));
  const shown = (): Promise<string> =>
    tab.page.evaluate(
      '[...document.querySelectorAll("#failure p, #warnings p, .card p")].map((one) => one.textContent).join("\\n")',
    ) as Promise<string>;

  async function open(settings: string, files: readonly string[]): Promise<void> {
    const browser = launched.browser as NonNullable<typeof launched.browser>;
    tab = await WebPage.open({
      browser,
      url: `${server.url}#engine=cpu&${settings}`,
      folder: workspace.folder,
    });
    await tab.choose(...files);
  }
  const refused = (): Promise<void> => tab.shown('!document.getElementById("failure").hidden');
  async function run(): Promise<void> {
    await tab.ready();
    await tab.page.click('#start');
    await tab.finished();
  }
  beforeEach(() => {
    rmSync(workspace.path('cli'), { recursive: true, force: true });
    mkdirSync(workspace.path('cli'));
  });

  it.each(cases)('$what: as on the command line', async ({ files, settings, options, sentence, output }) => {
    const there = await command(options);
    expect(there.code, there.stderr).toBe(output === undefined ? 3 : 0);
    const said = sentence && sentences(there).find((line) => sentence.test(line));
    await open(settings, files);
    await run();
    const text = await shown();
    if (sentence !== undefined) {
      expect(said, there.stderr).toBeDefined();
      // What the command line calls by its options has names of the page here.
      const plainly = (words: string): string =>
        words.replaceAll(/ \((-[^)]*|“[^”]*”( \(Settings\))?)\)/g, '');
      expect(text.split('\n').map(plainly).join('\n')).toContain(plainly(said as string));
    }
    // No options of this program; those of other programs are quoted.
    expect(text.replaceAll(/"[^"]*"/g, '')).not.toMatch(/(^|\s)--?[a-z]\w+|`/m);
    if (output !== undefined) {
      expect(await tab.text('failure')).toBe('');
      const expected = readFileSync(workspace.path(`cli/${output}`));
      expect(voxels(await tab.saved(output)).equals(voxels(expected))).toBe(true);
    }
    // The page can be used: the settings are there again, and the files.
    await tab.page.click(output === undefined ? '.card .close' : '#edit');
    await tab.shown('!document.getElementById("setup").hidden');
    expect(tab.trouble).toEqual([]);
    await tab.page.close();
  });

  it('maps on other grids: one click puts them on one', async () => {
    const options = [...pair('a_half1.mrc', 'a_half2.mrc'), ...masked, '-mm', 'other_reference.mrc'];
    const there = await command(options);
    expect(there.code).toBe(3);
    await open('', [...halves, 'other_reference.mrc', 'mask.mrc']);
    await refused();
    const [error] = sentences(there);
    expect(error).toMatch(/^The maps differ in/);
    expect(await tab.text('failure')).toMatch(/Use “Put all maps on one grid” \(Settings\)/);
    expect(await tab.text('failure')).toContain(inPageWords(error));
    await tab.page.click('#failure button');
    await tab.ready();
    expect(await tab.text('plan')).toMatch(/other_reference\.mrc is put on the grid of a_half1\.mrc/);
    expect(await tab.page.evaluate('location.hash')).toBe('#engine=cpu&grid=1');
    await run();
    expect(await tab.text('failure')).toBe('');
    expect((await command([...options, '--match_grid'])).code).toBe(0);
    const record = JSON.parse((await tab.saved('locscale_output.json')).toString());
    expect(record.matched).toEqual(
      JSON.parse(readFileSync(workspace.path('cli/locscale_output.json'), 'utf8')).matched,
    );
    const expected = readFileSync(workspace.path(`cli/${main}`));
    expect(voxels(await tab.saved(main)).equals(voxels(expected))).toBe(true);
    expect(tab.trouble).toEqual([]);
    await tab.page.close();
  });

  it('settings that cannot be read are named, in the form and in a link, and nothing starts with them', async () => {
    await open('res=0.3&colour=red', halves);
    await tab.ready();
    expect(await tab.text('link-note')).toBe(
      'Of the settings in this link the page cannot use: res=0.3, colour=red.',
    );
    await tab.page.evaluate('document.querySelector("#settings details").open = true');
    const type = async (text: string): Promise<void> => {
      await tab.page.click('[aria-describedby="help-resolution"]', { count: 3 });
      await tab.page.keyboard.type(text);
      await tab.page.keyboard.press('Tab');
    };
    await type('3 or 4');
    await tab.shown('!document.getElementById("lacking").hidden');
    expect(await tab.text('lacking')).toBe(
      '“Resolution” cannot be “3 or 4”. Expected: a number between 0.5 and 100 Å.',
    );
    expect(
      await tab.page.$eval('#start', (button) => (button as unknown as { disabled: boolean }).disabled),
    ).toBe(true);
    await type('3,4');
    await tab.ready();
    expect(await tab.page.evaluate('location.hash')).toBe('#engine=cpu&res=3.4');
    expect(tab.trouble).toEqual([]);
    await tab.page.close();
  });

  it('the field of the resolution has the focus when a single map needs it', async () => {
    await open('', ['reference.mrc', 'mask.mrc']);
    // The name says that it is a reference; here it is the map.
    await tab.shown('document.querySelector("#role-1") !== null');
    await tab.page.select('#role-1', 'map');
    await tab.shown('document.activeElement.getAttribute("aria-describedby") === "help-resolution"');
    await tab.page.keyboard.type('5');
    await tab.page.keyboard.press('Enter');
    await run();
    const options = ['-em', 'reference.mrc', ...masked, '-res', '5', '--reference', 'profile'];
    expect((await command(options)).code).toBe(0);
    const expected = readFileSync(workspace.path(`cli/${main}`));
    expect(voxels(await tab.saved(main)).equals(voxels(expected))).toBe(true);
    await tab.page.close();
  });
});
