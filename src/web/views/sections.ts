/**
 * Three sections of the maps through one point, linked: a click moves the point, a drag moves the divider
 * between the map before and the map after. Grey as in the report: 0 is one quarter grey, each map has a
 * white of its own.
 */
import { AXIS_NAMES, PLANE_AXES } from '../../report/section.ts';
import type { RunSummary, Scales, SectionPair, SectionSet } from '../../screens/protocol.ts';
import { h } from '../dom.ts';

/** Grey of the value 0, of 1: negative values are visible, too. */
const ZERO_LEVEL = 0.25;
/** Largest pointer movement of a click, in screen pixels. */
const CLICK_REACH = 4;
/** Names of the planes, by the axis that they are normal to (z, y, x). */
const PLANES = ['top', 'front', 'side'] as const;

/**
 * Three sections through a voxel (z, y, x), of the whole box or of its crop around the molecule, with the
 * values of both maps there.
 */
export type SectionSource = (request: {
  at: readonly [number, number, number];
  whole: boolean;
}) => Promise<SectionSet & { readonly values: { readonly before: number; readonly after: number } }>;

/** A plane in the page. */
interface Pane {
  /** Takes clicks and drags; as wide as its share of the row. */
  readonly canvas: HTMLCanvasElement;
  /** Names the plane and its position. */
  readonly caption: HTMLElement;
}

/** Three linked sections. Sections are fetched from the worker; only the last of several moves is. */
export class SectionsView {
  /** Hidden while there is nothing to show. */
  private readonly root: HTMLElement;
  /** In the order z, y, x of the normals. */
  private readonly panes: readonly Pane[];
  /** 0 to 100 % of the width: left of it the map before. */
  private readonly divider: HTMLInputElement;
  /** Gain in percent, the same for both maps. */
  private readonly contrast: HTMLInputElement;
  /** The whole box in place of the crop around the molecule. */
  private readonly whole: HTMLInputElement;
  /** Position and values of both maps there; read out by screen readers. */
  private readonly readout = h('output', { className: 'quiet' });
  /** Hidden in previews, which have one map. */
  private readonly controls: HTMLElement;
  /** Name of the file in previews. */
  private readonly heading = h('h2', {}, 'Before and after');
  /** The sections on show, which stay until new ones have arrived. */
  private set: SectionSet | undefined;
  /** White of each map: their values differ by orders of magnitude. */
  private scales: Scales = { before: 1, after: 1 };
  /** Undefined in previews. */
  private summary: RunSummary | undefined;
  /** Undefined in previews, and once another run has begun. */
  private source: SectionSource | undefined;
  /** A request is under way: at most one, however fast the pointer moves. */
  private busy = false;
  /** Voxel (z, y, x) to go to next; undefined where nothing waits. */
  private wanted: readonly [number, number, number] | undefined;
  /** A key is held: the input alone, without divider and cross. */
  private peeking = false;

  constructor(root: HTMLElement) {
    this.root = root;
    const redraw = (): void => this.draw();
    this.divider = slider('Divider between before and after', 0, 100, 50, redraw);
    this.contrast = slider('Contrast', 30, 300, 100, redraw);
    this.whole = h('input', { type: 'checkbox', onchange: () => this.move(this.set?.at) });
    this.panes = PLANES.map((plane, axis) => this.pane(plane, axis));
    this.controls = h(
      'div',
      { className: 'controls' },
      h(
        'label',
        {},
        h('span', { className: 'tag before' }, 'before'),
        this.divider,
        h('span', { className: 'tag after' }, 'after'),
      ),
      h('label', {}, 'contrast', this.contrast),
      h('label', {}, this.whole, 'whole box'),
    );
    const figures = this.panes.map(({ canvas, caption }) => h('figure', {}, canvas, caption));
    root.append(this.heading, this.controls, h('div', { className: 'planes' }, ...figures), this.readout);
    new ResizeObserver(redraw).observe(root);
  }

  /** Shows a map before anything is computed. */
  preview(name: string, set: SectionSet, scales: Scales): void {
    this.summary = undefined;
    this.source = undefined;
    this.set = set;
    this.scales = scales;
    this.heading.textContent = name;
    this.controls.hidden = true;
    this.readout.textContent = 'Sections through the middle of the box, as the file is.';
    this.root.hidden = false;
    this.draw();
  }

  /** Begins at the centre of the molecule. A new run replaces `source`, which ends requests under way. */
  show(summary: RunSummary, source: SectionSource): void {
    this.summary = summary;
    this.source = source;
    this.scales = summary.scales;
    this.heading.textContent = 'Before and after';
    this.controls.hidden = false;
    this.root.hidden = false;
    this.move(summary.centre);
  }

