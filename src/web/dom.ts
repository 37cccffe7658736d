/** Helpers for elements. Text is always set as text, never as markup. */

/** Undefined is left out, so that optional parts can be written in line. */
type Child = Node | string | undefined;

/** `properties`: of the element; those with a dash, "role" and "for" are attributes. */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  properties: Readonly<Record<string, unknown>> = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined) continue;
    if (name.includes('-') || name === 'role' || name === 'for') element.setAttribute(name, String(value));
    else if (name.startsWith('on')) element.addEventListener(name.slice(2), value as EventListener);
    else (element as unknown as Record<string, unknown>)[name] = value;
  }
  element.append(...children.filter((child) => child !== undefined));
  return element;
}

/** An element that must exist in the page. */
export function byId<T extends HTMLElement = HTMLElement>(id: string): T {
  const element = document.getElementById(id);
  if (element === null) throw new Error(`The page has no element "${id}".`);
  return element as T;
}

/** kB are 1000 bytes, MB and GB powers of 2; at least 1 kB. */
export function formatBytes(bytes: number): string {
  if (bytes < 1e6) return `${Math.max(1, Math.round(bytes / 1e3))} kB`;
  if (bytes < 2 ** 30) return `${(bytes / 2 ** 20).toFixed(bytes < 1e7 ? 1 : 0)} MB`;
  return `${Number((bytes / 2 ** 30).toFixed(1))} GB`;
}

/** Minutes from 100 s on, hours from 90 min on. */
export function formatSeconds(seconds: number): string {
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 100) return `${Math.round(seconds)} s`;
  return seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;
}

/** From (z, y, x): "256³" for a cube, else x first. */
export function formatShape(shape: readonly number[]): string {
  const [z, y, x] = shape;
  return x === y && y === z ? `${x}³` : `${x} × ${y} × ${z}`;
}
