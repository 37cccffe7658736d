/** Draws the files as cards, with content and role. */

import type { FileContents, PageFile } from '../../screens/protocol.ts';
import { inPageWords } from '../../screens/words.ts';
import { formatBytes, formatShape, h } from '../dom.ts';
import { type InputFile, type Role, roleNames, rolesOf } from '../inputs.ts';

/** What the page does in answer to the cards. */
export interface CardActions {
  /** The user's choice outranks every later guess. */
  onRole(id: number, role: Role): void;
  /** Frees the role for another file. */
  onRemove(id: number): void;
}

/** Cards are made anew each time; the focus returns to the same select. `locked`: a run uses the files. */
export function drawCards(
  list: HTMLElement,
  files: readonly InputFile[],
  actions: CardActions,
  locked: boolean,
): void {
  const focused = document.activeElement?.id;
  list.replaceChildren(...files.map((file) => card(file, actions, locked)));
  if (focused?.startsWith('role-')) document.getElementById(focused)?.focus();
}

/** A file that cannot be used has no choice of role, only its problem. */
function card(input: InputFile, { onRole, onRemove }: CardActions, locked: boolean): HTMLElement {
  const { id, file, contents, problem, role } = input;
  const usable = contents !== undefined && problem === undefined;
  const choice = h('select', {
    id: `role-${id}`,
    'aria-label': `What ${file.name} is`,
    onchange: () => onRole(id, choice.value as Role),
  });
  for (const one of rolesOf(contents)) choice.append(h('option', { value: one }, roleNames[one]));
  choice.value = role;
  const remove = h(
    'button',
    {
      type: 'button',
      className: 'close',
      'aria-label': `Remove ${file.name}`,
      onclick: () => onRemove(id),
    },
    '×',
  );
  const notes = contents?.notes ?? [];
  return h(
    'li',
    {
      className: `card${problem === undefined ? '' : ' bad'}${usable && role === 'unused' ? ' unused' : ''}`,
    },
    h(
      'div',
      { className: 'card-head' },
      h('strong', { title: file.name }, file.name),
      locked ? undefined : remove,
    ),
    h(
      'p',
      { className: problem === undefined ? 'quiet' : 'problem' },
      problem !== undefined
        ? inPageWords(problem)
        : locked
          ? `${roleNames[role]} · ${describe(contents, file)}`
          : describe(contents, file),
    ),
    ...notes.map((note) => h('p', { className: 'quiet look-text' }, inPageWords(note))),
    usable && !locked ? choice : undefined,
  );
}

/** One line out of the header; sizes in the order x, y, z, as users read them. */
function describe(contents: FileContents | undefined, file: PageFile): string {
  if (contents === undefined) return 'reading the header';
  if (contents.kind === 'model') {
    const { atoms, chains } = contents;
    return `${atoms.toLocaleString('en')} atoms, ${chains} ${chains === 1 ? 'chain' : 'chains'}`;
  }
  if (contents.kind === 'network') return `${contents.title ?? 'ONNX graph'} · ${formatBytes(file.size)}`;
  if (contents.kind === 'manifest') return contents.title;
  const [z, y, x] = contents.voxelSize.map((size) => Number(size.toFixed(4)));
  const size = x === y && y === z ? `${x}` : `${x} × ${y} × ${z}`;
  return `${formatShape(contents.shape)} voxels of ${size} Å · ${formatBytes(file.size)}`;
}