  /** Late sections of the result are dropped: they would show a map that is gone. */
  hide(): void {
    this.root.hidden = true;
    this.source = undefined;
  }

  /** Shows the input map alone while a key is held. */
  peek(on: boolean): void {
    if (this.peeking === on) return;
    this.peeking = on;
    this.draw();
  }

  /**
   * A canvas with its pointer, wheel and keyboard control. `axis`: what the plane is normal to (0: z).
   */
  private pane(plane: string, axis: number): Pane {
    const canvas = h('canvas', {
      tabIndex: 0,
      role: 'img',
      'aria-label': `Section normal to ${AXIS_NAMES[axis]} (${plane}). Arrow keys move it.`,
    });
    let from: { x: number; y: number; moved: boolean } | undefined;
    canvas.addEventListener('pointerdown', (event) => {
      canvas.setPointerCapture(event.pointerId);
      from = { x: event.clientX, y: event.clientY, moved: false };
    });
    canvas.addEventListener('pointermove', (event) => {
      if (from === undefined || this.source === undefined) return;
      if (Math.abs(event.clientX - from.x) > CLICK_REACH) from.moved = true;
      if (!from.moved) return;
      const box = canvas.getBoundingClientRect();
      this.divider.value = String((100 * (event.clientX - box.left)) / box.width);
      this.draw();
    });
    canvas.addEventListener('pointerup', (event) => {
      if (from !== undefined && !from.moved) this.point(axis, event);
      from = undefined;
    });
    canvas.addEventListener('wheel', (event) => {
      if (this.source === undefined) return;
      event.preventDefault();
      this.step(axis, event.deltaY > 0 ? -1 : 1);
    });
    canvas.addEventListener('keydown', (event) => {
      const by = { ArrowUp: 1, ArrowRight: 1, ArrowDown: -1, ArrowLeft: -1 }[event.key];
      if (by === undefined || this.source === undefined) return;
      event.preventDefault();
      this.step(axis, event.shiftKey ? 10 * by : by);
    });
    return { canvas, caption: h('figcaption', { className: 'quiet' }) };
  }

  /** Voxels that the sections show: the crop, or all. */
  private box(): { readonly start: readonly number[]; readonly size: readonly number[] } | undefined {
    if (this.summary === undefined) return undefined;
    return this.whole.checked ? { start: [0, 0, 0], size: this.summary.shape } : this.summary.crop;
  }

  /** Moves to a clicked pixel. Rows are drawn upwards: the last row of a section is its lowest voxel. */
  private point(axis: number, event: PointerEvent): void {
    const [box, set] = [this.box(), this.set];
    if (box === undefined || set === undefined) return;
    const frame = this.panes[axis].canvas.getBoundingClientRect();
    const { width, height } = set.sections[axis];
    const [rowAxis, columnAxis] = PLANE_AXES[axis];
    const at = [...set.at] as [number, number, number];
    const column = Math.floor((width * (event.clientX - frame.left)) / frame.width);
    const row = Math.floor((height * (event.clientY - frame.top)) / frame.height);
    at[columnAxis] = box.start[columnAxis] + Math.min(width - 1, Math.max(0, column));
    at[rowAxis] = box.start[rowAxis] + height - 1 - Math.min(height - 1, Math.max(0, row));
    this.move(at);
  }

  /** Moves by voxels along the normal of a plane, from the place that is being fetched, if one is. */
  private step(axis: number, by: number): void {
    const [box, now] = [this.box(), this.wanted ?? this.set?.at];
    if (box === undefined || now === undefined) return;
    const at = [...now] as [number, number, number];
    const last = box.start[axis] + box.size[axis] - 1;
    at[axis] = Math.min(last, Math.max(box.start[axis], at[axis] + by));
    this.move(at);
  }

  /** One request at a time; of several made meanwhile only the last is sent. */
  private async move(at: readonly [number, number, number] | undefined): Promise<void> {
    const { source } = this;
    if (at === undefined || source === undefined) return;
    this.wanted = at;
    if (this.busy) return;
    this.busy = true;
    try {
      while (this.wanted !== undefined && this.source === source) {
        const request = { at: this.wanted, whole: this.whole.checked };
        this.wanted = undefined;
        const found = await source(request);
        this.set = found;
        this.describe(found.values);
        this.draw();
      }
    } catch {
      // Clears the result when a new run starts.
    } finally {
      this.busy = false;
    }
  }

