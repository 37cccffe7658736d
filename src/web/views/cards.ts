/** Draws the files as cards, with content and role. */

import type { FileFacts, PageFile } from '../../screens/protocol.ts';
import { inPageWords } from '../../screens/words.ts';
import { formatBytes, formatShape, h } from '../dom.ts';
import { type InputFile, type Role, roleNames, rolesOf } from '../inputs.ts';

export interface CardActions {
  onRole(id: number, role: Role): void;
  onRemove(id: number): void;
}

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

function card(input: InputFile, { onRole, onRemove }: CardActions, locked: boolean): HTMLElement {
  const { id, file, facts, problem, role } = input;
  const usable = facts !== undefined && problem === undefined;
  const choice = h('select', {
    id: `role-${id}`,
    'aria-label': `What ${file.name} is`,
    onchange: () => onRole(id, choice.value as Role),
  });
  for (const one of rolesOf(facts)) choice.append(h('option', { value: one }, roleNames[one]));
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
  const notes = facts?.notes ?? [];
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
          ? `${roleNames[role]} · ${describe(facts, file)}`
          : describe(facts, file),
    ),
    ...notes.map((note) => h('p', { className: 'quiet look-text' }, inPageWords(note))),
    usable && !locked ? choice : undefined,
  );
}

function describe(facts: FileFacts | undefined, file: PageFile): string {
  if (facts === undefined) return 'reading the header';
  if (facts.kind === 'model')
    return `${facts.atoms.toLocaleString('en')} atoms, ${facts.chains} ${facts.chains === 1 ? 'chain' : 'chains'}`;
  if (facts.kind === 'network') return `ONNX graph · ${formatBytes(file.size)}`;
  if (facts.kind === 'manifest') return facts.title;
  const [z, y, x] = facts.voxelSize.map((size) => Number(size.toFixed(4)));
  const size = x === y && y === z ? `${x}` : `${x} × ${y} × ${z}`;
  return `${formatShape(facts.shape)} voxels of ${size} Å · ${formatBytes(file.size)}`;
}
