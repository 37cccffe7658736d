/** The settings as a form. Empty fields have their defaults. */

import {
  expectedOf,
  type Reference,
  readSetting,
  references,
  type Settings,
} from '../../screens/settings.ts';
import { h } from '../dom.ts';
import { hasPlaces } from '../inputs.ts';

/** As offered; the keys are those of links to settings. */
const REFERENCE_NAMES: Readonly<Record<Reference, string>> = {
  profile: 'average protein (soft scaling)',
  map: 'reference map',
  model: 'atomic model',
  'completed-model': 'atomic model, completed by pseudo-atoms',
  'pseudo-model': 'pseudo-atoms only',
  network: 'predicted by a network',
  none: 'none: constant B factor',
};

/** Settings that are typed. */
type FieldName =
  | 'resolution'
  | 'symmetry'
  | 'symmetryCentre'
  | 'voxelSize'
  | 'window'
  | 'fdr'
  | 'noiseBox'
  | 'maskFilter';

/** A text field; its setting is undefined while it is empty. */
interface Field {
  /** Key of the setting, and part of the ids of its elements. */
  readonly name: FieldName;
  /** Unit after the comma. */
  readonly label: string;
  /** The default, or where it comes from. */
  readonly placeholder: string;
  /** One sentence, in the place of which an unreadable value shows what is expected. */
  readonly help: string;
}

/** In the order of the form. */
const FIELDS: readonly Field[] = [
  {
    name: 'resolution',
    label: 'Resolution, Å',
    placeholder: 'from the half maps',
    help: 'Where the maps end. Default: half-map FSC = 0.143.',
  },
  {
    name: 'symmetry',
    label: 'Symmetry',
    placeholder: 'C1',
    help: 'Point group that the reference is averaged over: C4, D7, T, O, I.',
  },
  {
    name: 'symmetryCentre',
    label: 'Centre of symmetry',
    placeholder: 'the middle of the box',
    help: 'Voxel that the axes meet in: z,y,x.',
  },
  {
    name: 'voxelSize',
    label: 'Voxel size, Å',
    placeholder: 'from the header',
    help: 'If the header is wrong.',
  },
  {
    name: 'window',
    label: 'Window, voxels',
    placeholder: '25 Å, or wider',
    help: 'Edge of the box that is scaled at a time.',
  },
  {
    name: 'fdr',
    label: 'False discoveries',
    placeholder: '0.01',
    help: 'Share of them in the mask. Not used with a mask of your own.',
  },
  {
    name: 'noiseBox',
    label: 'Noise boxes, voxels',
    placeholder: '10 % of the box',
    help: 'Edge of the boxes that the noise for the mask is taken from.',
  },
  {
    name: 'maskFilter',
    label: 'Low-pass for the mask, Å',
    placeholder: '5 in soft scaling, else none',
    help: 'Before the mask is made from the map.',
  },
];

/** Labels of the settings that are on or off. */
const CHECKS = {
  bFactors: 'Local B factors',
  localResolution: 'Local resolution',
  unexplained: 'Unexplained density',
  matchGrid: 'Put all maps on one grid',
  symmetriseOutput: 'Average the result, too',
  refine: 'Refine the model’s B factors',
} as const;
/** Settings that are ticked. */
type CheckName = keyof typeof CHECKS;

/** What decides which fields apply. */
export interface JobShown {
  readonly reference: Reference | undefined;
  /** One map in place of half maps. */
  readonly single: boolean;
}

/** The form is the only holder of unreadable text; settings have readable values only. */
export class SettingsForm {
  /** Called with all settings after any change, defaults left out. */
  onChange: (settings: Settings) => void = () => undefined;
  /** Why a field cannot be read, one sentence; its setting has its default meanwhile. */
  problem: string | undefined;
  /** Elements are appended to it; it is never submitted. */
  private readonly form: HTMLFormElement;
  /** The first option, "", leaves the choice to the files. */
  private readonly reference = h('select', { id: 'set-reference' });
  /** That option, whose text names what the files suggest. */
  private readonly suited = h('option', { value: '' });
  /** Windows or soft bands; hidden where the reference decides. */
  private readonly scheme = h('select', { id: 'set-scheme' });
  /** Half maps only. */
  private readonly resolutionFrom = h('select', { id: 'set-resolution-from' });
  /** "" tries the GPU first. */
  private readonly engine = h('select', { id: 'set-engine' });
  /** By setting. */
  private readonly checks = new Map<CheckName, HTMLInputElement>();
  /** Input and the note below it, by setting. */
  private readonly fields = new Map<FieldName, { input: HTMLInputElement; note: HTMLElement }>();
  /** Folded: most runs need none of it. */
  private readonly details = h('details', {}, h('summary', {}, 'Settings'));

  constructor(form: HTMLFormElement, settings: Settings) {
    this.form = form;
    this.reference.append(this.suited);
    for (const name of references) option(this.reference, name, REFERENCE_NAMES[name]);
    option(this.scheme, '', 'LocScale’s windows');
    option(this.scheme, 'soft', 'soft bands');
    option(this.resolutionFrom, '', 'FSC of the whole box');
    option(this.resolutionFrom, 'masked', 'FSC inside the mask');
    option(this.engine, '', 'GPU, else CPU');
    option(this.engine, 'gpu', 'GPU');
    option(this.engine, 'cpu', 'CPU');
    const [resolution, ...others] = FIELDS.map((field) => this.field(field));
    this.details.append(
      h(
        'div',
        { className: 'grid' },
        labelled('Scale in', this.scheme),
        resolution,
        labelled('Resolution from', this.resolutionFrom),
        ...others,
        labelled('Compute on', this.engine),
      ),
      h(
        'div',
        { className: 'settings' },
        this.check('symmetriseOutput'),
        this.check('refine'),
        this.check('matchGrid'),
      ),
    );
    form.append(
      labelled('Reference', this.reference),
      this.check('bFactors'),
      this.check('localResolution'),
      this.check('unexplained'),
      this.details,
    );
    form.addEventListener('submit', (event) => event.preventDefault());
    form.addEventListener('change', () => this.read());
    this.show(settings);
  }

