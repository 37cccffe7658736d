/**
 * The maps as surfaces with the model in them: Mol*, loaded on demand, in canvases without its panels.
 * Colours are those of the ChimeraX files.
 */

import type { RunSummary, ViewColour, ViewData, ViewMap } from '../../screens/protocol.ts';
import { isPartMissing, PART_MISSING } from '../../screens/words.ts';
import { byId, h } from '../dom.ts';

/** How molstar-view.js draws one map. */
interface Look {
  /** In the unit of the map. */
  readonly level: number;
  /** Opacity, 0 to 1. */
  readonly alpha: number;
  readonly visible: boolean;
  /** 0xrrggbb. */
  readonly colour: number;
  /** Colours the surface by another map; `low` and `high` in that map's unit. */
  readonly by?: {
    readonly label: string;
    readonly low: number;
    readonly high: number;
    readonly colours: readonly number[];
  };
}

/** Interface of molstar-view.js. */
interface Scenes {
  /** `looks`: by map. `background`: 0xrrggbb. */
  draw(looks: Readonly<Record<string, Look>>, background: number): Promise<void>;
  /** Camera to where it began. */
  reset(): void;
  /** Distance of the camera times `factor`. */
  zoom(factor: number): void;
  /** Frees the WebGL contexts. */
  dispose(): void;
}

/** Side by side with cameras that move together, or one in the other. */
type Layout = 'side' | 'overlay';
/** Keys of maps, of levels, and of canvases. */
type MapName = 'before' | 'after';
/** In the order of the canvases. */
const NAMES = ['before', 'after'] as const;

/** Volume that surfaces enclose at first, % of that of the mask. */
const FIRST_SHARE = 35;
/** Opacity of the input map, if overlaid. */
const OVERLAY_ALPHA = 0.35;
/** Opacity of surfaces with a model in them. */
const MODEL_ALPHA = 0.4;
/** Low to high: as models are coloured by B, and as other programs colour by resolution. */
const COLOURS: Readonly<Record<string, readonly number[]>> = {
  'local B factor': [0x2166ac, 0xf7f7f7, 0xb2182b],
  'local resolution': [0x0000ff, 0x00ffff, 0x00ff00, 0xffff00, 0xff0000],
};
/** Distance of the camera per press. */
const ZOOM_STEP = 1.25;

/** The panel "Surfaces". Nothing of Mol* is loaded before the button is pressed. */
export class SolidView {
  /** Empty until a result is shown. */
  private readonly root: HTMLElement;
  /** Fetches voxels and model from the worker, once per result. */
  private readonly load: () => Promise<ViewData>;
  /** Undefined until the button was pressed. */
  private data: ViewData | undefined;
  /** Undefined until Mol* is loaded. */
  private scenes: Scenes | undefined;
  /** In the unit of each map. */
  private levels: Record<MapName, number> = { before: 0, after: 0 };
  private layout: Layout = 'side';
  /** Label of the map that colours the surfaces; empty for none. */
  private colour = '';
  /** A drawing is under way; `again`: something changed since it began. */
  private drawing = false;
  /** Then the latest state is drawn once more, however many changes there were. */
  private again = false;
  /** Holds the canvases. */
  private readonly stage = h('div', { className: 'solid-stage' });
  /** Explains the colours. */
  private readonly key = h('div', { className: 'key' });
  /** Enclosed volume, % of that of the mask; sets the levels of both maps. */
  private readonly share: HTMLInputElement;
  /** Level of each map in standard deviations and in its own unit. */
  private readonly inputs = new Map<MapName, { sigma: HTMLInputElement; absolute: HTMLInputElement }>();

