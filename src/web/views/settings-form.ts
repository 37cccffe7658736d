/** The settings as a form. Empty fields have their defaults. */

import { type Reference, readSetting, references, type Settings } from '../../screens/settings.ts';
import { h } from '../dom.ts';

const REFERENCE_NAMES: Readonly<Record<Reference, string>> = {
  profile: 'average protein (soft scaling)',
  map: 'reference map',
  model: 'atomic model',
  'completed-model': 'atomic model, completed by pseudo-atoms',
  'pseudo-model': 'pseudo-atoms only',
  none: 'none: constant B factor',
};

interface NumberField {
  readonly name: 'resolution' | 'voxelSize' | 'window' | 'fdr' | 'symmetry';
  readonly label: string;
  readonly placeholder: string;
  readonly help: string;
}

const FIELDS: readonly NumberField[] = [
  {
    name: 'resolution',
    label: 'Resolution, Å',
    placeholder: 'from the half maps',
    help: 'Where the maps end. Default: half-map FSC = 0.143.',
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
    help: 'Edge of the window that is scaled at a time.',
  },
  {
    name: 'fdr',
    label: 'False discoveries',
    placeholder: '0.01',
    help: 'Share of them in the mask that is made from the map.',
  },
  {
    name: 'symmetry',
    label: 'Symmetry',
    placeholder: 'C1',
    help: 'Point group that the reference is averaged over.',
  },
];

export class SettingsForm {
  onChange: (settings: Settings) => void = () => undefined;
  private settings: Settings;
  private readonly form: HTMLFormElement;
  private readonly reference = h('select', { id: 'set-reference' });
  private readonly scheme = h('select', { id: 'set-scheme' });
  private readonly engine = h('select', { id: 'set-engine' });
  private readonly checks = new Map<keyof Settings, HTMLInputElement>();
  private readonly fields = new Map<string, HTMLInputElement>();

  constructor(form: HTMLFormElement, settings: Settings) {
    this.form = form;
    this.settings = settings;
    option(this.reference, '', 'what suits the files');
    for (const name of references) option(this.reference, name, REFERENCE_NAMES[name]);
    option(this.scheme, '', 'LocScale’s windows');
    option(this.scheme, 'soft', 'soft bands');
    option(this.engine, '', 'GPU, else CPU');
    option(this.engine, 'gpu', 'GPU');
    option(this.engine, 'cpu', 'CPU');
    form.append(
      labelled('Reference', this.reference),
      this.check('bFactors', 'Local B factors'),
      this.check('localResolution', 'Local resolution'),
      this.more(),
    );
    form.addEventListener('submit', (event) => event.preventDefault());
    form.addEventListener('change', () => this.read());
    this.show(settings);
  }

  show(settings: Settings): void {
    this.settings = settings;
    this.reference.value = settings.reference ?? '';
    this.scheme.value = settings.scheme === 'soft' ? 'soft' : '';
    this.engine.value = settings.engine ?? '';
    for (const [name, box] of this.checks)
      box.checked = settings[name] === true || (name === 'refine' && settings.refine !== false);
    for (const { name } of FIELDS)
      (this.fields.get(name) as HTMLInputElement).value = String(settings[name] ?? '');
    this.showFor(settings.reference);
  }

  /** Shows only fields that apply to the run's reference. */
  showFor(reference: Reference | undefined): void {
    const row = (element: HTMLElement): HTMLElement => element.closest('label') as HTMLElement;
    row(this.scheme).hidden = reference === undefined || reference === 'profile' || reference === 'none';
    row(this.checks.get('refine') as HTMLInputElement).hidden = reference !== 'model';
  }

  set disabled(disabled: boolean) {
    for (const control of this.form.elements) (control as HTMLInputElement).disabled = disabled;
  }

  private more(): HTMLElement {
    const fields = FIELDS.map(({ name, label, placeholder, help }) => {
      const input = h('input', {
        type: 'text',
        inputMode: name === 'symmetry' ? 'text' : 'decimal',
        placeholder,
        title: help,
      });
      this.fields.set(name, input);
      return labelled(label, input);
    });
    const grid = h(
      'div',
      { className: 'grid' },
      labelled('Scale in', this.scheme),
      ...fields,
      labelled('Compute on', this.engine),
      this.check('refine', 'Refine the model’s B factors'),
    );
    return h('details', {}, h('summary', {}, 'Settings'), grid);
  }

  private check(name: 'bFactors' | 'localResolution' | 'refine', label: string): HTMLElement {
    const box = h('input', { type: 'checkbox' });
    this.checks.set(name, box);
    return h('label', { className: 'check' }, box, label);
  }

  private read(): void {
    const on = (name: keyof Settings): boolean => this.checks.get(name)?.checked === true;
    let valid = true;
    const numbers = FIELDS.map(({ name }) => {
      const input = this.fields.get(name) as HTMLInputElement;
      const value = input.value.trim() === '' ? undefined : readSetting(name, input.value.trim());
      const wrong = value === undefined && input.value.trim() !== '';
      input.setAttribute('aria-invalid', String(wrong));
      if (wrong) valid = false;
      return [name, value] as const;
    });
    if (!valid) return;
    const settings: Settings = {
      ...Object.fromEntries(numbers.filter(([, value]) => value !== undefined)),
      reference: (this.reference.value || undefined) as Settings['reference'],
      scheme: (this.scheme.value || undefined) as Settings['scheme'],
      engine: (this.engine.value || undefined) as Settings['engine'],
      bFactors: on('bFactors') || undefined,
      localResolution: on('localResolution') || undefined,
      refine: on('refine') ? undefined : false,
    };
    this.settings = settings;
    this.onChange(this.settings);
  }
}

function option(select: HTMLSelectElement, value: string, text: string): void {
  select.append(h('option', { value }, text));
}

function labelled(text: string, control: HTMLElement): HTMLElement {
  return h('label', { className: 'field' }, h('span', {}, text), control);
}