  /** For links, and for runs that were found. */
  show(settings: Settings): void {
    this.reference.value = settings.reference ?? '';
    this.scheme.value = settings.scheme === 'soft' ? 'soft' : '';
    this.resolutionFrom.value = settings.resolutionFrom ?? '';
    this.engine.value = settings.engine ?? '';
    for (const [name, box] of this.checks)
      box.checked = name === 'refine' ? settings.refine !== false : settings[name] === true;
    for (const { name } of FIELDS) {
      const { input } = this.fieldOf(name);
      // What cannot be read stays until it is corrected.
      if (input.getAttribute('aria-invalid') !== 'true') input.value = String(settings[name] ?? '');
    }
  }

  /** Shows only fields that apply to the run. */
  showFor({ reference, single }: JobShown, suited: Reference): void {
    const row = (element: HTMLElement): HTMLElement => element.closest('label') as HTMLElement;
    const box = (name: CheckName): HTMLInputElement => this.checks.get(name) as HTMLInputElement;
    const used = reference ?? 'profile';
    this.suited.textContent = `what suits the files: ${REFERENCE_NAMES[suited]}`;
    this.fieldOf('resolution').input.placeholder = single ? 'of this map' : 'from the half maps';
    row(this.scheme).hidden = !hasPlaces(used);
    row(this.resolutionFrom).hidden = single;
    row(box('refine')).hidden = used !== 'model';
    row(box('localResolution')).hidden = single && !box('localResolution').checked;
    row(box('unexplained')).hidden = !hasPlaces(used) && !box('unexplained').checked;
    const isAsymmetric = this.fieldOf('symmetry').input.value.trim() === '';
    row(box('symmetriseOutput')).hidden = isAsymmetric;
    (row(this.fieldOf('symmetryCentre').input).parentElement as HTMLElement).hidden = isAsymmetric;
  }

  /** Opens the settings at a field that needs an answer. */
  reveal(name: FieldName, takeFocus: boolean): void {
    this.details.open = true;
    if (takeFocus) this.fieldOf(name).input.focus();
  }

  /** While a run computes; its settings remain readable. */
  set disabled(disabled: boolean) {
    for (const control of this.form.elements) (control as HTMLInputElement).disabled = disabled;
  }

  /** Every name has a field: the constructor makes all of them. */
  private fieldOf(name: FieldName): { input: HTMLInputElement; note: HTMLElement } {
    return this.fields.get(name) as { input: HTMLInputElement; note: HTMLElement };
  }

  /** The note is linked by aria-describedby, so that screen readers say what is expected. */
  private field({ name, label, placeholder, help }: Field): HTMLElement {
    const note = h('small', { id: `help-${name}` }, help);
    const input = h('input', {
      type: 'text',
      inputMode: name === 'symmetry' ? 'text' : 'decimal',
      placeholder,
      'aria-describedby': note.id,
      autocomplete: 'off',
    });
    this.fields.set(name, { input, note });
    // The help describes the field; it is no part of its name.
    return h('div', { className: 'field' }, labelled(label, input), note);
  }

  /** The label encloses the box: a click on the words counts. */
  private check(name: CheckName): HTMLElement {
    const box = h('input', { type: 'checkbox' });
    this.checks.set(name, box);
    return h('label', { className: 'check' }, box, CHECKS[name]);
  }

  /** Reads all fields anew; `problem` names the first that is unreadable. */
  private read(): void {
    const on = (name: CheckName): boolean => this.checks.get(name)?.checked === true;
    this.problem = undefined;
    const typed = FIELDS.map(({ name, label, help }) => {
      const { input, note } = this.fieldOf(name);
      const text = input.value.trim();
      const value = text === '' ? undefined : readSetting(name, text);
      const wrong = value === undefined && text !== '';
      const expected = `Expected: ${expectedOf(name)}.`;
      if (wrong) this.problem ??= `“${label.split(',')[0]}” cannot be “${text}”. ${expected}`;
      input.setAttribute('aria-invalid', String(wrong));
      note.textContent = wrong ? expected : help;
      return [name, value] as const;
    });
    this.onChange({
      ...Object.fromEntries(typed.filter(([, value]) => value !== undefined)),
      reference: (this.reference.value || undefined) as Settings['reference'],
      scheme: (this.scheme.value || undefined) as Settings['scheme'],
      resolutionFrom: (this.resolutionFrom.value || undefined) as Settings['resolutionFrom'],
      engine: (this.engine.value || undefined) as Settings['engine'],
      bFactors: on('bFactors') || undefined,
      localResolution: on('localResolution') || undefined,
      unexplained: on('unexplained') || undefined,
      matchGrid: on('matchGrid') || undefined,
      symmetriseOutput: on('symmetriseOutput') || undefined,
      refine: on('refine') ? undefined : false,
    });
  }
}

/** `value` "" stands for the default. */
function option(select: HTMLSelectElement, value: string, text: string): void {
  select.append(h('option', { value }, text));
}

/** The label encloses its control, so that no ids are needed. */
function labelled(text: string, control: HTMLElement): HTMLElement {
  return h('label', { className: 'field' }, h('span', {}, text), control);
}
