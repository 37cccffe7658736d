/**
 * Files of the machine that serves the page, folder by folder, in the place of what is dropped elsewhere, and
 * the name of the scaled map.
 */
import type { ListedFile, Listing, Machine, ServerFile } from '../../screens/protocol.ts';
import { byId, formatBytes, h } from '../dom.ts';

/** What the page does in answer to this view. */
export interface ServerFileActions {
  /** Path relative to the root; "" is the root itself. */
  list(folder: string): Promise<Listing>;
  /** Adds them as if they had been dropped. */
  onChosen(files: readonly ServerFile[]): void;
  /** Another output was typed. */
  onOutput(): void;
  /** One sentence for the user, with its hint. */
  sentenceOf(error: unknown): string;
}

/** In the folder of the input. */
const DEFAULT_NAME = 'locscale_output.mrc';

/** A list of folders and files, and the field for the output. */
export class ServerFilesView {
  /** Given once; this view knows no backend. */
  private readonly actions: ServerFileActions;
  /** Placed before the cards when the program's machine is known. */
  private readonly root = h('section', { id: 'server-files', 'aria-labelledby': 'server-files-title' });
  /** The folder's path, each part a link. */
  private readonly crumbs = h('nav', { className: 'crumbs', 'aria-label': 'Folder' });
  /** Folders first, then files. */
  private readonly entries = h('ul', { className: 'output-list', id: 'server-entries' });
  /** Why a folder cannot be listed. */
  private readonly problem = h('p', { className: 'note bad', role: 'alert', hidden: true });
  /** Path of the scaled map, relative to the root. */
  private readonly name = h('input', { type: 'text', id: 'server-output', spellcheck: false });
  /** Name of the root folder, as the program reports it. */
  private rootName = '';
  /** Name of the machine, as the program reports it. */
  private host = '';
  /** Typed by the user: files chosen later do not change it. */
  private typed = false;
  /** Late answers are ignored. */
  private turn = 0;

  constructor(actions: ServerFileActions) {
    this.actions = actions;
    this.name.addEventListener('change', () => {
      this.typed = this.name.value.trim() !== '';
      actions.onOutput();
    });
  }

  /** In the place of the parts that take files of the browser's own machine. */
  open({ host, root }: NonNullable<Machine['server']>): void {
    this.rootName = root;
    this.host = host;
    byId('intro').replaceChildren(
      h('h2', {}, `Sharpen a cryo-EM map on ${host}`),
      h(
        'p',
        {},
        `Files are read and written there, below ${root}. ` +
          'This browser gets what is shown and saved, nothing else.',
      ),
    );
    this.root.append(
      h('h2', { id: 'server-files-title' }, `Maps and models on ${host}`),
      this.crumbs,
      this.problem,
      this.entries,
    );
    byId('cards').before(this.root);
    byId('run-note').textContent = 'The run continues without this page, until the program is stopped.';
    byId('settings').append(h('label', { className: 'field' }, h('span', {}, 'Write the map to'), this.name));
    void this.show('');
  }

  /** While a run computes or its result is shown. */
  set hidden(hidden: boolean) {
    this.root.hidden = hidden;
  }

  /** To the first entry, for keyboards. */
  focus(): void {
    this.entries.querySelector('button')?.focus();
  }

  /** Shown until a folder is listed. */
  say(problem: string): void {
    this.problem.hidden = false;
    this.problem.textContent = problem;
  }

  /** Path of the scaled map; by default next to the input. */
  output(input: ServerFile | undefined): string {
    if (!this.typed && input !== undefined) this.name.value = defaultFor(input);
    return this.name.value.trim();
  }

  /** Of the results. */
  get folder(): string {
    const folder = this.name.value.trim().split('/').slice(0, -1).join('/');
    return `${this.rootName}${folder === '' ? '' : `/${folder}`} on ${this.host}`;
  }

  /** Of a run that was found; undefined: of none. */
  setOutput(path: string | undefined, input: ServerFile | undefined): void {
    this.name.value = path ?? '';
    this.typed = path !== undefined && (input === undefined || path !== defaultFor(input));
  }

  /** Lists a folder; of several requests the last one counts. */
  private async show(folder: string): Promise<void> {
    const turn = ++this.turn;
    try {
      const listing = await this.actions.list(folder);
      if (turn !== this.turn) return;
      this.problem.hidden = true;
      this.draw(listing);
    } catch (error) {
      if (turn !== this.turn) return;
      this.say(this.actions.sentenceOf(error));
    }
  }

  /** `more`: how many entries the listing leaves out. */
  private draw({ folder, folders, files, more }: Listing): void {
    const parts = folder === '' ? [] : folder.split('/');
    this.crumbs.replaceChildren(
      ...[this.rootName, ...parts].flatMap((name, depth) => [
        ...(depth === 0 ? [] : [h('span', { className: 'quiet' }, '/')]),
        this.link(name, parts.slice(0, depth).join('/'), depth === parts.length),
      ]),
      h('button', { type: 'button', className: 'link', onclick: () => this.show(folder) }, 'List again'),
    );
    const inside = (name: string): string => (folder === '' ? name : `${folder}/${name}`);
    this.entries.replaceChildren(
      ...folders.map((name) => h('li', {}, this.link(`${name}/`, inside(name), false))),
      ...files.map((file) => this.file(file)),
      ...(folders.length + files.length === 0
        ? [h('li', { className: 'quiet' }, 'No maps or models here.')]
        : []),
      ...(more === 0 ? [] : [h('li', { className: 'quiet' }, `and ${more} more, which are not listed`)]),
    );
  }

  /** A folder; the current one is marked. */
  private link(name: string, folder: string, current: boolean): HTMLElement {
    return h(
      'button',
      {
        type: 'button',
        className: 'link',
        'aria-current': current ? 'true' : undefined,
        onclick: () => this.show(folder),
      },
      name,
    );
  }

  /** A file with its button, size and date. */
  private file(file: ListedFile): HTMLElement {
    const modified = new Date(file.modified).toLocaleString('en-GB', {
      dateStyle: 'medium',
      timeStyle: 'short',
    });
    const add = (): void => this.actions.onChosen([file]);
    return h(
      'li',
      {},
      h('button', { type: 'button', 'aria-label': `Add ${file.name}`, onclick: add }, 'Add'),
      h('code', {}, file.name),
      h('span', { className: 'quiet' }, `${formatBytes(file.size)} · ${modified}`),
    );
  }
}

/** Next to the input, under the name that the command line gives. */
function defaultFor({ path, name }: ServerFile): string {
  return path.slice(0, path.length - name.length) + DEFAULT_NAME;
}
