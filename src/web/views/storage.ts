/** Draws results in the browser's storage: a list before the first file, a line under the current result. */

import type { RunSummary, StoredResult } from '../../screens/protocol.ts';
import { inPageWords } from '../../screens/words.ts';
import type { Backend } from '../backend.ts';
import { byId, formatBytes, h } from '../dom.ts';

/** What the page does in answer to this view. */
export interface StorageActions {
  /** A stored result is to be shown like that of a run. */
  onOpened(summary: RunSummary): void;
  /** The current result is a stored one, and is deleted. */
  onGone(): void;
  /** One sentence for the user, with its hint. */
  sentenceOf(error: unknown): string;
}

/** The list of stored results and the line under the current one. */
export class StorageView {
  /** Answers only where the page computes by itself; the serving program writes files. */
  private readonly backend: Backend;
  /** Given once. */
  private readonly actions: StorageActions;
  /** Late answers are ignored. */
  private turn = 0;

  constructor(backend: Backend, actions: StorageActions) {
    this.backend = backend;
    this.actions = actions;
  }

  /** Draws the list, which stays hidden while nothing is stored. */
  async list(): Promise<void> {
    const turn = ++this.turn;
    const results = await this.backend.ask('storedResults').catch(() => []);
    if (turn !== this.turn) return;
    byId('earlier').hidden = results.length === 0;
    byId('earlier-list').replaceChildren(...results.map((result) => this.line(result)));
  }

  /** Also makes answers that are under way late. */
  hide(): void {
    this.turn++;
    byId('earlier').hidden = true;
  }

  /** Stores the result of the run that has just ended. */
  async store(): Promise<void> {
    const turn = ++this.turn;
    const line = byId('storage');
    line.textContent = 'Storing this result in the browser';
    try {
      const stored = await this.backend.ask('store');
      if (turn === this.turn) this.describe(stored, () => line.replaceChildren('Deleted from this browser.'));
    } catch (error) {
      if (turn === this.turn)
        line.textContent = `A reload will lose this result: ${inPageWords(this.actions.sentenceOf(error))}`;
    }
  }

  /** The line under a stored result. */
  private describe(stored: StoredResult, onDeleted: () => void): void {
    byId('storage').replaceChildren(
      `Finished ${dateOf(stored)}. Stored in this browser (${formatBytes(stored.bytes)}): ` +
        'a reload will offer it again. ',
      this.button('Delete from this browser', 'link', stored, () => this.remove(stored, onDeleted)),
    );
  }

  /** One stored result, with its buttons. */
  private line(stored: StoredResult): HTMLElement {
    const { title, bytes } = stored;
    return h(
      'li',
      {},
      this.button('Open', '', stored, () => this.open(stored)),
      h('span', { className: 'stored-title' }, title),
      h('span', { className: 'quiet' }, `${dateOf(stored)} · ${formatBytes(bytes)}`),
      this.button('Delete', 'link', stored, () => this.remove(stored, () => this.list())),
    );
  }

  /** Named by the result, too: a list of "Open" says nothing to a screen reader. */
  private button(text: string, className: string, stored: StoredResult, onclick: () => void): HTMLElement {
    const label = `${text}: ${stored.title}, ${dateOf(stored)}`;
    return h('button', { type: 'button', className, 'aria-label': label, onclick }, text);
  }

  /** A result that has gone in another tab is reported in the list. */
  private async open(stored: StoredResult): Promise<void> {
    const turn = ++this.turn;
    try {
      const summary = await this.backend.ask('open', stored.id);
      if (turn !== this.turn) return;
      this.actions.onOpened(summary);
      this.describe(stored, () => this.actions.onGone());
    } catch (error) {
      byId('earlier-list').replaceChildren(h('li', { role: 'alert' }, this.actions.sentenceOf(error)));
    }
  }

  /** After confirmation. A result that another tab has deleted counts as deleted. */
  private async remove(stored: StoredResult, onDeleted: () => void): Promise<void> {
    if (!confirm(`Delete the result of ${stored.title} (${dateOf(stored)}) from this browser?`)) return;
    await this.backend.ask('remove', stored.id).catch(() => undefined);
    onDeleted();
  }
}

/** Local time of the browser. */
function dateOf({ finished }: StoredResult): string {
  return new Date(finished).toLocaleString('en-GB', { dateStyle: 'long', timeStyle: 'short' });
}
