/** HTML templates with escaped values, because file names, warnings and labels are external input. */

/** Markup that needs no escaping: the result of a template, or an SVG made in this folder. */
export interface Markup {
  /** Escaped already: inserted as it is. */
  readonly markup: string;
}

/** Characters that end text or an attribute. */
const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/**
 * Escapes text for element content and quoted attributes. Control characters, which HTML forbids, become
 * question marks.
 */
export function escapeHtml(text: string): string {
  return (
    text
      // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
      .replaceAll(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/g, '?')
      .replaceAll(/[&<>"']/g, (character) => ENTITIES[character])
  );
}

export type HtmlValue = string | number | Markup | undefined | readonly HtmlValue[];

/** Template tag: values are escaped unless they are markup, lists are joined, undefined is omitted. */
export function html(parts: TemplateStringsArray, ...values: readonly HtmlValue[]): Markup {
  return { markup: parts.map((part, i) => part + render(values[i])).join('') };
}

/** Marks text as markup, for text written entirely by this program. */
export function trusted(markup: string): Markup {
  return { markup };
}

/** The only place where text becomes markup. */
function render(value: HtmlValue): string {
  if (value === undefined) return '';
  if (typeof value === 'string') return escapeHtml(value);
  if (typeof value === 'number') return String(value);
  if (isMarkup(value)) return value.markup;
  return value.map(render).join('');
}

function isMarkup(value: Markup | readonly HtmlValue[]): value is Markup {
  return 'markup' in value;
}

/** JSON for a data block of a page: no "</script>" or "<!--" can appear in it. */
export function jsonForScript(value: unknown): Markup {
  return { markup: JSON.stringify(value).replaceAll('<', '\\u003c').replaceAll('>', '\\u003e') };
}
