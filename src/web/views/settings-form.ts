/** The settings as a form. Empty fields have their defaults. */

import {
  expectedOf,
  type Reference,
  readSetting,
  references,
  type Settings,
  textOf,
} from '../../screens/settings.ts';
import { h } from '../dom.ts';
import { hasPlaces } from '../inputs.ts';
import {
  CHECKS,
  CHECKS_OF,
  type CheckName,
  FIELDS,
  type Field,
  type FieldName,
  GROUPS,
  type Group,
  type JobShown,
} from './settings-fields.ts';

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
  /** Folded: most runs need none of it. The others are inside the first. */
  private readonly groups: Readonly<Record<Group, HTMLDetailsElement>> = {
    settings: h('details', {}, h('summary', {}, GROUPS.settings)),
    mask: h('details', { id: 'set-mask' }, h('summary', {}, GROUPS.mask)),
    more: h('details', { id: 'set-more' }, h('summary', {}, GROUPS.more)),
  };
  /** As last shown; help and defaults depend on it. */
  private job: JobShown = {
    reference: 'profile',
    single: false,
    hasMask: false,
    hasThreshold: false,
    isSymmetric: false,
  };

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
    const fieldsOf = (group: Group): HTMLElement[] =>
      FIELDS.filter((field) => field.group === group).map((field) => this.field(field));
    const [resolution, ...others] = fieldsOf('settings');
    const { settings: outer, mask, more } = this.groups;
    mask.append(
      h('div', { className: 'grid' }, ...fieldsOf('mask')),
      this.check('fillHoles'),
      h(
        'p',
        { className: 'quiet' },
        'The order is: threshold, fill holes, keep pieces, extend, soft edge. A mask that is shaped here counts ' +
          'like one of your own: the scaled map is 0 outside it.',
      ),
    );
    more.append(h('div', { className: 'grid' }, ...fieldsOf('more')), this.check('fadeOutput'));
    outer.append(
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
      mask,
      more,
    );
    form.append(
      labelled('Reference', this.reference),
      this.check('bFactors'),
      this.check('localResolution'),
      this.check('unexplained'),
      outer,
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
      const value = settings[name];
      if (input.getAttribute('aria-invalid') !== 'true')
        input.value = value === undefined ? '' : textOf(name, value);
    }
    this.countSet();
  }

  /** Shows only fields that apply to the run, and others that are filled in. */
  showFor(
    { reference: used, single, hasMask }: Pick<JobShown, 'reference' | 'single' | 'hasMask'>,
    suited: Reference,
  ): void {
    const isFilled = (name: FieldName): boolean => this.fieldOf(name).input.value.trim() !== '';
    const hasThreshold = isFilled('threshold');
    const isSymmetric = isFilled('symmetry') || isFilled('helicalTwist');
    const job = { reference: used, single, hasMask, hasThreshold, isSymmetric };
    this.job = job;
    for (const { name, placeholder, help, applies } of FIELDS) {
      const { input, note } = this.fieldOf(name);
      input.placeholder = forJob(placeholder, job);
      if (input.getAttribute('aria-invalid') !== 'true') note.textContent = forJob(help, job);
      const element = input.closest('div') as HTMLElement;
      element.hidden = applies?.(job) === false && !isFilled(name);
    }
    const row = (element: HTMLElement): HTMLElement => element.closest('label') as HTMLElement;
    const box = (name: CheckName): HTMLInputElement => this.checks.get(name) as HTMLInputElement;
    this.suited.textContent = `what suits the files: ${REFERENCE_NAMES[suited]}`;
    row(this.scheme).hidden = !hasPlaces(used);
    row(this.resolutionFrom).hidden = single;
    row(box('refine')).hidden = used !== 'model';
    row(box('localResolution')).hidden = single && !box('localResolution').checked;
    row(box('unexplained')).hidden = !hasPlaces(used) && !box('unexplained').checked;
    row(box('symmetriseOutput')).hidden = !isSymmetric;
  }

  /** Opens the settings at a field that needs an answer. */
  reveal(name: FieldName, takeFocus: boolean): void {
    this.groups.settings.open = true;
    const { group } = FIELDS.find((field) => field.name === name) as Field;
    this.groups[group].open = true;
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
    const note = h('small', { id: `help-${name}` }, forJob(help, this.job));
    const input = h('input', {
      type: 'text',
      // The keyboards of phones for numbers have neither signs nor several commas.
      inputMode: WITH_SIGNS.includes(name) ? 'text' : 'decimal',
      placeholder: forJob(placeholder, this.job),
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
      note.textContent = wrong ? expected : forJob(help, this.job);
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
      fillHoles: on('fillHoles') || undefined,
      fadeOutput: on('fadeOutput') || undefined,
    });
  }

  /** Folded groups say how many of their settings are not the default: links may have some. */
  private countSet(): void {
    for (const [group, checks] of Object.entries(CHECKS_OF)) {
      const filled = FIELDS.filter(
        (field) => field.group === group && this.fieldOf(field.name).input.value.trim() !== '',
      );
      const ticked = checks.filter((name) => this.checks.get(name)?.checked === true);
      const count = filled.length + ticked.length;
      const summary = this.groups[group as Group].querySelector('summary') as HTMLElement;
      summary.textContent = GROUPS[group as Group] + (count === 0 ? '' : ` (${count} set)`);
    }
  }
}

/** Settings that may be negative, or are not numbers. */
const WITH_SIGNS: readonly FieldName[] = [
  'symmetry',
  'symmetryCentre',
  'noiseBoxesAt',
  'threshold',
  'extend',
  'helicalTwist',
  'targetBFactor',
];

function forJob(text: string | ((job: JobShown) => string), job: JobShown): string {
  return typeof text === 'string' ? text : text(job);
}

/** `value` "" stands for the default. */
function option(select: HTMLSelectElement, value: string, text: string): void {
  select.append(h('option', { value }, text));
}

/** The label encloses its control, so that no ids are needed. */
function labelled(text: string, control: HTMLElement): HTMLElement {
  return h('label', { className: 'field' }, h('span', {}, text), control);
}