  /** Voxel and position in x, y, z order, as other programs show them; A from the first voxel. */
  private describe(values: { readonly before: number; readonly after: number }): void {
    const { set, summary } = this;
    if (set === undefined || summary === undefined) return;
    const [z, y, x] = set.at;
    const angstrom = [x, y, z].map((v) => (v * summary.voxelSize).toFixed(1)).join(', ');
    const sigma = (value: number): string => value.toPrecision(3);
    this.readout.textContent =
      `voxel (${x}, ${y}, ${z}) · ${angstrom} Å · before ${sigma(values.before)} · ` +
      `after ${sigma(values.after)}` +
      (matchMedia('(pointer: coarse)').matches
        ? ' · tap to move all sections there, drag sideways to divide'
        : ' · click to move, drag to divide, wheel or arrow keys to step');
  }

  /** `cut`: fraction of the width, from the left, that shows the map before. */
  private draw(): void {
    const { set } = this;
    if (set === undefined || this.root.hidden) return;
    const gain = Number(this.contrast.value) / 100;
    const cut = this.peeking || this.summary === undefined ? 1 : Number(this.divider.value) / 100;
    set.sections.forEach((section, axis) => {
      const { canvas, caption } = this.panes[axis];
      caption.textContent = `${AXIS_NAMES[axis]} = ${set.at[axis]}`;
      paint(canvas, section, this.scales, gain, cut);
      if (this.summary !== undefined && !this.peeking) this.cross(axis, cut);
    });
  }

  /** Draws the lines of the two other sections, and the divider. */
  private cross(axis: number, cut: number): void {
    const [box, set] = [this.box(), this.set];
    const { canvas } = this.panes[axis];
    const context = canvas.getContext('2d');
    if (box === undefined || set === undefined || context === null) return;
    const [rowAxis, columnAxis] = PLANE_AXES[axis];
    const { width, height } = set.sections[axis];
    const x = ((set.at[columnAxis] - box.start[columnAxis] + 0.5) / width) * canvas.width;
    const y = ((height - 1 - (set.at[rowAxis] - box.start[rowAxis]) + 0.5) / height) * canvas.height;
    // The lines leave the place itself free.
    const gap = canvas.width / 28;
    context.strokeStyle = 'rgba(99, 179, 240, 0.75)';
    context.lineWidth = Math.max(1, canvas.width / 500);
    context.beginPath();
    for (const [fromX, fromY, toX, toY] of [
      [0, y, x - gap, y],
      [x + gap, y, canvas.width, y],
      [x, 0, x, y - gap],
      [x, y + gap, x, canvas.height],
    ] as const) {
      context.moveTo(fromX, fromY);
      context.lineTo(toX, toY);
    }
    context.stroke();
    if (cut <= 0 || cut >= 1) return;
    context.fillStyle = '#fff';
    context.shadowColor = '#000';
    context.shadowBlur = 5;
    context.fillRect(cut * canvas.width - 1, 0, 2, canvas.height);
    context.shadowBlur = 0;
  }
}

/** `label`: for screen readers; half steps make dragging smooth. */
function slider(
  label: string,
  min: number,
  max: number,
  value: number,
  oninput: () => void,
): HTMLInputElement {
  const input = h('input', {
    type: 'range',
    min: String(min),
    max: String(max),
    step: '0.5',
    'aria-label': label,
  });
  input.value = String(value);
  input.addEventListener('input', oninput);
  return input;
}

/**
 * One section at screen resolution: left of `cut` from the map before, the rest from the map after.
 * Values are divided by the map's white before `gain`.
 */
function paint(
  canvas: HTMLCanvasElement,
  { width, height, before, after }: SectionPair,
  scales: Scales,
  gain: number,
  cut: number,
): void {
  const small = new ImageData(width, height);
  const pixels = new Uint32Array(small.data.buffer);
  const split = after === undefined ? width : Math.round(cut * width);
  for (let row = 0; row < height; row++)
    for (let column = 0; column < width; column++) {
      const i = row * width + column;
      const value = column < split ? before[i] / scales.before : (after as Float32Array)[i] / scales.after;
      const level = Math.round(255 * Math.min(1, Math.max(0, ZERO_LEVEL + (1 - ZERO_LEVEL) * gain * value)));
      pixels[i] = 0xff000000 | (level << 16) | (level << 8) | level;
    }
  canvas.style.aspectRatio = `${width} / ${height}`;
  // Panes share a row in proportion, so that all have the same height.
  (canvas.parentElement as HTMLElement).style.flexGrow = String(width / height);
  const ratio = window.devicePixelRatio || 1;
  const wide = Math.max(1, Math.round(canvas.clientWidth * ratio));
  canvas.width = wide;
  canvas.height = Math.max(1, Math.round((wide * height) / width));
  const own = new OffscreenCanvas(width, height);
  own.getContext('2d')?.putImageData(small, 0, 0);
  const context = canvas.getContext('2d');
  if (context === null) return;
  context.imageSmoothingQuality = 'high';
  context.drawImage(own, 0, 0, canvas.width, canvas.height);
}