  constructor(root: HTMLElement, load: () => Promise<ViewData>) {
    this.root = root;
    this.load = load;
    this.share = h('input', {
      type: 'range',
      min: '2',
      max: '100',
      'aria-label': 'Volume that the surfaces enclose',
    });
    this.share.addEventListener('input', () => this.enclose(Number(this.share.value)));
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.draw());
  }

  /** The button that loads Mol*, or why there is none. Frees what an earlier result had. */
  show(_summary: RunSummary): void {
    this.hide();
    this.root.hidden = false;
    const said =
      __MOLSTAR__ === ''
        ? h(
            'p',
            { className: 'quiet' },
            'This copy of the page was built without Mol*, which draws them. ' +
              'The report, below, has surfaces, too.',
          )
        : h(
            'p',
            {},
            h('button', { type: 'button', id: 'solid-load', onclick: () => this.open() }, 'Show in 3D'),
            h(
              'span',
              { className: 'quiet' },
              ' draws both maps with Mol*, 0.7 MB that come from this page’s own folder',
            ),
          );
    this.root.replaceChildren(h('h2', {}, 'Surfaces'), said);
  }

  /** Frees the scenes, whose WebGL contexts are few per page. */
  hide(): void {
    this.scenes?.dispose();
    this.scenes = undefined;
    this.data = undefined;
    this.root.hidden = true;
    this.root.replaceChildren();
  }

  /** Loads maps and Mol*; a page whose server has an older or newer build says so. */
  private async open(): Promise<void> {
    const button = byId<HTMLButtonElement>('solid-load');
    button.disabled = true;
    button.textContent = 'Loading Mol*';
    try {
      this.data = await this.load();
      this.root.replaceChildren(
        h('h2', {}, 'Surfaces'),
        this.controls(this.data),
        this.stage,
        this.key,
        this.note(this.data),
      );
      this.enclose(FIRST_SHARE);
      await this.arrange('side');
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      this.root.replaceChildren(
        h('h2', {}, 'Surfaces'),
        h(
          'p',
          { className: 'note bad' },
          isPartMissing(why) ? PART_MISSING : `They cannot be drawn: ${why}.`,
        ),
      );
    }
  }

  /** Layout, level, colour and camera. */
  private controls(data: ViewData): HTMLElement {
    const layouts = h('select', { onchange: () => this.arrange(layouts.value as Layout) });
    layouts.append(
      h('option', { value: 'side' }, 'side by side'),
      h('option', { value: 'overlay' }, 'overlaid'),
    );
    const colours = h('select', { onchange: () => this.colourBy(colours.value) });
    colours.append(h('option', { value: '' }, 'plain'));
    for (const { label } of data.colours) colours.append(h('option', { value: label }, label));
    this.share.value = String(FIRST_SHARE);
    const button = (text: string, label: string, act: () => void): HTMLElement =>
      h('button', { type: 'button', 'aria-label': label, onclick: act }, text);
    return h(
      'div',
      { className: 'controls' },
      h('label', {}, 'maps', layouts),
      h('label', {}, 'surface', this.share),
      ...NAMES.map((name) => this.level(name, data[name])),
      data.colours.length === 0 ? undefined : h('label', {}, 'colour', colours),
      h(
        'span',
        { className: 'buttons' },
        button('−', 'Further away', () => this.scenes?.zoom(ZOOM_STEP)),
        button('+', 'Nearer', () => this.scenes?.zoom(1 / ZOOM_STEP)),
        button('Reset view', 'Reset view', () => this.scenes?.reset()),
      ),
    );
  }

  /** The level of one map, in standard deviations and in the map's own unit. */
  private level(name: MapName, map: ViewMap): HTMLElement {
    const field = (label: string, of: (text: number) => number): HTMLInputElement => {
      const input = h('input', {
        type: 'text',
        inputMode: 'decimal',
        className: 'level',
        'aria-label': label,
      });
      input.addEventListener('change', () => {
        const value = of(Number(input.value));
        if (Number.isFinite(value) && input.value.trim() !== '') this.levels[name] = value;
        this.write(name);
        this.draw();
      });
      return input;
    };
    const sigma = field(`Level ${name}, sigma`, (value) => map.mean + value * map.sigma);
    const absolute = field(`Level ${name}, absolute`, (value) => value);
    this.inputs.set(name, { sigma, absolute });
    return h(
      'span',
      { className: 'levels' },
      h('span', { className: `tag ${name}` }, name),
      sigma,
      'σ',
      absolute,
    );
  }

  /** What the mouse does, and how the view differs from the files. */
  private note({ binned, model }: ViewData): HTMLElement {
    const parts = [
      'Drag to turn, wheel to zoom, right drag to move. ' +
        'The slider keeps the volume that both surfaces enclose the same.',
      binned > 1 ? `For the view voxels are averaged ${binned} × ${binned} × ${binned}.` : '',
      model === undefined ? '' : 'The model is drawn as it is in its file.',
    ];
    return h('p', { className: 'quiet' }, parts.filter((part) => part !== '').join(' '));
  }

  /**
   * Levels at which both surfaces enclose the same volume: maps have different units, volumes compare.
   */
  private enclose(percent: number): void {
    for (const name of NAMES) {
      const map = (this.data as ViewData)[name];
      this.levels[name] = map.levels[Math.min(map.levels.length, Math.max(1, percent)) - 1];
      this.write(name);
    }
    void this.draw();
  }

  /** Shows the level in both units. */
  private write(name: MapName): void {
    const map = (this.data as ViewData)[name];
    const input = this.inputs.get(name);
    if (input === undefined) return;
    input.sigma.value = ((this.levels[name] - map.mean) / map.sigma).toFixed(2);
    input.absolute.value = this.levels[name].toPrecision(4);
  }

  /** Opens the scenes anew, one per pane of the layout. */
  private async arrange(layout: Layout): Promise<void> {
    this.layout = layout;
    this.scenes?.dispose();
    this.scenes = undefined;
    this.stage.className = `solid-stage ${layout}`;
    const { openScenes } = (await import(/* @vite-ignore */ new URL(__MOLSTAR__, import.meta.url).href)) as {
      openScenes(container: HTMLElement, data: ViewData, layout: Layout): Promise<Scenes>;
    };
    this.scenes = await openScenes(this.stage, this.data as ViewData, layout);
    await this.draw();
    this.scenes.reset();
    this.stage.dataset.ready = '1';
  }

  /** One at a time; a change made meanwhile is applied afterwards. */
  private async draw(): Promise<void> {
    const { scenes, data } = this;
    if (scenes === undefined || data === undefined) return;
    this.again = this.drawing;
    if (this.drawing) return;
    this.drawing = true;
    try {
      do {
        this.again = false;
        const by = data.colours.find(({ label }) => label === this.colour);
        this.drawKey(by);
        await scenes.draw(
          { before: this.look('before', by), after: this.look('after', by) },
          colourOf('--card'),
        );
      } while (this.again && this.scenes === scenes);
    } finally {
      this.drawing = false;
    }
  }

  /** Overlaid, the input is a clear shell around the result and is never coloured. */
  private look(name: MapName, by: ViewColour | undefined): Look {
    const overlaid = this.layout === 'overlay';
    const isGlass = overlaid && name === 'before';
    return {
      level: this.levels[name],
      alpha: isGlass ? OVERLAY_ALPHA : this.data?.model === undefined ? 1 : MODEL_ALPHA,
      visible: true,
      colour: colourOf(name === 'before' ? '--input' : '--result'),
      by:
        by && !isGlass
          ? { label: by.label, low: by.low, high: by.high, colours: COLOURS[by.label] }
          : undefined,
    };
  }

  private colourBy(label: string): void {
    this.colour = label;
    void this.draw();
  }

  /** The colour key, from the lower end to the upper. */
  private drawKey(by: ViewColour | undefined): void {
    this.key.hidden = by === undefined;
    if (by === undefined) return;
    const stops = COLOURS[by.label].map((rgb) => `#${rgb.toString(16).padStart(6, '0')}`).join(', ');
    const bar = h('i');
    bar.style.background = `linear-gradient(to right, ${stops})`;
    const text = (value: number): string => `${Number(value.toPrecision(3))} ${by.unit}`;
    this.key.replaceChildren(h('span', {}, text(by.low)), bar, h('span', {}, text(by.high)));
  }
}

/** A colour of the style sheet as 0xrrggbb. */
function colourOf(variable: string): number {
  const probe = h('i');
  probe.style.color = `var(${variable})`;
  document.body.append(probe);
  const parts = getComputedStyle(probe).color.match(/[\d.]+/g) ?? [];
  probe.remove();
  const [r, g, b] = parts.map(Number);
  return (r << 16) | (g << 8) | b;
}
