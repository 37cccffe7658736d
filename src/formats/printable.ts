/** A name out of a file, fit for a message: short, and without control characters that act on a terminal. */
export function printable(name: string): string {
  const clean = name.replaceAll(/[^\p{L}\p{N}\p{P}\p{S} ]/gu, '?');
  return clean.length > 80 ? `${clean.slice(0, 77)}...` : clean;
}

/** In quotes, control characters as escapes: for texts of a few letters, where each one counts. */
export function quoted(text: string): string {
  const escaped = (control: string): string => `\\u${control.charCodeAt(0).toString(16).padStart(4, '0')}`;
  // JSON leaves DEL and the controls from 128 on as they are.
  return JSON.stringify(text).replaceAll(/\p{Cc}/gu, escaped);
}
